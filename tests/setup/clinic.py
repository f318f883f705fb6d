"""A panel, its tenant and a sandbox EHR wired to each other, for one misconfiguration at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx2

from app.jobs.doctor import Finding, Subject, examine
from app.jobs.tenants import SetUp, new_key
from app.sandbox.config import SandboxClient
from app.sandbox.server import create_sandbox
from app.settings import read_settings
from app.store.crypto import KeyRing
from app.store.db import Store, create_store_engine
from app.store.migrate import upgrade
from app.store.tenants import AuthMethod, Tenant
from smart_launch.keys import jwks_document

PANEL, EHR = "https://ltot.example.org", "https://ehr.example.org"
CALLBACK = f"{PANEL}/callback"
CLIENT, BACKEND = "ltot-panel", "ltot-backend"
KEY_TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

Change = Callable[[httpx2.Request], httpx2.Response | None]


@dataclass
class Network(httpx2.AsyncBaseTransport):
    """Hosts by name; `changes` may answer in a host's place; everything that goes out is remembered."""

    hosts: dict[str, httpx2.AsyncBaseTransport]
    date: datetime | None = None
    changes: list[Change] = field(default_factory=list)
    requests: list[httpx2.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        for change in self.changes:
            answer = change(request)
            if answer is not None:
                answer.headers.setdefault("date", format_datetime(self.date or datetime.now(UTC)))
                return answer
        host = self.hosts.get(request.url.host)
        if host is None:
            raise httpx2.ConnectError("no such host")
        response = await host.handle_async_request(request)
        response.headers.setdefault("date", format_datetime(self.date or datetime.now(UTC)))
        return response


@dataclass
class Clinic:
    """What a test may change before the doctor comes."""

    set_up: SetUp
    tenant: Tenant
    network: Network
    site: Any
    now: datetime
    patient: str | None = None

    def change(self, **members: Any) -> None:
        """Save the tenant with other members."""
        self.tenant = replace(self.tenant, **members)
        self.set_up.tenants.save(self.tenant, self.now)

    def answer(self, path: str, *, json_body: Any = None, text: str | None = None, status: int = 200) -> None:
        """Let an address whose path ends like this answer something else."""

        def instead(request: httpx2.Request) -> httpx2.Response | None:
            if not request.url.path.endswith(path):
                return None
            return httpx2.Response(status, text=text if text is not None else json.dumps(json_body))

        self.network.changes.append(instead)

    def discovery(self, **members: Any) -> None:
        """Change members of the SMART configuration; None removes one."""
        from app.sandbox.capability import smart_configuration

        document = {**smart_configuration(self.site), **members}
        kept = {name: value for name, value in document.items() if value is not None}
        self.answer("/.well-known/smart-configuration", json_body=kept)

    def statement(self, **members: Any) -> None:
        """Change members of the CapabilityStatement."""
        from app.sandbox.capability import capability_statement

        self.answer("/metadata", json_body={**capability_statement(self.site), **members})

    async def findings(self) -> dict[str, Finding]:
        """The doctor's findings by what was checked."""
        async with httpx2.AsyncClient(transport=self.network) as http:
            subject = Subject(self.set_up, self.tenant, http, self.now, self.patient)
            return {finding.what: finding for finding in await examine(subject)}


def build_clinic(
    folder: Path, *, with_key: bool = True, time_zone: str = "America/New_York", **options: Any
) -> Clinic:
    """A tenant registered as it should be; `options` change the sandbox EHR."""
    url = f"sqlite:///{folder / 'clinic.db'}"
    settings = read_settings(
        {
            "LTOT_BASE_URL": PANEL,
            "LTOT_DATABASE_URL": url,
            "LTOT_MASTER_KEY": KEY_TEXT,
            "LTOT_TIME_ZONE": time_zone,
        }
    )
    store = Store(create_store_engine(url), KeyRing.from_settings(settings.master_key))
    upgrade(store.engine)
    set_up, now = SetUp(settings, store), datetime.now(UTC)
    flavour = options.get("flavour", "generic")
    tenant = Tenant(
        id="north", name="North", issuer=f"{EHR}/fhir", client_id=CLIENT, auth_method=AuthMethod.PRIVATE_KEY_JWT,
        vendor=flavour, backend_client_id=BACKEND, frame_ancestors=(EHR,),
    )  # fmt: skip
    set_up.tenants.save(tenant, now)
    if with_key:
        new_key(set_up, "north", "ES384", now - timedelta(days=1))
    keys = jwks_document(set_up.keys("north").published())
    clients = options.pop("clients", None) or clients_with(keys)
    sandbox = create_sandbox(base_url=EHR, clients=clients, panel_launch_url=f"{PANEL}/launch", **options)
    network = Network({"ehr.example.org": httpx2.ASGITransport(app=sandbox)})
    clinic = Clinic(set_up, tenant, network, sandbox.state.site, now)

    def own_keys(request: httpx2.Request) -> httpx2.Response | None:
        if str(request.url) != f"{PANEL}/jwks/north":
            return None
        return httpx2.Response(200, json=keys, headers={"Cache-Control": "public, max-age=3600"})

    network.changes.append(own_keys)
    return clinic


def clients_with(keys: Any, **changes: Any) -> list[SandboxClient]:
    """The two registrations at the EHR."""
    panel = SandboxClient(CLIENT, (CALLBACK,), jwks=keys)
    backend = SandboxClient(BACKEND, jwks=keys, backend=True)
    return [replace(panel, **changes), backend]
