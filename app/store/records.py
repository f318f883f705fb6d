"""Entries made in the visit: appended, never changed, sealed, found by the patient's keyed hash.

Taking an entry back, and each attempt to write one to the EHR, are rows of their own.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.clinical.entries import Entry, EntryKind
from app.store.crypto import Place
from app.store.db import Store, TenantSession
from app.store.launch import Launch
from app.store.models import VisitRecordRow, WriteBackRow

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class WriteBack:
    """The last attempt to write an entry to the EHR.

    ``reference``: the resource it became, "" when it did not.  ``reason``: why not, in words.  ``unsure``: the EHR
    may hold it although it did not say so.
    """

    at: datetime
    reference: str = ""
    reason: str = ""
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class KeptEntry:
    """A stored entry, when it was made, and what came of writing it back (None: never tried)."""

    entry: Entry
    at: datetime
    author_hash: str = field(repr=False)
    write_back: WriteBack | None = None

    @property
    def reference(self) -> str:
        """The resource it became at the EHR, "" when it is not known to have become one."""
        return self.write_back.reference if self.write_back else ""


class Records:
    """Appends and reads entries of one patient of one tenant."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, launch: Launch, entry: Entry, now: datetime) -> KeptEntry:
        """Keep an entry of this launch's user about its patient; the same one sent twice is kept once."""
        kept = replace(
            entry, id=secrets.token_hex(12), author=launch.user.name or launch.user.fhir_user or ""
        )
        try:
            with self._store.tenant(launch.tenant_id) as session:
                row = self._row(session, launch, kept, now)
                session.add(row)
        except IntegrityError:
            with self._store.tenant(launch.tenant_id) as session:
                known = session.scalars(
                    select(VisitRecordRow).where(
                        VisitRecordRow.content_hash == self._content(session, launch, kept)
                    )
                ).one()
                return self._kept(known, self._attempts(session, [known.id]))
        return KeptEntry(kept, now, launch.user_hash)

    def of_patient(self, tenant_id: str, patient: str) -> tuple[KeptEntry, ...]:
        """Every entry about a patient in the order they were made, withdrawals included."""
        return self._of_some(tenant_id, (patient,)).get(patient, ())

    def of_patients(self, tenant_id: str, patients: Sequence[str]) -> dict[str, tuple[KeptEntry, ...]]:
        """As `of_patient`, for many; only patients with an entry are in it."""
        found: dict[str, tuple[KeptEntry, ...]] = {}
        for start in range(0, len(patients), _AT_ONCE):
            found |= self._of_some(tenant_id, patients[start : start + _AT_ONCE])
        return found

    def _of_some(self, tenant_id: str, patients: Iterable[str]) -> dict[str, tuple[KeptEntry, ...]]:
        hashed = self._store.ring.keyed_hashes
        names = {name: patient for patient in patients for name in hashed(f"patient {tenant_id}", patient)}
        found: dict[str, tuple[KeptEntry, ...]] = {}
        with self._store.tenant(tenant_id) as session:
            rows = session.scalars(
                select(VisitRecordRow)
                .where(VisitRecordRow.patient_hash.in_(names))
                .order_by(VisitRecordRow.at, VisitRecordRow.id)
            ).all()
            attempts = self._attempts(session, [row.id for row in rows])
            for row in rows:
                patient = names[row.patient_hash]
                found[patient] = (*found.get(patient, ()), self._kept(row, attempts))
        return found

    def note_write_back(self, tenant_id: str, record_id: str, attempt: WriteBack) -> None:
        """Keep what came of an attempt to write an entry to the EHR."""
        row = WriteBackRow(tenant_id=tenant_id, id=secrets.token_hex(12), record_id=record_id, at=attempt.at)
        row.sealed_outcome = self._store.ring.seal(
            msgspec.json.encode(attempt).decode(),
            Place("write_backs", f"{tenant_id}/{row.id}", "sealed_outcome"),
        )
        with self._store.tenant(tenant_id) as session:
            session.add(row)

    def _row(self, session: TenantSession, launch: Launch, entry: Entry, now: datetime) -> VisitRecordRow:
        ring, tenant_id = self._store.ring, launch.tenant_id
        return VisitRecordRow(
            tenant_id=tenant_id,
            id=entry.id,
            patient_hash=ring.keyed_hash(f"patient {tenant_id}", launch.patient),
            author_hash=launch.user_hash,
            content_hash=self._content(session, launch, entry),
            sealed_entry=ring.seal(msgspec.json.encode(entry).decode(), _place(tenant_id, entry.id)),
            at=now,
        )

    def _content(self, session: TenantSession, launch: Launch, entry: Entry) -> str:
        """What makes two entries the same: one launch, one content, and as many withdrawals before it."""
        hashes = self._store.ring.keyed_hashes(f"patient {launch.tenant_id}", launch.patient)
        rows = session.scalars(select(VisitRecordRow).where(VisitRecordRow.patient_hash.in_(hashes)))
        withdrawn = sum(self._entry(row).kind is EntryKind.WITHDRAWAL for row in rows)
        said = msgspec.json.encode((launch.id, withdrawn, replace(entry, id="")))
        return self._store.ring.keyed_hash(f"entry {launch.tenant_id}", said.decode())

    def _entry(self, row: VisitRecordRow) -> Entry:
        opened = self._store.ring.open(row.sealed_entry, _place(row.tenant_id, row.id))
        return msgspec.json.decode(opened, type=Entry)

    def _kept(self, row: VisitRecordRow, attempts: dict[str, WriteBack]) -> KeptEntry:
        return KeptEntry(self._entry(row), row.at, row.author_hash, attempts.get(row.id))

    def _attempts(self, session: TenantSession, ids: list[str]) -> dict[str, WriteBack]:
        """The last attempt of each entry."""
        found: dict[str, WriteBack] = {}
        rows = session.scalars(
            select(WriteBackRow)
            .where(WriteBackRow.record_id.in_(ids))
            .order_by(WriteBackRow.at, WriteBackRow.id)
        )
        for row in rows:
            place = Place("write_backs", f"{row.tenant_id}/{row.id}", "sealed_outcome")
            found[row.record_id] = msgspec.json.decode(
                self._store.ring.open(row.sealed_outcome, place), type=WriteBack
            )
        return found


def _place(tenant_id: str, record_id: str) -> Place:
    return Place("visit_records", f"{tenant_id}/{record_id}", "sealed_entry")
