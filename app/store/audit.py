"""The access log: who looked at whom, when, with what result. Rows are chained by keyed hashes per tenant.

Whatever must be recorded happens only after its entry was stored: ``append`` either stores it or raises
AuditUnavailableError. An altered, deleted or reordered entry breaks the chain; entries cut off at the end
are found by comparing with a head (``Head``) kept outside the database. Source: 45 CFR 164.312(b), ONC
170.315(d)(2), (d)(10).
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from app.store.crypto import Place
from app.store.db import Store, TenantSession
from app.store.errors import AuditUnavailableError, StoreError
from app.store.models import AuditRow, TenantRow

NO_TENANT = "-"
"""Where events are recorded that belong to no tenant, such as a launch from an unknown EHR."""
START = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One access to record. ``actor`` and ``patient`` are sealed, ``source_versions`` maps references to
    versions.

    ``evaluation_hash`` stands for what was shown, so that the content itself is not kept here.
    """

    tenant_id: str
    action: str
    outcome: str
    actor: str | None = field(default=None, repr=False)
    patient: str | None = field(default=None, repr=False)
    launch_id: str | None = None
    evaluation_hash: str | None = None
    source_versions: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A stored entry as ``AuditLog.entries`` returns it, with actor and patient opened."""

    seq: int
    at: datetime
    event: AuditEvent


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a tenant's chain; written down elsewhere, it proves later that nothing was cut
    off."""

    seq: int
    hash: str

    @classmethod
    def parse(cls, written: str) -> Self:
        """Read the ``seq:hash`` form. Raises ValueError."""
        seq, separator, digest = written.strip().partition(":")
        if not separator or not seq.isdigit() or len(digest) != len(START):
            raise ValueError("An audit head is written as number:hash.")
        return cls(int(seq), digest)

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


class Damage(StrEnum):
    """What is wrong with a chain."""

    ALTERED = "altered"
    MISSING = "missing"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    UNKNOWN_KEY = "unknown_key"


@dataclass(frozen=True, slots=True)
class Finding:
    """One damaged place in the chain, and what it looks like."""

    seq: int
    damage: Damage


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of checking one tenant's chain."""

    entries: int
    head: Head
    findings: tuple[Finding, ...]

    @property
    def intact(self) -> bool:
        """Nothing was found."""
        return not self.findings


