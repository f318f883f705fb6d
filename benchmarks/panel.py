"""What the service adds to a panel, on top of the EHR's own time.

The sandbox EHR answers every search after 300 ms.  In the same run a bare client makes the same searches with the
same token, side by side, following every page; the slowest of its chains is the floor no panel can be under.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
import urllib.request
from urllib.parse import urlencode

import httpx2

from app.ehr.vendors import PATIENT, Search, vendor_profile
from app.jobs.demo import DemoAddresses, free_port, run_demo
from app.jobs.demo_check import Chart
from app.jobs.service import Service
from app.main import create_app
from app.web.render import STATIC_FOLDER

DELAY = 0.3
ROUNDS = 15
PATIENT_ID = "sandbox-partial"


def main() -> None:
    addresses = DemoAddresses(free_port(), free_port())
    services: list[Service] = []

    def app_of(service: Service) -> object:
        services.append(service)
        return create_app(service)

    with run_demo(addresses, app_of):  # type: ignore[arg-type]
        _slow(addresses)
        chart = Chart(addresses, PATIENT_ID)
        chart.content()
        first = [_timed(lambda: chart.read(chart.address)) for _ in range(ROUNDS)]
        full = [_timed(chart.content) for _ in range(ROUNDS)]
        token = _token(services[0], chart)
        floor = [asyncio.run(_slowest_chain(addresses, token)) for _ in range(ROUNDS)]
        html = len(chart.read(chart.address)) + len(chart.content().encode())
    shown = ("icon.svg", "panel.css", "panel.js")
    static = sum((STATIC_FOLDER / name).stat().st_size for name in shown)
    added = (statistics.median(full) - statistics.median(floor)) * 1000
    print(f"first byte to last of the page: median {statistics.median(first) * 1000:.0f} ms")
    print(
        f"content, every search taking {DELAY * 1000:.0f} ms: median {statistics.median(full) * 1000:.0f} ms"
    )
    print(f"slowest chain of the same searches, bare client: median {statistics.median(floor) * 1000:.0f} ms")
    ratio = statistics.median(full) / statistics.median(floor)
    print(f"added by the service: median {added:.0f} ms, ratio {ratio:.2f}")
    print(f"HTML {html} B + style and script {static} B = {(html + static) / 1000:.1f} kB")


def _slow(addresses: DemoAddresses) -> None:
    body = json.dumps({"kind": "slow", "seconds": DELAY}).encode()
    request = urllib.request.Request(
        addresses.ehr + "/faults", body, {"Content-Type": "application/json"}, method="POST"
    )
    urllib.request.urlopen(request).close()


def _timed(call: object) -> float:
    started = time.perf_counter()
    call()  # type: ignore[operator]
    return time.perf_counter() - started


def _token(service: Service, chart: Chart) -> str:
    launch_id = chart.address.rpartition("/")[2]
    launch = service.sessions.load(launch_id, chart.cookie(launch_id), service.now())
    return launch.tokens.access_token.reveal()


async def _slowest_chain(addresses: DemoAddresses, token: str) -> float:
    profile = vendor_profile("generic")
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as client:
        chains = [
            _chain(client, addresses.fhir, search, profile.count(search.kind))
            for plans in profile.plans.values()
            for search in plans[0]
        ]
        return max(await asyncio.gather(*chains))


async def _chain(client: httpx2.AsyncClient, base: str, search: Search, count: int | None) -> float:
    started = time.perf_counter()
    values = [
        (name, value.replace(PATIENT, PATIENT_ID))
        for name, value in search.params
        if "{" not in value or value == PATIENT
    ]
    url: str | None = (
        f"{base}/{search.kind}?{urlencode([*values, *([('_count', str(count))] if count else [])])}"
    )
    while url:
        answer = await client.get(url)
        links = answer.json().get("link", []) if answer.status_code == 200 else []
        url = next((link["url"] for link in links if link["relation"] == "next"), None)
    return time.perf_counter() - started
