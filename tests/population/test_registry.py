"""The registry: loaded once and whole, sealed, found by what a clinic asks for, one tenant's alone."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from app.errors import LtotError
from app.jobs.registry import (
    as_line,
    filters_of,
    list_patients,
    load_run,
    measures,
    run_of,
    withheld,
)
from app.jobs.registry_files import write_list
from app.store.audit import AuditLog
from app.store.db import Store
from app.store.errors import TenantUnknownError
from app.store.registry import Filters, Registry, RegistryEntry
from tests.population.conftest import NOW, Run, condition, evaluate, manifest, order, person, write

HOSTILE = '=HYPERLINK("https://evil.example.org")'
EVERYONE = Filters()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Three people: 30 MME and 120 MME a day, and one whose dose cannot be known."""
    strong = {"text": "oxycodone hydrochloride 20 MG Oral Tablet"}
    vague = order("m4", "patient-c", {"text": "oxycodone"}, dosageInstruction=[{"text": "as directed"}])
    del vague["dispenseRequest"]
    lines = [
        *[order(f"a{n}", "patient-a", authoredOn=f"2026-{n:02}-15") for n in (3, 4, 5, 6)],
        *[
            order(f"b{n}", "patient-b", strong, authoredOn=f"2026-{n:02}-15", requester={"display": HOSTILE})
            for n in (3, 4, 5, 6)
        ],
        vague,
    ]
    write(tmp_path / "in/MedicationRequest.ndjson", lines)
    write(tmp_path / "in/Patient.ndjson", [person(f"patient-{name}") for name in "abc"])
    write(tmp_path / "in/Condition.ndjson", [condition("c1", "patient-a")])
    return evaluate(tmp_path / "in", tmp_path / "run")


@pytest.fixture
def registry(store: Store, run: Run) -> Registry:
    registry = Registry(store, "north")
    load_run(registry, run.out, NOW)
    return registry


def _found(registry: Registry, **filters: str) -> list[str]:
    asked = {"ltot": None, "mme": None, "gap": None, "status": None, "prescriber": None, **filters}
    run = run_of(registry, None)
    entries = registry.entries(run.id, filters_of(**asked))
    assert registry.count(run.id, filters_of(**asked)) == len(entries)
    return sorted(entry.patient for entry in entries)


def test_what_was_loaded_is_what_the_run_found(registry: Registry, run: Run) -> None:
    entries = {entry.patient: entry for entry in registry.entries(run.record.id, EVERYONE)}
    assert {patient: entry.evaluation for patient, entry in entries.items()} == {
        patient: row["evaluation"] for patient, row in run.rows.items()
    }
    for patient, entry in entries.items():
        assert entry.mme == run.rows[patient]["mme"]
        gaps = {gap["id"]: gap["status"] for gap in run.evaluations[patient]["gaps"]}
        assert {gap: status for gap, (status, _) in entry.gaps.items()} == gaps


def test_loading_again_changes_nothing(registry: Registry, run: Run) -> None:
    summary, loaded = load_run(registry, run.out, NOW + timedelta(days=1))
    assert not loaded
    assert [one.loaded_at for one in registry.runs()] == [NOW]
    assert registry.count(summary.id, EVERYONE) == 3


def test_a_run_that_breaks_while_loading_leaves_nothing(store: Store, run: Run) -> None:
    registry = Registry(store, "north")
    summary, _ = load_run(registry, run.out, NOW)
    entries = registry.entries(summary.id, EVERYONE)
    other = Registry(store, "south")

    def breaking() -> Iterator[RegistryEntry]:
        yield entries[0]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        other.load(summary, breaking())
    assert other.runs() == ()
    assert other.load(summary, entries)


def test_lists_answer_what_a_clinic_asks(registry: Registry) -> None:
    assert _found(registry) == ["patient-a", "patient-b", "patient-c"]
    assert _found(registry, mme="1-49") == ["patient-a"]
    assert _found(registry, mme="90+") == ["patient-b"]
    assert _found(registry, mme="unknown") == ["patient-c"]
    assert _found(registry, mme="0") == []
    assert _found(registry, ltot="yes") == ["patient-a", "patient-b"]
    assert _found(registry, prescriber=HOSTILE) == ["patient-b"]
    assert _found(registry, gap="G13", status="met") == []
    assert "patient-b" in _found(registry, gap="G13")
    first = registry.entries(run_of(registry, None).id, EVERYONE)[0]
    assert first.patient == "patient-b", "most overdue first"


