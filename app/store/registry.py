"""The registry: what runs over whole exports found, per patient, to be listed by who needs attention.

A run is loaded once, whole or not at all.  Who the patients are and their evaluations are sealed; patients are
found again by the keyed hash that launches use.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, select
from sqlalchemy.exc import IntegrityError

from app.store.crypto import Place
from app.store.db import Store, TenantSession
from app.store.errors import TenantUnknownError
from app.store.models import RegistryGapRow, RegistryRow, RunRow, TenantRow

_AT_ONCE = 500
OPEN_STATUSES = ("overdue", "due_soon", "unknown")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One loaded run.  record: its `run.json`, of any version."""

    id: str
    as_of: date
    status: str
    loaded_at: datetime
    record: dict[str, Any]

    @property
    def taken(self) -> datetime | None:
        """When the newest export was taken."""
        return self._moment("taken")

    @property
    def newness(self) -> tuple[date, datetime, datetime]:
        """By day, then by the export, which was taken before it was evaluated, then by the evaluation."""
        finished = self._moment("finished") or self.loaded_at
        return self.as_of, self.taken or finished, finished

    def _moment(self, member: str) -> datetime | None:
        said = self.record.get(member)
        return datetime.fromisoformat(said) if said else None


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """One patient in one run.  gaps: status and due day by gap id.  evaluation: the public JSON.

    name, born, mrn: who it is, as far as the export said.
    """

    patient: str = field(repr=False)
    ltot: str
    ltot_state: str
    ltot_since: date | None
    covered_days_90: int
    mme: Decimal | None
    mme_complete: bool
    mme_avg_90: Decimal | None
    exclusions: tuple[str, ...]
    risk_tier: str
    prescriber: str | None
    gaps_overdue: int
    gaps_due_soon: int
    gaps_unknown: int
    gaps: dict[str, tuple[str, date | None]]
    evaluation: str = field(repr=False)
    name: str = field(default="", repr=False)
    born: date | None = field(default=None, repr=False)
    mrn: str = field(default="", repr=False)


class Order(StrEnum):
    """How a list is sorted; what is equal is in the order of patient ids.

    OVERDUE: by overdue gaps, then by MME, highest first.  MME, SINCE, PRESCRIBER: what is not known comes last.
    """

    OVERDUE = "overdue"
    MME = "mme"
    SINCE = "since"
    PRESCRIBER = "prescriber"
    PATIENT = "patient"


@dataclass(frozen=True, slots=True)
class Band:
    """A range of daily MME, from `low` to below `high` (None: no limit); `number` False: no number is known."""

    low: Decimal | None = None
    high: Decimal | None = None
    number: bool = True


@dataclass(frozen=True, slots=True)
class Filters:
    """Whom to list; None lists everyone.  gap: open in any way, or with `gap_status`."""

    ltot: str | None = None
    band: Band | None = None
    gap: str | None = None
    gap_status: str | None = None
    prescriber: str | None = None


