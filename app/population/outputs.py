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
TABLES = tuple(f"{name}.parquet" for name in SCHEMAS)


class TableWriter:
    """Writes the three tables, one row group per shard that adds rows."""

    def __init__(self, folder: Path) -> None:
        self._writers = {
            name: pq.ParquetWriter(folder / f"{name}.parquet", schema, compression="zstd", version="2.6")
            for name, schema in SCHEMAS.items()
        }

    def add(self, batches: dict[str, bytes]) -> None:
        for name, data in batches.items():
            table = read_ipc(data)
            if table.num_rows:
                self._writers[name].write_table(table)

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


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
    """Give the finished files their names; nothing half written ever has one."""
    names = (*TABLES, QUARANTINE, RUN)
    for name in names:
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


def equal_rows(one: Path, other: Path) -> bool:
    """Whether two tables hold the same rows in the same order."""
    return pa.Table.equals(pq.read_table(one), pq.read_table(other))
