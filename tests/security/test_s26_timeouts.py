"""S-26: two seconds to connect, five to read, eight for the whole panel; a slow source is missing alone."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ehr.http import ehr_http_client
from app.sandbox.faults import Fault
from app.settings import Settings
from smart_launch.endpoints import TIMEOUT, TOTAL_SECONDS
from tests.security.world import World, build_world


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator[World]:
    built = build_world(tmp_path, settings={"LTOT_PANEL_BUDGET": "4"})
    yield built
    built.close()


async def test_a_slow_source_is_missing_alone_and_the_panel_keeps_its_time(hurried: World) -> None:
    browser = hurried.browser()
    address = await browser.open()
    hurried.sites["north"].faults.add(Fault("slow", resource_type="Condition", seconds=600))
    started = time.monotonic()
    shown = (await browser.get(f"{address}/content", accept="application/json")).json()
    assert time.monotonic() - started < 60
    incomplete = {source["kind"] for source in shown["sources"] if not source["complete"]}
    assert "Condition" in incomplete
    assert "MedicationRequest" not in incomplete


def test_the_times_are_the_promised_ones() -> None:
    client = ehr_http_client()
    assert (client.timeout.connect, client.timeout.read) == (2.0, 5.0)
    assert (TIMEOUT.connect, TIMEOUT.read, TOTAL_SECONDS) == (2.0, 5.0, 8.0)
    assert Settings.__dataclass_fields__["panel_budget"].default == 8.0
