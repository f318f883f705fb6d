"""Browsers that open charts through both services at once, and read what they may and may not."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2

from benchmarks.launches.charts import PATIENTS, Chart
from benchmarks.launches.tally import TRACE, Memory, Tally, UnhandledError, check_panel
from tests.two_services import Browser, Hospital, TwoServices, cookieless_client, launch_link

AT_ONCE = 50
SAMPLES = range(5, 101, 5)
"""Percent of the run at which memory is read."""
_FINGERPRINT = re.compile(r'data-patient="([^"]+)"')
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "429", "retry_after": 1},
    {"kind": "500"},
    {"kind": "slow", "seconds": 1.5},
    {"kind": "empty_403", "resource_type": "Observation"},
    {"kind": "html_404", "resource_type": "DocumentReference"},
    {"kind": "truncated_json"},
    {"kind": "foreign_resource", "resource_type": "MedicationRequest"},
    {"kind": "500", "resource_type": "Patient", "times": 2},
)


@dataclass(slots=True)
class Opened:
    """An open launch: its chart, path, cookie's name and page fingerprint."""

    chart: Chart
    path: str
    cookie: str
    fingerprint: str


@dataclass(slots=True)
class Load:
    """The whole run."""

    services: TwoServices
    hospitals: tuple[Hospital, Hospital]
    client: httpx2.AsyncClient
    launches: int
    tally: Tally = field(default_factory=Tally)

    async def run(self) -> None:
        """All browsers, `AT_ONCE` launches in flight; ends with the memory of both processes read."""
        waiting = iter(range((self.launches + 1) // 2))
        over = asyncio.Event()
        trouble = asyncio.create_task(self._trouble(over))

        async def work() -> None:
            for number in waiting:
                await self._browser(number)
                self._sample()

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        over.set()
        await trouble

    def _sample(self) -> None:
        taken, tried = len(self.tally.memory), self.tally.tried
        if taken < len(SAMPLES) and tried * 100 >= SAMPLES[taken] * self.launches:
            first, second = map(Memory.of, self.services.pids)
            self.tally.memory.append((first, second))
            print(f"{datetime.now(UTC):%H:%M:%S} UTC, {tried} launches: {first} and {second} MB", flush=True)

    async def _browser(self, number: int) -> None:
        """Two charts side by side: of two hospitals in every other browser, of one in the rest."""
        dice = random.Random(number)
        browser = Browser(self.client, f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
        first, second = dice.sample(range(PATIENTS), 2)
        here = self.hospitals[number // 2 % 2]
        there = self.hospitals[(number // 2 + number) % 2]
        if here != there and number % 4 == 1:
            second = first
        try:
            pair = [
                await self._open(browser, Chart(here, first), number),
                await self._open(browser, Chart(there, second), number + 1),
            ]
            opened = [one for one in pair if one is not None]
            for turn, kind in ((0, "application/json"), (1, "text/html")):
                for place, one in enumerate(opened):
                    await self._read(browser, one, number + place + turn, kind)
            await self._probe(browser, opened, number)
            if opened and number % 10 == 0:
                await self._end(browser, opened[0], number)
        except (UnhandledError, httpx2.HTTPError) as error:
            self.tally.unhandled.append(f"browser {number}: {type(error).__name__} {error}")

    async def _open(self, browser: Browser, chart: Chart, number: int) -> Opened | None:
        """The launch starts at one process and comes back to the other; None when it was refused with a code."""
        self.tally.tried += 1
        link = await launch_link(self.client, chart.hospital, chart.patient)
        started = await browser.get(self.services.at(number, link))
        if started.status_code != 302:
            self.tally.refused(started, "launch")
            return None
        granted = await self.client.get(started.headers["location"])
        before = set(browser.cookies)
        finished = await browser.get(self.services.at(number + 1, granted.headers["location"]))
        if finished.status_code != 303:
            self.tally.refused(finished, "callback")
            return None
        path = finished.headers["location"]
        page = await browser.get(self.services.at(number, path))
        fingerprint = _FINGERPRINT.search(page.text)
        if page.status_code != 200 or fingerprint is None:
            self.tally.refused(page, "page")
            return None
        self.tally.opened += 1
        (cookie,) = set(browser.cookies) - before
        return Opened(chart, path, cookie, fingerprint.group(1))

    async def _read(self, browser: Browser, one: Opened, number: int, kind: str) -> None:
        address = self.services.at(number, f"{one.path}/content")
        answer = await browser.get(address, accept=kind, x_ltot_patient=one.fingerprint)
        if answer.status_code != 200:
            self.tally.refused(answer, "content")
            return
        self.tally.panels += 1
        if TRACE.search(answer.text):
            raise UnhandledError("content: a stack trace in a panel")
        check_panel(self.tally, one.chart, answer, kind)

    async def _probe(self, browser: Browser, opened: list[Opened], number: int) -> None:
        """Nothing is read with an unknown id, without a cookie, or with the other launch's cookie or page."""
        stranger = Browser(self.client, "10.255.0.1")
        unknown = self.services.at(number, f"/p/{'A' * 32}/content")
        await self._must_refuse(stranger, unknown, {"LT-402"}, "an unknown id")
        if len(opened) < 2:
            return
        mine, other = opened
        address = self.services.at(number + 1, f"{mine.path}/content")
        await self._must_refuse(stranger, address, {"LT-402"}, "no cookie")
        stranger.cookies = {mine.cookie: browser.cookies[other.cookie]}
        await self._must_refuse(stranger, address, {"LT-402"}, "the other launch's cookie")
        if mine.chart.mark != other.chart.mark:
            stranger.cookies = {mine.cookie: browser.cookies[mine.cookie]}
            await self._must_refuse(
                stranger, address, {"LT-120"}, "the other chart's page", x_ltot_patient=other.fingerprint
            )

    async def _must_refuse(
        self, browser: Browser, address: str, codes: set[str], what: str, **headers: str
    ) -> None:
        self.tally.probes += 1
        answer = await browser.get(address, **headers)
        if answer.status_code == 200:
            self.tally.cross_tenant.append(f"read with {what}")
        elif (code := self.tally.code_of(answer, what)) not in codes:
            raise UnhandledError(f"{what}: refused with {code}")

    async def _end(self, browser: Browser, one: Opened, number: int) -> None:
        """Ended at one process, over at the other."""
        ended = await browser.send(
            "POST", self.services.at(number, f"{one.path}/end"), sec_fetch_site="same-origin"
        )
        if ended.status_code != 200:
            self.tally.refused(ended, "end")
            return
        await self._must_refuse(
            browser, self.services.at(number + 1, f"{one.path}/content"), {"LT-401"}, "an ended launch"
        )

    async def _trouble(self, over: asyncio.Event) -> None:
        """Every half second another fault at one of the EHRs, for some requests."""
        dice = random.Random(7)
        while not over.is_set():
            place, fault = dice.choice(self.hospitals), dice.choice(FAULTS)
            await self.client.delete(f"{place.ehr}/faults")
            await self.client.post(f"{place.ehr}/faults", json={"times": dice.randint(1, 12), **fault})
            self.tally.faults[str(fault["kind"])] += 1
            await asyncio.sleep(0.5)


async def launched(services: TwoServices, hospitals: tuple[Hospital, Hospital], launches: int) -> Tally:
    async with cookieless_client(2 * AT_ONCE) as client:
        load = Load(services, hospitals, client, launches)
        await load.run()
        return load.tally
