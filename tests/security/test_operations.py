"""What operators see: readiness, counters, traces and the end of a process."""

import base64
import gzip
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from types import MappingProxyType

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import text

from app.cli.service import serve
from app.ehr.http import ehr_http_client
from app.jobs.demo import free_port
from app.jobs.service import Service
from app.main import create_app
from app.settings import read_settings
from app.store.launch import OpenedLaunch
from app.store.migrate import upgrade
from app.telemetry import telemetry_config
from smart_launch.secret import Secret
from tests.named import ROOT
from tests.security.canary import put_canary
from tests.security.world import World
from tests.store.conftest import USER, make_request, make_response, make_tenant

WAIT_SECONDS = 120
"""How long a busy machine may take; nobody waits for it on an idle one."""


def counted(page: str, name: str, **labels: str) -> float:
    """The value of one counter on the metrics page; 0 when it is not there."""
    for line in page.splitlines():
        if line.startswith(f"{name}{{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
            return float(line.rpartition(" ")[2])
    return 0.0


async def test_launches_and_panels_are_counted_by_outcome(world: World) -> None:
    browser = world.browser()
    before = (await browser.get("/metrics")).text
    address = await browser.open(patient=put_canary(world))
    await browser.get(f"{address}/content")
    await browser.get("/callback?state=x&code=y")
    await browser.get("/launch?iss=https://evil.example.net&launch=x")
    await world.browser().get(f"{address}/content")
    after = (await browser.get("/metrics")).text
    for name, outcome in (
        ("ltot_launches_total", "opened"),
        ("ltot_launches_total", "LT-104"),
        ("ltot_launches_total", "LT-101"),
        ("ltot_panels_total", "shown"),
        ("ltot_panels_total", "LT-402"),
    ):
        assert counted(after, name, outcome=outcome) == counted(before, name, outcome=outcome) + 1, (
            name,
            outcome,
        )
    assert counted(after, "ltot_requests_total", route="/p/{launch_id}/content", status="200") >= 1
    assert "north" not in after
    assert address not in after


async def test_unknown_addresses_and_methods_add_no_labels(world: World) -> None:
    browser = world.browser()
    for number in range(20):
        await browser.get(f"/made-up/{number}")
        await browser.send(f"X{number}", "/live")
    page = (await browser.get("/metrics")).text
    assert "made-up" not in page
    assert 'method="X1"' not in page


async def test_not_ready_until_the_tables_are_of_this_version(world: World) -> None:
    assert (await world.browser().get("/ready")).json() == {"status": "ready"}
    with world.service.store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'future'"))
    answer = await world.browser().get("/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "LT-602")
    assert (await world.browser().get("/live")).status_code == 200


async def test_spans_carry_routes_and_no_addresses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(
        "app.main.telemetry_config",
        lambda *, switched_on: telemetry_config(switched_on=True, provider=provider),
    )
    world.app = create_app(world.service)
    browser = world.browser()
    address = await browser.open(patient=put_canary(world))
    await browser.get(f"{address}/content")
    await browser.get("/callback?state=canary-state&code=canary-code")
    spans = exporter.get_finished_spans()
    assert {span.attributes["http.route"] for span in spans if span.attributes} >= {"/launch", "/callback"}
    told = " ".join(f"{span.name} {dict(span.attributes or {})} {span.events}" for span in spans)
    assert "/p/{launch_id}/content" in told
    for hidden in (address, "canary", "code=", "state=", "ltot.example.org"):
        assert hidden not in told
    provider.shutdown()


class Collector(BaseHTTPRequestHandler):
    """Takes what OTLP exporters send, by path."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.received.put((self.path, body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the test reads what was received."""


@contextmanager
def collecting() -> Iterator[tuple[str, Queue[tuple[str, bytes]]]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.received = Queue()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.received  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_collector_named_by_the_standard_variables_gets_spans_without_addresses(tmp_path: Path) -> None:
    """With what is installed with the service, and nothing else."""
    with collecting() as (collector, received):
        telemetry = {
            "LTOT_TELEMETRY": "on",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "NO_PROXY": "127.0.0.1",
        }
        with serving(tmp_path, telemetry) as served:
            assert answer(f"{served.base}/launch?iss=https://evil.example.net&launch=canary-launch") == 403
            sent = b""
            while b"/launch" not in sent:
                path, body = received.get(timeout=WAIT_SECONDS)
                sent += body if path == "/v1/traces" else b""
            served.process.send_signal(signal.SIGTERM)
            written = served.ended()
        while not received.empty():
            sent += received.get()[1]
    assert b"ltot-panel" in sent
    for hidden in (b"canary", b"evil.example.net", b"iss="):
        assert hidden not in sent
    assert "Traceback" not in written


def test_without_the_switch_nothing_is_traced_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    config = telemetry_config(switched_on=False)
    assert (config["tracing"], config["metrics"], config["logs"], config["auto_configure"]) == (False,) * 4


@dataclass(frozen=True)
class Served:
    """`ltot serve` in a process of its own, its port, and the store it shares with the test."""

    process: subprocess.Popen[str]
    port: int
    service: Service

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ended(self) -> str:
        """What it wrote, once it has ended by itself."""
        return self.process.communicate(timeout=WAIT_SECONDS)[1]


@contextmanager
def serving(folder: Path, further: Mapping[str, str] = MappingProxyType({})) -> Iterator[Served]:
    """The process, answering; killed at the end if it has not ended by then."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    settings = {
        "LTOT_BASE_URL": base,
        "LTOT_DATABASE_URL": f"sqlite:///{folder / 'served.db'}",
        "LTOT_MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
    }
    environment = (
        {name: value for name, value in os.environ.items() if not name.startswith("LTOT_")}
        | settings
        | further
    )
    service = Service.of(read_settings(settings))
    upgrade(service.store.engine)
    process = subprocess.Popen(
        [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", str(port)],
        cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + WAIT_SECONDS
        while answer(f"{base}/live") != 200:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < until
            time.sleep(0.1)
        yield Served(process, port, service)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
        service.store.engine.dispose()


def answer(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=WAIT_SECONDS) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def test_a_served_process_answers_and_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        assert answer(f"{served.base}/ready") == 200
        assert answer(f"{served.base}/launch?iss=https://evil.example.net&launch=canary-launch") == 403
        served.process.send_signal(signal.SIGTERM)
        written = served.ended()
    assert served.process.returncode in {0, -signal.SIGTERM}
    assert '"code": "LT-101"' in written
    assert "canary-launch" not in written
    assert "Traceback" not in written


def test_a_request_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    """A form is being sent when the end is asked for; what it says is kept and answered."""
    with serving(tmp_path) as served:
        opened = a_launch(served.service)
        form = b"do=tier:low"
        head = (
            f"POST /p/{opened.launch.id}/records HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Cookie: __Host-ltot.{opened.launch.id}={opened.cookie.reveal()}\r\n"
            "Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(form)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", served.port), WAIT_SECONDS) as connection:
            connection.sendall(head.encode())
            # The server asks for the body when the route reads it: from here on the request is under way.
            assert connection.recv(4096).startswith(b"HTTP/1.1 100")
            served.process.send_signal(signal.SIGTERM)
            wait_until_refused(served.port)
            connection.sendall(form)
            reply = b""
            while chunk := connection.recv(4096):
                reply += chunk
        written = served.ended()
        kept = served.service.records.of_patient("north", opened.launch.patient)
    assert reply.startswith(b"HTTP/1.1 303"), (reply, written)
    assert len(kept) == 1
    assert "Traceback" not in written


def test_connections_are_closed_by_the_side_that_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request sent into a connection that the other side is closing is lost."""
    given: dict[str, object] = {}
    monkeypatch.setattr("app.main.from_environment", lambda: None)
    monkeypatch.setattr("uvicorn.run", lambda *_, **options: given.update(options))
    serve()
    proxies_close_after, servers_close_after = 60, 5
    assert given["timeout_keep_alive"] == 75 > proxies_close_after
    pool = ehr_http_client()._transport._pool  # type: ignore[attr-defined]
    assert pool._keepalive_expiry == 3 < servers_close_after


def a_launch(service: Service) -> OpenedLaunch:
    """An open launch of a tenant, for a user who may record."""
    now = service.now()
    service.tenants.save(make_tenant("north"), now)
    request = make_request()
    cookie = service.attempts.create("north", request, Secret("launch"), now)
    attempt = service.attempts.consume(request.state, cookie.reveal(), now)
    granted = replace(make_response(), expires_at=now + timedelta(hours=1))
    return service.sessions.open(attempt, Secret("code"), USER, granted, now, roles=("clinician",))


def wait_until_refused(port: int) -> None:
    """Wait until the process takes no new connection: it has begun to end."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), WAIT_SECONDS).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    raise AssertionError("the process still takes connections")
