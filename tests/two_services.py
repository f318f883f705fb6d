"""Two service processes on one PostgreSQL behind one address, and browsers that talk to either of them.

The processes are started as operators start them, with `ltot serve` under the plain database role.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import httpx2

from app.jobs.demo import free_port
from app.jobs.service import Service
from app.settings import read_settings
from app.store.db import create_store_engine
from app.store.migrate import grant_service_role, upgrade
from app.store.tenants import AuthMethod, Tenant
from smart_launch.keys import SigningAlgorithm
from tests.postgres_cluster import SERVICE, PostgresCluster

CLIENT_ID = "ltot-panel"
PROJECT = Path(__file__).resolve().parents[1]
START_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Hospital:
    """A tenant and the port where its sandbox EHR listens."""

    tenant: str
    flavour: str
    port: int

    @property
    def ehr(self) -> str:
        return f"http://localhost:{self.port}"


@dataclass(slots=True)
class TwoServices:
    """The addresses of both processes, which write the first one's into links, and the store they share."""

    panels: tuple[str, str]
    pids: tuple[int, int]
    service: Service

    def at(self, number: int, address: str) -> str:
        """The address as process `number` answers it, where a load balancer would have sent it there."""
        path = address.removeprefix(self.service.settings.base_url)
        return self.panels[number % 2] + path


def ports() -> tuple[int, int]:
    """Two ports nobody listens on now; the first one is in the address that browsers and EHRs know."""
    return free_port(), free_port()


@contextmanager
def two_services(
    cluster: PostgresCluster,
    listen: tuple[int, int],
    hospitals: Sequence[Hospital],
    log: Path,
    **settings: str,
) -> Iterator[TwoServices]:
    """Both processes, answering; ended and their database dropped afterwards.  What they say goes to `log`."""
    name = cluster.create_database()
    owner = create_store_engine(cluster.admin_url(name))
    upgrade(owner)
    grant_service_role(owner, SERVICE)
    owner.dispose()
    environment = {
        "LTOT_BASE_URL": f"http://127.0.0.1:{listen[0]}",
        "LTOT_DATABASE_URL": cluster.service_url(name),
        "LTOT_MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
        "LTOT_TRUSTED_PRIVATE_HOSTS": "localhost,127.0.0.1",
        **settings,
    }
    service = Service.of(read_settings(environment))
    for hospital in hospitals:
        _register(service, hospital)
    panels = (f"http://127.0.0.1:{listen[0]}", f"http://127.0.0.1:{listen[1]}")
    with ExitStack() as stack:
        stack.callback(cluster.drop_database, name)
        stack.callback(service.store.engine.dispose)
        serve = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port"]
        started = [stack.enter_context(running([*serve, str(port)], log, environment)) for port in listen]
        for process, panel in zip(started, panels, strict=True):
            answering(process, f"{panel}/ready")
        yield TwoServices(panels, (started[0].pid, started[1].pid), service)


def _register(service: Service, hospital: Hospital) -> None:
    tenant = Tenant(
        id=hospital.tenant,
        name=f"{hospital.tenant.title()} Hospital",
        issuer=f"{hospital.ehr}/fhir",
        client_id=CLIENT_ID,
        auth_method=AuthMethod.PRIVATE_KEY_JWT,
        vendor=hospital.flavour,
        frame_ancestors=(hospital.ehr,),
        roles={"clinician": ("*",)},
    )
    service.tenants.save(tenant, service.now())
    service.signing_keys(tenant.id).create(SigningAlgorithm.RS384, service.now())


@contextmanager
def running(
    command: Sequence[str], log: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that writes to `log`; told to end, and waited for, at the end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LTOT_")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**inherited, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answering(process: subprocess.Popen[bytes], health: str) -> None:
    """Wait until the process answers at `health`; raises RuntimeError when it ends or stays silent."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"A server ended with {process.returncode} before it answered.")
        try:
            if httpx2.get(health, timeout=5).status_code < 500:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"No answer at {health} in {START_SECONDS} s.")


def cookieless_client(connections: int) -> httpx2.AsyncClient:
    """Connections for many browsers at once: what it is given as a cookie, it neither keeps nor sends on."""
    # A connection given up before the server gives it up: nothing is sent into one that is closing.
    limits = httpx2.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=2
    )
    client = httpx2.AsyncClient(timeout=60, limits=limits)
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


@dataclass(slots=True)
class Browser:
    """One cookie jar that holds Secure cookies on loopback, as browsers do, at one client address."""

    client: httpx2.AsyncClient
    address: str = "127.0.0.1"
    cookies: dict[str, str] = field(default_factory=dict[str, str])

    async def get(self, url: str, **headers: str) -> httpx2.Response:
        return await self.send("GET", url, **headers)

    async def send(self, method: str, url: str, **headers: str) -> httpx2.Response:
        """One request; redirects are not followed, header names are written with underscores."""
        sent = {"x-forwarded-for": self.address}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.client.request(method, url, headers=sent)
        for header in answer.headers.get_list("set-cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        return answer


async def launch_link(client: httpx2.AsyncClient, hospital: Hospital, patient: str) -> str:
    """The link the chart of this patient opens the panel with."""
    answer = await client.post(f"{hospital.ehr}/launches", json={"patient": patient})
    return str(answer.json()["url"])
