"""A folder of FHIR files becomes an EHR; broken files are named, never fatal."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.conftest import Ehr, matched

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


def order(key: str, subject: str) -> dict[str, object]:
    return {
        "resourceType": "MedicationRequest",
        "id": key,
        "status": "active",
        "subject": {"reference": subject},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    patient = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Folder", "given": ["Pat"]}]}
    (tmp_path / "nested").mkdir()
    (tmp_path / "nested" / "Patient.ndjson").write_text(json.dumps(patient) + "\n\n")
    orders = [order("relative", "Patient/p1"), order("absolute", "https://other.example/fhir/Patient/p1")]
    (tmp_path / "MedicationRequest.ndjson.gz").write_bytes(
        gzip.compress("\r\n".join(json.dumps(item) for item in orders).encode())
    )
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "urn:uuid:aaa", "resource": {"resourceType": "Patient", "birthDate": "1970-01-01"}},
            {"fullUrl": "urn:uuid:bbb", "resource": order("linked", "urn:uuid:aaa")},
        ],
    }
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "cut.ndjson.gz").write_bytes(gzip.compress(b"{}\n" * 5000)[:-6])
    (tmp_path / "lines.ndjson").write_text('{"resourceType": "Condition"}\nnot json\n[]\n')
    (tmp_path / "notes.txt").write_text("not read")
    return tmp_path


async def test_orders_are_found_by_every_form_of_reference(start: Callable[..., Ehr], folder: Path):
    ehr = start(data=folder)
    for patient, expected in (("p1", {"relative", "absolute"}), ("aaa", {"linked"})):
        token = (await ehr.launch(patient))["access_token"]
        found = matched((await ehr.get(f"MedicationRequest?patient={patient}", token)).json())
        assert {resource["id"] for resource in found} == expected


async def test_the_folder_replaces_the_synthetic_patients(start: Callable[..., Ehr], folder: Path):
    cards = (await start(data=folder).http.get("/patients.json")).json()
    assert {card["id"]: card["name"] for card in cards} == {"p1": "Folder, Pat", "aaa": "Unnamed"}


async def test_what_could_not_be_read_is_listed(start: Callable[..., Ehr], folder: Path):
    problems = (await start(data=folder).http.get("/data-problems.json")).json()
    assert {(row["file"], row["problem"].split(":")[0]) for row in problems} == {
        ("broken.json", "not readable"),
        ("cut.ndjson.gz", "not readable"),
        ("lines.ndjson", "line 1"),
        ("lines.ndjson", "line 2"),
    }


def test_a_folder_that_does_not_exist_is_refused(start: Callable[..., Ehr], tmp_path: Path):
    with pytest.raises(ValueError, match="does not exist"):
        start(data=tmp_path / "nowhere")


@pytest.mark.shared
@pytest.mark.parametrize("name", ["ehr_samples/epic", "ehr_samples/cerner", "population/handmade-pain-cosri"])
async def test_collected_samples_can_be_served(start: Callable[..., Ehr], name: str):
    if not SHARED.is_dir():
        pytest.skip("the shared data folder is not beside the project")
    ehr = start(data=SHARED / name)
    cards = (await ehr.http.get("/patients.json")).json()
    assert cards
    orders = ehr.site.records.of("MedicationRequest")
    assert orders
    for card in cards[:5]:
        token = (await ehr.launch(card["id"]))["access_token"]
        pages = await ehr.pages(f"MedicationRequest?patient={card['id']}", token)
        held = ehr.site.records.of("MedicationRequest", card["id"])
        assert sum(len(matched(page)) for page in pages) == len(held)
