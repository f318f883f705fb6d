"""Who is examined: one tenant, with what is needed to look at its EHR from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.ehr.probe import Reply, probe
from app.ehr.vendors import VendorProfile, vendor_profile
from app.jobs.credentials import credentials_of
from app.jobs.tenants import SetUp
from app.settings import Settings
from app.store.tenants import Tenant
from smart_launch.client_auth import Registration
from smart_launch.discovery import SmartConfiguration
from smart_launch.endpoints import EndpointPolicy


@dataclass(slots=True)
class Subject:
    """One tenant under examination.  Stages leave here what later stages build on.

    http: the client the service itself would use.  now: the time of the examination.
    patient: the id of a test patient, when the operator gave one.
    """

    set_up: SetUp
    tenant: Tenant
    http: Any
    now: datetime
    patient: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict[str, Any])
    configuration: SmartConfiguration | None = None
    statement: Mapping[str, Any] = field(default_factory=dict[str, Any])
    access_token: str = field(default="", repr=False)
    granted: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        return self.set_up.settings

    @property
    def profile(self) -> VendorProfile:
        return vendor_profile(self.tenant.vendor)

    @property
    def endpoints(self) -> EndpointPolicy:
        """Hosts this tenant's addresses may be on."""
        return self.tenant.endpoint_policy(allow_loopback_http=self.settings.is_loopback)

    @property
    def redirect_uri(self) -> str:
        return f"{self.settings.base_url}/callback"

    def registration(self, client_id: str) -> Registration:
        """A client id with the proof the tenant has.  Raises LT-608 without a signing key."""
        return Registration(client_id, credentials_of(self.tenant, self.set_up.keys(self.tenant.id)))

    async def ask(self, url: str, **more: Any) -> Reply:
        """One request to the tenant's EHR, with the headers its vendor wants."""
        headers = {**self.profile.headers(self.tenant.client_id), **more.pop("headers", {})}
        return await probe(self.http, url, headers=headers, **more)
