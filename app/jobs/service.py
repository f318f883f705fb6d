"""What every use case of the running service needs, built once per process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ParamSpec, TypeVar

import structlog

from app.clinical.policy import Policy
from app.ehr.http import HttpClient, ehr_http_client
from app.ehr.vendors import VendorProfile, vendor_profile
from app.jobs.credentials import credentials_of
from app.jobs.policies import load_policy, load_site_terms
from app.jobs.tenants import policy_named
from app.settings import LOOPBACK_HOSTS, Settings
from app.store.attempts import Attempts
from app.store.audit import AuditLog
from app.store.claims import WriteClaims
from app.store.crypto import KeyRing
from app.store.db import Store, create_store_engine
from app.store.discovery import StoredDiscoveryCache
from app.store.keys import SigningKeys
from app.store.records import Records
from app.store.sessions import Sessions
from app.store.tenants import Tenant, Tenants
from smart_launch.client_auth import Registration
from smart_launch.discovery import SmartConfiguration, discover
from smart_launch.server_keys import ServerKeys
from valuesets import Terms

P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger()


def utc_now() -> datetime:
    """The clock of the running service; tests pass another one."""
    return datetime.now(UTC)


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a store call beside the event loop: the database driver is synchronous."""
    return await asyncio.to_thread(call, *args, **kwargs)


def client_of(settings: Settings) -> HttpClient:
    """The client for EHRs; in the demo the EHR is on this machine."""
    own = LOOPBACK_HOSTS if settings.is_demo else frozenset[str]()
    return ehr_http_client(settings.trusted_private_hosts | own)


@dataclass(slots=True)
class Service:
    """Settings, store, terminology and the one HTTP client of this process."""

    settings: Settings
    store: Store
    terms: Terms
    now: Callable[[], datetime] = utc_now
    http: HttpClient = field(default_factory=ehr_http_client)
    tenants: Tenants = field(init=False)
    attempts: Attempts = field(init=False)
    sessions: Sessions = field(init=False)
    audit: AuditLog = field(init=False)
    records: Records = field(init=False)
    write_claims: WriteClaims = field(init=False)
    _server_keys: dict[str, tuple[str, ServerKeys]] = field(default_factory=dict[str, tuple[str, ServerKeys]])

    def __post_init__(self) -> None:
        self.tenants, self.attempts = Tenants(self.store), Attempts(self.store)
        self.audit, self.records = AuditLog(self.store), Records(self.store)
        self.write_claims = WriteClaims(self.store)
        self.sessions = Sessions(
            self.store,
            idle=timedelta(minutes=self.settings.idle_minutes),
            absolute=timedelta(hours=self.settings.session_hours),
        )

    @classmethod
    def of(cls, settings: Settings, *, now: Callable[[], datetime] = utc_now) -> Service:
        """The service for these settings; nothing is opened before it is needed."""
        ring = KeyRing.from_settings(settings.master_key, settings.further_master_keys)
        store = Store(create_store_engine(settings.database_url), ring)
        terms = load_site_terms(settings.site_codes, snomed=settings.snomed)
        return cls(settings, store, terms, now, client_of(settings))

    @property
    def redirect_uri(self) -> str:
        """Where EHRs send the browser back to; one address for all tenants, registered exactly."""
        return f"{self.settings.base_url}/callback"

    def policy_of(self, tenant: Tenant) -> Policy:
        """The clinic's policy; raises LT-604 when the named one is not there."""
        return load_policy(policy_named(tenant, self.settings))

    def profile_of(self, tenant: Tenant) -> VendorProfile:
        """How this tenant's EHR wants to be asked."""
        return vendor_profile(tenant.vendor)

    def registration_of(self, tenant: Tenant) -> Registration:
        """Client id and proof for this tenant's token endpoint.  Raises LT-608 without a signing key."""
        return Registration(tenant.client_id, credentials_of(tenant, self.signing_keys(tenant.id)))

    def signing_keys(self, tenant_id: str) -> SigningKeys:
        return SigningKeys(self.store, tenant_id, self.settings.environment)

    async def close(self) -> None:
        """Let go of connections; called once, at the end of the process."""
        await self.http.aclose()
        self.store.engine.dispose()

    async def configuration_of(self, tenant: Tenant) -> SmartConfiguration:
        """The EHR's SMART configuration, cached for at most a day.  Raises DiscoveryError."""
        return await discover(
            self.http,
            tenant.issuer,
            tenant.endpoint_policy(allow_loopback_http=self.settings.is_loopback),
            self.now(),
            cache=StoredDiscoveryCache(self.store, tenant.id),
            headers=self.profile_of(tenant).headers(tenant.client_id),
        )

    def server_keys(self, tenant: Tenant, address: str) -> ServerKeys:
        """The EHR's key set at this address, shared by all launches of the tenant."""
        known = self._server_keys.get(tenant.id)
        if known is None or known[0] != address:
            policy = tenant.endpoint_policy(allow_loopback_http=self.settings.is_loopback)
            known = address, ServerKeys(self.http, address, policy)
            self._server_keys[tenant.id] = known
        return known[1]
