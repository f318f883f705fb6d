"""An export that goes well: what is asked, what is on disk, what is said and logged."""

import json
import stat
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from app.ehr.bulk import Level, status
from app.ehr.bulk.job_state import Stage, StateError
from tests.bulk.conftest import BASE, HOST, STATUS, Export, Service, line, ndjson, outcome_line


async def test_every_file_is_here_and_the_server_is_told(export: Export, service: Service) -> None:
    result = await export.run()
    assert (result.complete, result.exit_code) == (True, 0)
    assert result.sentence == "All 2 files with 5 resources are here and verified."
    assert export.data() == {
        "Patient.001.ndjson": service.contents["Patient.ndjson"],
        "Observation.001.ndjson": service.contents["Observation.ndjson"],
    }
    assert len(service.asked("DELETE", STATUS)) == 1
    assert result.transaction_time == "2026-03-10T11:59:00Z"
    found = status(export.folder)
    assert (found.stage, found.done, found.total, found.resources) == (Stage.COMPLETE, 2, 2, 5)


async def test_the_kick_off_says_everything_asked_for(export: Export, service: Service) -> None:
    await export.run(
        types=("Patient", "MedicationRequest"),
        since="2026-01-31T00:00:00+01:00",
        type_filters=("MedicationRequest?status=active,completed", "Observation?category=laboratory"),
        elements=("id", "MedicationRequest.status"),
        headers={"X-Site": "7"},
    )
    request = service.requests[0]
    assert (request.headers["accept"], request.headers["prefer"]) == (
        "application/fhir+json",
        "respond-async",
    )
    assert (request.headers["authorization"], request.headers["x-site"]) == ("Bearer secret-token", "7")
    assert parse_qs(urlsplit(str(request.url)).query) == {
        "_outputFormat": ["application/fhir+ndjson"],
        "_type": ["Patient,MedicationRequest"],
        "_since": ["2026-01-31T00:00:00+01:00"],
        "_typeFilter": ["MedicationRequest?status=active,completed", "Observation?category=laboratory"],
        "_elements": ["id,MedicationRequest.status"],
    }


@pytest.mark.parametrize(
    ("level", "path"),
    [(Level.SYSTEM, "$export"), (Level.PATIENT, "Patient/$export"), (Level.GROUP, "Group/g-1/$export")],
)
async def test_each_level_has_its_address(export: Export, service: Service, level: Level, path: str) -> None:
    service.on(f"GET {BASE}/{path}", httpx2.Response(202, headers={"Content-Location": STATUS}))
    result = await export.run(level=level, group="g-1" if level is Level.GROUP else None)
    assert result.complete


async def test_a_list_of_patients_is_posted_and_never_logged(export: Export, service: Service) -> None:
    service.on(f"POST {BASE}/Patient/$export", httpx2.Response(202, headers={"Content-Location": STATUS}))
    result = await export.run(
        level=Level.PATIENT, group=None, patients=("p-77", "p-78"), types=("Patient", "Condition"),
        type_filters=("Condition?code=1,2",), since="2026-01-01T00:00:00Z",
    )  # fmt: skip
    assert result.complete
    body = json.loads(service.requests[0].content)
    assert body["resourceType"] == "Parameters"
    assert body["parameter"] == [
        {"name": "_outputFormat", "valueString": "application/fhir+ndjson"},
        {"name": "_type", "valueString": "Patient"},
        {"name": "_type", "valueString": "Condition"},
        {"name": "_typeFilter", "valueString": "Condition?code=1,2"},
        {"name": "_since", "valueInstant": "2026-01-01T00:00:00Z"},
        {"name": "patient", "valueReference": {"reference": "Patient/p-77"}},
        {"name": "patient", "valueReference": {"reference": "Patient/p-78"}},
    ]
    assert "p-77" not in (export.folder / "log.ndjson").read_text()


async def test_a_server_without_get_is_asked_by_post(export: Export, service: Service) -> None:
    service.on(f"GET {BASE}/Group/g-1/$export", httpx2.Response(405))
    service.on(f"POST {BASE}/Group/g-1/$export", httpx2.Response(202, headers={"Content-Location": STATUS}))
    assert (await export.run()).complete


async def test_nobody_else_can_read_the_folder(export: Export) -> None:
    await export.run()
    assert stat.S_IMODE(export.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in export.folder.iterdir()} == {0o600}


