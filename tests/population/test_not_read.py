"""What may hold data and is not read is named, and the run is not complete; notes and logs are passed over."""

import gzip
import json
import os
from pathlib import Path

import pytest

from tests.population.conftest import LISINOPRIL, condition, evaluate, manifest, order, person, write

BUNDLE = json.dumps(
    {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order("m1", "p1")}]}
)

LINE = json.dumps(order("m1", "p1")) + "\n"


def _orders(folder: Path) -> Path:
    write(folder / "MedicationRequest.ndjson", [order("m2", "p2", LISINOPRIL)])
    return folder


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("Condition.2.ndjson.zst", "x", "Condition: Condition.2.ndjson.zst was not read: it is packed"),
        ("more.ndjson.bz2", "x", "all kinds: more.ndjson.bz2 was not read: it is packed"),
        ("Condition.ndjson.gz", "", "Condition: Condition.ndjson.gz was not read: it is no whole gzip file"),
        ("chart.json", BUNDLE, "all kinds: chart.json was not read: only NDJSON"),
        ("MedicationRequest.2", LINE, "MedicationRequest: MedicationRequest.2 was not read: its name"),
        ("2f6b", LINE, "all kinds: 2f6b was not read: its name"),
        ("Condition.ndjson.part", LINE, "Condition: Condition.ndjson.part was not read: its name"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("with_manifest", [False, True])
def test_data_that_is_not_read_is_named(
    with_manifest: bool, name: str, text: str, reason: str, tmp_path: Path
) -> None:
    folder = _orders(tmp_path / "in")
    if with_manifest:
        manifest(folder, "2026-06-20T00:00:00Z")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    record = evaluate(folder, tmp_path / "out").record
    assert record.status == "incomplete"
    assert record.reasons[0].startswith(reason)


def test_a_file_the_manifest_lists_under_another_name_lacks_in_its_own_kind_alone(tmp_path: Path) -> None:
    folder = _orders(tmp_path / "in")
    listed = [{"type": "Condition", "url": "https://ehr.example.org/bulk/7"}]
    manifest(folder, "2026-06-20T00:00:00Z", output=listed)
    (folder / "7").write_text(json.dumps(condition("c1", "p2")))
    assert evaluate(folder, tmp_path / "out").record.reasons == ["Condition: 1 of its files are missing"]


def test_attachments_below_an_export_are_passed_over(tmp_path: Path) -> None:
    folder = _orders(tmp_path / "in")
    (folder / "files").mkdir()
    (folder / "files/chart.json").write_text(BUNDLE)
    assert evaluate(folder, tmp_path / "out").record.status == "incomplete"
    manifest(folder, "2026-06-20T00:00:00Z")
    assert evaluate(folder, tmp_path / "out").record.status == "complete"


def test_gzip_files_without_the_usual_name_are_named_where_they_hold_data(tmp_path: Path) -> None:
    folder = _orders(tmp_path / "in")
    (folder / "log.gz").write_bytes(gzip.compress(b"GET /fhir 200"))
    (folder / "torn.gz").write_bytes(gzip.compress(b"GET /fhir 200")[:9])
    assert evaluate(folder, tmp_path / "out").record.status == "complete"
    (folder / "orders.gz").write_bytes(gzip.compress(LINE.encode()))
    assert evaluate(folder, tmp_path / "out").record.reasons == [
        "all kinds: orders.gz was not read: its name does not end as those of NDJSON do"
    ]


@pytest.mark.parametrize("target", ["nowhere", "."])
def test_links_that_cannot_be_followed_are_named(target: str, tmp_path: Path) -> None:
    folder = _orders(tmp_path / "in")
    (folder / "Condition.ndjson").symlink_to(tmp_path / target)
    record = evaluate(folder, tmp_path / "out").record
    assert record.status == "incomplete"
    assert record.reasons[0].startswith("Condition: Condition.ndjson was not read: it is a link")


@pytest.mark.parametrize("denied", [os.R_OK, os.X_OK])
def test_a_folder_that_may_not_be_read_is_named(
    denied: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _orders(tmp_path / "in")
    _orders(folder / "more/closed")
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: not (mode & denied and path.name == "closed") and access(path, mode)
    )
    record = evaluate(folder, tmp_path / "out").record
    assert [one.name for one in record.inputs] == ["MedicationRequest.ndjson"]
    assert record.reasons == ["all kinds: more/closed was not read: it is a folder that may not be read"]


def test_notes_logs_and_our_own_files_are_passed_over(tmp_path: Path) -> None:
    folder = _orders(tmp_path / "in")
    for name in ("README", "notes.txt", "MedicationRequest.ndjson.sha256", "settings.json"):
        (folder / name).write_text('{"a": 1}')
    (folder / "metadata.json").write_text('{"resourceType": "CapabilityStatement"}')
    assert evaluate(folder, folder / "out").record.status == "complete"
    assert evaluate(folder, folder / "out").record.status == "complete"


def test_what_an_earlier_run_set_aside_is_no_data(tmp_path: Path) -> None:
    folder = _orders(tmp_path / "in/export")
    write(folder / "Condition.ndjson", [*[condition(f"c{n}", "p2") for n in range(40)], b"{"])
    assert evaluate(tmp_path / "in", tmp_path / "in/may").record.set_aside == 1
    again = evaluate(tmp_path / "in", tmp_path / "in/june").record
    assert again.set_aside == 1
    assert [file.name for file in again.inputs] == [
        "export/Condition.ndjson",
        "export/MedicationRequest.ndjson",
    ]


def test_an_export_without_drugs_does_not_say_that_nobody_has_an_opioid(tmp_path: Path) -> None:
    write(tmp_path / "in/Patient.ndjson", [person("p1"), condition("c1", "p1")])
    record = evaluate(tmp_path / "in", tmp_path / "out").record
    assert (record.status, record.reasons) == (
        "incomplete",
        ["MedicationRequest: no medication orders are in the export"],
    )
