"""Several exports become one picture: the newest version once, deletions honoured, gaps in an export told."""

import json
import random
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.clinical.as_json import as_json
from app.jobs.evaluate_files import read_files
from app.jobs.policies import load_policy, load_site_terms
from tests.population.conftest import (
    DAY,
    LISINOPRIL,
    OUTPUT,
    OXYCODONE,
    Line,
    condition,
    evaluate,
    manifest,
    one_by_one,
    order,
    person,
    write,
)

JUNE, JULY = "2026-06-01T00:00:00Z", "2026-06-20T00:00:00+00:00"


def _tablets(count: int, id_: str = "m1", **more: object) -> dict[str, object]:
    supply = {"quantity": {"value": count}, "expectedSupplyDuration": {"value": 30, "code": "d"}}
    return order(id_, "p1", dispenseRequest=supply, **more)


def _two(tmp_path: Path, first: list[Line], second: list[Line], **sections: list[dict[str, str]]) -> Path:
    """An export of June in folder b and one of July in folder a: the order of names must not count."""
    manifest(tmp_path / "in/b", JUNE, output=OUTPUT)
    write(tmp_path / "in/b/MedicationRequest.ndjson", first)
    manifest(tmp_path / "in/a", JULY, output=OUTPUT, **sections)
    write(tmp_path / "in/a/MedicationRequest.ndjson", second)
    return tmp_path / "in"


def test_the_later_export_wins_over_a_newer_looking_version_of_an_earlier_one(tmp_path: Path) -> None:
    folder = _two(
        tmp_path,
        [_tablets(60, meta={"lastUpdated": "2026-06-29T00:00:00Z", "versionId": "9"})],
        [_tablets(120, meta={"lastUpdated": "2026-06-10T00:00:00Z", "versionId": "2"})],
    )
    run = evaluate(folder, tmp_path / "out")
    assert run.rows["p1"]["mme"] == 30
    assert run.record.repeated_resources == 1
    assert {p: row["evaluation"] for p, row in run.rows.items()} == one_by_one(folder)


@pytest.mark.parametrize("seed", range(5))
def test_within_an_export_the_last_update_wins_in_any_order_and_counts_once(
    seed: int, tmp_path: Path
) -> None:
    versions = [
        _tablets(30, meta={"lastUpdated": "2026-06-15T09:00:00+02:00"}),
        _tablets(60, meta={"lastUpdated": "2026-06-15T08:00:00Z", "versionId": "9"}),
        _tablets(120, meta={"lastUpdated": "2026-06-15T08:00:00Z", "versionId": "10"}),
    ]
    lines = [*versions, *versions, person("p1"), condition("c1", "p1")]
    random.Random(seed).shuffle(lines)
    write(tmp_path / "in/x.ndjson", lines[:4])
    write(tmp_path / "in/y.ndjson.gz", lines[4:])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.rows["p1"]["mme"] == 30
    assert len(run.evaluations["p1"]["mme"]["contributions"]) == 1


def test_exact_repeats_change_nothing(tmp_path: Path) -> None:
    lines = [_tablets(120), _tablets(60, "m2", authoredOn="2026-05-01"), condition("c1", "p1"), person("p1")]
    write(tmp_path / "once/all.ndjson", lines)
    write(tmp_path / "twice/all.ndjson", [*lines, *reversed(lines)])
    once, twice = evaluate(tmp_path / "once", tmp_path / "1"), evaluate(tmp_path / "twice", tmp_path / "2")
    assert once.evaluations == twice.evaluations
    assert twice.record.patients == 1
    assert twice.record.repeated_resources == 4


def test_a_deleted_resource_is_gone(tmp_path: Path) -> None:
    deleted = {"resourceType": "Bundle", "type": "transaction",
               "entry": [{"request": {"method": "DELETE", "url": "MedicationRequest/m2"}}]}  # fmt: skip
    folder = _two(
        tmp_path, [_tablets(120), _tablets(60, "m2")], [], deleted=[{"type": "Bundle", "url": "gone.ndjson"}]
    )
    write(folder / "a/gone.ndjson", [deleted])
    run = evaluate(folder, tmp_path / "out")
    assert [one["ref"] for one in run.evaluations["p1"]["mme"]["contributions"]] == ["MedicationRequest/m1"]
    assert run.record.set_aside == 0
    assert {p: row["evaluation"] for p, row in run.rows.items()} == one_by_one(folder)


