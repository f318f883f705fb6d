"""The access log cannot be changed unnoticed, and nothing is shown that it cannot record."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from app.store.audit import NO_TENANT, AuditEvent, AuditLog, Damage, Finding, Head
from app.store.crypto import KeyRing
from app.store.db import Store, create_store_engine
from app.store.errors import AuditUnavailableError
from tests.store.conftest import MASTER_KEY, NOW, Database


@pytest.fixture
def log(store: Store) -> AuditLog:
    return AuditLog(store)


def event(number: int = 1, tenant: str = "north") -> AuditEvent:
    return AuditEvent(
        tenant_id=tenant,
        action="panel.open",
        outcome="shown",
        actor="https://idp.example.org dr-canary",
        patient=f"pat-canary-{number}",
        launch_id=f"launch-{number}",
        evaluation_hash="ab" * 32,
        source_versions={"MedicationRequest/1": "3", "Patient/1": "7"},
    )


def write(log: AuditLog, count: int = 5) -> list[Head]:
    return [log.append(event(n), NOW + timedelta(seconds=n)) for n in range(1, count + 1)]


def tamper(owner: Engine, *statements: str) -> None:
    """Change the log as somebody with every right on the database could."""
    with owner.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        else:
            connection.execute(text("DROP TRIGGER audit_no_update"))
            connection.execute(text("DROP TRIGGER audit_no_delete"))
        for statement in statements:
            connection.execute(text(statement))


def test_an_entry_says_who_whom_what_when_and_with_what_result(log: AuditLog) -> None:
    log.append(event(), NOW)
    (entry,) = log.entries("north")
    assert (entry.seq, entry.at, entry.event) == (1, NOW, event())


def test_actor_and_patient_are_not_stored_in_the_clear(log: AuditLog, store: Store) -> None:
    log.append(event(), NOW)
    with store.tenant("north") as session:
        stored = str(session.execute(text("SELECT * FROM audit")).one())
    assert "canary" not in stored


def test_an_untouched_log_is_intact(log: AuditLog) -> None:
    heads = write(log)
    checked = log.verify("north", expected=heads[2])
    assert checked.intact
    assert (checked.entries, checked.head) == (5, heads[-1])
    assert log.head("north") == heads[-1]


def test_an_empty_log_is_intact_and_a_lost_one_is_not(log: AuditLog) -> None:
    assert log.verify("north").intact
    lost = log.verify("north", expected=Head(3, "f" * 64))
    assert lost.findings == (Finding(3, Damage.TRUNCATED),)


@pytest.mark.parametrize(
    "change",
    [
        "outcome = 'refused'",
        "at = '2020-01-01 00:00:00+00:00'",
        "launch_id = NULL",
        "evaluation_hash = 'cd'",
        "sealed_patient = sealed_actor",
        "patient_fingerprint = actor_hash",
        "source_versions = '{}'",
    ],
)
def test_an_edited_entry_is_found(log: AuditLog, owner: Engine, change: str, database: Database) -> None:
    write(log)
    if not database.is_postgresql:
        change = change.replace("+00:00", ".000000")
    tamper(owner, f"UPDATE audit SET {change} WHERE seq = 3")
    assert log.verify("north").findings == (Finding(3, Damage.ALTERED),)


def test_a_deleted_entry_is_found(log: AuditLog, owner: Engine) -> None:
    write(log)
    tamper(owner, "DELETE FROM audit WHERE seq = 3")
    assert log.verify("north").findings == (Finding(4, Damage.MISSING),)


def test_swapped_entries_are_found(log: AuditLog, owner: Engine) -> None:
    write(log)
    tamper(
        owner,
        "UPDATE audit SET seq = 99 WHERE seq = 2",
        "UPDATE audit SET seq = 2 WHERE seq = 3",
        "UPDATE audit SET seq = 3 WHERE seq = 99",
    )
    assert {finding.seq for finding in log.verify("north").findings} >= {2, 3}


def test_a_deleted_entry_with_closed_ranks_is_found(log: AuditLog, owner: Engine) -> None:
    write(log)
    tamper(owner, "DELETE FROM audit WHERE seq = 3", "UPDATE audit SET seq = seq - 1 WHERE seq = 4")
    assert not log.verify("north").intact


def test_a_genuine_entry_put_back_into_another_history_is_found(log: AuditLog, owner: Engine) -> None:
    write(log)
    tamper(
        owner, "CREATE TABLE aside AS SELECT * FROM audit WHERE seq = 5", "DELETE FROM audit WHERE seq > 3"
    )
    log.append(event(8), NOW)
    with owner.begin() as connection:
        connection.execute(text("INSERT INTO audit SELECT * FROM aside"))
    assert log.verify("north").findings == (Finding(5, Damage.REORDERED),)


def test_a_cut_off_end_is_found_with_a_head_kept_elsewhere(log: AuditLog, owner: Engine) -> None:
    heads = write(log)
    tamper(owner, "DELETE FROM audit WHERE seq > 3")
    assert log.verify("north").intact
    assert log.verify("north", expected=heads[-1]).findings == (Finding(5, Damage.TRUNCATED),)
    log.append(event(6), NOW)
    log.append(event(7), NOW)
    assert log.verify("north", expected=heads[-1]).findings == (Finding(5, Damage.ALTERED),)


def test_entries_written_by_somebody_without_the_key_are_found(log: AuditLog, store: Store) -> None:
    write(log, 2)
    forger = AuditLog(Store(store.engine, KeyRing.from_settings(bytes(range(2, 34)))))
    forger.append(event(3), NOW)
    assert log.verify("north").findings == (Finding(3, Damage.UNKNOWN_KEY),)


def test_the_chain_goes_on_after_a_change_of_the_master_key(log: AuditLog, store: Store) -> None:
    write(log, 2)
    later = AuditLog(Store(store.engine, KeyRing.from_settings(bytes(range(1, 33)), further=[MASTER_KEY])))
    later.append(event(3), NOW)
    assert later.verify("north").intact
    assert [entry.event for entry in later.entries("north")] == [event(1), event(2), event(3)]


@pytest.mark.parametrize("statement", ["UPDATE audit SET outcome = 'x'", "DELETE FROM audit"])
def test_the_database_refuses_changes_even_to_its_owner(log: AuditLog, owner: Engine, statement: str) -> None:
    write(log, 1)
    with owner.connect() as connection, pytest.raises(DBAPIError, match="cannot be changed"):
        connection.execute(text(statement))
    assert log.verify("north").entries == 1


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET outcome = 'x'", "DELETE FROM audit", "TRUNCATE audit"]
)
def test_the_service_role_has_no_right_to_change_the_log(
    log: AuditLog, store: Store, database: Database, statement: str
) -> None:
    write(log, 1)
    # SQLite knows no roles (and no TRUNCATE): there, the trigger alone refuses.
    refusal = "permission denied" if database.is_postgresql else "cannot be changed|syntax error"
    with store.engine.connect() as connection, pytest.raises(DBAPIError, match=refusal):
        connection.execute(text(statement))


def test_tenants_have_chains_of_their_own(log: AuditLog) -> None:
    write(log, 2)
    assert log.append(event(1, "south"), NOW).seq == 1
    assert log.append(AuditEvent(NO_TENANT, "launch", "unknown issuer"), NOW).seq == 1
    assert log.tenants() == (NO_TENANT, "north", "south")
    assert all(log.verify(tenant).intact for tenant in log.tenants())
    assert [entry.event.tenant_id for entry in log.entries("south")] == ["south"]


def test_many_writers_at_once_make_one_chain(log: AuditLog) -> None:
    with ThreadPoolExecutor(4) as pool:
        heads = list(pool.map(lambda n: log.append(event(n), NOW), range(20)))
    assert sorted(head.seq for head in heads) == list(range(1, 21))
    assert log.verify("north").intact


def test_when_the_log_cannot_be_written_the_caller_is_stopped(log: AuditLog, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO audit_gone"))
    with pytest.raises(AuditUnavailableError, match="LT-606") as caught:
        log.append(event(), NOW)
    assert "canary" not in str(caught.value)


@pytest.mark.postgres
def test_when_the_database_is_gone_the_caller_is_stopped() -> None:
    engine = create_store_engine("postgresql://nobody:none@127.0.0.1:1/none")
    with pytest.raises(AuditUnavailableError):
        AuditLog(Store(engine, KeyRing.from_settings(MASTER_KEY))).append(event(), NOW)
    engine.dispose()


def test_a_head_can_be_written_down_and_read_back() -> None:
    head = Head(12, "ab" * 32)
    assert Head.parse(f" {head}\n") == head
    for wrong in ("", "12", "x:" + "ab" * 32, "12:short"):
        with pytest.raises(ValueError, match="number:hash"):
            Head.parse(wrong)
