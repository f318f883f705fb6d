"""`make load`: many launches at once, through two service processes on one PostgreSQL, while the EHRs fail.

Two hospitals use the same patient ids.  Each browser opens two charts and reads both at both processes in turn;
every answer must speak of the launch's own patient alone, or be an error page with a code of ours.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx2

from app.errors import CATALOGUE
from app.jobs.demo import free_port
from tests.postgres_cluster import running_cluster
from tests.two_services import (
    CLIENT_ID,
    Browser,
    Hospital,
    TwoServices,
    answering,
    cookieless_client,
    launch_link,
    ports,
    running,
    two_services,
)

PATIENTS = 400
AT_ONCE = 50
# Servers, database and browsers share one machine here, which is slower than the network of a hospital.
PANEL_BUDGET = "20"
# As in the image.
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "131072"}
SAMPLES = range(5, 101, 5)
"""Percent of the run at which memory is read."""
_MARK = re.compile(r"\b(?:Mark|rx)-((?:north|south)\d{4})\b")
_NAME = re.compile(r"\bMark-((?:north|south)\d{4})\b")
_CODE = re.compile(r"\bLT-\d{3}\b")
_FINGERPRINT = re.compile(r'data-patient="([^"]+)"')
_TRACE = re.compile(r"Traceback|File \"|Internal Server Error")
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


class UnhandledError(Exception):
    """An answer that is neither the panel nor an error page of ours."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process holds, in MB: all that is resident, and the part no file stands behind."""

    resident: float
    anonymous: float

    @classmethod
    def of(cls, pid: int) -> Self:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        kilobytes = dict(re.findall(r"^(\w+): +(\d+) kB", rollup, re.MULTILINE))
        return cls(int(kilobytes["Rss"]) / 1024, int(kilobytes["Anonymous"]) / 1024)

    def __str__(self) -> str:
        return f"{self.resident:.0f} ({self.anonymous:.0f})"


@dataclass(slots=True)
class Tally:
    """What was seen so far."""

    opened: int = 0
    tried: int = 0
    panels: int = 0
    probes: int = 0
    set_aside: int = 0
    cross_patient: list[str] = field(default_factory=list[str])
    cross_tenant: list[str] = field(default_factory=list[str])
    unhandled: list[str] = field(default_factory=list[str])
    codes: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    memory: list[tuple[Memory, Memory]] = field(default_factory=list[tuple[Memory, Memory]])

    @property
    def failed(self) -> bool:
        return bool(self.cross_patient or self.cross_tenant or self.unhandled)

    def refused(self, answer: httpx2.Response, where: str) -> str:
        """Count a refusal that was not asked for; returns and raises as `code_of`."""
        code = self.code_of(answer, where)
        self.codes[code] += 1
        return code

    @staticmethod
    def code_of(answer: httpx2.Response, where: str) -> str:
        """The code of an error answer; raises UnhandledError when it carries none, or a stack trace."""
        found = set(_CODE.findall(answer.text)) & set(CATALOGUE)
        if answer.status_code < 400 or not found or "LT-900" in found or _TRACE.search(answer.text):
            raise UnhandledError(f"{where}: status {answer.status_code}, codes {sorted(found)}")
        return min(found)


@dataclass(frozen=True, slots=True)
class Chart:
    """One patient of one hospital, and what marks it."""

    hospital: Hospital
    number: int

    @property
    def patient(self) -> str:
        return f"pt-{self.number:04}"

    @property
    def mark(self) -> str:
        return f"{self.hospital.tenant}{self.number:04}"


def check_panel(tally: Tally, chart: Chart, answer: httpx2.Response, kind: str) -> None:
    """The panel speaks of its own patient.  What was set aside as another's may be named there, by its id."""
    if kind == "text/html":
        named = set(_NAME.findall(answer.text))
        complete = chart.mark in named
    else:
        told = answer.json()
        foreign = [issue for issue in told["issues"] if issue["code"] == "foreign_patient"]
        tally.set_aside += len(foreign)
        told["issues"] = [issue for issue in told["issues"] if issue not in foreign]
        named = set(_MARK.findall(json.dumps(told)))
        complete = told["patient"] == chart.patient
    others = named - {chart.mark}
    if any(not other.startswith(chart.hospital.tenant) for other in others):
        tally.cross_tenant.append(f"{chart.mark} shows {sorted(others)}")
    elif others or not complete:
        tally.cross_patient.append(f"{chart.mark} shows {sorted(others) or 'another patient id'}")


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
        if _TRACE.search(answer.text):
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


