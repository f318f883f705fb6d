"""The demo: the sandbox EHR and the service on this machine, registered with each other.

The EHR answers on `localhost` and the panel on `127.0.0.1`: to a browser these are different sites, as an EHR
and an app are.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import cast

import uvicorn
from fastapi import FastAPI

from app.errors import LtotError
from app.jobs.launch import POPULATION
from app.jobs.service import Service
from app.sandbox.config import Flavour, SandboxClient
from app.sandbox.ids import resource_id
from app.sandbox.server import create_sandbox
from app.settings import Settings, read_settings
from app.store.migrate import upgrade
from app.store.tenants import AuthMethod, Tenant
from smart_launch.keys import SigningAlgorithm

DEMO_TENANT = "sandbox"
CLIENT_ID = "ltot-panel"
BACKEND_CLIENT_ID = "ltot-backend"
_BELOW_OUTGOING = range(20_000, 32_000)
"""Ports that systems give to listeners alone: connections going out get higher ones."""
EVERYBODY_A_CLINICIAN: Mapping[str, tuple[str, ...]] = MappingProxyType({"clinician": ("*",)})


@dataclass(frozen=True, slots=True)
class DemoAddresses:
    """Where the two servers listen: both on the loopback interface, under two host names."""

    ehr_port: int
    panel_port: int

    @property
    def ehr(self) -> str:
        return f"http://localhost:{self.ehr_port}"

    @property
    def panel(self) -> str:
        return f"http://127.0.0.1:{self.panel_port}"

    @property
    def fhir(self) -> str:
        return f"{self.ehr}/fhir"

    @property
    def jwks(self) -> str:
        return f"{self.panel}/jwks/{DEMO_TENANT}"


def free_port() -> int:
    """A port nobody listens on now, and which no connection going out will be given before it is used."""
    while True:
        port = _BELOW_OUTGOING.start + secrets.randbelow(len(_BELOW_OUTGOING))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def demo_settings(addresses: DemoAddresses, *, folder: Path | None = None, **more: str) -> Settings:
    """Settings with a fresh key and a database in `folder` (a new temporary one when None)."""
    place = folder or Path(tempfile.mkdtemp(prefix="ltot-demo-"))
    environment: Mapping[str, str] = {
        "LTOT_BASE_URL": addresses.panel,
        "LTOT_ENVIRONMENT": "demo",
        "LTOT_DATABASE_URL": f"sqlite:///{place / 'demo.db'}",
        "LTOT_MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
        **more,
    }
    return read_settings(environment)


def register_demo_tenant(
    service: Service,
    addresses: DemoAddresses,
    *,
    vendor: str = "generic",
    roles: Mapping[str, tuple[str, ...]] = EVERYBODY_A_CLINICIAN,
    write_back: bool = False,
) -> Tenant:
    """Migrate the database, add the sandbox as a tenant and give it a signing key."""
    upgrade(service.store.engine)
    tenant = Tenant(
        id=DEMO_TENANT,
        name="Sandbox EHR",
        issuer=addresses.fhir,
        client_id=CLIENT_ID,
        auth_method=AuthMethod.PRIVATE_KEY_JWT,
        vendor=vendor,
        backend_client_id=BACKEND_CLIENT_ID,
        frame_ancestors=(addresses.ehr,),
        roles={
            **roles,
            POPULATION: (f"Practitioner/{resource_id(cast('Flavour', vendor), 'Practitioner', 'lead')}",),
        },
        options={"write_back": write_back},
    )
    service.tenants.save(tenant, service.now())
    if not service.signing_keys(tenant.id).states():
        service.signing_keys(tenant.id).create(SigningAlgorithm.RS384, service.now())
    return tenant


class RunningDemo:
    """Both servers in one thread of this process, until `stop`."""

    def __init__(self, servers: tuple[uvicorn.Server, ...]) -> None:
        self._servers = servers
        self._thread = threading.Thread(target=self._serve, name="demo", daemon=True)

    def start(self) -> None:
        """Returns when both answer; raises LtotError when one cannot start."""
        self._thread.start()
        while not all(server.started for server in self._servers):
            if not self._thread.is_alive():
                raise LtotError(
                    "LT-601", "A demo port is taken; choose another with --ehr-port, --panel-port."
                )
            time.sleep(0.02)

    def wait(self) -> None:
        """Until Ctrl-C."""
        try:
            while self._thread.is_alive():
                self._thread.join(0.5)
        except KeyboardInterrupt:
            return

    def stop(self) -> None:
        for server in self._servers:
            server.should_exit = True
        self._thread.join()

    def _serve(self) -> None:
        async def both() -> None:
            await asyncio.gather(*(server.serve() for server in self._servers))

        asyncio.run(both())


@contextmanager
def run_demo(
    addresses: DemoAddresses,
    create_app: Callable[[Service], FastAPI],
    *,
    flavour: str = "generic",
    data: Path | None = None,
    folder: Path | None = None,
    roles: Mapping[str, tuple[str, ...]] = EVERYBODY_A_CLINICIAN,
    write_back: bool = False,
    scopes: tuple[str, ...] | None = None,
    others: tuple[SandboxClient, ...] = (),
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[RunningDemo]:
    """Both servers, from start to stop.

    write_back: entries are also written to the sandbox.  scopes: what the panel is registered for there, None for
    everything.  others: further apps the sandbox knows.  settings: variables beside those of the demo.
    """
    service = Service.of(demo_settings(addresses, folder=folder, **settings))
    register_demo_tenant(service, addresses, vendor=flavour, roles=roles, write_back=write_back)
    ehr = create_sandbox(
        base_url=addresses.ehr,
        clients=[
            SandboxClient(CLIENT_ID, (service.redirect_uri,), jwks_url=addresses.jwks, scopes=scopes),
            SandboxClient(BACKEND_CLIENT_ID, jwks_url=addresses.jwks, backend=True),
            *others,
        ],
        flavour=cast("Flavour", flavour),
        data=data,
        panel_launch_url=f"{addresses.panel}/launch",
        population_launch_url=f"{addresses.panel}/population/launch",
    )
    running = RunningDemo(
        (_server(ehr, addresses.ehr_port), _server(create_app(service), addresses.panel_port))
    )
    running.start()
    try:
        yield running
    finally:
        running.stop()


def _server(app: FastAPI, port: int) -> uvicorn.Server:
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="warning", access_log=False, server_header=False
    )
    return uvicorn.Server(config)
