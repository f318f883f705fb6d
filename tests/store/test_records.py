"""Entries of a visit: kept once, sealed, for one patient of one tenant, and never changed."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.clinical.entries import Entry, EntryKind, standing_entries
from app.store.attempts import Attempts
from app.store.db import Store
from app.store.launch import Launch
from app.store.records import Records, WriteBack
from app.store.sessions import Sessions
from tests.store.conftest import NOW, Database, open_launch

TODAY = date(2026, 3, 2)
CHECK = Entry(EntryKind.PDMP, TODAY, outcome="expected", text="canary-note", on_behalf_of="Dr. Canary")
LATER = timedelta(minutes=1)


@pytest.fixture
def records(store: Store) -> Records:
    return Records(store)


@pytest.fixture
def launch(attempts: Attempts, sessions: Sessions) -> Launch:
    return open_launch(attempts, sessions).launch


def test_an_entry_is_found_again_with_its_author_and_time(records: Records, launch: Launch) -> None:
    made = records.add(launch, CHECK, NOW)
    assert records.of_patient("north", "pat-1") == (made,)
    assert (made.entry.author, made.author_hash, made.at) == ("Dr. Ada Quill", launch.user_hash, NOW)
    assert replace(made.entry, id="", author="") == CHECK


def test_entries_of_other_patients_and_tenants_are_not_seen(
    records: Records, launch: Launch, attempts: Attempts, sessions: Sessions
) -> None:
    records.add(launch, CHECK, NOW)
    south = open_launch(attempts, sessions, tenant="south", mark="s").launch
    records.add(south, replace(CHECK, outcome="unexpected"), NOW)
    assert records.of_patient("north", "pat-2") == ()
    assert [one.entry.outcome for one in records.of_patient("north", "pat-1")] == ["expected"]
    assert [one.entry.outcome for one in records.of_patient("south", "pat-1")] == ["unexpected"]


def test_the_same_entry_sent_twice_is_kept_once(records: Records, launch: Launch) -> None:
    first = records.add(launch, CHECK, NOW)
    assert records.add(launch, CHECK, NOW + LATER) == first
    assert len(records.of_patient("north", "pat-1")) == 1


def test_what_was_taken_back_can_be_recorded_again(records: Records, launch: Launch) -> None:
    first = records.add(launch, CHECK, NOW).entry
    records.add(launch, Entry(EntryKind.WITHDRAWAL, TODAY, withdraws=first.id), NOW + LATER)
    again = records.add(launch, CHECK, NOW + 2 * LATER).entry
    assert again.id != first.id
    standing = standing_entries(one.entry for one in records.of_patient("north", "pat-1"))
    assert [one.id for one in standing] == [again.id]


def test_the_last_attempt_to_write_back_is_the_one_told(records: Records, launch: Launch) -> None:
    made = records.add(launch, CHECK, NOW).entry
    records.note_write_back("north", made.id, WriteBack(NOW, reason="The EHR refused it."))
    written = WriteBack(NOW + LATER, reference="Procedure/p1")
    records.note_write_back("north", made.id, written)
    (kept,) = records.of_patient("north", "pat-1")
    assert kept.write_back == written


def test_nothing_of_an_entry_is_stored_in_the_clear(records: Records, launch: Launch, store: Store) -> None:
    made = records.add(launch, CHECK, NOW).entry
    records.note_write_back("north", made.id, WriteBack(NOW, reference="Procedure/canary"))
    with store.tenant("north") as session:
        stored = str(
            [session.execute(text(f"SELECT * FROM {t}")).all() for t in ("visit_records", "write_backs")]
        )
    for clear in ("canary", "Canary", "expected", "pat-1", "Quill", "pdmp"):
        assert clear not in stored


@pytest.mark.parametrize("table", ["visit_records", "write_backs"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET tenant_id = 'south'", "DELETE FROM {}"])
def test_the_database_refuses_changes(
    records: Records, launch: Launch, store: Store, database: Database, table: str, statement: str
) -> None:
    made = records.add(launch, CHECK, NOW).entry
    records.note_write_back("north", made.id, WriteBack(NOW, reason="refused"))
    refusal = "permission denied" if database.is_postgresql else "cannot be changed"
    with store.engine.connect() as connection, pytest.raises(DBAPIError, match=refusal):
        connection.execute(text(statement.format(table)))


def test_without_naming_a_tenant_postgresql_shows_no_entry(
    records: Records, launch: Launch, store: Store, database: Database
) -> None:
    records.add(launch, CHECK, NOW)
    with store.engine.connect() as connection:
        seen = connection.execute(text("SELECT count(*) FROM visit_records")).scalar_one()
    # SQLite knows no row-level security: there, the session alone restricts what is seen.
    assert seen == (0 if database.is_postgresql else 1)
