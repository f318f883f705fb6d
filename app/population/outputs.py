"""The files of a run: written under other names and renamed at the end, `run.json` last.

While results are being exchanged there is no `run.json`; whoever finds one finds the files it names, with the
checksums it gives.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from app.population.derive import read_ipc
from app.population.rows import SetAside
from app.population.tables import SCHEMAS

RUN = "run.json"
QUARANTINE = "quarantine.ndjson"
_GROUP_ROWS = 1000
TABLES = tuple(f"{name}.parquet" for name in SCHEMAS)


class TableWriter:
    """Writes the three tables in row groups of equal length, however the rows come in."""

    def __init__(self, folder: Path) -> None:
        self._held: dict[str, list[pa.Table]] = {name: [] for name in SCHEMAS}
        self._writers = {
            name: pq.ParquetWriter(folder / f"{name}.parquet", schema, compression="zstd", version="2.6")
            for name, schema in SCHEMAS.items()
        }

    def add(self, batches: dict[str, bytes]) -> None:
        for name, data in batches.items():
            self._held[name].append(read_ipc(data))
            if sum(table.num_rows for table in self._held[name]) >= _GROUP_ROWS:
                self._write(name, _GROUP_ROWS)

    def close(self) -> None:
        for name, writer in self._writers.items():
            self._write(name, 1)
            writer.close()

    def _write(self, name: str, least: int) -> None:
        """Write whole row groups; what is left over stays until there is more, or the end."""
        together = pa.concat_tables(self._held[name]).combine_chunks() if self._held[name] else None
        start = 0
        while together is not None and together.num_rows - start >= least:
            self._writers[name].write_table(together.slice(start, _GROUP_ROWS))
            start += _GROUP_ROWS
        self._held[name] = [together.slice(start)] if together is not None else []


def write_quarantine(path: Path, set_aside: Iterable[SetAside]) -> int:
    """One JSON object per line that was set aside, ordered by file and line; how many."""
    rows = sorted({(row.file, row.line, row.reason, row.kind, row.id, row.patient) for row in set_aside})
    names = ("file", "line", "reason", "kind", "id", "patient")
    with path.open("wb") as file:
        for row in rows:
            file.write(msgspec.json.encode(dict(zip(names, row, strict=True))) + b"\n")
    return len(rows)


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def publish(work: Path, out: Path) -> None:
    """Give the finished files their names, for this user only; nothing half written ever has one."""
    names = (*TABLES, QUARANTINE, RUN)
    for name in names:
        (work / name).chmod(0o600)
        _sync(work / name)
    (out / RUN).unlink(missing_ok=True)
    _sync(out)
    for name in names:
        (work / name).replace(out / name)
    _sync(out)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
