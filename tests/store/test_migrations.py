"""The database is brought to this version by numbered migrations that say the same as the models."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from app.store.db import create_store_engine
from app.store.errors import NotMigratedError, StoreUnavailableError
from app.store.migrate import is_current, require_current, upgrade
from app.store.models import Base
from tests.store.conftest import Database

PROJECT = Path(__file__).resolve().parents[2]


def test_there_is_one_newest_migration_and_all_are_numbered() -> None:
    scripts = ScriptDirectory.from_config(Config(str(PROJECT / "alembic.ini")))
    assert len(scripts.get_heads()) == 1
    revisions = sorted(script.revision for script in scripts.walk_revisions())
    assert revisions == [f"{number:04d}" for number in range(1, len(revisions) + 1)]


def test_the_folder_of_migrations_does_not_hide_the_library() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import alembic; print(alembic.__file__)"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "site-packages" in found


def test_migrations_and_models_describe_the_same_tables(owner: Engine) -> None:
    with owner.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_an_empty_database_is_refused_until_it_is_migrated(database: Database) -> None:
    engine = create_store_engine(database.owner_url)
    try:
        assert not is_current(engine)
        with pytest.raises(NotMigratedError, match=r"LT-602.*has not been migrated"):
            require_current(engine)
        upgrade(engine)
        require_current(engine)
        upgrade(engine)
        assert is_current(engine)
    finally:
        engine.dispose()


def test_several_processes_may_migrate_at_once(database: Database) -> None:
    engine = create_store_engine(database.owner_url)
    failures: list[BaseException] = []

    def run() -> None:
        own = create_store_engine(database.owner_url)
        try:
            upgrade(own)
        except BaseException as failure:
            failures.append(failure)
        finally:
            own.dispose()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert is_current(engine)
    engine.dispose()


def test_a_database_that_is_not_there_is_named_as_such() -> None:
    engine = create_store_engine("postgresql://nobody:secret-word@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailableError) as caught:
        is_current(engine)
    assert "LT-605" in str(caught.value)
    assert "secret-word" not in str(caught.value)
    engine.dispose()


@pytest.mark.parametrize("address", ["mysql://host/db", "not an address"])
def test_other_databases_are_refused(address: str) -> None:
    with pytest.raises(StoreUnavailableError):
        create_store_engine(address)
