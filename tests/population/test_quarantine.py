"""What cannot be used is named by file, line and reason, costs only whom it concerns, and stops nothing."""

import gzip
import json
from pathlib import Path

import pytest

from app.population.pipeline import Limits
from tests.population.conftest import LISINOPRIL, condition, evaluate, one_by_one, order, person, write

DEEP = b'{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/p1"},"x":' + b"[" * 100_000
NOT_UTF8 = (
    b'{"resourceType":"Condition","id":"c9","subject":{"reference":"Patient/p1"},"code":{"text":"\xff\xfe"}}'
)


def test_every_poisoned_line_is_named_and_the_rest_is_used(tmp_path: Path) -> None:
    write(
        tmp_path / "in/MedicationRequest.ndjson",
        [
            b"\xef\xbb\xbf" + json.dumps(order("m1", "p1")).encode() + b"\r",
            b"",
            b'{"resourceType":"MedicationRequest","id":"m2","subject":{"reference":"Patient/p2"},"sta',
            b"not JSON at all",
            DEEP,
            NOT_UTF8,
            b'{"resourceType":"MedicationRequest","id":5}',
            {**order("m3", "p3"), "subject": {"reference": "Patient?identifier=5"}},
            order("m4", "p4", LISINOPRIL),
        ],
    )
    write(tmp_path / "in/Patient.ndjson", [person("p1"), {"resourceType": "Patient"}, person("p4")])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    meds = "MedicationRequest.ndjson"
    assert run.places == [
        (meds, 3),
        (meds, 4),
        (meds, 5),
        (meds, 6),
        (meds, 7),
        (meds, 8),
        ("Patient.ndjson", 2),
    ]
    reasons = [str(row["reason"]) for row in run.quarantine]
    assert reasons[2] == "it is nested too deeply"
    assert reasons[3] == "the text is not UTF-8"
    assert reasons[5] == "the reference to the patient cannot be resolved"
    assert run.quarantine[0] | {"reason": ""} == {
        "file": meds, "line": 3, "reason": "", "kind": "MedicationRequest", "id": "m2", "patient": "p2",
    }  # fmt: skip
    assert run.rows["p1"]["mme"] == 30
    assert set(run.rows) == {"p1", "p2"}
    assert run.rows["p2"]["opioid"] == run.rows["p2"]["ltot"] == "cannot_tell"


def test_the_quarantine_never_repeats_what_a_line_says(tmp_path: Path) -> None:
    write(
        tmp_path / "in/Patient.ndjson",
        [b'{"resourceType":"Patient","id":"p1","name":[{"family":"Quillfeather"}'],
    )
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert len(run.quarantine) == 1
    assert b"Quillfeather" not in run.files()["quarantine.ndjson"]


@pytest.mark.parametrize("name", ["Observation.ndjson", "Observation.ndjson.gz"])
def test_a_line_longer_than_allowed_is_set_aside_with_what_its_beginning_shows(
    name: str, tmp_path: Path
) -> None:
    long = {**condition("c1", "p1"), "resourceType": "Observation", "note": "x" * 300_000}
    write(tmp_path / "in" / name, [condition("c0", "p1"), long, condition("c2", "p1")])
    write(tmp_path / "in/MedicationRequest.ndjson", [order("m1", "p1")])
    for part_bytes in (1_000, 100_000_000):
        limits = Limits(part_bytes=part_bytes, max_line=100_000)
        run = evaluate(tmp_path / "in", tmp_path / "out", limits=limits)
        assert run.quarantine == [
            {
                "file": name, "line": 2, "reason": "the line is longer than 100000 bytes",
                "kind": "Observation", "id": "c1", "patient": "p1",
            }
        ]  # fmt: skip
        assert run.record.resources == {"Condition": 2, "MedicationRequest": 1}
        assert run.source("p1", "Observation")["complete"] is False