def test_a_list_says_at_least_and_not_known(registry: Registry) -> None:
    lines = {entry.patient: as_line(entry) for entry in registry.entries(run_of(registry, None).id, EVERYONE)}
    assert lines["patient-a"].split("\t")[:3] == ["patient-a", "yes", "30.0"]
    assert "not known" in lines["patient-c"]


def test_a_prescriber_with_tabs_and_line_breaks_stays_in_one_row(store: Store, tmp_path: Path) -> None:
    lines = [
        order(f"m{n}", "p1", authoredOn=f"2026-{n:02}-15", requester={"display": "A\tB\r\nC"})
        for n in (3, 4, 5, 6)
    ]
    write(tmp_path / "in/MedicationRequest.ndjson", lines)
    registry = Registry(store, "north")
    load_run(registry, evaluate(tmp_path / "in", tmp_path / "run").out, NOW)
    [entry] = registry.entries(run_of(registry, None).id, EVERYONE)
    assert as_line(entry).split("\t")[-1] == "A B C"
    assert len(as_line(entry).splitlines()) == 1


@pytest.mark.parametrize(
    "asked", [{"ltot": "maybe"}, {"mme": "high"}, {"gap": "G13", "status": "bad"}, {"status": "overdue"}]
)
def test_a_filter_that_cannot_be_is_named(asked: dict[str, str]) -> None:
    with pytest.raises(LtotError, match=f"LT-601.*{list(asked)[-1]}: "):
        filters_of(**{"ltot": None, "mme": None, "gap": None, "status": None, "prescriber": None, **asked})


def test_one_tenant_sees_nothing_of_another(store: Store, registry: Registry, run: Run) -> None:
    other = Registry(store, "south")
    assert other.runs() == ()
    assert other.entries(run.record.id, EVERYONE) == ()
    assert other.of_patient("patient-a") is None
    assert registry.of_patient("patient-a") is not None
    with pytest.raises(TenantUnknownError):
        load_run(Registry(store, "nowhere"), run.out, NOW)


def test_nothing_at_rest_names_a_patient(store: Store, registry: Registry) -> None:
    assert registry.runs()
    with store.tenant("north") as session:
        for table in ("registry_runs", "registry_evaluations", "registry_gaps"):
            rows = session.execute(text(f"SELECT * FROM {table}")).all()
            assert rows
            assert "patient-" not in repr(rows)
            assert "MedicationRequest/" not in repr(rows)


def test_a_patient_is_found_in_the_newest_run(
    store: Store, registry: Registry, run: Run, tmp_path: Path
) -> None:
    write(tmp_path / "in/more.ndjson", [order("a9", "patient-a", authoredOn="2026-06-28")])
    later = evaluate(tmp_path / "in", tmp_path / "later")
    load_run(registry, later.out, NOW + timedelta(hours=1))
    found = registry.of_patient("patient-a")
    assert found is not None
    assert found[0].id == later.record.id != run.record.id


def test_of_two_runs_of_one_day_the_one_over_the_later_export_is_shown_however_they_are_loaded(
    store: Store, tmp_path: Path
) -> None:
    runs: dict[str, Run] = {}
    for name, moment in (("morning", "2026-06-30T08:00:00Z"), ("evening", "2026-06-30T20:00:00.5+02:00")):
        output = [{"type": "MedicationRequest", "url": "MedicationRequest.ndjson"}]
        manifest(tmp_path / name, moment, output=output)
        write(tmp_path / name / "MedicationRequest.ndjson", [order(name, "p1")])
        runs[name] = evaluate(tmp_path / name, tmp_path / f"{name}-run")
    registry = Registry(store, "north")
    for minutes, name in enumerate(("evening", "morning")):
        load_run(registry, runs[name].out, NOW + timedelta(minutes=minutes))
    assert run_of(registry, None).id == runs["evening"].record.id
    assert run_of(registry, None).taken == datetime(2026, 6, 30, 18, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tenant": "south"}, "The run counts the visits of south."),
        ({"ehrs": ["south.example.org/fhir"]}, "The run holds patients of the EHR of south."),
        ({"as_of": "2062-06-30"}, "It is as of 2062-06-30, a day that has not come."),
    ],
    ids=["another clinic's visits", "another clinic's EHR", "a day to come"],
)
def test_a_run_that_cannot_be_this_clinic_s_list_of_today_is_refused(
    change: dict[str, str], said: str, store: Store, run: Run
) -> None:
    record = json.loads((run.out / "run.json").read_text())
    (run.out / "run.json").write_text(json.dumps({**record, **change}))
    registry = Registry(store, "north")
    with pytest.raises(LtotError, match="LT-507") as refused:
        load_run(registry, run.out, NOW)
    assert said in str(refused.value)
    assert registry.runs() == ()


