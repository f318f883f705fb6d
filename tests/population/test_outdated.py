"""What was last known long before the day evaluated for is not taken for that day's."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.jobs.evaluate_files import read_files
from app.jobs.policies import load_policy, load_site_terms
from tests.population.conftest import DAY, OUTPUT, Line, Run, evaluate, manifest, one_by_one, order, write

JANUARY, MARCH, MAY, JUNE = (f"2026-{month}-30T20:00:00Z" for month in ("01", "03", "05", "06"))
OVER = {"authoredOn": "2026-01-20"}


def _export(folder: Path, moment: str, lines: list[Line], since: str = "", ehr: str = "ehr") -> None:
    manifest(folder, moment, output=OUTPUT)
    said = json.loads((folder / "manifest.json").read_text())
    asked = f"https://{ehr}.example.org/fhir/$export{'?_since=' + since if since else ''}"
    (folder / "manifest.json").write_text(json.dumps({**said, "request": asked}))
    write(folder / "MedicationRequest.ndjson", lines)


def _is_told(run: Run, patient: str) -> bool:
    return run.rows[patient]["ltot"] == "no" and run.rows[patient]["mme_complete"] is True


def test_an_export_of_long_ago_proves_no_absence_today(tmp_path: Path) -> None:
    _export(tmp_path / "in", JANUARY, [order("m1", "p1", **OVER)])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.record.status == "incomplete"
    assert run.record.reasons == [
        "all kinds: the newest export was taken more than 31 days before the day evaluated for"
    ]
    assert run.rows["p1"]["ltot"] == "cannot_tell"
    assert run.rows["p1"]["mme_complete"] is False
    assert {p: row["evaluation"] for p, row in run.rows.items()} == one_by_one(tmp_path / "in")


@pytest.mark.parametrize("moment", [MAY, JUNE, "2026-08-01T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_an_export_of_the_last_month_or_later_or_of_unknown_time_is_taken_as_it_is(
    moment: str, tmp_path: Path
) -> None:
    _export(tmp_path / "in", moment, [order("m1", "p1", **OVER)])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.record.status == "complete"
    assert _is_told(run, "p1")


def test_who_is_in_no_later_export_is_not_known_today(tmp_path: Path) -> None:
    _export(tmp_path / "in/1", JANUARY, [order("m1", "left", **OVER), order("m2", "stays", **OVER)])
    _export(tmp_path / "in/2", JUNE, [order("m2", "stays", **OVER)])
    run = evaluate(tmp_path / "in", tmp_path / "out")
    assert run.record.status == "complete"
    assert _is_told(run, "stays")
    assert run.rows["left"]["ltot"] == "cannot_tell"
    assert run.source("left", "MedicationRequest")["problem"] == (
        "the newest export with this patient was taken more than 31 days before the day evaluated for"
    )


@pytest.mark.parametrize(
    ("since", "ehr", "told"),
    [(MARCH, "ehr", True), (MARCH, "another", False), (MAY, "ehr", False)],
    ids=["followed without a gap", "another EHR's changes", "a gap"],
)
def test_who_is_in_no_export_of_changes_has_not_changed(
    since: str, ehr: str, told: bool, tmp_path: Path
) -> None:
    _export(tmp_path / "in/3", JANUARY, [order("m1", "p1", **OVER)])
    _export(tmp_path / "in/2", MARCH, [order("m2", "p2", **OVER)], since=JANUARY)
    _export(tmp_path / "in/1", JUNE, [order("m3", "p3", **OVER)], since=since, ehr=ehr)
    assert _is_told(evaluate(tmp_path / "in", tmp_path / "out"), "p1") is told


@pytest.mark.parametrize(("zone", "old"), [("Pacific/Auckland", []), ("America/Los_Angeles", [""])])
def test_the_month_is_counted_in_the_clinic_s_days(zone: str, old: list[str], tmp_path: Path) -> None:
    _export(tmp_path / "in", "2026-05-30T01:00:00Z", [order("m1", "p1", **OVER)])
    read = read_files(
        [tmp_path / "in"], policy=load_policy(), terms=load_site_terms(), as_of=DAY, zone=ZoneInfo(zone)
    )
    assert read.census.outdated == old