def test_line_numbers_are_the_files_own_however_it_is_cut(tmp_path: Path) -> None:
    lines = [condition(f"c{n}", "p1") if n % 7 else b"{broken" for n in range(200)]
    write(tmp_path / "in/Condition.ndjson", lines)
    expected = [("Condition.ndjson", n + 1) for n in range(200) if n % 7 == 0]
    for part_bytes in (97, 1_000, 1_000_000):
        assert (
            evaluate(tmp_path / "in", tmp_path / "out", limits=Limits(part_bytes=part_bytes)).places
            == expected
        )


def test_a_gzip_file_that_breaks_off_makes_its_kind_incomplete_for_everyone(tmp_path: Path) -> None:
    write(tmp_path / "in/MedicationRequest.ndjson", [order("m1", "p1"), order("m2", "p2")])
    whole = write(tmp_path / "in/Condition.ndjson.gz", [condition(f"c{n}", "p1") for n in range(5000)])
    whole.write_bytes(whole.read_bytes()[:-4000])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.record.status == "incomplete"
    assert run.record.reasons == ["Condition: Condition.ndjson.gz breaks off"]
    readable = run.record.resources["Condition"]
    assert run.places == [("Condition.ndjson.gz", readable + 1)]
    assert 0 < readable < 5000
    for patient in ("p1", "p2"):
        assert run.source(patient, "Condition")["complete"] is False
        assert run.source(patient, "MedicationRequest")["complete"] is True
    assert {p: row["evaluation"] for p, row in run.rows.items()} == one_by_one(tmp_path / "in")


def test_a_gzip_file_of_garbage_is_named(tmp_path: Path) -> None:
    write(tmp_path / "in/MedicationRequest.ndjson", [order("m1", "p1")])
    (tmp_path / "in/Condition.ndjson.gz").write_bytes(gzip.compress(b"x")[:5] + b"garbage" * 9)
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.places == [("Condition.ndjson.gz", 1)]
    assert run.rows["p1"]["mme"] == 30


def test_damage_costs_only_the_patient_it_names(tmp_path: Path) -> None:
    broken = json.dumps(condition("c1", "p1")).encode()[:-1]
    write(tmp_path / "in/Condition.ndjson", [broken, condition("c2", "p2")])
    write(tmp_path / "in/MedicationRequest.ndjson", [order("m1", "p1"), order("m2", "p2")])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.record.status == "failed", "one of four lines is far above what a run may lose"
    assert run.source("p1", "Condition") | {"read": 0} == {
        "kind": "Condition", "read": 0, "complete": False, "connected": True, "problem": "1 could not be read",
    }  # fmt: skip
    assert run.source("p2", "Condition")["complete"] is True


def test_damage_costs_nothing_where_the_resource_is_intact_elsewhere(tmp_path: Path) -> None:
    broken = json.dumps(condition("c1", "p1")).encode()[:-1]
    write(tmp_path / "in/Condition.1.ndjson", [broken])
    write(tmp_path / "in/Condition.2.ndjson", [condition("c1", "p1")])
    write(tmp_path / "in/MedicationRequest.ndjson", [order("m1", "p1")])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.places == [("Condition.1.ndjson", 1)]
    assert run.source("p1", "Condition")["complete"] is True


def test_a_resource_inside_a_damaged_one_does_not_lend_it_its_kind(tmp_path: Path) -> None:
    contained = {"resourceType": "Medication", "id": "inner", "code": {"text": "oxycodone 5 mg"}}
    sorted_members = {"contained": [contained], **order("m1", "p1")}
    write(
        tmp_path / "in/MedicationRequest.ndjson",
        [json.dumps(sorted_members).encode()[:-1], order("m2", "p1")],
    )
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert [(row["kind"], row["id"], row["patient"]) for row in run.quarantine] == [
        ("MedicationRequest", "m1", "p1")
    ]
    assert run.source("p1", "MedicationRequest")["complete"] is False


def test_what_the_mapping_cannot_read_is_named_by_file_and_line(tmp_path: Path) -> None:
    unusable = {**order("m2", "p1"), "subject": {"reference": "Patient/p1", "display": 7}}
    write(tmp_path / "in/MedicationRequest.ndjson", [order("m1", "p1"), b"", unusable])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.places == [("MedicationRequest.ndjson", 3)]
    assert run.rows["p1"]["mme_complete"] is False


