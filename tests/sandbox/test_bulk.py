"""Bulk exports run from kick-off to delete, with each vendor's limits and each fault."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from app.sandbox.bulk_jobs import BulkOptions
from app.sandbox.faults import Fault
from tests.sandbox.conftest import ASSERTION_TYPE, Ehr, assertion

TYPES = ["Patient", "MedicationRequest", "Observation", "Condition", "MedicationDispense", "Practitioner"]
ASYNC = {"Accept": "application/fhir+json", "Prefer": "respond-async"}


class Exporter:
    """A backend client of one sandbox."""

    def __init__(self, ehr: Ehr, token: str) -> None:
        self.ehr = ehr
        self.bearer = {"Authorization": f"Bearer {token}"}

    @staticmethod
    async def of(ehr: Ehr, key: RSAKey, types: list[str] | None = None) -> "Exporter":
        answer = await ehr.exchange(
            grant_type="client_credentials",
            scope=" ".join(f"system/{name}.rs" for name in types or TYPES),
            client_assertion_type=ASSERTION_TYPE,
            client_assertion=assertion(key, ehr.site.token_url, "backend", ehr.clock.now),
        )
        return Exporter(ehr, answer.json()["access_token"])

    async def group(self) -> str:
        groups = (await self.ehr.http.get("/groups.json")).json()
        return f"Group/{groups[0]['id']}/$export"

    async def start(self, path: str | None = None, method: str = "GET", **options: Any):
        headers = {**self.bearer, **ASYNC, **options.pop("headers", {})}
        url = f"{self.ehr.fhir}/{path or await self.group()}"
        return await self.ehr.http.request(method, url, headers=headers, **options)

    async def get(self, url: str, **headers: str):
        return await self.ehr.http.get(url, headers={**self.bearer, **headers})

    async def finished(self, path: str | None = None, method: str = "GET", **options: Any) -> dict[str, Any]:
        started = await self.start(path, method, **options)
        assert started.status_code == 202, started.text
        status = started.headers["content-location"]
        assert (await self.get(status)).status_code == 202
        done = await self.get(status)
        assert done.status_code == 200
        return done.json()

    async def resources(self, manifest: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for item in manifest["output"]:
            answer = await self.get(item["url"])
            lines = answer.text.splitlines()
            assert len(lines) == item["count"]
            found += [json.loads(line) for line in lines]
        return found


async def test_an_export_holds_every_resource_once(ehr: Ehr, rsa: RSAKey):
    exporter = await Exporter.of(ehr, rsa)
    manifest = await exporter.finished()
    found = [(r["resourceType"], r["id"]) for r in await exporter.resources(manifest)]
    assert sorted(found) == sorted((kind, r["id"]) for kind in TYPES for r in ehr.site.records.of(kind))
    assert manifest["requiresAccessToken"] is True
    assert manifest["error"] == []


async def test_files_are_split_and_compressed(start: Callable[..., Ehr], rsa: RSAKey):
    ehr = start(bulk=BulkOptions(file_lines=50))
    exporter = await Exporter.of(ehr, rsa, ["MedicationRequest"])
    manifest = await exporter.finished()
    orders = len(ehr.site.records.of("MedicationRequest"))
    assert [item["count"] for item in manifest["output"]] == [50] * (orders // 50) + [orders % 50]
    packed = await exporter.get(manifest["output"][0]["url"], **{"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    plain = await exporter.get(manifest["output"][0]["url"], **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == packed.text


@pytest.mark.parametrize("path", ["$export", "Patient/$export"])
async def test_the_generic_flavour_exports_at_every_level(ehr: Ehr, rsa: RSAKey, path: str):
    exporter = await Exporter.of(ehr, rsa, ["Patient"])
    assert len(await exporter.resources(await exporter.finished(path))) == 16


async def test_a_patient_list_is_posted(ehr: Ehr, rsa: RSAKey):
    exporter = await Exporter.of(ehr, rsa)
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "valueReference": {"reference": "Patient/sandbox-high"}},
            {"name": "_type", "valueString": "Patient,Condition"},
        ],
    }
    found = await exporter.resources(await exporter.finished("Patient/$export", "POST", json=body))
    assert {r.get("subject", {}).get("reference", f"Patient/{r['id']}") for r in found} == {
        "Patient/sandbox-high"
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"_type": "Patient"}, 16),
        ({"_type": "Patient", "_since": "2026-03-10T00:00:00Z"}, 16),
        ({"_type": "Patient", "_since": "2026-03-11T00:00:00Z"}, 0),
        ({"_type": "Condition", "_typeFilter": "Condition?code=Z79.891"}, 8),
        ({"_type": "Condition", "_typeFilter": "Condition?code=Z79.891,Condition?code=D57.1"}, 9),
    ],
)
async def test_type_since_and_filters(ehr: Ehr, rsa: RSAKey, query: dict[str, str], expected: int):
    exporter = await Exporter.of(ehr, rsa)
    assert len(await exporter.resources(await exporter.finished(params=query))) == expected


async def test_types_without_a_scope_are_reported_not_exported(ehr: Ehr, rsa: RSAKey):
    exporter = await Exporter.of(ehr, rsa, ["Patient"])
    manifest = await exporter.finished(params={"_type": "Patient,Observation"})
    assert {item["type"] for item in manifest["output"]} == {"Patient"}
    errors = (await exporter.get(manifest["error"][0]["url"])).text
    assert "Observation" in errors
    refused = await exporter.start(params={"_type": "Observation"})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"headers": {"Prefer": ""}}, 400),
        ({"headers": {"Accept": "text/html"}}, 400),
        ({"headers": {"Authorization": "Bearer nonsense"}}, 401),
        ({"params": {"_since": "2026-01-01"}}, 400),
        ({"params": {"_outputFormat": "text/csv"}}, 400),
        ({"params": {"_until": "2026-01-01T00:00:00Z"}}, 400),
        ({"path": "Group/nobody/$export"}, 404),
        ({"method": "POST", "content": "[]"}, 400),
    ],
)
async def test_a_faulty_kick_off_is_refused(ehr: Ehr, rsa: RSAKey, options: dict[str, Any], status: int):
    exporter = await Exporter.of(ehr, rsa)
    assert (await exporter.start(**options)).status_code == status


async def test_a_launch_token_cannot_export(ehr: Ehr):
    token = (await ehr.launch(ehr.patient("Clean"), "launch user/*.rs"))["access_token"]
    assert (await Exporter(ehr, token).start()).status_code == 403


async def test_delete_ends_the_export(ehr: Ehr, rsa: RSAKey):
    exporter = await Exporter.of(ehr, rsa)
    status = (await exporter.start()).headers["content-location"]
    assert (await ehr.http.delete(status, headers=exporter.bearer)).status_code == 202
    assert (await exporter.get(status)).status_code == 404


async def test_epic_exports_groups_once_a_day(start: Callable[..., Ehr], rsa: RSAKey):
    ehr = start(flavour="epic")
    exporter = await Exporter.of(ehr, rsa, ["Patient", "Medication"])
    page = await exporter.start("$export")
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (404, "text/html")
    manifest = await exporter.finished(params={"_since": "2030-01-01T00:00:00Z"})
    assert {item["type"] for item in manifest["output"]} == {"Patient"}
    assert (await exporter.start()).status_code == 429
    ehr.clock.now += 24 * 3600
    fresh = await Exporter.of(ehr, rsa, ["Patient"])
    assert (await fresh.start()).status_code == 202


async def test_oracle_runs_one_export_and_sends_files_from_storage(start: Callable[..., Ehr], rsa: RSAKey):
    ehr = start(flavour="oracle", bulk=BulkOptions(storage_url="http://storage.test"))
    exporter = await Exporter.of(ehr, rsa, ["Patient", "MedicationDispense"])
    assert (await exporter.start(params={"_until": "2026-01-01T00:00:00Z"})).status_code == 422
    status = (await exporter.start()).headers["content-location"]
    busy = await exporter.start()
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "1")
    await exporter.get(status)
    manifest = (await exporter.get(status)).json()
    assert {item["type"] for item in manifest["output"]} == {"Patient"}
    moved = await exporter.get(manifest["output"][0]["url"])
    assert moved.status_code == 307
    url = moved.headers["location"]
    assert url.startswith("http://storage.test/")
    assert (await exporter.get(url)).status_code == 400
    assert len((await ehr.http.get(url)).text.splitlines()) == 16


async def with_faults(start: Callable[..., Ehr], rsa: RSAKey, *faults: Fault) -> Exporter:
    return await Exporter.of(start(faults=faults), rsa)


@pytest.mark.parametrize(("kind", "expected"), [("no_location", None), ("relative_location", "/bulk/")])
async def test_a_spoiled_location(start: Callable[..., Ehr], rsa: RSAKey, kind: Any, expected: str | None):
    exporter = await with_faults(start, rsa, Fault(kind, "$export"))
    location = (await exporter.start()).headers.get("content-location")
    assert location is None if expected is None else location.startswith(expected)


@pytest.mark.parametrize(("kind", "shape"), [("date_retry", "GMT"), ("epoch_retry", "1")])
async def test_a_spoiled_retry_after(start: Callable[..., Ehr], rsa: RSAKey, kind: Any, shape: str):
    exporter = await with_faults(start, rsa, Fault(kind, "$status"))
    value = (await exporter.get((await exporter.start()).headers["content-location"])).headers["retry-after"]
    assert shape in value
    assert len(value) >= 10


async def spoiled_manifest(
    start: Callable[..., Ehr], rsa: RSAKey, kind: Any
) -> tuple[Exporter, dict[str, Any]]:
    exporter = await with_faults(start, rsa, Fault(kind, "$status"))
    return exporter, await exporter.finished()


async def test_spoiled_manifests(start: Callable[..., Ehr], rsa: RSAKey):
    exporter, counted = await spoiled_manifest(start, rsa, "wrong_count")
    item = counted["output"][0]
    assert len((await exporter.get(item["url"])).text.splitlines()) == item["count"] - 5
    assert "error" not in (await spoiled_manifest(start, rsa, "no_error_array"))[1]
    assert "transactionTime" not in (await spoiled_manifest(start, rsa, "no_transaction_time"))[1]
    urls = [item["url"] for item in (await spoiled_manifest(start, rsa, "duplicates"))[1]["output"]]
    assert len(urls) == len(set(urls)) + 1


async def test_deleted_and_error_files_can_be_read(start: Callable[..., Ehr], rsa: RSAKey):
    exporter, manifest = await spoiled_manifest(start, rsa, "deleted_file")
    deleted = (await exporter.get(manifest["deleted"][0]["url"])).json()
    assert deleted["entry"][0]["request"]["method"] == "DELETE"
    exporter, manifest = await spoiled_manifest(start, rsa, "error_file")
    assert (await exporter.get(manifest["error"][0]["url"])).json()["issue"][0]["severity"] == "error"


async def test_open_files_refuse_a_token(start: Callable[..., Ehr], rsa: RSAKey):
    exporter, manifest = await spoiled_manifest(start, rsa, "open_files")
    assert manifest["requiresAccessToken"] is False
    url = manifest["output"][0]["url"]
    assert (await exporter.get(url)).status_code == 400
    assert (await exporter.ehr.http.get(url)).status_code == 200


@pytest.mark.parametrize("kind", ["bad_line", "truncated_json"])
async def test_spoiled_files_hold_a_line_that_is_not_json(start: Callable[..., Ehr], rsa: RSAKey, kind: Any):
    exporter = await with_faults(start, rsa, Fault(kind, "$file", times=1))
    manifest = await exporter.finished()
    text = (await exporter.get(manifest["output"][0]["url"])).text
    with pytest.raises(ValueError, match=r"."):
        [json.loads(line) for line in text.splitlines()]
    await exporter.resources(manifest)


async def test_stages_can_fail_for_a_while(start: Callable[..., Ehr], rsa: RSAKey):
    faults = [
        Fault("429", "$export", times=1),
        Fault("500", "$status", times=1),
        Fault("html_404", "$file", times=1),
    ]
    exporter = await with_faults(start, rsa, *faults)
    assert (await exporter.start()).status_code == 429
    status = (await exporter.start()).headers["content-location"]
    assert [(await exporter.get(status)).status_code for _ in range(3)] == [500, 202, 200]
    url = (await exporter.get(status)).json()["output"][0]["url"]
    assert [(await exporter.get(url)).status_code for _ in range(2)] == [404, 200]