def test_a_run_written_before_exports_times_were_kept_is_loaded(store: Store, run: Run) -> None:
    record = json.loads((run.out / "run.json").read_text())
    del record["taken"], record["tenant"], record["ehrs"]
    (run.out / "run.json").write_text(json.dumps(record))
    registry = Registry(store, "north")
    load_run(registry, run.out, NOW)
    assert run_of(registry, None).taken is None


@pytest.mark.parametrize(
    "damage", ["no record", "a table was changed", "a table is missing", "the run failed"]
)
def test_a_run_that_is_not_whole_is_refused(damage: str, store: Store, run: Run) -> None:
    if damage == "no record":
        (run.out / "run.json").unlink()
    elif damage == "a table was changed":
        (run.out / "gaps.parquet").write_bytes(b"PAR1")
    elif damage == "a table is missing":
        (run.out / "evaluations.parquet").unlink()
    else:
        record = json.loads((run.out / "run.json").read_text())
        (run.out / "run.json").write_text(json.dumps({**record, "status": "failed"}))
    registry = Registry(store, "north")
    with pytest.raises(LtotError, match="LT-507"):
        load_run(registry, run.out, NOW)
    assert registry.runs() == ()


def test_who_listed_patients_is_in_the_access_log(store: Store, registry: Registry) -> None:
    found = list_patients(
        store, "north", None, EVERYONE, action="registry.export", actor="operator ada", now=datetime.now(UTC)
    )
    entry = AuditLog(store).entries("north")[-1]
    assert len(found.entries) == 3
    assert (entry.event.action, entry.event.outcome, entry.event.actor) == (
        "registry.export", "3 patients", "operator ada",
    )  # fmt: skip


def test_small_counts_are_withheld_in_measures(registry: Registry) -> None:
    counted = {
        (measure, value): count for measure, value, count in measures(registry, run_of(registry, None))
    }
    assert counted["ltot", "yes"] == "withheld"
    assert not set(counted.values()) - {"withheld", "0"}


def test_a_withheld_count_cannot_be_worked_out_from_the_others() -> None:
    assert withheld({"yes": 40, "no": 100, "unknown": 3}) == {
        "yes": "withheld",
        "no": "100",
        "unknown": "withheld",
    }
    assert withheld({"yes": 40, "no": 11}) == {"yes": "40", "no": "11"}
    assert withheld({"yes": 0, "no": 10}) == {"yes": "0", "no": "withheld"}


def _written(registry: Registry, path: Path) -> Path:
    run = run_of(registry, None)
    write_list(path, run, registry.entries(run.id, EVERYONE))
    return path


def test_a_list_without_a_run_says_so(store: Store) -> None:
    registry = Registry(store, "north")
    for asked in (None, "a-run-of-another-tenant"):
        with pytest.raises(LtotError, match="LT-512: There is no such run in the registry"):
            run_of(registry, asked)


def test_csv_holds_no_formula(registry: Registry, tmp_path: Path) -> None:
    with _written(registry, tmp_path / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["patient"]: row for row in csv.DictReader(file)}
    assert rows["patient-b"]["prescriber"] == f"'{HOSTILE}"
    assert rows["patient-a"]["MME a day"] == "30.0"
    assert rows["patient-c"]["MME a day"] == "not known"
    assert rows["patient-c"]["MME is complete"] == "no"
    assert rows["patient-b"]["G13"] == "overdue"


