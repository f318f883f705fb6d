"""Lists as files for a clinic: `.csv`, `.xlsx` and `.parquet`."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from app.errors import LtotError
from app.jobs.registry import LTOT_WORDS, shown_completeness, shown_mme
from app.jobs.registry_book import write_book
from app.store.registry import RegistryEntry, RunSummary

Cell = str | int | Decimal | date | bool | None
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
COLUMNS = (
    "patient", "name", "born", "MRN",
    "long-term opioid therapy", "state", "since", "covered days of 90", "MME a day", "MME is complete",
    "MME, mean of 90 days", "exclusions", "risk", "prescriber", "overdue", "due soon", "unknown",
)  # fmt: skip


def write_list(path: Path, run: RunSummary, entries: Sequence[RegistryEntry]) -> None:
    """Write a list by the ending of `path`.  Raises LT-601 for another ending, LT-509 when it cannot be written."""
    writers: dict[str, Callable[[Path, RunSummary, Sequence[RegistryEntry]], None]] = {
        ".csv": _csv,
        ".xlsx": write_book,
        ".parquet": _parquet,
    }
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise LtotError("LT-601", "file: end its name in .csv, .xlsx or .parquet.")
    try:
        handle, name = tempfile.mkstemp(prefix=".list-", suffix=path.suffix.lower(), dir=path.parent)
        os.close(handle)
        try:
            writer(Path(name), run, entries)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise LtotError("LT-509", f"{error.strerror or 'The file cannot be written'}.") from None


def _gaps(entries: Sequence[RegistryEntry]) -> list[str]:
    return sorted({gap for entry in entries for gap in entry.gaps})


def _cells(entry: RegistryEntry) -> list[Cell]:
    return [
        entry.patient,
        entry.name,
        entry.born,
        entry.mrn,
        LTOT_WORDS[entry.ltot],
        entry.ltot_state.replace("_", " "),
        entry.ltot_since,
        entry.covered_days_90,
        shown_mme(entry.mme),
        shown_completeness(entry),
        shown_mme(entry.mme_avg_90),
        ", ".join(entry.exclusions),
        entry.risk_tier,
        entry.prescriber,
        entry.gaps_overdue,
        entry.gaps_due_soon,
        entry.gaps_unknown,
    ]


def _status(entry: RegistryEntry, gap: str) -> str:
    return entry.gaps[gap][0].replace("_", " ") if gap in entry.gaps else ""


def csv_of(entries: Sequence[RegistryEntry]) -> bytes:
    """A list as a CSV file; it is made in memory, as it names people."""
    gaps, text = _gaps(entries), io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, *gaps])
    for entry in entries:
        row = [*_cells(entry), *(_status(entry, gap) for gap in gaps)]
        writer.writerow([_harmless(cell) for cell in row])
    return text.getvalue().encode("utf-8-sig")


def _csv(path: Path, run: RunSummary, entries: Sequence[RegistryEntry]) -> None:  # noqa: ARG001 - one shape
    path.write_bytes(csv_of(entries))


def _harmless(cell: Cell) -> Cell:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_DANGEROUS) else cell


def _parquet(path: Path, run: RunSummary, entries: Sequence[RegistryEntry]) -> None:
    schema = pa.schema(
        {
            "run": pa.string(), "as_of": pa.date32(), "patient": pa.string(), "ltot": pa.string(),
            "ltot_state": pa.string(), "ltot_since": pa.date32(), "covered_days_90": pa.int32(),
            "mme": pa.decimal128(18, 6), "mme_complete": pa.bool_(), "mme_avg_90": pa.decimal128(18, 6),
            "exclusions": pa.list_(pa.string()), "risk_tier": pa.string(), "prescriber": pa.string(),
            "gaps": pa.map_(pa.string(), pa.string()),
        }
    )  # fmt: skip
    plain = [name for name in schema.names if name not in {"run", "as_of", "exclusions", "gaps"}]
    rows = [
        {
            "run": run.id,
            "as_of": run.as_of,
            "exclusions": list(entry.exclusions),
            "gaps": [(gap, status) for gap, (status, _) in sorted(entry.gaps.items())],
            **{name: getattr(entry, name) for name in plain},
        }
        for entry in entries
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")