async def test_no_token_is_ever_on_disk(export: Export) -> None:
    await export.run()
    for path in export.folder.iterdir():
        assert b"secret-token" not in path.read_bytes()


async def test_the_manifest_is_kept_as_sent(export: Export, service: Service) -> None:
    service.answer_manifest(vendorExtension={"kept": True})
    await export.run()
    assert json.loads((export.folder / "manifest.json").read_text())["vendorExtension"] == {"kept": True}


async def test_the_log_tells_the_story_in_the_shared_format(export: Export, service: Service) -> None:
    await export.run(types=("Patient",), parallel=1)
    events = export.events()
    assert [event["eventId"] for event in events] == [
        "kickoff", "status_progress", "status_page_complete", "status_complete", "manifest_complete",
        "download_request", "download_complete", "download_request", "download_complete", "export_complete",
    ]  # fmt: skip
    assert {frozenset(event) for event in events} == {
        frozenset({"exportId", "timestamp", "eventId", "eventDetail"})
    }
    assert len({event["exportId"] for event in events}) == 1
    details = {event["eventId"]: event["eventDetail"] for event in events}
    assert details["kickoff"]["requestParameters"]["_type"] == "Patient"
    assert details["status_progress"]["xProgress"] == "50%"
    assert details["status_complete"] == {"transactionTime": "2026-03-10T11:59:00Z"}
    assert details["manifest_complete"]["outputFileCount"] == 2
    assert details["export_complete"]["resources"] == 5
    assert details["export_complete"]["files"] == 2


async def test_addresses_in_the_log_carry_no_signature(export: Export, service: Service) -> None:
    output = [{"type": "Observation", "url": f"{HOST}/files/Observation.ndjson?sig=hidden", "count": 3}]
    service.answer_manifest(output=output)
    assert (await export.run()).complete
    assert "hidden" not in (export.folder / "log.ndjson").read_text()


async def test_deleted_resources_are_counted_and_taken_out(export: Export, service: Service) -> None:
    entries = [{"request": {"method": "DELETE", "url": url}} for url in ("Observation/o-2", "Condition/c-9")]
    bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()
    service.on(f"GET {HOST}/files/deleted", lambda _: service.file(bundle))
    service.answer_manifest(deleted=[{"type": "Bundle", "url": f"{HOST}/files/deleted", "count": 1}])
    result = await export.run()
    assert result.complete
    assert [json.loads(text)["id"] for text in export.data()["Observation.001.ndjson"].splitlines()] == [
        "o-1",
        "o-3",
    ]
    assert json.loads((export.folder / "export.json").read_text())["deleted"] == {
        "Condition": 1,
        "Observation": 1,
    }
    assert (await export.resume()).complete


async def test_deletions_that_cannot_be_read_leave_the_export_incomplete(
    export: Export, service: Service
) -> None:
    service.on(f"GET {HOST}/files/gone", lambda _: service.file(b'{"resourceType":"Bundle","entry":5}'))
    service.answer_manifest(deleted=[{"type": "Bundle", "url": f"{HOST}/files/gone"}])
    result = await export.run()
    assert (result.complete, result.sentence) == (False, "What the EHR lists as deleted cannot be read.")


async def test_remarks_of_the_ehr_are_passed_on(export: Export, service: Service) -> None:
    content = outcome_line("warning", "suppressed")
    service.on(f"GET {HOST}/files/errors", lambda _: service.file(content))
    service.answer_manifest(error=[{"type": "OperationOutcome", "url": f"{HOST}/files/errors"}])
    result = await export.run()
    assert result.complete
    assert result.warnings == ("the EHR reported: suppressed (1 times)",)


async def test_an_empty_export_says_so(export: Export, service: Service) -> None:
    service.answer_manifest(output=[])
    result = await export.run()
    assert result.complete
    assert result.sentence == "The export is complete, and it holds no resource at all."
    assert "The export holds no resource at all." in result.warnings


async def test_pages_of_a_manifest_are_all_read(export: Export, service: Service) -> None:
    first, second = service.manifest_members()["output"]
    link = [{"relation": "next", "url": f"{STATUS}?page=2"}]

    def page(request: httpx2.Request) -> httpx2.Response:
        if "page" in request.url.params:
            return service.manifest(output=[second])
        return service.manifest(output=[first], link=link)

    service.on(f"GET {STATUS}", page)
    result = await export.run()
    assert (result.complete, len(export.data())) == (True, 2)
    assert len(list(export.folder.glob("manifest*.json"))) == 2


