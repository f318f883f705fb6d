"""The demo: the sandbox EHR and the service on this machine, registered with each other.

The EHR answers on `localhost` and the panel on `127.0.0.1`: to a browser these are different sites, as an EHR
and an app are.
"""

from __future__ import annotations

import base64
import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.jobs.service import Service
from app.settings import Settings, read_settings
from app.store.migrate import upgrade
from app.store.tenants import AuthMethod, Tenant
from smart_launch.keys import SigningAlgorithm

DEMO_TENANT = "sandbox"
CLIENT_ID = "ltot-panel"
BACKEND_CLIENT_ID = "ltot-backend"


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
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def register_demo_tenant(service: Service, addresses: DemoAddresses, *, vendor: str = "generic") -> Tenant:
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
        roles={"clinician": ("*",)},
    )
    service.tenants.save(tenant, service.now())
    if not service.signing_keys(tenant.id).states():
        service.signing_keys(tenant.id).create(SigningAlgorithm.RS384, service.now())
    return tenant