def test_a_deleted_patient_is_not_evaluated_unless_a_later_export_has_them_again(tmp_path: Path) -> None:
    gone = {"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE", "url": "Patient/p1"}}]}
    folder = _two(
        tmp_path, [_tablets(120), order("m9", "p2")], [], deleted=[{"type": "Bundle", "url": "gone.ndjson"}]
    )
    write(folder / "a/gone.ndjson", [gone])
    assert set(evaluate(folder, tmp_path / "out").rows) == {"p2"}
    manifest(folder / "c", "2026-06-25T00:00:00Z", output=OUTPUT)
    write(folder / "c/MedicationRequest.ndjson", [_tablets(120)])
    assert set(evaluate(folder, tmp_path / "out").rows) == {"p1", "p2"}


def test_damage_in_a_later_export_is_not_healed_by_an_older_version(tmp_path: Path) -> None:
    folder = _two(tmp_path, [_tablets(120)], [json.dumps(_tablets(60)).encode()[:-1]])
    run = evaluate(folder, tmp_path / "out")
    assert run.source("p1", "MedicationRequest")["complete"] is False


@pytest.mark.parametrize(
    ("sections", "kinds", "reason"),
    [
        (
            {
                "output": [
                    *OUTPUT,
                    {"type": "Condition", "url": "https://ehr.example.org/files/Condition.7.ndjson"},
                ]
            },
            {"Condition"},
            "Condition: 1 of its files are missing",
        ),
        (
            {"output": [{**OUTPUT[0], "count": 5}]},
            {"MedicationRequest"},
            "MedicationRequest: 3 of 5 listed are missing",
        ),
        (
            {"output": OUTPUT, "error": [{"type": "OperationOutcome", "url": "errors.ndjson"}]},
            {"Observation"},
            "Observation: the server reported an error",
        ),
        (
            {"output": OUTPUT, "error": [{"url": "not-here.ndjson"}]},
            {"MedicationRequest", "Patient"},
            "all kinds: ",
        ),
    ],
    ids=["a file is missing", "lines are missing", "an error is reported", "the errors are missing"],
)
def test_what_an_export_could_not_deliver_is_incomplete_for_everyone(
    sections: dict[str, list[dict[str, object]]], kinds: set[str], reason: str, tmp_path: Path
) -> None:
    manifest(tmp_path / "in", JUNE, **sections)
    write(tmp_path / "in/MedicationRequest.ndjson", [_tablets(120), order("m2", "p2")])
    write(tmp_path / "in/Patient.ndjson", [person("p1"), person("p2")])
    if "error" in sections and sections["error"][0]["url"] == "errors.ndjson":
        outcome = {"resourceType": "OperationOutcome",
                   "issue": [{"severity": "error", "diagnostics": "Observation timed out"}]}  # fmt: skip
        write(tmp_path / "in/errors.ndjson", [outcome])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.record.status == "incomplete"
    assert any(one.startswith(reason) for one in run.record.reasons)
    for patient in ("p1", "p2"):
        for kind in kinds:
            assert run.source(patient, kind)["complete"] is False
    assert {p: row["evaluation"] for p, row in run.rows.items()} == one_by_one(tmp_path / "in")


def test_files_renamed_by_a_download_tool_are_not_missing(tmp_path: Path) -> None:
    manifest(
        tmp_path / "in",
        JUNE,
        output=[{"type": "MedicationRequest", "url": "https://ehr.example.org/bulk/77"}],
    )
    write(tmp_path / "in/1.MedicationRequest.ndjson", [_tablets(120)])
    assert evaluate(tmp_path / "in", tmp_path / "out").record.status == "complete"


