"""A migrated store on SQLite and on PostgreSQL, with two tenants."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.store.attempts import Attempt, Attempts
from app.store.crypto import KeyRing
from app.store.db import Store, create_store_engine
from app.store.launch import LaunchUser, OpenedLaunch
from app.store.migrate import grant_service_role, upgrade
from app.store.sessions import Sessions
from app.store.tenants import AuthMethod, Tenant, Tenants
from smart_launch.context import LaunchContext
from smart_launch.launch import AuthorizationRequest
from smart_launch.secret import Secret
from smart_launch.tokens import TokenResponse
from tests.postgres_cluster import SERVICE, PostgresCluster, postgres_cluster

__all__ = ["postgres_cluster"]

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
MASTER_KEY = bytes(range(32))
IDLE, ABSOLUTE = timedelta(minutes=15), timedelta(hours=8)


@dataclass(frozen=True)
class Database:
    """Addresses of one empty database: for the owner of its tables, and for the service."""

    owner_url: str
    service_url: str

    @property
    def is_postgresql(self) -> bool:
        return self.owner_url.startswith("postgresql")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'ltot.db'}"
        yield Database(url, url)
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create_database()
    yield Database(cluster.admin_url(name), cluster.service_url(name))
    cluster.drop_database(name)


@pytest.fixture
def owner(database: Database) -> Iterator[Engine]:
    """The migrated database as the owner of its tables sees it."""
    engine = create_store_engine(database.owner_url)
    upgrade(engine)
    if database.is_postgresql:
        grant_service_role(engine, SERVICE)
    yield engine
    engine.dispose()


@pytest.fixture
def store(database: Database, owner: Engine) -> Iterator[Store]:
    """The store as the service uses it, with the tenants ``north`` and ``south``."""
    engine = create_store_engine(database.service_url)
    store = Store(engine, KeyRing.from_settings(MASTER_KEY))
    for name in ("north", "south"):
        Tenants(store).save(make_tenant(name), NOW)
    yield store
    engine.dispose()


@pytest.fixture
def attempts(store: Store) -> Attempts:
    return Attempts(store)


@pytest.fixture
def sessions(store: Store) -> Sessions:
    return Sessions(store, idle=IDLE, absolute=ABSOLUTE)


def make_tenant(name: str) -> Tenant:
    return Tenant(
        id=name,
        name=f"{name.title()} Clinic",
        issuer=f"https://{name}.example.org/fhir/r4",
        client_id=f"client-{name}",
        auth_method=AuthMethod.PRIVATE_KEY_JWT,
        frame_ancestors=(f"https://{name}.example.org",),
    )


def make_request(mark: str = "a") -> AuthorizationRequest:
    text = base64.urlsafe_b64encode(mark.encode()).decode()
    return AuthorizationRequest(
        url="https://ehr.example.org/authorize",
        state=Secret(f"state-{text}"),
        nonce=Secret(f"nonce-{text}"),
        verifier=Secret(f"verifier-{text}"),
        scopes=("launch", "openid", "patient/Patient.rs"),
        redirect_uri="https://ltot.example.org/callback",
    )


def make_response(
    patient: str | None = "pat-1", access: str = "access-1", refresh: str | None = "refresh-1"
) -> TokenResponse:
    return TokenResponse(
        access_token=Secret(access),
        expires_at=NOW + timedelta(minutes=10),
        scopes=("launch", "patient/Patient.rs"),
        refresh_token=Secret(refresh) if refresh else None,
        id_token=None,
        context=LaunchContext(patient=patient, need_patient_banner=False),
    )


USER = LaunchUser(
    "https://idp.example.org", "user-7", "https://north.example.org/fhir/r4/Practitioner/7", "Dr. Ada Quill"
)


def start_attempt(
    attempts: Attempts, tenant: str = "north", mark: str = "a", launch: str | None = "launch-1"
) -> tuple[AuthorizationRequest, Secret]:
    request = make_request(mark)
    return request, attempts.create(tenant, request, Secret(launch) if launch else None, NOW)


def consumed(
    attempts: Attempts, tenant: str = "north", mark: str = "a", launch: str | None = "launch-1"
) -> Attempt:
    request, cookie = start_attempt(attempts, tenant, mark, launch)
    return attempts.consume(request.state, cookie.reveal(), NOW)


def open_launch(
    attempts: Attempts,
    sessions: Sessions,
    *,
    tenant: str = "north",
    mark: str = "a",
    patient: str = "pat-1",
    now: datetime = NOW,
) -> OpenedLaunch:
    attempt = consumed(attempts, tenant, mark, f"launch-{mark}")
    return sessions.open(attempt, Secret(f"code-{mark}"), USER, make_response(patient), now)
