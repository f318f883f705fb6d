"""S-38: an address that expired is asked for anew and a token that expired is renewed, for that file only; an export
that is over at the EHR says so, and never passes for a whole one."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.bulk.conftest import HOST, STATUS, Export, Service
from tests.security.exported import evaluated, fetched, hospital

ORDERS = "MedicationRequest.ndjson"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    made = hospital()
    yield made
    await made.http.aclose()


@pytest.fixture
def export(service: Service, tmp_path: Path) -> Export:
    return Export(service, tmp_path / "export")


def others_once(service: Service) -> bool:
    """Whether every file but the one in question was fetched exactly once."""
    names = fetched(service)
    return all(names.count(name) == 1 for name in service.contents if name != ORDERS)


@pytest.mark.parametrize("gone", [404, 410])
async def test_an_expired_address_is_replaced_by_the_manifests_new_one(
    export: Export, service: Service, gone: int
) -> None:
    renewed: list[int] = []

    def manifest(_: httpx2.Request) -> httpx2.Response:
        members = service.manifest_members()
        for file in members["output"]:
            if renewed and file["url"].endswith(ORDERS):
                file["url"] = f"{HOST}/renewed/{ORDERS}"
        renewed.append(1)
        return httpx2.Response(200, json=members)

    service.on(f"GET {STATUS}", manifest)
    service.on_file(httpx2.Response(gone), name=ORDERS)
    service.on(f"GET {HOST}/renewed/{ORDERS}", lambda _: service.file(service.contents[ORDERS]))
    result = await export.run()
    assert result.complete, result
    assert len(service.asked("GET", f"{HOST}/renewed/{ORDERS}")) == 1
    assert others_once(service)
    assert export.data()["MedicationRequest.001.ndjson"] == service.contents[ORDERS]


async def test_a_token_refused_in_the_middle_is_renewed_for_that_file(
    export: Export, service: Service
) -> None:
    service.on_file(httpx2.Response(401), lambda _: service.file(service.contents[ORDERS]), name=ORDERS)
    assert (await export.run(parallel=1)).complete
    first, second = service.asked("GET", f"{HOST}/files/{ORDERS}")
    assert first.headers["authorization"] != second.headers["authorization"]
    assert others_once(service)


@pytest.mark.parametrize("gone", [404, 410])
async def test_an_export_that_is_over_is_never_taken_for_a_whole_one(
    export: Export, service: Service, tmp_path: Path, gone: int
) -> None:
    service.on_file(httpx2.Response(gone), name=ORDERS)
    first: Any = await export.run()
    assert first.exit_code == 3
    service.on(f"GET {STATUS}", httpx2.Response(gone))
    again = await export.resume()
    assert again.exit_code == 3
    assert "no longer knows this export" in again.sentence
    run = evaluated(export.folder, tmp_path / "out")
    assert run.record.status == "incomplete"
    for patient, row in run.rows.items():
        assert run.source(patient, "MedicationRequest")["complete"] is False
        assert row["ltot"] != "no"
        assert row["mme_complete"] is False
