"""A database that goes away is reported as such, and used again as soon as it is back."""

import pytest
from sqlalchemy import Engine, text

from app.store.crypto import KeyRing
from app.store.db import Store, create_store_engine
from app.store.errors import StoreUnavailableError
from app.store.tenants import Tenants
from tests.store.conftest import MASTER_KEY, Database


def test_a_store_recovers_from_lost_connections(store: Store, owner: Engine, database: Database) -> None:
    tenants = Tenants(store)
    assert len(tenants.all()) == 2
    if database.is_postgresql:
        with owner.begin() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ltot_service'")
            )
    else:
        store.engine.dispose()
    assert [tenant.id for tenant in tenants.all()] == ["north", "south"]


def test_a_database_that_does_not_answer_is_named_as_such(tmp_path: object) -> None:
    for address in (
        "postgresql://nobody:canary@127.0.0.1:1/none",
        f"sqlite:///{tmp_path}/missing-folder/ltot.db",
    ):
        engine = create_store_engine(address)
        store = Store(engine, KeyRing.from_settings(MASTER_KEY))
        with pytest.raises(StoreUnavailableError, match="LT-605") as caught:
            Tenants(store).all()
        assert "canary" not in str(caught.value)
        engine.dispose()
