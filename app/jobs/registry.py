"""Load runs into the registry, list whom they found, count them, and write lists as files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from app.clinical.evaluation import LtotStatus, Status
from app.errors import LtotError
from app.jobs.evaluate_population import RunRecord
from app.population.outputs import RUN, checksum
from app.population.rows import server_of
from app.store.audit import AuditEvent, AuditLog
from app.store.db import Store
from app.store.registry import Band, Filters, Order, Registry, RegistryEntry, RunSummary
from app.store.tenants import Tenants

SMALLEST_COUNT = 11
LOWER_MARK = Decimal(50)
"""From this MME a day on a list draws the eye to it, as its bands do.  Source: CDC 2022 guideline, recommendation 4."""
_EASTERNMOST = timedelta(hours=14)
"""Nowhere is it later in the day, by so much from UTC."""
BANDS = {
    "0": Band(Decimal(0), Decimal("0.000001")),
    "1-49": Band(Decimal("0.000001"), LOWER_MARK),
    "50-89": Band(LOWER_MARK, Decimal(90)),
    "90+": Band(Decimal(90)),
    "unknown": Band(number=False),
}
LTOT_WORDS = {"yes": "yes", "no": "no", "cannot_tell": "cannot tell"}


def load_run(registry: Registry, folder: Path, now: datetime) -> tuple[RunSummary, bool]:
    """Load the run in `folder`; False when it was loaded before.

    Raises LT-507 unless the run is whole, its day has come, and it holds nothing of another tenant.
    """
    record = _record(folder)
    for name, expected in record.outputs.items():
        if not (folder / name).is_file() or checksum(folder / name) != expected:
            raise LtotError("LT-507", f"{name} is not the file the run wrote.")
    if record.status == "failed":
        raise LtotError("LT-507", f"The run failed: {'; '.join(record.reasons)}.")
    _require_own(registry, record)
    as_of = date.fromisoformat(record.as_of)
    if as_of > (now + _EASTERNMOST).date():
        raise LtotError("LT-507", f"It is as of {as_of}, a day that has not come.")
    run = RunSummary(record.id, as_of, record.status, now, msgspec.to_builtins(record))
    return run, registry.load(run, _entries(folder))


def _require_own(registry: Registry, record: RunRecord) -> None:
    if record.tenant not in {None, registry.tenant_id}:
        raise LtotError("LT-507", f"The run counts the visits of {record.tenant}.")
    for tenant in Tenants(registry.store).all():
        if tenant.id != registry.tenant_id and server_of(tenant.issuer) in record.ehrs:
            raise LtotError("LT-507", f"The run holds patients of the EHR of {tenant.id}.")


def _record(folder: Path) -> RunRecord:
    try:
        return msgspec.json.decode((folder / RUN).read_bytes(), type=RunRecord)
    except OSError:
        raise LtotError("LT-507", f"There is no {RUN} in the folder.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise LtotError("LT-507", f"{RUN} cannot be read.") from None


def _entries(folder: Path) -> Iterator[RegistryEntry]:
    """The run's patients, row group by row group; both tables are in the order of patients."""
    gaps = _rows(folder / "gaps.parquet", ["patient", "gap", "status", "due"])
    gap = next(gaps, None)
    for row in _rows(folder / "evaluations.parquet", None):
        found: dict[str, tuple[str, date | None]] = {}
        while gap is not None and gap["patient"] == row["patient"]:
            found[gap["gap"]] = gap["status"], gap["due"]
            gap = next(gaps, None)
        yield RegistryEntry(
            **{name: row[name] for name in _PLAIN},
            exclusions=tuple(row["exclusions"]),
            gaps=found,
            name=row["name"] or "",
            born=row["born"],
            mrn=row["mrn"] or "",
        )


_PLAIN = (
    "patient", "ltot", "ltot_state", "ltot_since", "covered_days_90", "mme", "mme_complete", "mme_avg_90",
    "risk_tier", "prescriber", "gaps_overdue", "gaps_due_soon", "gaps_unknown", "evaluation",
)  # fmt: skip


def _rows(path: Path, columns: list[str] | None) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            table: pa.Table = file.read_row_group(number, columns=columns)
            yield from table.to_pylist()


@dataclass(frozen=True, slots=True)
class Listing:
    """Whom a run found, as asked for; `total` of them, of which `entries` may be a part."""

    run: RunSummary
    entries: tuple[RegistryEntry, ...]
    total: int