def test_changes_alone_never_prove_absence(tmp_path: Path) -> None:
    manifest(tmp_path / "in", JUNE, output=OUTPUT)
    said = json.loads((tmp_path / "in/manifest.json").read_text())
    said["request"] = "https://ehr.example.org/Group/1/$export?_since=2026-05-01T00:00:00Z"
    (tmp_path / "in/manifest.json").write_text(json.dumps(said))
    write(tmp_path / "in/MedicationRequest.ndjson", [_tablets(120)])
    assert evaluate(tmp_path / "in", tmp_path / "out").source("p1", "MedicationRequest")["complete"] is False
    manifest(tmp_path / "in/full", "2026-05-01T00:00:00Z", output=OUTPUT)
    write(tmp_path / "in/full/MedicationRequest.ndjson", [_tablets(60, "m0")])
    assert evaluate(tmp_path / "in", tmp_path / "out").source("p1", "MedicationRequest")["complete"] is True


def test_an_unfinished_export_says_so(tmp_path: Path) -> None:
    files = [
        {"name": "MedicationRequest.1.ndjson", "kind": "MedicationRequest", "done": True, "resources": 1},
        {"name": "Condition.1.ndjson", "kind": "Condition", "done": False},
    ]
    state = {"stage": "downloading", "transaction_time": JUNE, "files": files}
    write(tmp_path / "in/MedicationRequest.1.ndjson", [_tablets(120)])
    (tmp_path / "in/export.json").write_text(json.dumps(state))
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.record.reasons == [
        "all kinds: the export was not finished",
        "Condition: Condition.1.ndjson was not fetched",
    ]
    assert run.source("p1", "Condition")["complete"] is False


KINDS = ("Patient", "MedicationRequest")


def _crawled(folder: Path, *unread: dict[str, object]) -> Path:
    """A crawl of p1 and p2 that found p2's lisinopril."""
    write(folder / "Patient.001.ndjson", [person("p1"), person("p2")])
    write(folder / "MedicationRequest.001.ndjson", [order("m2", "p2", LISINOPRIL)])
    state = {
        "stage": "crawling", "config": {"crawl": True, "base_url": "https://ehr.example.org/fhir"},
        "files": [{"name": f"{kind}.001.ndjson", "kind": kind, "done": True} for kind in KINDS],
        "unread": unread,
    }  # fmt: skip
    (folder / "export.json").write_text(json.dumps(state))
    return folder


@pytest.mark.parametrize(
    ("patient", "kind"), [("p1", "MedicationRequest"), ("p1", "MedicationDispense"), ("p9", "Patient")]
)
def test_whose_orders_a_crawl_could_not_read_is_listed_as_cannot_tell(
    patient: str, kind: str, tmp_path: Path
) -> None:
    folder = _crawled(tmp_path / "in", {"patient": patient, "kind": kind})
    run = evaluate(folder, tmp_path / "out")
    assert {one: row["opioid"] for one, row in run.rows.items()} == {patient: "cannot_tell"}
    alone = read_files(
        [folder], policy=load_policy(), terms=load_site_terms(), as_of=DAY, zone=ZoneInfo("UTC")
    )
    assert [as_json(one) for _, one in alone.evaluations(patient)] == [run.evaluations[patient]]


def test_a_kind_that_the_ehr_offers_nobody_makes_nobody_listed_unless_it_is_orders(tmp_path: Path) -> None:
    absent = [{"patient": one, "kind": "MedicationDispense", "offered": False} for one in ("p1", "p2")]
    assert evaluate(_crawled(tmp_path / "a", *absent), tmp_path / "out").rows == {}
    absent = [{"patient": one, "kind": "MedicationRequest", "offered": False} for one in ("p1", "p2")]
    assert set(evaluate(_crawled(tmp_path / "b", *absent), tmp_path / "out").rows) == {"p1", "p2"}