async def test_files_organised_by_patient_may_mix_types_and_have_headers(
    export: Export, service: Service
) -> None:
    content = ndjson("Parameters", "h") + ndjson("Patient", "p-1") + ndjson("Condition", "c-1")
    service.on(f"GET {HOST}/files/mixed", lambda _: service.file(content))
    service.answer_manifest(outputOrganizedBy="Patient", output=[{"url": f"{HOST}/files/mixed", "count": 2}])
    result = await export.run()
    assert (result.complete, result.resources) == (True, 2)


async def test_the_names_of_files_are_ours(export: Export, service: Service) -> None:
    service.on(f"GET {HOST}/etc/passwd", lambda _: service.good())
    output = [{"type": "Observation", "url": f"{HOST}/files/../etc/passwd", "count": 3}] * 1
    service.answer_manifest(output=output)
    await export.run()
    assert list(export.data()) == ["Observation.001.ndjson"]


async def test_a_folder_with_an_export_is_not_written_over(export: Export) -> None:
    await export.run()
    with pytest.raises(StateError, match="already holds an export"):
        await export.run()


async def test_an_export_can_be_cancelled_and_then_is_not_resumed(export: Export, service: Service) -> None:
    service.on_file(httpx2.Response(404))
    assert (await export.run()).exit_code == 3
    result = await export.cancel()
    assert (result.state, result.exit_code) == (Stage.CANCELLED, 0)
    assert len(service.asked("DELETE", STATUS)) == 1
    assert (await export.resume()).state is Stage.CANCELLED


async def test_a_refused_cancellation_is_said(export: Export, service: Service) -> None:
    service.on_file(httpx2.Response(404))
    await export.run()
    service.on(f"DELETE {STATUS}", httpx2.Response(500))
    result = await export.cancel()
    assert result.exit_code == 3
    assert "did not accept" in result.sentence


async def test_a_server_that_keeps_its_copy_does_not_spoil_the_export(
    export: Export, service: Service
) -> None:
    service.on(f"DELETE {STATUS}", httpx2.Response(500))
    result = await export.run()
    assert result.complete
    assert any("expires by itself" in warning for warning in result.warnings)


async def test_the_server_is_not_told_when_it_should_keep_its_copy(export: Export, service: Service) -> None:
    assert (await export.run(delete_after=False)).complete
    assert service.asked("DELETE", STATUS) == []


async def test_two_processes_do_not_share_a_folder(export: Export, service: Service) -> None:
    from app.ehr.bulk.disk import locked

    await export.run()
    with locked(export.folder), pytest.raises(StateError, match="Another process"):
        await export.resume()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"group": None}, "group"),
        ({"since": "2026-01-31"}, "since"),
        ({"types": ("patient",)}, "types"),
        ({"type_filters": ("status=active",)}, "type_filters"),
        ({"type_filters": ("Observation?_include=x",)}, "type_filters"),
        ({"type_filters": ("Observation?_sort:x=y",)}, "type_filters"),
        ({"base_url": "ehr"}, "base_url"),
        ({"level": Level.SYSTEM, "group": None, "patients": ("p",)}, "patients"),
        ({"crawl": True, "group": None}, "patients"),
        ({"parallel": 0}, "parallel"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(
    export: Export, changes: dict[str, object], named: str
) -> None:
    with pytest.raises(ValueError, match=f"^{named}"):
        export.config(**changes)


async def test_a_drug_named_in_a_first_line_behind_a_byte_order_mark_is_read(
    export: Export, service: Service
) -> None:
    order = line("MedicationRequest", "m-1", medicationReference={"reference": "Medication/d-1"})
    service.contents = {"MedicationRequest.ndjson": b"\xef\xbb\xbf" + order + b"\n"}
    address = f"{HOST}/files/MedicationRequest.ndjson"
    service.on(f"GET {address}", lambda _: service.file(service.contents["MedicationRequest.ndjson"]))
    drug = {"resourceType": "Medication", "id": "d-1"}
    service.on(f"GET {BASE}/Medication/d-1", httpx2.Response(200, json=drug))
    assert (await export.run()).complete
    assert json.loads(export.data()["Medication.read.ndjson"]) == drug