def write_charts(folder: Path, tenant: str) -> None:
    """Patients with one order each, all named after their mark; ids of patients are the same at every hospital."""
    folder.mkdir()
    ordered = (datetime.now(UTC) - timedelta(days=5)).date().isoformat()
    with (folder / "charts.ndjson").open("w") as lines:
        for number in range(PATIENTS):
            mark = f"{tenant}{number:04}"
            patient = {
                "resourceType": "Patient", "id": f"pt-{number:04}", "gender": "female", "birthDate": "1970-01-01",
                "name": [{"family": f"Mark-{mark}", "given": ["Load"]}],
            }  # fmt: skip
            order = {
                "resourceType": "MedicationRequest", "id": f"rx-{mark}", "status": "active", "intent": "order",
                "medicationCodeableConcept": {
                    "coding": [{
                        "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1049621",
                        "display": "oxycodone hydrochloride 5 MG Oral Tablet",
                    }],
                },
                "subject": {"reference": f"Patient/pt-{number:04}"},
                "authoredOn": ordered,
                "requester": {"reference": "Practitioner/clinician", "display": f"Dr. Mark-{mark}"},
                "dosageInstruction": [{"text": f"Take {1 + number % 3} tablets by mouth every 6 hours"}],
                "dispenseRequest": {"quantity": {"value": 120, "unit": "tablet"}},
            }  # fmt: skip
            lines.write(json.dumps(patient) + "\n" + json.dumps(order) + "\n")


def report(tally: Tally, seconds: float) -> None:
    """The figures of the run."""
    print(
        f"launches {tally.tried}, opened {tally.opened}, panels read {tally.panels}, refusals tried {tally.probes}"
    )
    print(f"seconds {seconds:.0f}, launches/s {tally.tried / seconds:.1f}, at once {AT_ONCE}")
    print(f"faults set: {dict(sorted(tally.faults.items()))}, others' resources set aside: {tally.set_aside}")
    print(f"cross-patient reads {len(tally.cross_patient)}, cross-tenant reads {len(tally.cross_tenant)}")
    print(f"unhandled errors {len(tally.unhandled)}, codes seen {dict(sorted(tally.codes.items()))}")
    for number, name in enumerate(("first", "second")):
        taken = [pair[number] for pair in tally.memory]
        middle, end = taken[len(taken) // 2 - 1].resident, taken[-1].resident
        print(
            f"memory of the {name} service every 5 %, MB resident (anonymous): {', '.join(map(str, taken))}; "
            f"end over middle {end / middle:.3f}"
        )
    for what in (*tally.cross_patient[:20], *tally.cross_tenant[:20], *tally.unhandled[:20]):
        print(what, file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.launches", description=__doc__)
    parser.add_argument("--launches", type=int, default=10_000)
    chosen = parser.parse_args()
    listen = ports()
    hospitals = (Hospital("north", "epic", free_port()), Hospital("south", "oracle", free_port()))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ltot-load-")))
        log = folder / "servers.log"
        for hospital in hospitals:
            write_charts(folder / hospital.tenant, hospital.tenant)
            command = _sandbox(hospital, folder / hospital.tenant, listen[0])
            process = stack.enter_context(running(command, log, {}))
            answering(process, f"{hospital.ehr}/patients.json")
        cluster = stack.enter_context(running_cluster())
        services = stack.enter_context(
            two_services(cluster, listen, hospitals, log, LTOT_PANEL_BUDGET=PANEL_BUDGET, **ALLOCATOR)
        )
        began = time.monotonic()
        tally = asyncio.run(_load(services, hospitals, chosen.launches))
        report(tally, time.monotonic() - began)
        if _TRACE.search(log.read_text(errors="replace")):
            print(log.read_text(errors="replace")[-4000:], file=sys.stderr)
            sys.exit(1)
    sys.exit(1 if tally.failed else 0)


def _sandbox(hospital: Hospital, charts: Path, panel_port: int) -> list[str]:
    panel = f"http://127.0.0.1:{panel_port}"
    return [
        sys.executable, "-m", "app.sandbox", "--port", str(hospital.port), "--flavour", hospital.flavour,
        "--data", str(charts), "--panel", f"{panel}/launch", "--client-id", CLIENT_ID,
        "--redirect-uri", f"{panel}/callback", "--jwks-url", f"{panel}/jwks/{hospital.tenant}",
    ]  # fmt: skip


async def _load(services: TwoServices, hospitals: tuple[Hospital, Hospital], launches: int) -> Tally:
    async with cookieless_client(2 * AT_ONCE) as client:
        load = Load(services, hospitals, client, launches)
        await load.run()
        return load.tally


if __name__ == "__main__":
    main()
