"""Each fault spoils the request it was set for, in the way it says, and no other."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from app.sandbox.faults import Fault
from tests.sandbox.conftest import Ehr, matched


async def search(ehr: Ehr, kind: str = "MedicationRequest", state: str = "Clean"):
    patient = ehr.patient(state)
    token = (await ehr.launch(patient))["access_token"]
    return await ehr.get(f"{kind}?patient={patient}", token)


def with_fault(start: Callable[..., Ehr], kind: str, **members: Any) -> Ehr:
    return start(faults=[Fault(kind, "MedicationRequest", **members)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "status", "content_type", "body"),
    [
        ("429", 429, None, b""),
        ("500", 500, "text/plain; charset=utf-8", b"Internal error"),
        ("empty_403", 403, None, b""),
        ("html_404", 404, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
    ],
)
async def test_answers_instead_of_data(
    start: Callable[..., Ehr], kind: str, status: int, content_type: str | None, body: bytes
):
    ehr = with_fault(start, kind, retry_after=7)
    answer = await search(ehr)
    assert answer.status_code == status
    assert answer.headers.get("content-type") == content_type
    assert answer.content.startswith(body)
    assert answer.headers.get("retry-after") == ("7" if kind == "429" else None)
    assert (await search(ehr, "Condition")).status_code == 200


async def test_a_cut_body_is_not_json(start: Callable[..., Ehr]):
    answer = await search(with_fault(start, "truncated_json"))
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        answer.json()


async def test_a_slow_answer_is_a_whole_answer(start: Callable[..., Ehr]):
    ehr = with_fault(start, "slow", seconds=0.2)
    began = time.monotonic()
    answer = await search(ehr)
    assert time.monotonic() - began >= 0.2
    assert len(matched(answer.json())) == 15


async def next_link(answer: Any) -> str:
    return next(link["url"] for link in answer.json()["link"] if link["relation"] == "next")


async def test_a_broken_next_link_leads_nowhere(start: Callable[..., Ehr]):
    ehr = with_fault(start, "broken_next")
    link = await next_link(await search(ehr))
    token = (await ehr.launch(ehr.patient("Clean")))["access_token"]
    assert link.startswith(ehr.fhir)
    assert (await ehr.get(link, token)).status_code == 404


async def test_a_paging_loop_comes_back_to_itself(start: Callable[..., Ehr]):
    ehr = with_fault(start, "paging_loop")
    answer = await search(ehr)
    link = await next_link(answer)
    token = (await ehr.launch(ehr.patient("Clean")))["access_token"]
    assert await next_link(await ehr.get(link, token)) == link


async def test_a_foreign_next_link_leaves_the_server(start: Callable[..., Ehr]):
    assert (await next_link(await search(with_fault(start, "foreign_next")))).startswith(
        "https://elsewhere.invalid/"
    )


async def test_a_foreign_resource_is_another_patients(start: Callable[..., Ehr]):
    ehr = with_fault(start, "foreign_resource")
    subjects = {r["subject"]["reference"] for r in matched((await search(ehr)).json())}
    assert len(subjects) == 2
    assert f"Patient/{ehr.patient('Clean')}" in subjects


async def test_a_fault_for_one_patient_spares_the_others(start: Callable[..., Ehr]):
    ehr = start(faults=[Fault("500", patient="sandbox-high")])
    assert (await search(ehr, state="High")).status_code == 500
    assert (await search(ehr, state="Clean")).status_code == 200


async def test_a_fault_can_be_used_up(start: Callable[..., Ehr]):
    ehr = with_fault(start, "429", times=2)
    assert [(await search(ehr)).status_code for _ in range(3)] == [429, 429, 200]


async def test_faults_are_set_and_cleared_over_http(ehr: Ehr):
    assert (
        await ehr.http.post("/faults", json={"kind": "500", "resource_type": "Condition"})
    ).status_code == 201
    assert (await search(ehr, "Condition")).status_code == 500
    assert (await ehr.http.delete("/faults")).status_code == 204
    assert (await search(ehr, "Condition")).status_code == 200
    assert (await ehr.http.get("/faults")).json() == []


@pytest.mark.parametrize(
    "body", [{}, {"kind": "melt"}, {"kind": "500", "when": "now"}, {"kind": "slow", "seconds": "long"}, []]
)
async def test_a_senseless_fault_is_refused(ehr: Ehr, body: object):
    assert (await ehr.http.post("/faults", json=body)).status_code == 400


async def test_the_storm_chart_is_stormy_on_every_visit(start: Callable[..., Ehr]):
    for flavour in ("generic", "epic", "oracle"):
        ehr = start(flavour=flavour)
        patient = ehr.patient("Storm")
        scope = "launch patient/Observation.rs patient/MedicationRequest.rs"
        token = (await ehr.launch(patient, scope))["access_token"]
        for _ in range(3):
            stormy = await ehr.get(f"Observation?patient={patient}&category=survey", token)
            assert (stormy.status_code, stormy.headers["retry-after"]) == (429, "30")
        assert (await ehr.get(f"MedicationRequest?patient={patient}", token)).status_code == 200
