"""`ltot migrate`: the database at this version, and the service's role with what it needs and no more."""

import psycopg
import pytest

from tests.postgres_cluster import SERVICE, PostgresCluster, postgres_cluster
from tests.setup.conftest import ADD, Ltot

__all__ = ["postgres_cluster"]


def test_a_second_run_changes_nothing(ltot: Ltot) -> None:
    assert ltot("migrate").exit_code == 0
    assert ltot("migrate").exit_code == 0


def test_a_database_without_roles_says_so(ltot: Ltot) -> None:
    refused = ltot("migrate", "--grant-to", "someone")
    assert refused.exit_code == 2
    assert "only PostgreSQL has roles" in refused.err


@pytest.mark.postgres
def test_the_service_role_sets_up_tenants_but_cannot_change_the_access_log(
    ltot: Ltot, postgres_cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = postgres_cluster.create_database()
    monkeypatch.setenv("LTOT_DATABASE_URL", postgres_cluster.admin_url(name))
    assert "the role is unknown" in ltot("migrate", "--grant-to", "nobody_here").err
    assert ltot("migrate", "--grant-to", SERVICE).exit_code == 0
    monkeypatch.setenv("LTOT_DATABASE_URL", postgres_cluster.service_url(name))
    assert ltot(*ADD).exit_code == 0
    assert ltot("audit", "verify").exit_code == 0
    ltot(*ADD, "--issuer", "https://nowhere.invalid/fhir", "--replace")
    assert "ok           database" in ltot("doctor", "north").out
    monkeypatch.setenv("LTOT_DATABASE_URL", postgres_cluster.admin_url(name))
    warned = ltot("doctor", "north").out
    assert "warning      database: the role is not bound by row-level security" in warned
    assert "ltot migrate --grant-to" in warned
    with (
        psycopg.connect(postgres_cluster.service_url(name)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("DELETE FROM audit")