FULL = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("chain", "status"),
    [
        ([(FULL, ""), ("2026-06-01T00:00:00Z", FULL)], "complete"),
        ([(FULL, ""), ("2026-06-01T00:00:00Z", "2026-05-01T00:00:00Z")], "incomplete"),
        ([(FULL, ""), ("2026-05-01T00:00:00Z", FULL), (JUNE, "2026-05-01T00:00:00%2B00:00")], "complete"),
        ([(FULL, ""), ("2026-05-01T00:00:00Z", "2026-02-01"), ("2026-06-01T00:00:00Z", "2026-05-01")], "incomplete"),
        ([(FULL, ""), ("2026-06-01T00:00:00Z", "last month")], "incomplete"),
        ([("2026-06-01T00:00:00Z", FULL)], "incomplete"),
    ],
    ids=["it follows on", "a hole", "a chain", "a chain with a hole", "since when is not known", "changes alone"],
)  # fmt: skip
def test_exports_of_changes_must_follow_on_a_whole_one_without_a_hole(
    chain: list[tuple[str, str]], status: str, tmp_path: Path
) -> None:
    for number, (moment, since) in enumerate(chain):
        folder = tmp_path / f"in/{9 - number}"
        manifest(folder, moment, output=OUTPUT)
        said = json.loads((folder / "manifest.json").read_text())
        request = f"https://ehr.example.org/$export{'?_since=' + since if since else ''}"
        (folder / "manifest.json").write_text(json.dumps({**said, "request": request}))
        write(folder / "MedicationRequest.ndjson", [order(f"m{number}", "p1")])
    record = evaluate(tmp_path / "in", tmp_path / "out").record
    assert record.status == status
    assert status == "complete" or "holds only changes" in record.reasons[0]


def _by_reference(id_: str, patient: str, drug: str) -> dict[str, object]:
    more = {"medicationReference": {"reference": f"Medication/{drug}", "display": "Home supply 7"}}
    return {
        name: value
        for name, value in order(id_, patient, **more).items()
        if name != "medicationCodeableConcept"
    }


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_equally_new_texts_neither_hides_an_opioid(turned: bool, tmp_path: Path) -> None:
    drugs = [{"resourceType": "Medication", "id": "d", "code": code} for code in (OXYCODONE, LISINOPRIL)]
    pairs = [
        *[order("m1", "p1"), order("m1", "p1", LISINOPRIL)],
        *[order("m3", "p3", LISINOPRIL), order("m3", "p3", LISINOPRIL, status="stopped")],
        *[_by_reference("m2", "p2", "d"), *drugs],
        *[dict(reversed(order("m4", "p4").items())), order("m4", "p4")],
    ]
    write(tmp_path / "in/x.ndjson", pairs[::-1] if turned else pairs)
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert set(run.rows) == {"p1", "p2", "p4"}
    assert run.rows["p1"]["opioid"] == "cannot_tell" or run.rows["p1"]["ltot"] != "no"
    for patient in ("p1", "p2"):
        assert run.source(patient, "MedicationRequest")["complete"] is False
    assert run.source("p4", "MedicationRequest")["complete"] is True


def _undated(folder: Path, lines: list[Line], *gone: str) -> None:
    said = {"deleted": [{"type": "Bundle", "url": "gone.ndjson"}]} if gone else {}
    manifest(folder, "", output=OUTPUT, **said)
    write(folder / "MedicationRequest.ndjson", lines)
    if gone:
        entries = [{"request": {"method": "DELETE", "url": url}} for url in gone]
        write(folder / "gone.ndjson", [{"resourceType": "Bundle", "entry": entries}])


MAY, MID_JUNE = {"lastUpdated": "2026-05-01T00:00:00Z"}, {"lastUpdated": "2026-06-15T00:00:00Z"}