class Registry:
    """The registry of one tenant."""

    def __init__(self, store: Store, tenant_id: str) -> None:
        self.store, self.tenant_id = store, tenant_id

    def load(self, run: RunSummary, entries: Iterable[RegistryEntry]) -> bool:
        """Load a run in one transaction; False when it is there already.  Raises TenantUnknownError."""
        try:
            with self.store.tenant(self.tenant_id) as session:
                if session.get(TenantRow, self.tenant_id, with_for_update=True) is None:
                    raise TenantUnknownError
                if session.get(RunRow, (self.tenant_id, run.id)) is not None:
                    return False
                session.execute(insert(RunRow), [self._run_values(run)])
                numbered = enumerate(entries)
                while several := list(islice(numbered, _AT_ONCE)):
                    session.execute(insert(RegistryRow), [self._values(run.id, n, one) for n, one in several])
                    gaps = [values for n, one in several for values in self._gap_values(run.id, n, one)]
                    if gaps:
                        session.execute(insert(RegistryGapRow), gaps)
        except IntegrityError:
            if self._is_loaded(run.id):
                return False
            raise
        return True

    def runs(self) -> tuple[RunSummary, ...]:
        """All runs, newest first, in whatever order they were loaded."""
        with self.store.tenant(self.tenant_id) as session:
            rows = session.scalars(select(RunRow).order_by(RunRow.id))
            return tuple(sorted(map(_summary, rows), key=lambda run: run.newness, reverse=True))

    def count(self, run_id: str, filters: Filters) -> int:
        """How many patients of a run fit."""
        with self.store.tenant(self.tenant_id) as session:
            found = select(func.count()).select_from(RegistryRow).where(*self._where(run_id, filters))
            return session.scalar(found) or 0

    def entries(
        self,
        run_id: str,
        filters: Filters,
        *,
        order: Order = Order.OVERDUE,
        offset: int = 0,
        limit: int | None = None,
    ) -> tuple[RegistryEntry, ...]:
        """Patients of a run that fit."""
        with self.store.tenant(self.tenant_id) as session:
            wanted = (
                select(RegistryRow)
                .where(*self._where(run_id, filters))
                .order_by(*_ORDERS[order], RegistryRow.number)
                .offset(offset)
            )
            rows = session.scalars(wanted.limit(limit) if limit is not None else wanted).all()
            gaps = self._gaps(session, run_id, [row.number for row in rows])
            return tuple(self._entry(row, gaps.get(row.number, {})) for row in rows)

    def prescribers(self, run_id: str) -> tuple[str, ...]:
        """Everyone who prescribed last to a patient of the run, by name."""
        with self.store.tenant(self.tenant_id) as session:
            names = session.scalars(
                select(RegistryRow.prescriber).where(RegistryRow.run_id == run_id).distinct()
            )
            return tuple(sorted(name for name in names if name))

    def of_patient(self, patient: str) -> tuple[RunSummary, RegistryEntry] | None:
        """The newest evaluation of one patient."""
        hashes = self.store.ring.keyed_hashes(f"patient {self.tenant_id}", patient)
        for run in self.runs():
            with self.store.tenant(self.tenant_id) as session:
                wanted = select(RegistryRow).where(
                    RegistryRow.run_id == run.id, RegistryRow.patient_hash.in_(hashes)
                )
                row = session.scalars(wanted).first()
                if row is not None:
                    gaps = self._gaps(session, run.id, [row.number])
                    return run, self._entry(row, gaps.get(row.number, {}))
        return None

    def statuses(self, run_id: str, filters: Filters) -> dict[str, dict[str, int]]:
        """By gap id, how many patients that fit have which status."""
        with self.store.tenant(self.tenant_id) as session:
            numbers = select(RegistryRow.number).where(*self._where(run_id, filters))
            rows = session.execute(
                select(RegistryGapRow.gap, RegistryGapRow.status, func.count())
                .where(RegistryGapRow.run_id == run_id, RegistryGapRow.number.in_(numbers))
                .group_by(RegistryGapRow.gap, RegistryGapRow.status)
                .order_by(RegistryGapRow.gap, RegistryGapRow.status)
            )
            found: dict[str, dict[str, int]] = {}
            for gap, status, count in rows:
                found.setdefault(gap, {})[status] = count
            return found

    def _where(self, run_id: str, filters: Filters) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [RegistryRow.run_id == run_id]
        if filters.ltot is not None:
            found.append(RegistryRow.ltot == filters.ltot)
        if filters.prescriber is not None:
            found.append(RegistryRow.prescriber == filters.prescriber)
        if filters.gap is not None:
            statuses = (filters.gap_status,) if filters.gap_status else OPEN_STATUSES
            found.append(RegistryRow.number.in_(self._with_gap(run_id, filters.gap, statuses)))
        if filters.band is not None:
            found += _within(filters.band)
        return found

    def _with_gap(self, run_id: str, gap: str, statuses: tuple[str, ...]) -> Select[int]:
        return select(RegistryGapRow.number).where(
            RegistryGapRow.run_id == run_id, RegistryGapRow.gap == gap, RegistryGapRow.status.in_(statuses)
        )

    def _is_loaded(self, run_id: str) -> bool:
        with self.store.tenant(self.tenant_id) as session:
            return session.get(RunRow, (self.tenant_id, run_id)) is not None

    def _run_values(self, run: RunSummary) -> dict[str, Any]:
        return {
            "tenant_id": self.tenant_id,
            "id": run.id,
            "as_of": run.as_of,
            "status": run.status,
            "record": run.record,
            "loaded_at": run.loaded_at,
        }

    def _values(self, run_id: str, number: int, one: RegistryEntry) -> dict[str, Any]:
        ring = self.store.ring
        packed = base64.b85encode(zlib.compress(one.evaluation.encode())).decode()
        return {
            "tenant_id": self.tenant_id,
            "run_id": run_id,
            "number": number,
            "patient_hash": ring.keyed_hash(f"patient {self.tenant_id}", one.patient),
            "sealed_patient": ring.seal(one.patient, self._place(run_id, number, "sealed_patient")),
            "sealed_person": ring.seal(_person(one), self._place(run_id, number, "sealed_person")),
            "ltot": one.ltot,
            "ltot_state": one.ltot_state,
            "ltot_since": one.ltot_since,
            "covered_days_90": one.covered_days_90,
            "mme": one.mme,
            "mme_complete": one.mme_complete,
            "mme_avg_90": one.mme_avg_90,
            "exclusions": list(one.exclusions),
            "risk_tier": one.risk_tier,
            "prescriber": one.prescriber,
            "gaps_overdue": one.gaps_overdue,
            "gaps_due_soon": one.gaps_due_soon,
            "gaps_unknown": one.gaps_unknown,
            "sealed_evaluation": ring.seal(packed, self._place(run_id, number, "sealed_evaluation")),
        }

    def _gap_values(self, run_id: str, number: int, one: RegistryEntry) -> Iterator[dict[str, Any]]:
        for gap, (status, due) in one.gaps.items():
            yield {
                "tenant_id": self.tenant_id,
                "run_id": run_id,
                "number": number,
                "gap": gap,
                "status": status,
                "due": due,
            }

    def _gaps(
        self, session: TenantSession, run_id: str, numbers: list[int]
    ) -> dict[int, dict[str, tuple[str, date | None]]]:
        found: dict[int, dict[str, tuple[str, date | None]]] = {}
        for start in range(0, len(numbers), _AT_ONCE):
            rows = session.scalars(
                select(RegistryGapRow)
                .where(
                    RegistryGapRow.run_id == run_id,
                    RegistryGapRow.number.in_(numbers[start : start + _AT_ONCE]),
                )
                .order_by(RegistryGapRow.number, RegistryGapRow.gap)
            )
            for row in rows:
                found.setdefault(row.number, {})[row.gap] = row.status, row.due
        return found

    def _entry(self, row: RegistryRow, gaps: dict[str, tuple[str, date | None]]) -> RegistryEntry:
        opened = self.store.ring.open
        person: dict[str, str] = {}
        if row.sealed_person is not None:
            person = json.loads(
                opened(row.sealed_person, self._place(row.run_id, row.number, "sealed_person"))
            )
        born = person.get("born")
        packed = opened(row.sealed_evaluation, self._place(row.run_id, row.number, "sealed_evaluation"))
        return RegistryEntry(
            patient=opened(row.sealed_patient, self._place(row.run_id, row.number, "sealed_patient")),
            ltot=row.ltot,
            ltot_state=row.ltot_state,
            ltot_since=row.ltot_since,
            covered_days_90=row.covered_days_90,
            mme=row.mme,
            mme_complete=row.mme_complete,
            mme_avg_90=row.mme_avg_90,
            exclusions=tuple(row.exclusions),
            risk_tier=row.risk_tier,
            prescriber=row.prescriber,
            gaps_overdue=row.gaps_overdue,
            gaps_due_soon=row.gaps_due_soon,
            gaps_unknown=row.gaps_unknown,
            gaps=gaps,
            evaluation=zlib.decompress(base64.b85decode(packed)).decode(),
            name=person.get("name", ""),
            born=date.fromisoformat(born) if born else None,
            mrn=person.get("mrn", ""),
        )

    def _place(self, run_id: str, number: int, column: str) -> Place:
        return Place("registry_evaluations", f"{self.tenant_id}/{run_id}/{number}", column)