def list_patients(
    store: Store,
    tenant_id: str,
    run_id: str | None,
    filters: Filters,
    *,
    action: str,
    actor: str,
    now: datetime,
    launch_id: str | None = None,
    order: Order = Order.OVERDUE,
    offset: int = 0,
    limit: int | None = None,
) -> Listing:
    """The patients of a run that fit; the access log says first who asked.  Raises LT-512, LT-606."""
    registry = Registry(store, tenant_id)
    run = run_of(registry, run_id)
    found = registry.count(run.id, filters)
    shown = max(0, found - offset) if limit is None else max(0, min(limit, found - offset))
    event = AuditEvent(tenant_id, action, f"{shown} patients", actor=actor, launch_id=launch_id)
    AuditLog(store).append(event, now)
    entries = registry.entries(run.id, filters, order=order, offset=offset, limit=limit)
    return Listing(run, entries, found)


def filters_of(
    *, ltot: str | None, mme: str | None, gap: str | None, status: str | None, prescriber: str | None
) -> Filters:
    """Filters in the words of the command line.  Raises LT-601 for one that cannot be."""
    for name, value, known in (
        ("ltot", ltot, tuple(LtotStatus)),
        ("mme", mme, tuple(BANDS)),
        ("status", status, tuple(Status)),
    ):
        if value is not None and value not in known:
            raise LtotError("LT-601", f"{name}: write one of {', '.join(known)}.")
    if status is not None and gap is None:
        raise LtotError("LT-601", "status: name the gap with --gap.")
    return Filters(ltot, BANDS[mme] if mme else None, gap, status, prescriber)


COLUMNS = ("patient", "LtOT", "MME a day", "overdue", "due soon", "cannot tell", "prescriber")


def as_line(entry: RegistryEntry) -> str:
    """One patient as a line of words, parted by tabs, in the order of `COLUMNS`; other tabs and breaks are blanks."""
    number = shown_mme(entry.mme)
    mme = f"{number}" if entry.mme_complete or entry.mme is None else f"at least {number}"
    counts = (entry.gaps_overdue, entry.gaps_due_soon, entry.gaps_unknown)
    words = [entry.patient, entry.ltot, mme, *map(str, counts), entry.prescriber or "not known"]
    return "\t".join(" ".join(word.split()) for word in words)


def shown_mme(value: Decimal | None) -> Decimal | str:
    """Rounded half up to one decimal; not known is said, never left empty or zero."""
    return "not known" if value is None else value.quantize(Decimal("0.1"), ROUND_HALF_UP)


def shown_completeness(entry: RegistryEntry) -> str:
    """Whether the MME is all there is: yes, at least, or no where there is no number."""
    return "yes" if entry.mme_complete else "no" if entry.mme is None else "at least"


def run_of(registry: Registry, run_id: str | None) -> RunSummary:
    """The named run, or the newest.  Raises LT-512 when there is none."""
    for run in registry.runs():
        if run_id is None or run.id == run_id:
            return run
    raise LtotError("LT-512", "" if run_id else "None is loaded yet.")


def measures(registry: Registry, run: RunSummary) -> list[tuple[str, str, str]]:
    """Counts over a run as measure, value and count, with small counts withheld."""
    status = {name: registry.count(run.id, Filters(ltot=name)) for name in ("yes", "no", "cannot_tell")}
    bands = {name: registry.count(run.id, Filters(ltot="yes", band=BANDS[name])) for name in BANDS}
    tables: dict[str, dict[str, int]] = {"ltot": status, "mme, of those on long-term therapy": bands}
    for gap, counts in registry.statuses(run.id, Filters(ltot="yes")).items():
        tables[f"{gap}, of those on long-term therapy"] = counts
    return [
        (measure, value, shown)
        for measure, counts in tables.items()
        for value, shown in withheld(counts).items()
    ]


def withheld(counts: dict[str, int]) -> dict[str, str]:
    """Counts as text: those from 1 to 10 are withheld, and one more where a single one could be worked out."""
    hidden = {name for name, count in counts.items() if 0 < count < SMALLEST_COUNT}
    others = sorted((count, name) for name, count in counts.items() if name not in hidden and count)
    if len(hidden) == 1 and others:
        hidden.add(others[0][1])
    return {name: "withheld" if name in hidden else str(count) for name, count in counts.items()}