@pytest.mark.parametrize(
    ("dated", "undated", "opioid"),
    [
        (order("m", "p1", LISINOPRIL, meta=MAY), order("m", "p1", meta=MID_JUNE), {"yes"}),
        (order("m", "p1", meta=MAY), order("m", "p1", LISINOPRIL, meta=MID_JUNE), set()),
        (order("m", "p1", LISINOPRIL, meta=MAY), order("m", "p1"), {"yes", "cannot_tell"}),
        (order("m", "p1"), order("m", "p1", LISINOPRIL, meta=MID_JUNE), {"yes", "cannot_tell"}),
    ],
    ids=["updated later", "updated earlier", "nothing says when", "nothing says when, of the other"],
)
def test_an_export_of_unknown_time_is_no_older_than_others(
    dated: Line, undated: Line, opioid: set[str], tmp_path: Path
) -> None:
    manifest(tmp_path / "in/a", JUNE, output=OUTPUT)
    write(tmp_path / "in/a/MedicationRequest.ndjson", [dated])
    _undated(tmp_path / "in/b", [undated])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert {row["opioid"] for row in run.rows.values()} <= opioid
    assert bool(run.rows) is bool(opioid)
    assert len(opioid) != 2 or run.source("p1", "MedicationRequest")["complete"] is False


@pytest.mark.parametrize(
    ("meta", "found"), [(MID_JUNE, {"p1"}), (MAY, set()), ({}, {"p1"})], ids=["later", "earlier", "not known"]
)
def test_a_deletion_takes_nothing_that_may_be_newer(
    meta: dict[str, str], found: set[str], tmp_path: Path
) -> None:
    _undated(tmp_path / "in/a", [order("m1", "p1", meta=meta)])
    gone = {
        "resourceType": "Bundle",
        "entry": [{"request": {"method": "DELETE", "url": "MedicationRequest/m1"}}],
    }
    manifest(tmp_path / "in/b", JUNE, output=OUTPUT, deleted=[{"type": "Bundle", "url": "gone.ndjson"}])
    write(tmp_path / "in/b/MedicationRequest.ndjson", [order("m2", "p2", LISINOPRIL)])
    write(tmp_path / "in/b/gone.ndjson", [gone])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert set(run.rows) == found
    assert run.record.status == "incomplete"
    assert "a/ is of unknown time" in run.record.reasons[0]


def test_deletions_of_an_export_of_unknown_time_are_its_own(tmp_path: Path) -> None:
    _undated(
        tmp_path / "in/a",
        [order("m1", "p1"), order("m3", "p3")],
        "MedicationRequest/m1",
        "MedicationRequest/m2",
    )
    manifest(tmp_path / "in/b", JUNE, output=OUTPUT)
    write(tmp_path / "in/b/MedicationRequest.ndjson", [order("m2", "p2")])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert set(run.rows) == {"p2", "p3"}
    assert run.record.status == "incomplete"


FILES = "https://ehr.example.org/files"


@pytest.mark.parametrize(
    "urls",
    [
        (f"{FILES}?id=1", f"{FILES}?id=2"),
        (f"{FILES}/1/MedicationRequest.ndjson", f"{FILES}/2/MedicationRequest.ndjson"),
    ],
    ids=["by query", "by folder"],
)
def test_addresses_that_end_alike_are_files_of_their_own(urls: tuple[str, str], tmp_path: Path) -> None:
    listed = [{"type": "MedicationRequest", "url": url} for url in urls]
    manifest(tmp_path / "in", JUNE, output=listed)
    write(tmp_path / "in/MedicationRequest.ndjson", [order("m1", "p1")])
    record = evaluate(tmp_path / "in", tmp_path / "out").record
    assert record.reasons == ["MedicationRequest: 1 of its files are missing"]
    write(tmp_path / "in/MedicationRequest.2.ndjson", [order("m2", "p2")])
    assert evaluate(tmp_path / "in", tmp_path / "out").record.status == "complete"


def test_a_file_of_another_export_stands_in_for_none(tmp_path: Path) -> None:
    manifest(tmp_path / "in", JULY, output=OUTPUT)
    write(tmp_path / "in/Patient.ndjson", [person("p1")])
    manifest(tmp_path / "in/old", JUNE, output=OUTPUT)
    write(tmp_path / "in/old/MedicationRequest.ndjson", [order("m1", "p1")])
    record = evaluate(tmp_path / "in", tmp_path / "out").record
    assert record.reasons == ["MedicationRequest: 1 of its files are missing"]