def test_a_run_that_lost_much_is_marked_failed_and_still_written(tmp_path: Path) -> None:
    write(tmp_path / "in/MedicationRequest.ndjson", [order("m1", "p1"), *[b"{"] * 9])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.record.status == "failed"
    assert run.record.reasons == ["9 of 10 lines could not be used"]
    assert run.rows["p1"]["mme"] == 30


@pytest.mark.parametrize(
    "subject",
    [
        {"identifier": {"system": "urn:oid:1.2.3", "value": "p1"}, "display": "A person"},
        {"reference": "p1", "type": "Patient"},
        {"reference": "#p1"},
        {"reference": "Group/g1"},
        None,
    ],
    ids=["identifier", "bare id", "contained", "group", "missing"],
)
def test_an_order_that_names_no_patient_is_set_aside_and_never_passed_over(
    subject: dict[str, object] | None, tmp_path: Path
) -> None:
    lost = order("m1", "p1", subject=subject)
    write(tmp_path / "in/x.ndjson", [person("p1"), lost, *[condition(f"c{n}", "p1") for n in range(30)]])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert [(row["kind"], row["id"], row["reason"]) for row in run.quarantine] == [
        ("MedicationRequest", "m1", "it names no patient")
    ]


def test_a_bundle_among_the_lines_is_set_aside_and_never_passed_over(tmp_path: Path) -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order("m1", "p1")}]}
    write(tmp_path / "in/x.ndjson", [person("p1"), bundle])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.record.status == "failed"
    assert [row["line"] for row in run.quarantine] == [2]


@pytest.mark.parametrize(
    "reference",
    ["Patient/p1", "Patient\\/p1", "Patient/p1/_history/2", "urn:uuid:p1", "https://a.b/Patient/p1"],
)
def test_a_damaged_order_marks_its_patient_however_the_reference_is_written(
    reference: str, tmp_path: Path
) -> None:
    text = json.dumps(order("m1", "p1", subject={"reference": "R"})).replace('"R"', f'"{reference}"')
    lines = [person("p1"), text.encode()[:-1], *[condition(f"c{n}", "p1") for n in range(30)]]
    write(tmp_path / "in/x.ndjson", lines)
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert {patient: row["opioid"] for patient, row in run.rows.items()} == {"p1": "cannot_tell"}


FILLER = [condition(f"c{n}", "p9") for n in range(60)]


@pytest.mark.parametrize("between", [b"\r", b"", b" "], ids=["lone CR", "nothing", "a blank"])
def test_lost_line_breaks_mark_everyone_whom_the_line_names(between: bytes, tmp_path: Path) -> None:
    several = [condition("c", "p2"), order("m1", "p1"), condition("c3", "p3"), order("m3", "p3")]
    line = between.join(json.dumps(one).encode() for one in several)
    write(tmp_path / "in/x.ndjson", [person("p1"), line, *FILLER])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert {patient: row["opioid"] for patient, row in run.rows.items()} == dict.fromkeys(
        ("p1", "p2", "p3"), "cannot_tell"
    )
    assert run.places == [("x.ndjson", 2)]


@pytest.mark.parametrize("base", ["https://a.example/fhir", "http://inside.a.example:8080/r4", ""])
def test_a_patient_is_the_same_under_every_address_of_the_ehr(base: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    said = {"transactionTime": "2026-06-20T00:00:00Z", "request": "https://a.example/fhir/$export",
            "output": [{"type": "MedicationRequest", "url": "MedicationRequest.ndjson"}]}  # fmt: skip
    (tmp_path / "in/manifest.json").write_text(json.dumps(said))
    subject = {"reference": f"{base}/Patient/p1" if base else "Patient/p1"}
    write(tmp_path / "in/MedicationRequest.ndjson", [order("m1", "p1", subject=subject)])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert {(patient, row["opioid"]) for patient, row in run.rows.items()} == {("p1", "yes")}
    assert run.quarantine == []
