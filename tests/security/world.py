"""Two hospitals, one panel between them, and browsers; everything that goes out is remembered."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from fastapi import FastAPI
from sqlalchemy import text

from app.ehr.http import ehr_http_client
from app.jobs.policies import load_site_terms
from app.jobs.service import Service
from app.main import create_app
from app.sandbox.config import SandboxClient
from app.sandbox.server import create_sandbox
from app.settings import read_settings
from app.store.crypto import KeyRing
from app.store.db import Store, create_store_engine
from app.store.migrate import upgrade
from app.store.tenants import AuthMethod, Tenant
from smart_launch.keys import SigningAlgorithm, jwks_document
from tests.setup.clinic import Network

PANEL = "https://ltot.example.org"
HOSPITALS = ("north", "south")
CLIENT = "ltot-panel"


@dataclass
class Clock:
    """The time of all machines; tests move it."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **units: float) -> None:
        self.now += timedelta(**units)


@dataclass
class World:
    """The panel's application and both hospitals' sites."""

    app: FastAPI
    service: Service
    network: Network
    clock: Clock
    sites: dict[str, Any]

    def browser(self) -> Browser:
        return Browser(self)

    def launches(self) -> int:
        """How many sessions were ever opened."""
        with self.service.store.engine.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM launches")).scalar_one())

    def outbound(self) -> list[str]:
        """Addresses asked since the last look, without their queries."""
        seen = [str(request.url).partition("?")[0] for request in self.network.requests]
        self.network.requests.clear()
        return seen

    def audited(self, tenant: str = "north") -> list[tuple[str, str]]:
        """Actions and outcomes in the access log."""
        return [(e.event.action, e.event.outcome) for e in self.service.audit.entries(tenant, limit=10_000)]

    def patient(self, site: str = "north", number: int = 0) -> str:
        return self.sites[site].cards[number].id

    def close(self) -> None:
        self.service.store.engine.dispose()


@dataclass
class Browser:
    """A browser that keeps the panel's cookies by name and follows no redirect by itself."""

    world: World
    cookies: dict[str, str] = field(default_factory=dict[str, str])

    async def get(self, address: str, **headers: str) -> httpx2.Response:
        return await self.send("GET", address, **headers)

    async def send(
        self, method: str, address: str, form: dict[str, str] | None = None, **headers: str
    ) -> httpx2.Response:
        """A request to the panel, with a form's fields where there are any."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent.setdefault("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        transport = httpx2.ASGITransport(app=self.world.app)
        async with httpx2.AsyncClient(transport=transport, base_url=PANEL) as client:
            answer = await client.request(method, address, data=form, headers=sent)
        for header in answer.headers.get_list("set-cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        return answer

    def link(self, site: str = "north", patient: str | None = None, user: str = "clinician") -> str:
        """The link the EHR opens the panel with."""
        place = self.world.sites[site]
        value = place.new_launch(patient or self.world.patient(site), user)
        return "/launch?" + urlencode({"iss": place.fhir_base, "launch": value})

    async def begin(self, site: str = "north", patient: str | None = None, user: str = "clinician") -> str:
        """Open the link; the address of the EHR's authorization."""
        answer = await self.get(self.link(site, patient, user))
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def authorize(self, address: str) -> str:
        """What the EHR's authorization redirects to: the panel's callback with code and state."""
        async with httpx2.AsyncClient(transport=self.world.network) as client:
            answer = await client.get(address)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def open(self, site: str = "north", patient: str | None = None, user: str = "clinician") -> str:
        """A whole launch; the panel's own address of it."""
        callback = await self.authorize(await self.begin(site, patient, user))
        answer = await self.get(callback)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]


def changed(address: str, **members: str | None) -> str:
    """An address with other query parameters; None removes one."""
    parts = urlsplit(address)
    pairs = [(name, value) for name, value in parse_qsl(parts.query) if name not in members]
    pairs += [(name, value) for name, value in members.items() if value is not None]
    return parts._replace(query=urlencode(pairs)).geturl()


def query_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def build_world(
    folder: Path, *, base_url: str = PANEL, settings: dict[str, str] | None = None, **options: Any
) -> World:
    """A panel registered with both hospitals; `options` change the sandbox EHRs."""
    environment = {
        "LTOT_BASE_URL": base_url,
        "LTOT_DATABASE_URL": f"sqlite:///{folder / 'world.db'}",
        "LTOT_MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
        **(settings or {}),
    }
    read, clock = read_settings(environment), Clock()
    ring = KeyRing.from_settings(read.master_key, read.further_master_keys)
    store = Store(create_store_engine(read.database_url), ring)
    upgrade(store.engine)
    network = Network({})
    service = Service(read, store, load_site_terms(), clock, ehr_http_client(transport=network))
    sites = {name: _hospital(service, network, name, clock, options) for name in HOSPITALS}
    app = create_app(service, launches_per_minute=1_000_000)
    return World(app, service, network, clock, sites)


def _hospital(service: Service, network: Network, name: str, clock: Clock, options: dict[str, Any]) -> Any:
    host = f"{name}.example.org"
    service.tenants.save(
        Tenant(
            id=name, name=f"{name.title()} Hospital", issuer=f"https://{host}/fhir", client_id=CLIENT,
            auth_method=AuthMethod.PRIVATE_KEY_JWT, frame_ancestors=(f"https://{host}",),
            vendor=options.get("flavour", "generic"),
            roles={"population": ("Practitioner/1", "Practitioner/lead")},
        ),
        clock(),
    )  # fmt: skip
    service.signing_keys(name).create(SigningAlgorithm.ES384, clock())
    keys = jwks_document(service.signing_keys(name).published())
    sandbox = create_sandbox(
        base_url=f"https://{host}",
        clients=[SandboxClient(CLIENT, (service.redirect_uri,), jwks=keys)],
        panel_launch_url=f"{PANEL}/launch",
        clock=lambda: clock().timestamp(),
        **options,
    )
    network.hosts[host] = httpx2.ASGITransport(app=sandbox)
    return sandbox.state.site
