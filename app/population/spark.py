"""The Spark engine: the same steps through `mapInArrow`, for exports that live on a cluster.

Every executor must reach the export's files under the driver's paths and have this package installed
(docs/spark.md).  Memory on an executor holds one part or one shard per task.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, reduce
from importlib.util import find_spec
from typing import Any

import msgspec
import pyarrow as pa
from msgspec.structs import replace
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import collect_list
from pyspark.storagelevel import StorageLevel

from app.errors import LtotError
from app.population.census import Census
from app.population.charts import medications_in
from app.population.derive import Derived, Task, Tools, derive
from app.population.drugs import Drugs, Verdict
from app.population.engine import Shards
from app.population.keep import Keeper, Kept, Wanted, medications_of, pack, unpack
from app.population.moved import Holder, held_by_several, holders_in, pairs_of
from app.population.parts import Part
from app.population.rows import SetAside
from app.population.scan import Summary, read_index, scan, suspects_in

Cells = dict[str, Any]
Values = tuple[object, ...]
Step = Callable[[Cells], Iterable[Values]]
_TYPES = {"int": pa.int32(), "binary": pa.binary(), "string": pa.string()}
_KEPT = "shard int, record binary"
_SCANNED = "number int, part binary, summary binary, index binary"
_ROWS_AT_ONCE = 2048
_NAME = "ltot population"
# Like a cluster, a single machine tries a lost task four times; Spark's own choice there is once.
_MASTER = "local[*, 4]"
_LOCAL = {
    # Where driver and executor are one process, Spark's own gigabyte is too little for 100,000 people.
    "spark.driver.memory": "4g",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": str(2 * (os.cpu_count() or 1)),
}
_pack, _unpack = msgspec.msgpack.encode, msgspec.msgpack.decode


@cache
def _tools(task: Task) -> Tools:
    """Once per Python worker."""
    return task.tools()


@cache
def _drugs(task: Task) -> Drugs:
    return Drugs(_tools(task).terms)


@cache
def _keeper(wanted: bytes) -> Keeper:
    return Keeper(_unpack(wanted, type=Wanted))


@cache
def _numbers(packed: bytes) -> set[int]:
    return _unpack(packed, type=set[int])


def _session() -> SparkSession:
    """The session the job was submitted to; without one, all processors of this machine.  Raises LtotError LT-508."""
    if find_spec("pandas") is None:
        raise LtotError("LT-508", "Spark's mapInArrow needs pandas: pip install 'ltot-panel[spark]'.")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    submitted = any(
        name in os.environ for name in ("PYSPARK_GATEWAY_PORT", "PYSPARK_SUBMIT_ARGS", "SPARK_REMOTE")
    )
    if submitted or SparkSession.getActiveSession() is not None:
        return SparkSession.builder.appName(_NAME).getOrCreate()
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        raise LtotError("LT-508", "Spark needs Java 17 or later.")
    builder = SparkSession.builder.appName(_NAME).master(_MASTER)
    for name, value in _LOCAL.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _mapped(frame: DataFrame, step: Step, schema: str) -> DataFrame:
    """Every row through `step`, which yields rows of the new schema."""
    fields = [(name, _TYPES[kind]) for name, kind in (field.split() for field in schema.split(", "))]
    arrow = pa.schema(fields)

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for index in range(batch.num_rows):
                cells = {name: batch.column(name)[index].as_py() for name in batch.schema.names}
                yield from _batches(step(cells), arrow)

    return frame.mapInArrow(run, schema)


def _batches(rows: Iterable[Values], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    held: list[Values] = []
    for row in rows:
        held.append(row)
        if len(held) == _ROWS_AT_ONCE:
            yield _batch(held, schema)
            held = []
    if held:
        yield _batch(held, schema)


def _batch(rows: Sequence[Values], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class SparkEngine:
    """Runs the steps as Spark jobs."""

    name = "spark"
    failures: tuple[type[Exception], ...] = (Py4JError, PySparkException)
    next_step = "Spark gave up a job; its own log, above or in its interface, says why."

    def __init__(self, task: Task) -> None:
        self._task, self._spark = task, _session()
        self._held: list[DataFrame] = []
        self._scanned = self._spark.createDataFrame([], _SCANNED)
        self._wanted, self._firsts, self._shards = b"", dict[int, int](), 0

    def scan(self, parts: Sequence[Part]) -> Iterable[Summary]:
        task = self._task

        def step(cells: Cells) -> Iterator[Values]:
            found = scan(_unpack(cells["part"], type=Part), _drugs(task))
            yield cells["number"], cells["part"], _pack(found.summary), found.index

        rows = [(number, bytearray(_pack(part))) for number, part in enumerate(parts)]
        frame = self._spark.createDataFrame(rows, "number int, part binary").repartition(len(parts), "number")
        self._scanned = self._hold(_mapped(frame, step, _SCANNED))
        found = {row["number"]: row["summary"] for row in self._scanned.select("number", "summary").collect()}
        return [_unpack(bytes(found[number]), type=Summary) for number in range(len(parts))]

    def suspects(self, medications: Mapping[str, Verdict], parts: int) -> Iterable[set[str]]:  # noqa: ARG002
        packed = _pack(medications)

        def step(cells: Cells) -> Iterator[Values]:
            verdicts = _unpack(packed, type=dict[str, Verdict])
            for patient in suspects_in(read_index(cells["index"]), verdicts):
                yield (patient,)

        found = _mapped(self._scanned.select("index"), step, "patient string").distinct()
        return [{row["patient"] for row in found.collect()}]

    def moved(self, parts: Sequence[Part], slices: int) -> Iterable[Holder]:  # noqa: ARG002
        def pairs(cells: Cells) -> Iterator[Values]:
            if _unpack(cells["part"], type=Part).server:
                index = read_index(cells["index"])
                yield from pairs_of(index.owners, index.owner, index.resources, slices)

        def several(cells: Cells) -> Iterator[Values]:
            yield (_pack(held_by_several(cells["records"])),)

        compared = _mapped(self._scanned.select("part", "index"), pairs, _KEPT)
        grouped = compared.groupBy("shard").agg(collect_list("record").alias("records"))
        found = _mapped(grouped, several, "numbers binary").collect()
        numbers = set[int]().union(*(_unpack(bytes(row["numbers"]), type=set[int]) for row in found))
        if not numbers:
            return []
        packed = _pack(numbers)

        def holders(cells: Cells) -> Iterator[Values]:
            part, index = _unpack(cells["part"], type=Part), read_index(cells["index"])
            if part.server:
                for holder in holders_in(part, index.size, index.resources, _numbers(packed)):
                    yield (_pack(holder),)

        rows = _mapped(self._scanned.select("part", "index"), holders, "holder binary").collect()
        return [_unpack(bytes(row["holder"]), type=Holder) for row in rows]

    def keep(self, parts: Sequence[Part], wanted: Wanted) -> Shards:
        self._wanted, self._shards = _pack(wanted), wanted.shards
        self._firsts = {number: part.first for number, part in enumerate(parts)}
        packed = self._wanted

        def lines(part: Part, index: bytes) -> Iterator[tuple[int, Kept]]:
            return _keeper(packed).lines(part, read_index(index))

        return self._keep(lines)

    def keep_medications(self, shards: Shards) -> Shards:
        of_id = {id_: sorted(found) for id_, found in shards.items()}

        def lines(part: Part, index: bytes) -> Iterator[tuple[int, Kept]]:
            return medications_of(part, read_index(index), of_id)

        return self._keep(lines)

    def derive(self, census: Census, damages: Mapping[int, Sequence[SetAside]]) -> Iterator[Derived]:
        task, packed, held = self._task, self._wanted, _pack(census)
        marks = [
            (shard, bytearray(record))
            for shard in range(self._shards)
            for record in (b"", *map(pack, damages.get(shard, ())))
        ]

        def step(cells: Cells) -> Iterator[Values]:
            records = [unpack(record) for record in cells["records"] if record]
            found = derive(records, _unpack(held, type=Census), _keeper(packed).wanted, _tools(task))
            yield cells["shard"], _pack(found)

        if not self._shards:
            return
        frames = [*self._held[1:], self._spark.createDataFrame(marks, _KEPT)]
        together = reduce(DataFrame.union, frames)
        grouped = together.groupBy("shard").agg(collect_list("record").alias("records"))
        results = self._hold(_mapped(grouped, step, "shard int, derived binary"))
        for row in results.sort("shard").toLocalIterator():
            yield _unpack(bytes(row["derived"]), type=Derived)

    def close(self) -> None:
        for frame in self._held:
            frame.unpersist()

    def _keep(self, lines: Callable[[Part, bytes], Iterator[tuple[int, Kept]]]) -> Shards:
        firsts = self._firsts

        def step(cells: Cells) -> Iterator[Values]:
            part = _unpack(cells["part"], type=Part)
            numbered = replace(part, first=firsts[cells["number"]])
            for shard, kept in lines(numbered, cells["index"]):
                yield shard, pack(kept)

        def references(cells: Cells) -> Iterator[Values]:
            for id_ in medications_in(cells["record"]):
                yield cells["shard"], id_

        kept = self._hold(_mapped(self._scanned.select("number", "part", "index"), step, _KEPT))
        found: Shards = {}
        for row in _mapped(kept, references, "shard int, id string").distinct().collect():
            found.setdefault(row["id"], set()).add(row["shard"])
        return found

    def _hold(self, frame: DataFrame) -> DataFrame:
        """Computed once, kept until the end, on disk where memory is short."""
        self._held.append(frame.persist(StorageLevel.MEMORY_AND_DISK))
        return self._held[-1]
