"""S-13: a page of another patient is refused, and a resource of another patient is dropped and reported."""

import json
import re

import httpx2
import pytest

from app.sandbox.faults import Fault
from tests.security.world import World


async def test_a_page_that_claims_another_patient_is_refused(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    fingerprint = re.search(
        r'data-patient="([0-9a-f]{64})"|"([0-9a-f]{64})"', (await browser.get(address)).text
    )
    assert fingerprint is not None
    own = fingerprint[1] or fingerprint[2]
    assert (await browser.get(f"{address}/content", x_ltot_patient=own)).status_code == 200
    for other in ("0" * 64, own[:-1], "", own.upper() + "x"):
        refused = await browser.get(f"{address}/content", x_ltot_patient=other)
        assert refused.status_code == 403
        assert "LT-120" in refused.text


async def test_fingerprints_of_one_patient_differ_between_hospitals(world: World) -> None:
    sessions = world.service.sessions
    assert sessions.fingerprint("north", "p1") != sessions.fingerprint("south", "p1")


async def test_the_patient_comes_from_the_token_answer_alone(world: World) -> None:
    """Whatever an address, further context or an intent says: the chart is that of the token's patient."""
    own, other = world.patient(number=0), world.patient(number=1)
    original = world.network.hosts["north.example.org"]

    class WithContext(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            answer = await original.handle_async_request(request)
            if not request.url.path.endswith("/auth/token"):
                return answer
            await answer.aread()
            context = [{"reference": f"Patient/{other}"}, {"reference": "Encounter/other"}]
            more = {"intent": "something-new", "fhirContext": context}
            return httpx2.Response(200, json={**json.loads(answer.content), **more})

    world.network.hosts["north.example.org"] = WithContext()
    browser = world.browser()
    link = f"{browser.link(patient=own)}&patient={other}&encounter=other"
    started = await browser.get(link)
    callback = await browser.authorize(started.headers["location"])
    opened = await browser.get(f"{callback}&patient={other}&encounter=other&intent=x")
    assert opened.status_code == 303
    address = opened.headers["location"]
    for more in ("", f"?patient={other}", f"?patient={other}&whole=1"):
        shown = await browser.get(f"{address}/content{more}", accept="application/json")
        assert (shown.status_code, shown.json()["patient"]) == (200, own)


async def test_a_server_that_ignores_what_is_asked_for_shows_no_other_patient(world: World) -> None:
    """Some servers answer every search with everything they hold."""
    browser, records = world.browser(), world.sites["north"].records
    address = await browser.open()
    honest = (await browser.get(f"{address}/content", accept="application/json")).json()

    def everything(request: httpx2.Request) -> httpx2.Response | None:
        kind = request.url.path.rpartition("/")[2]
        if request.method != "GET" or kind not in records.types() or kind == "Patient":
            return None
        entries = [{"resource": one, "search": {"mode": "match"}} for one in records.of(kind)]
        return httpx2.Response(200, json={"resourceType": "Bundle", "type": "searchset", "entry": entries})

    world.network.changes.append(everything)
    shown = (await browser.get(f"{address}/content", accept="application/json")).json()
    assert sum(issue["code"] == "foreign_patient" for issue in shown["issues"]) > 20
    assert shown["patient"] == honest["patient"]
    assert shown["mme"]["contributions"] == honest["mme"]["contributions"]
    assert shown["mme"]["current"] == honest["mme"]["current"]
    own = {ref for gap in honest["gaps"] for ref in gap["refs"]}
    assert {ref for gap in shown["gaps"] for ref in gap["refs"]} <= own


async def test_a_resource_of_another_patient_is_dropped_and_reported(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    world.sites["north"].faults.add(Fault("foreign_resource", resource_type="MedicationRequest"))
    shown = (await browser.get(f"{address}/content", accept="application/json")).json()
    assert shown["patient"] == world.patient()
    assert any(issue["code"] == "foreign_patient" for issue in shown["issues"]), shown["issues"]
    theirs = [issue["ref"] for issue in shown["issues"] if issue["code"] == "foreign_patient"]
    assert not set(theirs) & {ref for gap in shown["gaps"] for ref in gap["refs"]}
    assert not set(theirs) & {item["ref"] for item in shown["mme"]["contributions"]}


@pytest.mark.parametrize("also_the_patient", [False, True])
async def test_a_record_merged_into_another_is_not_an_empty_chart(
    world: World, also_the_patient: bool
) -> None:
    """Some servers answer for a merged record with the resources of the one that goes on."""
    browser, own = world.browser(), world.patient()
    address = await browser.open()
    original = world.network.hosts["north.example.org"]

    class Merged(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            answer = await original.handle_async_request(request)
            await answer.aread()
            text = answer.content.decode()
            if "/fhir/Patient/" not in request.url.path:
                text = text.replace(f"Patient/{own}", "Patient/survivor")
            elif also_the_patient:
                text = text.replace(f'"{own}"', '"survivor"')
            return httpx2.Response(answer.status_code, content=text)

    world.network.hosts["north.example.org"] = Merged()
    answer = await browser.get(f"{address}/content", accept="application/json")
    if also_the_patient:
        assert (answer.status_code, answer.json()["code"]) == (504, "LT-201")
        return
    shown = answer.json()
    assert shown["ltot"]["status"] == "cannot_tell"
    assert (shown["mme"]["current"], shown["mme"]["complete"]) == (None, False)


async def test_a_record_that_another_one_has_taken_the_place_of_is_not_shown(world: World) -> None:
    """What it held may be found there alone, so its emptiness proves nothing."""

    def merged(request: httpx2.Request) -> httpx2.Response | None:
        if not re.search(r"/fhir/Patient/[^/]+$", request.url.path):
            return None
        link = {"other": {"reference": "Patient/other"}, "type": "replaced-by"}
        id_ = request.url.path.rpartition("/")[2]
        return httpx2.Response(
            200, json={"resourceType": "Patient", "id": id_, "active": False, "link": [link]}
        )

    browser = world.browser()
    address = await browser.open()
    world.network.changes.append(merged)
    refused = await browser.get(f"{address}/content")
    assert (refused.status_code, "LT-201" in refused.text) == (504, True)
    assert "open the panel from the chart that took its place" in refused.text
    assert "MME" not in refused.text
