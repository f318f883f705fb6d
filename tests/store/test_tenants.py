"""One tenant's transaction never reads or writes another tenant's rows, on either lock."""

from dataclasses import replace

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from app.store.attempts import Attempts
from app.store.db import Store
from app.store.errors import TenantInvalidError, TenantUnknownError
from app.store.models import AttemptRow, LaunchRow
from app.store.sessions import Sessions
from app.store.tenants import AuthMethod, Tenant, Tenants
from smart_launch.scopes import ScopeStyle
from smart_launch.secret import Secret
from tests.store.conftest import NOW, Database, make_tenant, open_launch, start_attempt

FULL = Tenant(
    id="full",
    name="Full Clinic",
    issuer="https://full.example.org/fhir/r4/",
    client_id="client-full",
    auth_method=AuthMethod.CLIENT_SECRET_BASIC,
    policy_id="strict",
    vendor="oracle",
    scope_style=ScopeStyle.V1,
    client_secret=Secret("canary-secret"),
    backend_client_id="backend",
    id_token_issuer="https://idp.example.org/oidc",
    allowed_hosts=("auth.example.org",),
    frame_ancestors=("https://hyperdrive.example.org", "https://ehr.example.org:8443"),
    roles={"population": ("Practitioner/1",)},
    options={"snomed": False},
    enabled=False,
)


def test_a_tenant_comes_back_as_saved(store: Store) -> None:
    tenants = Tenants(store)
    tenants.save(FULL, NOW)
    assert tenants.get("full") == FULL
    tenants.save(replace(FULL, name="Renamed", enabled=True), NOW)
    assert tenants.get("full").name == "Renamed"
    assert [tenant.id for tenant in tenants.all()] == ["full", "north", "south"]
    assert set(tenants.by_issuer()) >= {FULL.issuer}


def test_a_disabled_tenant_is_not_launched_from(store: Store) -> None:
    Tenants(store).save(FULL, NOW)
    assert FULL.issuer not in Tenants(store).by_issuer()


def test_the_client_secret_is_sealed(store: Store) -> None:
    Tenants(store).save(FULL, NOW)
    with store.system() as session:
        assert "canary-secret" not in str(session.execute(text("SELECT * FROM tenants")).all())
    assert "canary-secret" not in repr(FULL)


def test_an_unknown_tenant_is_named_as_such(store: Store) -> None:
    with pytest.raises(TenantUnknownError, match="LT-607"):
        Tenants(store).get("nowhere")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "Not A Slug"}, "id"),
        ({"issuer": "https://north.example.org/fhir/r4"}, "issuer"),
        ({"issuer": "http://ehr.example.org/r4"}, "issuer"),
        ({"issuer": "https://user@ehr.example.org/r4"}, "issuer"),
        ({"issuer": "ftp://ehr.example.org"}, "issuer"),
        ({"client_id": ""}, "client_id"),
        ({"client_secret": Secret("x")}, "client_secret"),
        ({"auth_method": AuthMethod.CLIENT_SECRET_POST}, "client_secret"),
        ({"frame_ancestors": ("*",)}, "frame_ancestors"),
        ({"frame_ancestors": ("https:",)}, "frame_ancestors"),
        ({"frame_ancestors": ("https://ehr.example.org; script-src *",)}, "frame_ancestors"),
        ({"frame_ancestors": ("http://ehr.example.org",)}, "frame_ancestors"),
    ],
)
def test_a_tenant_that_does_not_fit_is_refused_by_field(
    store: Store, change: dict[str, object], field: str
) -> None:
    with pytest.raises(TenantInvalidError, match=rf"LT-601.*{field}:"):
        Tenants(store).save(replace(make_tenant("east"), **change), NOW)  # type: ignore[arg-type]


def test_the_fhir_host_is_always_allowed_and_other_hosts_when_listed() -> None:
    policy = FULL.endpoint_policy(allow_loopback_http=False)
    assert policy.problem("https://full.example.org/fhir/r4/metadata") is None
    assert policy.problem("https://auth.example.org/token") is None
    assert policy.problem("https://evil.example.org/token") is not None


def test_queries_of_one_tenant_see_its_rows_only(
    attempts: Attempts, sessions: Sessions, store: Store
) -> None:
    north = open_launch(attempts, sessions, tenant="north", mark="a", patient="same-patient")
    south = open_launch(attempts, sessions, tenant="south", mark="b", patient="same-patient")
    assert north.launch.patient_fingerprint != south.launch.patient_fingerprint
    with store.tenant("north") as session:
        assert session.scalars(select(LaunchRow.id)).all() == [north.launch.id]
        assert session.scalar(select(func.count()).select_from(LaunchRow)) == 1
        assert session.get(LaunchRow, south.launch.id) is None
        assert session.scalars(select(LaunchRow).where(LaunchRow.id == south.launch.id)).all() == []


def test_updates_and_deletes_of_one_tenant_reach_its_rows_only(
    attempts: Attempts, sessions: Sessions, store: Store
) -> None:
    south = open_launch(attempts, sessions, tenant="south", mark="b")
    with store.tenant("north") as session:
        session.execute(update(LaunchRow).values(need_patient_banner=True))
        session.execute(delete(LaunchRow))
        session.execute(delete(AttemptRow))
    assert sessions.load(south.launch.id, south.cookie.reveal(), NOW).need_patient_banner is False


def test_a_row_of_another_tenant_cannot_be_added(store: Store) -> None:
    row = AttemptRow(
        id="x", tenant_id="south", state_hash="s", cookie_hash="c", created_at=NOW, expires_at=NOW
    )
    with pytest.raises(RuntimeError, match="another tenant"), store.tenant("north") as session:
        session.add(row)


def test_outside_of_a_tenant_no_tenant_owned_row_is_visible(
    attempts: Attempts, sessions: Sessions, store: Store
) -> None:
    open_launch(attempts, sessions)
    with store.system() as session:
        assert session.scalars(select(LaunchRow)).all() == []
        assert session.scalars(select(AttemptRow)).all() == []


def test_postgresql_repeats_the_lock_for_sql_that_forgets_it(
    attempts: Attempts, sessions: Sessions, store: Store, database: Database
) -> None:
    south = open_launch(attempts, sessions, tenant="south", mark="b")
    start_attempt(attempts, "north", "c")
    with store.tenant("north") as session:
        seen = session.scalars(text("SELECT tenant_id FROM launches")).all()
        # SQLite has no row-level security: there, raw SQL is not guarded, and only the demo runs on it.
        assert seen == ([] if database.is_postgresql else ["south"])
    if not database.is_postgresql:
        return
    with store.tenant("north") as session:
        session.execute(text("UPDATE launches SET ended_at = now()"))
        assert session.scalars(text("SELECT tenant_id FROM launch_attempts")).all() == ["north"]
    assert sessions.load(south.launch.id, south.cookie.reveal(), NOW).tenant_id == "south"
    with pytest.raises(DBAPIError, match="row-level security"), store.tenant("north") as session:
        session.execute(
            text("INSERT INTO discovery_cache VALUES ('south', 'https://x.example.org', '{}', now())")
        )
    with store.engine.connect() as connection:
        assert connection.scalars(text("SELECT id FROM launches")).all() == []
