"""An entry is at the EHR once, whatever becomes of the attempts to write it."""

from __future__ import annotations

from dataclasses import replace

import httpx2
import pytest

from app.jobs.write_back import OPTION
from app.sandbox.faults import Fault
from tests.security.world import World


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
