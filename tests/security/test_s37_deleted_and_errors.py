"""S-37: what the EHR deleted is in no evaluation, every page of a manifest is read, and what it could not export
makes the findings unknown instead of absent."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.bulk.conftest import HOST, STATUS, Export, Service, outcome_line
from tests.population.conftest import Run
from tests.security.exported import evaluated, hospital


@pytest.fixture
async def service() -> Any:
    made = hospital()
    yield made
    await made.http.aclose()


async def exported(service: Service, folder: Path) -> tuple[Any, Run]:
    """The result of an export, and the evaluation of what it brought."""
    export = Export(service, folder / "export")
    result = await export.run()
    return result, evaluated(export.folder, folder / "out")


async def test_a_deleted_order_counts_in_no_dose(service: Service, tmp_path: Path) -> None:
    _, before = await exported(hospital(), tmp_path / "before")
    used = {
        item["ref"]
        for evaluation in before.evaluations.values()
        for item in evaluation["mme"]["contributions"]
        if item["ref"].startswith("MedicationRequest/")
    }
    assert used
    entries = [{"request": {"method": "DELETE", "url": reference}} for reference in sorted(used)]
    bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()
    service.on(f"GET {HOST}/files/gone", lambda _: service.file(bundle))
    service.answer_manifest(deleted=[{"type": "Bundle", "url": f"{HOST}/files/gone", "count": 1}])
    result, after = await exported(service, tmp_path / "after")
    assert result.complete
    assert used & set(json.dumps(after.evaluations).replace('"', " ").split()) == set()


async def test_charts_spread_over_pages_of_a_manifest_are_whole(service: Service, tmp_path: Path) -> None:
    _, together = await exported(hospital(), tmp_path / "together")
    files = service.manifest_members()["output"]
    pages = [files[0::3], files[1::3], files[2::3]]

    def page(request: httpx2.Request) -> httpx2.Response:
        number = int(request.url.params.get("page", "0"))
        following = [{"relation": "next", "url": f"{STATUS}?page={number + 1}"}] if number < 2 else []
        return service.manifest(output=pages[number], link=following)

    service.on(f"GET {STATUS}", page)
    result, spread = await exported(service, tmp_path / "spread")
    assert result.complete
    assert spread.evaluations == together.evaluations


@pytest.mark.parametrize("member", ["error", "outcome"])
async def test_what_the_ehr_could_not_export_is_unknown(
    service: Service, tmp_path: Path, member: str
) -> None:
    service.on(f"GET {HOST}/files/errors", lambda _: service.file(outcome_line("error", "exception")))
    said = [{"type": "OperationOutcome", "url": f"{HOST}/files/errors"}]
    service.answer_manifest(**{"error": ..., member: said})
    result, run = await exported(service, tmp_path)
    assert result.exit_code == 3
    assert "could not export everything" in result.sentence
    assert run.record.status == "incomplete"
    assert "error" in " ".join(run.record.reasons)
    for patient in run.rows:
        assert run.source(patient, "MedicationRequest")["complete"] is False
