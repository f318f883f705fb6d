"""The composed service runs under a role that the database itself keeps apart from what it may not do."""

import base64
import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.jobs.service import Service
from app.main import create_app
from app.settings import read_settings
from app.store.audit import AuditEvent
from app.store.db import create_store_engine
from app.store.migrate import role_problem
from tests.postgres_cluster import ADMIN, SERVICE, binaries, running_cluster

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "compose.yaml").read_text()
ADDRESSES = re.findall(r"LTOT_DATABASE_URL: postgresql\+psycopg://(\w+):\$\{(\w+)\}@database/(\w+)", COMPOSE)


@pytest.mark.postgres
def test_the_panel_is_bound_by_row_level_security(monkeypatch: pytest.MonkeyPatch) -> None:
    """What compose.yaml does, step by step, on a cluster of its own."""
    (owner, _, _), (role, variable, _) = ADDRESSES
    (script,) = re.findall(r"- \./(\S+):/docker-entrypoint-initdb\.d/", COMPOSE)
    (granted,) = re.findall(r'"ltot", "migrate", "--grant-to", "(\w+)"', COMPOSE)
    assert (granted, owner) == (role, re.findall(r"POSTGRES_USER: (\w+)", COMPOSE)[0])
    with running_cluster() as cluster:
        name = cluster.create_database()
        with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP ROLE {SERVICE}")  # type: ignore[call-overload]
        connects = {
            "PATH": f"{binaries()}{os.pathsep}{os.environ['PATH']}",
            "PGHOST": "127.0.0.1", "PGPORT": str(cluster.port), "PGPASSWORD": cluster.admin_password,
        }  # fmt: skip
        subprocess.run(
            ["sh", str(ROOT / script)],
            env={**connects, "POSTGRES_USER": ADMIN, "POSTGRES_DB": name, variable: "secret'1"},
            check=True, timeout=120,
        )  # fmt: skip
        settings = {
            "LTOT_BASE_URL": "https://ltot.example.org",
            "LTOT_MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
            "LTOT_DATABASE_URL": cluster.admin_url(name),
        }
        for setting, value in settings.items():
            monkeypatch.setenv(setting, value)
        assert CliRunner().invoke(cli, ["migrate", "--grant-to", granted]).exit_code == 0
        plain = f"postgresql://{role}:secret%271@127.0.0.1:{cluster.port}/{name}"
        url = plain.replace("postgresql:", "postgresql+psycopg:")
        engine = create_store_engine(url)
        assert role_problem(engine) is None
        engine.dispose()
        service = Service.of(read_settings({**settings, "LTOT_DATABASE_URL": url}))
        create_app(service)
        service.audit.append(AuditEvent("north", "panel.open", "shown"), service.now())
        with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(plain) as connection:
            connection.execute("DELETE FROM audit")
        with psycopg.connect(plain) as connection:
            # Nobody said on whose behalf: no row is there.
            assert connection.execute("SELECT count(*) FROM audit").fetchone() == (0,)
        service.store.engine.dispose()


def test_the_owner_of_the_tables_only_migrates() -> None:
    (owner, owners, _), (role, roles, _) = ADDRESSES
    assert (owner, role) == ("ltot", "ltot_service")
    assert owners != roles
    panel = COMPOSE.partition("\n  panel:")[2]
    assert f"//{role}:" in panel
    assert f"//{owner}:" not in panel