_MME = func.coalesce(RegistryRow.mme, Decimal(-1)).desc()
_ORDERS: dict[Order, tuple[ColumnElement[Any], ...]] = {
    Order.OVERDUE: (RegistryRow.gaps_overdue.desc(), _MME),
    Order.MME: (_MME,),
    Order.SINCE: (RegistryRow.ltot_since.is_(None), RegistryRow.ltot_since.expression),
    Order.PRESCRIBER: (RegistryRow.prescriber.is_(None), RegistryRow.prescriber.expression),
    Order.PATIENT: (),
}


def _person(one: RegistryEntry) -> str:
    """Who it is, short enough for its column."""
    return json.dumps(
        {"name": one.name[:200], "born": one.born.isoformat() if one.born else "", "mrn": one.mrn[:100]}
    )


def _within(band: Band) -> list[ColumnElement[bool]]:
    if not band.number:
        return [RegistryRow.mme.is_(None)]
    found: list[ColumnElement[bool]] = [RegistryRow.mme.is_not(None)]
    if band.low is not None:
        found.append(RegistryRow.mme >= band.low)
    if band.high is not None:
        found.append(RegistryRow.mme < band.high)
    return found


def _summary(row: RunRow) -> RunSummary:
    return RunSummary(row.id, row.as_of, row.status, row.loaded_at, row.record)
