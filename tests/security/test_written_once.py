"""An entry is at the EHR once, whatever becomes of the attempts to write it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from app.jobs.write_back import OPTION
from app.sandbox.faults import Fault
from tests.security.world import Browser, World


@pytest.fixture
def clinic(world: World) -> World:
    tenant = replace(world.service.tenants.get("north"), roles={"clinician": ("*",)}, options={OPTION: True})
    world.service.tenants.save(tenant, world.service.now())
    return world


def unreachable(request: httpx2.Request) -> httpx2.Response | None:
    if request.method == "POST" and "/fhir/" in request.url.path:
        raise httpx2.ConnectError("no route")
    return None


async def test_an_attempt_that_surely_failed_settles_nothing_about_a_doubtful_one(clinic: World) -> None:
    browser, site, patient = clinic.browser(), clinic.sites["north"], clinic.patient()
    held = len(site.records.of("Procedure"))
    address = await browser.open()

    async def send(path: str, form: dict[str, str]) -> str:
        # The chart does not tell meanwhile, so nothing settles the doubt.
        site.faults.add(Fault("500", resource_type="Procedure", times=1))
        clinic.clock.pass_by(seconds=1)
        await browser.send("POST", f"{address}/{path}", form, sec_fetch_site="same-origin")
        return (await browser.get(f"{address}?whole=1")).text

    site.faults.add(Fault("lost_answer", resource_type="$create", times=1))
    page = await send("records", {"do": "pdmp:expected", "gap": "G01"})
    assert "Not known whether it is in the EHR" in page
    (kept,) = clinic.service.records.of_patient("north", patient)
    clinic.network.changes.append(unreachable)
    page = await send(f"records/{kept.entry.id}/retry", {})
    assert "Not known whether it is in the EHR: the EHR could not be reached" in page
    clinic.network.changes.clear()
    page = await send(f"records/{kept.entry.id}/retry", {})
    assert "In the EHR as Procedure/" in page
    assert len(site.records.of("Procedure")) == held + 1


async def recorded(clinic: World, *forms: dict[str, str]) -> tuple[Browser, str]:
    """A panel in which these forms were sent, some seconds apart."""
    browser = clinic.browser()
    address = await browser.open()
    for form in forms:
        clinic.clock.pass_by(seconds=5)
        await browser.send("POST", f"{address}/records", form, sec_fetch_site="same-origin")
    return browser, address


async def gap_of(browser: Browser, address: str, number: str) -> dict[str, Any]:
    shown = (await browser.get(f"{address}/content", accept="application/json")).json()
    return next(gap for gap in shown["gaps"] if gap["id"] == number)


@pytest.mark.parametrize(("first", "second"), [("expected", "unexpected"), ("unexpected", "expected")])
@pytest.mark.parametrize("_again", range(3))
async def test_a_correction_of_the_same_day_counts_whatever_ids_the_ehr_gives(
    clinic: World, first: str, second: str, _again: int
) -> None:
    forms = ({"do": f"pdmp:{outcome}", "gap": "G02"} for outcome in (first, second))
    browser, address = await recorded(clinic, *forms)
    assert f": {second}" in (await gap_of(browser, address, "G02"))["text"]
    page = (await browser.get(f"{address}?whole=1")).text
    assert page.count("In the EHR as Procedure/") == 1
    assert page.count("Replaced or taken back, so it does not count; written to the EHR as Procedure/") == 1


async def test_what_was_taken_back_in_doubt_does_not_count_when_the_chart_holds_it(clinic: World) -> None:
    site = clinic.sites["north"]
    site.faults.add(Fault("lost_answer", resource_type="$create", times=1))
    browser, address = await recorded(clinic, {"do": "pdmp:unexpected", "gap": "G02"})
    (kept,) = clinic.service.records.of_patient("north", clinic.patient())
    clinic.clock.pass_by(seconds=5)
    path = f"{address}/records/{kept.entry.id}/withdraw"
    assert (await browser.send("POST", path, {}, sec_fetch_site="same-origin")).status_code == 303
    assert "unexpected" not in (await gap_of(browser, address, "G02"))["text"]
    page = (await browser.get(f"{address}?whole=1")).text
    assert "Replaced or taken back, so it does not count; written to the EHR as Procedure/" in page


@pytest.mark.parametrize("way", ["deleted", "a mistake", "a mistake whose words are hidden"])
async def test_what_the_ehr_removed_does_not_count_and_its_row_says_so(clinic: World, way: str) -> None:
    browser, address = await recorded(clinic, {"do": "pdmp:unexpected", "gap": "G02"})
    site = clinic.sites["north"]
    (kept,) = clinic.service.records.of_patient("north", clinic.patient())
    assert "unexpected" in (await gap_of(browser, address, "G02"))["text"]
    written = site.records.get("Procedure", kept.reference.partition("/")[2])
    assert written is not None
    if way == "deleted":
        site.records.put({**written, "subject": {"reference": "Patient/nobody"}})
        clinic.network.changes.append(_without(kept.reference))
    elif way == "a mistake":
        site.records.put({**written, "status": "entered-in-error"})
    else:
        site.records.put({**written, "status": "entered-in-error", "code": {"text": "Error"}})
    assert "unexpected" not in (await gap_of(browser, address, "G02"))["text"]
    if way == "deleted":
        page = (await browser.get(f"{address}?whole=1")).text
        assert f"It was {kept.reference} in the EHR, which no longer has it, so it does not count." in page


async def test_no_answer_about_an_entry_removes_nothing(clinic: World) -> None:
    browser, address = await recorded(clinic, {"do": "pdmp:unexpected", "gap": "G02"})
    (kept,) = clinic.service.records.of_patient("north", clinic.patient())
    clinic.sites["north"].faults.add(Fault("500", resource_type="Procedure"))
    assert "unexpected" in (await gap_of(browser, address, "G02"))["text"]
    page = (await browser.get(f"{address}?whole=1")).text
    assert f"In the EHR as {kept.reference}" in page


def _without(reference: str) -> Callable[[httpx2.Request], httpx2.Response | None]:
    """An EHR that has deleted the resource."""
    return lambda request: httpx2.Response(410) if request.url.path.endswith(f"/{reference}") else None
