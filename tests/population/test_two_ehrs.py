"""Exports of two EHRs may lie side by side, but an id both use is never taken for one person or one drug."""

import json
from pathlib import Path

import pytest

from app.errors import LtotError
from tests.population.conftest import (
    LISINOPRIL,
    OUTPUT,
    OXYCODONE,
    Line,
    evaluate,
    manifest,
    one_by_one,
    order,
    person,
    write,
)

JUNE, LATER = "2026-06-01T00:00:00Z", "2026-06-20T00:00:00Z"
GONE = [{"type": "Bundle", "url": "gone.ndjson"}]


def export(folder: Path, base: str, moment: str, lines: list[Line], *gone: str) -> None:
    """A whole export of the EHR at `base`; gone: what it lists as deleted."""
    manifest(folder, moment, output=OUTPUT, **({"deleted": GONE} if gone else {}))
    said = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**said, "request": f"{base}/$export"}))
    write(folder / "MedicationRequest.ndjson", lines)
    if gone:
        entries = [{"request": {"method": "DELETE", "url": url}} for url in gone]
        write(folder / "gone.ndjson", [{"resourceType": "Bundle", "entry": entries}])


A, B = "https://a.example/fhir", "https://b.example/fhir"
DRUG = {"resourceType": "Medication", "id": "M1", "code": OXYCODONE}


@pytest.mark.parametrize(
    ("at_a", "at_b"),
    [
        ([person("1"), order("m1", "1")], [person("1"), order("m2", "1", LISINOPRIL)]),
        ([order("m1", "1")], [order("m1", "1", LISINOPRIL)]),
        ([order("m1", "1"), DRUG], [order("m2", "2"), {**DRUG, "code": LISINOPRIL}]),
    ],
    ids=["a patient", "an order", "a drug"],
)
def test_the_same_id_at_two_ehrs_is_refused_before_anything_is_written(
    at_a: list[Line], at_b: list[Line], tmp_path: Path
) -> None:
    export(tmp_path / "in/a", A, JUNE, at_a)
    export(tmp_path / "in/b", B, JUNE, at_b)
    with pytest.raises(LtotError, match=r"LT-511.*a\.example/fhir and b\.example/fhir share 1 ids"):
        evaluate(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out/run.json").exists()
    with pytest.raises(LtotError, match="LT-511"):
        one_by_one(tmp_path / "in")


def test_an_address_written_otherwise_is_the_same_ehr(tmp_path: Path) -> None:
    export(tmp_path / "in/a", A, JUNE, [order("m1", "1")])
    export(tmp_path / "in/b", "http://A.Example:80/fhir/", LATER, [order("m1", "1", LISINOPRIL)])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert (run.rows, run.record.ehrs) == ({}, ["a.example/fhir"])


@pytest.mark.parametrize("gone", ["Patient/1", "MedicationRequest/m1", f"{B}/MedicationRequest/m1"])
def test_what_one_ehr_deletes_stays_at_the_other(gone: str, tmp_path: Path) -> None:
    export(tmp_path / "in/a", A, JUNE, [order("m1", "1")])
    export(tmp_path / "in/b", B, LATER, [order("m9", "2", LISINOPRIL)], gone)
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert set(run.rows) == {"1"}
    assert {p: row["evaluation"] for p, row in run.rows.items()} == one_by_one(tmp_path / "in")
