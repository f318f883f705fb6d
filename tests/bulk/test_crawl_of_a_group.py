"""A crawl of a group's members: who is read, and what a crash leaves."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.ehr.bulk import status
from app.ehr.bulk.job_state import Stage
from tests.bulk.conftest import BASE, Export, Service
from tests.bulk.test_crashes import Killed, Steps, dying, go_on

MEMBERS = [
    {"entity": {"reference": "Patient/p-1"}},
    {"entity": {"reference": f"{BASE}/Patient/p-2"}},
    {"entity": {"reference": "Patient/gone"}, "inactive": True},
    {"entity": {"reference": "Practitioner/d-1"}},
    {"entity": {"reference": "Patient/p-1"}},
    {"entity": {"reference": "Patient/p-3"}},
]


def answers(members: list[dict[str, Any]] = MEMBERS) -> dict[str, Any]:
    def patient(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(
            200, json={"resourceType": "Patient", "id": str(request.url).rsplit("/", 1)[-1]}
        )

    def orders(request: httpx2.Request) -> httpx2.Response:
        owner = request.url.params["patient"]
        order = {"resourceType": "MedicationRequest", "id": f"m-{owner}", "note": [{"text": "two\nlines"}]}
        body = json.dumps({"resourceType": "Bundle", "entry": [{"resource": order}]}, indent=2)
        return httpx2.Response(200, content=body)

    group = {"resourceType": "Group", "id": "g-1", "member": members}
    return {
        f"GET {BASE}/Group/g-1": [httpx2.Response(200, json=group)],
        **{f"GET {BASE}/Patient/p-{number}": [patient] for number in (1, 2, 3)},
        f"GET {BASE}/MedicationRequest": [orders],
    }


OPTIONS: dict[str, Any] = {"crawl": True, "types": ("MedicationRequest",)}


@pytest.fixture
def group(service: Service) -> Service:
    service.answers = answers()
    return service


async def test_active_members_who_are_patients_are_read_once(export: Export, group: Service) -> None:
    result = await export.run(**OPTIONS)
    assert result.complete
    lines = export.data()["MedicationRequest.001.ndjson"].splitlines()
    assert sorted(json.loads(text)["id"] for text in lines) == ["m-p-1", "m-p-2", "m-p-3"]
    assert json.loads(lines[0])["note"] == [{"text": "two\nlines"}]
    assert (status(export.folder).done, status(export.folder).total) == (3, 3)
    assert result.transaction_time == "2026-03-10T12:00:00+00:00"


async def test_a_member_named_with_a_version_is_the_patient_and_not_the_version(
    export: Export, service: Service
) -> None:
    members = [{"entity": {"reference": f"{at}Patient/p-1/_history/3"}} for at in ("", f"{BASE}/")]
    service.answers = answers(members)
    assert (await export.run(**OPTIONS)).complete
    assert [json.loads(text)["id"] for text in export.data()["Patient.001.ndjson"].splitlines()] == ["p-1"]


@pytest.mark.parametrize(
    "entity",
    [
        {"reference": "Group/g-2"},
        {"identifier": {"value": "123"}},
        {"reference": "urn:uuid:3f2504e0-4f89-11d3-9a0c-0305e82c3301"},
        {"reference": "https://other.example.org/fhir/Patient/p-2"},
    ],
    ids=["group", "identifier", "urn", "another server"],
)
async def test_a_member_who_cannot_be_followed_is_never_left_out_in_silence(
    entity: dict[str, Any], export: Export, service: Service
) -> None:
    service.answers = answers([*MEMBERS, {"entity": entity}])
    result = await export.run(**OPTIONS)
    assert result.exit_code == 3
    assert result.sentence.startswith("1 of the group's members are named in a way")


async def test_the_log_names_no_patient(export: Export, group: Service) -> None:
    await export.run(**OPTIONS)
    log = (export.folder / "log.ndjson").read_text()
    assert "p-1" not in log
    assert [event["eventId"] for event in export.events()][-1] == "export_complete"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx2.Response(403), "The group's members could not be read: the EHR has not granted"),
        (httpx2.Response(200, json={"resourceType": "Group", "member": []}), "The group names no patient"),
        (
            httpx2.Response(200, json={"resourceType": "Group", "member": [{"entity": 1}]}),
            "could not be read",
        ),
    ],
)
async def test_a_group_without_members_to_read_is_said(
    export: Export, group: Service, answer: httpx2.Response, said: str
) -> None:
    group.on(f"GET {BASE}/Group/g-1", answer)
    result = await export.run(**OPTIONS)
    assert result.exit_code == 3
    assert said in result.sentence


async def test_files_of_a_finished_crawl_that_vanish_are_noticed(export: Export, group: Service) -> None:
    await export.run(**OPTIONS)
    (export.folder / "Patient.001.ndjson").unlink()
    result = await export.resume()
    assert "are gone from the folder" in result.sentence


async def test_without_a_token_a_crawl_ends_with_a_sentence(export: Export, group: Service) -> None:
    group.on(f"GET {BASE}/Patient/p-2", httpx2.Response(401))
    result = await export.run(**OPTIONS)
    assert (result.exit_code, result.state) == (3, Stage.CRAWLING)
    assert "no longer accepts this service's credentials" in result.sentence


async def test_killed_at_every_step_a_crawl_resumes_to_the_same_charts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ehr.bulk.crawl.BATCH", 2)
    die_at = 0
    while True:
        die_at += 1
        service = Service()
        service.answers = answers()
        export = Export(service, tmp_path / str(die_at))
        try:
            with dying(Steps(die_at), service):
                await export.run(**OPTIONS)
            break
        except Killed:
            service.answers = answers()
        result = await go_on(export, **OPTIONS)
        assert result.complete, (die_at, result)
        ids = sorted(
            json.loads(text)["id"] for content in export.data().values() for text in content.splitlines()
        )
        assert ids == ["m-p-1", "m-p-2", "m-p-3", "p-1", "p-2", "p-3"], die_at
        await service.http.aclose()
    await service.http.aclose()
    assert die_at > 50
