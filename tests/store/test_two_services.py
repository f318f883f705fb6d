"""Two service processes behind one address: whatever one of them does, the other knows."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

from app.jobs.demo import free_port
from app.sandbox.config import SandboxClient
from app.sandbox.server import create_sandbox
from app.sandbox.site import Site
from smart_launch.keys import SigningAlgorithm
from tests.postgres_cluster import PostgresCluster
from tests.two_services import (
    CLIENT_ID,
    Browser,
    Hospital,
    TwoServices,
    cookieless_client,
    launch_link,
    ports,
    two_services,
)

pytestmark = pytest.mark.postgres
PATIENT = "sandbox-clean"
REFRESHED_AFTER = 2
"""Seconds after which the service renews the tokens of the hospital `short`: 45 before their end."""


@dataclass(frozen=True)
class Clinic:
    """Both processes, and the sites of both hospitals by name."""

    services: TwoServices
    hospitals: dict[str, Hospital]
    sites: dict[str, Site]

    async def callback(self, browser: Browser, hospital: str = "north", *, begun_at: int = 0) -> str:
        """Begin a launch at one process; the EHR's answer to it, still to be delivered."""
        link = await launch_link(browser.client, self.hospitals[hospital], PATIENT)
        started = await browser.get(self.services.at(begun_at, link))
        assert started.status_code == 302, started.text
        return (await browser.client.get(started.headers["location"])).headers["location"]

    async def open(self, browser: Browser, hospital: str = "north", *, begun_at: int = 0) -> str:
        """A launch begun at one process and finished at the other; the panel's path."""
        callback = await self.callback(browser, hospital, begun_at=begun_at)
        finished = await browser.get(self.services.at(begun_at + 1, callback))
        assert finished.status_code == 303, finished.text
        return finished.headers["location"]

    async def read(self, browser: Browser, path: str, at: int) -> httpx2.Response:
        return await browser.get(self.services.at(at, f"{path}/content"), accept="application/json")


@contextmanager
def ehr(hospital: Hospital, panel: str, **options: Any) -> Iterator[Site]:
    """A sandbox EHR in a thread of its own."""
    app = create_sandbox(
        base_url=hospital.ehr,
        clients=[
            SandboxClient(CLIENT_ID, (f"{panel}/callback",), jwks_url=f"{panel}/jwks/{hospital.tenant}")
        ],
        panel_launch_url=f"{panel}/launch",
        **options,
    )
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=hospital.port, log_level="warning", access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield app.state.site
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def clinic(postgres_cluster: PostgresCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    listen = ports()
    panel = f"http://127.0.0.1:{listen[0]}"
    north, short = (Hospital(name, "generic", free_port()) for name in ("north", "short"))
    log: Path = tmp_path_factory.mktemp("two") / "services.log"
    with (
        ehr(north, panel) as north_site,
        ehr(short, panel, token_lifetime=45 + REFRESHED_AFTER) as short_site,
        two_services(postgres_cluster, listen, (north, short), log, LTOT_PANEL_BUDGET="120") as services,
    ):
        yield Clinic(services, {"north": north, "short": short}, {"north": north_site, "short": short_site})
    assert "Traceback" not in log.read_text()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with cookieless_client(20) as client:
        yield Browser(client)


async def test_a_launch_crosses_processes_and_is_shown_by_both(clinic: Clinic, browser: Browser) -> None:
    path = await clinic.open(browser)
    shown = [await clinic.read(browser, path, at) for at in (0, 1)]
    assert [answer.status_code for answer in shown] == [200, 200]
    assert [answer.json()["patient"] for answer in shown] == [PATIENT, PATIENT]
    stranger = Browser(browser.client)
    assert [(await clinic.read(stranger, path, at)).json()["code"] for at in (0, 1)] == ["LT-402", "LT-402"]


async def test_an_answer_taken_by_one_process_is_refused_by_the_other(
    clinic: Clinic, browser: Browser
) -> None:
    callback = await clinic.callback(browser)
    replayer = Browser(browser.client, cookies=dict(browser.cookies))
    assert (await browser.get(clinic.services.at(1, callback))).status_code == 303
    again = await replayer.get(clinic.services.at(0, callback), accept="application/json")
    assert again.json()["code"] == "LT-105"
    assert "set-cookie" not in again.headers


async def test_an_answer_delivered_to_both_at_once_opens_one_launch(clinic: Clinic, browser: Browser) -> None:
    callback = await clinic.callback(browser)
    both = [Browser(browser.client, cookies=dict(browser.cookies)) for _ in range(2)]
    answers = await asyncio.gather(
        *(one.get(clinic.services.at(at, callback), accept="application/json") for at, one in enumerate(both))
    )
    refused = [answer.json()["code"] for answer in answers if answer.status_code != 303]
    assert refused == ["LT-105"]


async def test_a_launch_ended_at_one_process_is_over_at_the_other(clinic: Clinic, browser: Browser) -> None:
    path = await clinic.open(browser)
    cookies = dict(browser.cookies)
    ended = await browser.send("POST", clinic.services.at(0, f"{path}/end"), sec_fetch_site="same-origin")
    assert ended.status_code == 200
    keeper = Browser(browser.client, cookies=cookies)
    assert (await clinic.read(keeper, path, 1)).json()["code"] == "LT-401"


async def test_a_token_is_renewed_once_when_both_processes_need_it(
    clinic: Clinic, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The EHR rotates refresh tokens and ends the access of whoever sends one twice."""
    grants, used = clinic.sites["short"].grants, list[str]()
    use_refresh = grants.use_refresh

    def slowly(token: str, client_id: str) -> Any:
        used.append(token)
        time.sleep(0.3)
        return use_refresh(token, client_id)

    path = await clinic.open(browser, "short")
    monkeypatch.setattr(grants, "use_refresh", slowly)
    await asyncio.sleep(REFRESHED_AFTER + 0.2)
    shown = await asyncio.gather(*(clinic.read(browser, path, at) for at in (0, 1)))
    assert [answer.status_code for answer in shown] == [200, 200]
    for answer in shown:
        assert all(source["complete"] for source in answer.json()["sources"] if source["kind"] == "Patient")
    assert len(used) == len(set(used))
    assert used


async def test_a_rotated_key_is_published_and_used_by_both(
    clinic: Clinic, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, authenticator = clinic.services.service, clinic.sites["north"].authenticator
    check_header, signed_with = authenticator._check_header, list[str]()

    def noted(client: SandboxClient, header: Any) -> None:
        signed_with.append(header["kid"])
        check_header(client, header)

    monkeypatch.setattr(authenticator, "_check_header", noted)
    await clinic.open(browser, begun_at=0)
    await clinic.open(browser, begun_at=1)
    keys = service.signing_keys("north")
    former = keys.active().kid
    following, _ = keys.create(SigningAlgorithm.RS384, service.now() - timedelta(hours=2))
    assert keys.rotate(service.now()) == following
    for at in (0, 1):
        published = (await browser.get(clinic.services.at(at, "/jwks/north"))).json()["keys"]
        assert {key["kid"] for key in published} == {former, following}
        await clinic.open(browser, begun_at=at)
    assert signed_with == [former, former, following, following]