class AuditLog:
    """Appends to and checks the access log."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, event: AuditEvent, now: datetime) -> Head:
        """Store one entry. Raises AuditUnavailableError: then the access itself must not happen."""
        try:
            with self._store.tenant(event.tenant_id) as session:
                head = self._lock_head(session, event.tenant_id)
                row = self._row(event, head, now)
                session.add(row)
                return Head(row.seq, row.hash)
        except (SQLAlchemyError, StoreError):
            raise AuditUnavailableError from None

    def head(self, tenant_id: str) -> Head:
        """The last entry of a tenant's chain; sequence 0 when there is none."""
        with self._store.tenant(tenant_id) as session:
            return _head(session)

    def tenants(self) -> tuple[str, ...]:
        """Ids under which a chain may exist; those of unknown tenants included."""
        with self._store.system() as session:
            return (NO_TENANT, *session.scalars(select(TenantRow.id).order_by(TenantRow.id)))

    def entries(self, tenant_id: str, *, limit: int = 1000) -> tuple[AuditEntry, ...]:
        """Stored entries in order, opened. Raises SealBrokenError for one that was tampered with."""
        with self._store.tenant(tenant_id) as session:
            rows = session.scalars(select(AuditRow).order_by(AuditRow.seq).limit(limit))
            return tuple(AuditEntry(row.seq, row.at, self._event(row)) for row in rows)

    def verify(self, tenant_id: str, expected: Head | None = None) -> Verification:
        """Check a tenant's whole chain, and against a head noted earlier that the chain still reaches it."""
        findings: list[Finding] = []
        count, head, at_expected = 0, Head(0, START), None
        with self._store.tenant(tenant_id) as session:
            rows = session.scalars(select(AuditRow).order_by(AuditRow.seq).execution_options(yield_per=1000))
            for row in rows:
                damage = self._damage(row, head)
                if damage is not None:
                    findings.append(Finding(row.seq, damage))
                count, head = count + 1, Head(row.seq, row.hash)
                if expected is not None and row.seq == expected.seq:
                    at_expected = row.hash
        if expected is not None and expected.seq > 0 and at_expected != expected.hash:
            damage = Damage.TRUNCATED if head.seq < expected.seq else Damage.ALTERED
            findings.append(Finding(expected.seq, damage))
        return Verification(count, head, tuple(findings))

    def _damage(self, row: AuditRow, before: Head) -> Damage | None:
        expected = self._store.ring.keyed_hash_under(row.key_id, "audit", _content(row))
        if expected is None:
            return Damage.UNKNOWN_KEY
        if not hmac.compare_digest(expected, row.hash):
            return Damage.ALTERED
        if row.seq != before.seq + 1:
            return Damage.MISSING
        return None if row.prev_hash == before.hash else Damage.REORDERED

    def _lock_head(self, session: TenantSession, tenant_id: str) -> Head:
        # SQLite transactions are serialised from their first statement; PostgreSQL needs a lock per chain.
        if session.get_bind().dialect.name == "postgresql":
            session.execute(
                text("SELECT pg_advisory_xact_lock(hashtextextended(:chain, 0))"),
                {"chain": f"ltot audit {tenant_id}"},
            )
        return _head(session)

    def _row(self, event: AuditEvent, head: Head, now: datetime) -> AuditRow:
        ring, tenant_id, seq = self._store.ring, event.tenant_id, head.seq + 1
        actor, patient = event.actor, event.patient
        row = AuditRow(
            tenant_id=tenant_id,
            seq=seq,
            at=now,
            action=event.action,
            outcome=event.outcome,
            sealed_actor=actor and ring.seal(actor, _place(tenant_id, seq, "sealed_actor")),
            actor_hash=actor and ring.keyed_hash(f"actor {tenant_id}", actor),
            sealed_patient=patient and ring.seal(patient, _place(tenant_id, seq, "sealed_patient")),
            patient_fingerprint=patient and ring.keyed_hash(f"patient {tenant_id}", patient),
            launch_id=event.launch_id,
            evaluation_hash=event.evaluation_hash,
            source_versions=dict(event.source_versions),
            key_id=ring.current_id,
            prev_hash=head.hash,
        )
        row.hash = ring.keyed_hash("audit", _content(row))
        return row

    def _event(self, row: AuditRow) -> AuditEvent:
        ring, tenant_id = self._store.ring, row.tenant_id
        actor, patient = row.sealed_actor, row.sealed_patient
        return AuditEvent(
            tenant_id=tenant_id,
            action=row.action,
            outcome=row.outcome,
            actor=actor and ring.open(actor, _place(tenant_id, row.seq, "sealed_actor")),
            patient=patient and ring.open(patient, _place(tenant_id, row.seq, "sealed_patient")),
            launch_id=row.launch_id,
            evaluation_hash=row.evaluation_hash,
            source_versions=row.source_versions,
        )


def _head(session: TenantSession) -> Head:
    last = session.scalars(
        select(AuditRow).where(AuditRow.seq == select(func.max(AuditRow.seq)).scalar_subquery())
    ).one_or_none()
    return Head(last.seq, last.hash) if last is not None else Head(0, START)


def _content(row: AuditRow) -> str:
    """Everything of an entry but its own hash, in one canonical form."""
    columns = {column.key: getattr(row, column.key) for column in AuditRow.__mapper__.columns}
    del columns["hash"]
    columns["at"] = row.at.astimezone(UTC).isoformat(timespec="microseconds")
    return json.dumps(columns, sort_keys=True, separators=(",", ":"))


def _place(tenant_id: str, seq: int, column: str) -> Place:
    return Place("audit", f"{tenant_id}/{seq}", column)
