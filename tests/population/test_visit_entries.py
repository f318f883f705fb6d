"""A run counts what was recorded in visits as the panel does, of its own tenant, up to its own day."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from app.clinical.entries import Entry, EntryKind
from app.errors import LtotError
from app.jobs.entries import recorded_until
from app.jobs.evaluate_population import Request, evaluate_population
from app.jobs.registry import as_line, filters_of, list_patients, load_run
from app.store.audit import AuditLog
from app.store.db import Store
from app.store.records import Records, WriteBack
from app.store.registry import Registry
from tests.population.conftest import DAY, NOW, condition, order, person, write
from tests.population.visits import launch_of

PDMP = "G01"
_minutes = count(1)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    lines = [
        order(f"{one}{n}", one, authoredOn=f"2026-0{n}-15") for one in ("p1", "p2") for n in (3, 4, 5, 6)
    ]
    write(tmp_path / "in/MedicationRequest.ndjson", lines)
    write(tmp_path / "in/Patient.ndjson", [person("p1"), person("p2")])
    write(tmp_path / "in/Condition.ndjson", [condition("c1", "p1"), condition("c2", "p2")])
    return tmp_path / "in"


def _record(store: Store, patient: str, entry: Entry, tenant: str = "north") -> str:
    return (
        Records(store)
        .add(launch_of(tenant, patient), entry, NOW + timedelta(minutes=next(_minutes)))
        .entry.id
    )


def _run(
    export: Path, out: Path, store: Store, *, day: date = DAY, workers: int = 1
) -> dict[str, dict[str, str]]:
    """Evaluate with the entries of ``north``, load it there, and give the status of every gap by patient."""
    recorded = recorded_until(store, "north", day, actor="operator ada", clock=lambda: NOW)
    record = evaluate_population(Request(export, out, day, workers=workers, recorded=recorded))
    registry = Registry(store, "north")
    load_run(registry, out, datetime.now(UTC))
    entries = registry.entries(
        record.id, filters_of(ltot=None, mme=None, gap=None, status=None, prescriber=None)
    )
    return {one.patient: {gap: status for gap, (status, _) in one.gaps.items()} for one in entries}


def test_a_gap_closed_in_a_visit_is_closed_on_the_list(store: Store, export: Path, tmp_path: Path) -> None:
    before = _run(export, tmp_path / "before", store)
    assert before["p1"][PDMP] in {"overdue", "unknown"}
    _record(store, "p1", Entry(EntryKind.PDMP, date(2026, 6, 20), outcome="expected"))
    after = _run(export, tmp_path / "after", store)
    assert after["p1"][PDMP] == "met"
    assert after["p2"] == before["p2"]
    open_now = filters_of(ltot=None, mme=None, gap=PDMP, status=None, prescriber=None)
    listed = list_patients(
        store, "north", None, open_now, action="registry.list", actor="operator ada", now=NOW
    )
    assert [as_line(entry).split("\t")[0] for entry in listed.entries] == ["p2"]


def test_withdrawn_later_and_other_peoples_entries_do_not_count(
    store: Store, export: Path, tmp_path: Path
) -> None:
    before = _run(export, tmp_path / "before", store)
    mistake = _record(store, "p1", Entry(EntryKind.PDMP, date(2026, 6, 20), outcome="expected"))
    _record(store, "p1", Entry(EntryKind.WITHDRAWAL, date(2026, 7, 1), withdraws=mistake))
    _record(store, "p2", Entry(EntryKind.PDMP, date(2026, 7, 1), outcome="expected"))
    _record(store, "p1", Entry(EntryKind.PDMP, date(2026, 6, 20), outcome="expected"), tenant="south")
    assert _run(export, tmp_path / "after", store) == before


def test_an_entry_the_export_holds_by_now_counts_as_the_ehr_has_it(
    store: Store, export: Path, tmp_path: Path
) -> None:
    entry = _record(store, "p1", Entry(EntryKind.PDMP, date(2026, 6, 20), outcome="expected"))
    Records(store).note_write_back("north", entry, WriteBack(NOW, "Procedure/check"))
    assert _run(export, tmp_path / "without", store)["p1"][PDMP] == "met"
    mistaken = {
        "resourceType": "Procedure", "id": "check", "status": "entered-in-error",
        "subject": {"reference": "Patient/p1"}, "performedDateTime": "2026-06-20",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "461621000124108"}]},
    }  # fmt: skip
    write(export / "Procedure.ndjson", [mistaken])
    assert _run(export, tmp_path / "with", store)["p1"][PDMP] != "met"


@pytest.mark.parametrize("kind", [EntryKind.PDMP, EntryKind.WITHDRAWAL])
def test_what_became_of_an_entry_that_no_longer_stands_does_not_count(
    store: Store, export: Path, tmp_path: Path, kind: EntryKind
) -> None:
    """Replaced on the same day, or taken back: the export still holds what it was written as."""
    first = _record(store, "p1", Entry(EntryKind.PDMP, date(2026, 6, 20), outcome="expected"))
    Records(store).note_write_back("north", first, WriteBack(NOW, "Procedure/check"))
    written = {
        "resourceType": "Procedure", "id": "check", "status": "completed",
        "subject": {"reference": "Patient/p1"}, "performedDateTime": "2026-06-20",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "461621000124108"}]},
        "outcome": {"text": "expected"},
    }  # fmt: skip
    write(export / "Procedure.ndjson", [written])
    assert _run(export, tmp_path / "before", store)["p1"][PDMP] == "met"
    if kind is EntryKind.PDMP:
        _record(store, "p1", Entry(EntryKind.PDMP, date(2026, 6, 20), outcome="unexpected"))
    else:
        _record(store, "p1", Entry(kind, date(2026, 6, 21), withdraws=first))
    after = _run(export, tmp_path / "after", store)["p1"]
    if kind is EntryKind.PDMP:
        assert (after[PDMP], after["G02"]) == ("met", "overdue")
    else:
        assert after[PDMP] != "met"


def test_processes_get_the_entries_too_and_the_run_says_how_many(
    store: Store, export: Path, tmp_path: Path
) -> None:
    _record(store, "p1", Entry(EntryKind.PDMP, date(2026, 6, 20), outcome="expected"))
    one = _run(export, tmp_path / "one", store)
    assert _run(export, tmp_path / "two", store, workers=2) == one
    assert '"visit_entries": 1' in (tmp_path / "one/run.json").read_text()
    plain = evaluate_population(Request(export, tmp_path / "plain", DAY, workers=1))
    assert plain.visit_entries is None
    assert plain.id not in (tmp_path / "one/run.json").read_text()


def test_who_had_the_entries_read_is_in_the_access_log(store: Store, export: Path, tmp_path: Path) -> None:
    _run(export, tmp_path / "out", store)
    event = AuditLog(store).entries("north")[-1].event
    assert (event.action, event.actor) == ("population.entries", "operator ada")
    with pytest.raises(LtotError, match="LT-607"):
        recorded_until(store, "nowhere", DAY, actor="operator ada", clock=lambda: NOW)


def test_a_deferral_is_over_after_its_last_day(store: Store, export: Path, tmp_path: Path) -> None:
    put_off = Entry(
        EntryKind.DEFERRAL, date(2026, 6, 20), gap=PDMP, until=date(2026, 6, 29), text="portal was down"
    )
    _record(store, "p1", put_off)
    assert _run(export, tmp_path / "during", store, day=date(2026, 6, 29))["p1"][PDMP] == "deferred"
    assert _run(export, tmp_path / "over", store)["p1"][PDMP] != "deferred"
    _record(store, "p1", replace(put_off, until=date(2026, 7, 10)))
    assert _run(export, tmp_path / "again", store)["p1"][PDMP] == "deferred"