def test_a_workbook_shows_status_in_words_and_colour(registry: Registry, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(_written(registry, tmp_path / "list.xlsx"))
    assert book.sheetnames == ["list", "care gaps", "totals", "about"]
    sheet, gaps = book["list"], book["care gaps"]
    header = {cell.value: cell.column for cell in sheet[1]}
    rows = {sheet.cell(row, header["patient"]).value: row for row in range(2, sheet.max_row + 1)}
    assert sheet.freeze_panes == gaps.freeze_panes == "B2"
    assert sheet.auto_filter.ref is not None
    prescriber = sheet.cell(rows["patient-b"], header["prescriber"])
    assert (prescriber.value, prescriber.data_type) == (HOSTILE, "s")
    assert sheet.cell(rows["patient-a"], header["MME a day"]).value == 30
    assert sheet.cell(rows["patient-c"], header["MME a day"]).value == "not known"
    doses = {patient: sheet.cell(row, header["MME a day"]).fill.fgColor.rgb for patient, row in rows.items()}
    assert doses == {"patient-a": "00000000", "patient-b": "FFFFE9A8", "patient-c": "FFDDDDDD"}
    overdue = sheet.cell(rows["patient-b"], header["overdue"])
    assert "naloxone" in overdue.value
    assert overdue.fill.fgColor.rgb == "FFF8C9C4"
    names = {str(cell.value).partition(" ")[0]: cell.column for cell in gaps[1]}
    naloxone = gaps.cell(rows["patient-b"], names["G13"])
    assert (naloxone.value, naloxone.fill.fgColor.rgb) == ("overdue", "FFF8C9C4")
    words = {cell.value for row in gaps.iter_rows(min_row=2, min_col=3) for cell in row}
    assert "cannot tell" in words
    assert "unknown" not in words


def test_a_workbook_says_what_it_rests_on_and_withholds_small_totals(
    registry: Registry, tmp_path: Path
) -> None:
    book = openpyxl.load_workbook(_written(registry, tmp_path / "list.xlsx"))
    facts = [row[:2] for row in book["about"].iter_rows(values_only=True)]
    assert ("run", run_of(registry, None).id) in facts
    assert ("entries recorded in visits", "not counted") in facts
    assert any("not proven to be without opioids" in str(value) for _, value in facts)
    assert any(str(name) == "source: MedicationRequest.ndjson" for name, _ in facts)
    totals = list(book["totals"].iter_rows(min_row=2, values_only=True))
    assert totals[0] == ("patients", "all", 3)
    assert {count for _, _, count in totals[1:]} <= {"withheld", 0}


def test_parquet_keeps_exact_numbers(registry: Registry, tmp_path: Path) -> None:
    rows = {
        row["patient"]: row
        for row in pq.read_table(_written(registry, tmp_path / "list.parquet")).to_pylist()
    }
    assert rows["patient-b"]["mme"] == 120
    assert rows["patient-c"]["mme"] is None
    assert dict(rows["patient-b"]["gaps"])["G13"] == "overdue"


def test_another_ending_is_refused(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(LtotError, match=r"LT-601.*\.csv, \.xlsx or \.parquet"):
        _written(registry, tmp_path / "list.txt")
    assert list(tmp_path.glob("*.txt")) == []


def test_what_a_manifest_or_a_deletion_changed_is_another_run(store: Store, tmp_path: Path) -> None:
    folder, registry = tmp_path / "in", Registry(store, "north")
    write(folder / "MedicationRequest.ndjson", [order("m1", "p1"), order("m2", "p2")])
    listed = {"type": "MedicationRequest", "url": "MedicationRequest.ndjson"}
    said = {
        "plain": {"output": [listed]},
        "a file is missing": {"output": [listed, {"type": "Condition", "url": "Condition.ndjson"}]},
        "m1 is gone": {"output": [listed], "deleted": [{"type": "Bundle", "url": "gone.ndjson"}]},
    }
    found: list[tuple[str, list[str]]] = []
    for name, sections in said.items():
        manifest(folder, "2026-06-20T00:00:00Z", **sections)
        gone = {
            "resourceType": "Bundle",
            "entry": [{"request": {"method": "DELETE", "url": "MedicationRequest/m1"}}],
        }
        write(folder / "gone.ndjson", [gone] if "deleted" in sections else [])
        loaded, fresh = load_run(registry, evaluate(folder, tmp_path / name).out, NOW)
        assert fresh
        found.append((loaded.status, sorted(one.patient for one in registry.entries(loaded.id, EVERYONE))))
    assert found == [("complete", ["p1", "p2"]), ("incomplete", ["p1", "p2"]), ("complete", ["p2"])]
