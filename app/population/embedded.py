"""The embedded engine: this machine's processors, with indexes and shards in files of a working folder.

Memory holds one part or one shard per process; what grows with the export stays on disk.
"""

from __future__ import annotations

import gc
import multiprocessing as mp
import os
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property
from importlib.abc import MetaPathFinder
from itertools import repeat
from multiprocessing.connection import wait
from pathlib import Path
from typing import TypeVar

import msgspec

from app.population.census import Census
from app.population.charts import medications_in
from app.population.derive import Derived, Task, Tools, derive
from app.population.drugs import Drugs, Verdict
from app.population.engine import Shards, merge
from app.population.keep import Keeper, Kept, Wanted, medications_of, pack, unpack
from app.population.moved import Holder, held_by_several, holders_in, pairs_of
from app.population.parts import Part
from app.population.rows import Row, SetAside
from app.population.scan import Index, Summary, read_index, scan, suspects_in

R = TypeVar("R")
_LENGTH = struct.Struct("<Q")


class Worker:
    """One process at work.  What all tasks of a step share is read from the working folder, once."""

    def __init__(self, folder: Path, task: Task) -> None:
        self._folder, self._task = folder, task
        self._shared: dict[str, object] = {}

    @cached_property
    def _tools(self) -> Tools:
        return self._task.tools()

    @cached_property
    def _drugs(self) -> Drugs:
        return Drugs(self._tools.terms)

    def scan(self, number: int, part: Part) -> Summary:
        scanned = scan(part, self._drugs)
        self._index_file(number).write_bytes(scanned.index)
        return scanned.summary

    def suspects(self, number: int) -> set[str]:
        return suspects_in(self._index(number), self._read("medications", dict[str, Verdict]))

    def pairs(self, number: int, slices: int) -> None:
        index = self._index(number)
        for place, pairs in pairs_of(index.owners, index.owner, index.resources, slices):
            with (self._folder / f"pairs-{place}.{os.getpid()}").open("ab") as file:
                file.write(pairs)

    def held_by_several(self, place: int) -> set[int]:
        return held_by_several(path.read_bytes() for path in self._folder.glob(f"pairs-{place}.*"))

    def holders(self, number: int, part: Part) -> list[Holder]:
        index = self._index(number)
        return list(holders_in(part, index.size, index.resources, self._read("several", set[int])))

    def keep(self, number: int, part: Part) -> Shards:
        return self._spill(self._keeper.lines(part, self._index(number)))

    def keep_medications(self, number: int, part: Part, shards: str) -> Shards:
        of_id = self._read(shards, dict[str, list[int]])
        return self._spill(medications_of(part, self._index(number), of_id))

    def derive(self, shard: int, damages: Sequence[SetAside]) -> Derived:
        records = [*self._records(shard), *damages]
        return derive(records, self._read("census", Census), self._keeper.wanted, self._tools)

    @cached_property
    def _keeper(self) -> Keeper:
        return Keeper(self._read("wanted", Wanted))

    def _read(self, name: str, kind: type[R]) -> R:
        if name not in self._shared:
            self._shared[name] = msgspec.msgpack.decode((self._folder / name).read_bytes(), type=kind)
        return self._shared[name]  # type: ignore[return-value]

    def _index_file(self, number: int) -> Path:
        return self._folder / f"index-{number}"

    def _index(self, number: int) -> Index:
        return read_index(self._index_file(number).read_bytes())

    def _spill(self, lines: Iterable[tuple[int, Kept]]) -> Shards:
        """Append lines to this process's file of each shard; the shards that refer to each Medication."""
        found: Shards = {}
        held: dict[int, bytearray] = {}
        for shard, kept in lines:
            record = pack(kept)
            held.setdefault(shard, bytearray()).extend(_LENGTH.pack(len(record)) + record)
            for id_ in medications_in(kept.raw):
                found.setdefault(id_, set()).add(shard)
        for shard, records in held.items():
            with (self._folder / f"shard-{shard}.{os.getpid()}").open("ab") as file:
                file.write(records)
        return found

    def _records(self, shard: int) -> Iterator[Row | SetAside]:
        for path in self._folder.glob(f"shard-{shard}.*"):
            with path.open("rb") as file:
                while head := file.read(_LENGTH.size):
                    yield unpack(file.read(_LENGTH.unpack(head)[0]))


_worker: Worker | None = None


class _NoPandas(MetaPathFinder):
    """Where pandas is installed, pyarrow would import it for nothing: more than a second in every process."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)


def _start(folder: Path, task: Task) -> None:
    """Prepare a process of the pool; it ends with its parent, also when that is killed."""
    global _worker  # noqa: PLW0603 - how a pool's process keeps something from task to task
    sys.meta_path.insert(0, _NoPandas())
    # Charts are many small objects without cycles: collecting them at the usual pace costs a quarter of the time.
    gc.set_threshold(50_000, 20, 50)
    _worker = Worker(folder, task)
    if (parent := mp.parent_process()) is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _call(step: Callable[..., R], arguments: tuple[object, ...]) -> R:
    return step(_worker, *arguments)


class EmbeddedEngine:
    """Runs the steps on `workers` processes; with one, in this process."""

    name = "embedded"
    failures: tuple[type[Exception], ...] = (BrokenProcessPool,)
    next_step = "A process was ended, mostly for want of memory: try fewer --workers."

    def __init__(self, folder: Path, task: Task, workers: int) -> None:
        self._folder, self._own = folder, Worker(folder, task)
        self._parts: list[Part] = []
        self._shards = self._rounds = 0
        self._pool: ProcessPoolExecutor | None = None
        if workers > 1:
            # A process that is alone can be copied with all it has loaded; with threads beside it, it cannot.
            context = mp.get_context("fork" if threading.active_count() == 1 else "spawn")
            self._pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(folder, task))

    def scan(self, parts: Sequence[Part]) -> Iterable[Summary]:
        return self._each(Worker.scan, list(enumerate(parts)))

    def suspects(self, medications: Mapping[str, Verdict], parts: int) -> Iterable[set[str]]:
        self._write("medications", medications)
        return self._each(Worker.suspects, [(number,) for number in range(parts)])

    def moved(self, parts: Sequence[Part], slices: int) -> Iterator[Holder]:
        followed = [(number, part) for number, part in enumerate(parts) if part.server]
        for _ in self._each(Worker.pairs, [(number, slices) for number, _ in followed]):
            pass
        several = set[int]().union(*self._each(Worker.held_by_several, [(place,) for place in range(slices)]))
        if several:
            self._write("several", several)
            for holders in self._each(Worker.holders, followed):
                yield from holders

    def keep(self, parts: Sequence[Part], wanted: Wanted) -> Shards:
        self._parts, self._shards = list(parts), wanted.shards
        self._write("wanted", wanted)
        return merge(self._each(Worker.keep, list(enumerate(parts))))

    def keep_medications(self, shards: Shards) -> Shards:
        self._rounds += 1
        name = f"medications-{self._rounds}"
        self._write(name, {id_: sorted(found) for id_, found in shards.items()})
        calls = [(number, part, name) for number, part in enumerate(self._parts)]
        return merge(self._each(Worker.keep_medications, calls))

    def derive(self, census: Census, damages: Mapping[int, Sequence[SetAside]]) -> Iterator[Derived]:
        self._write("census", census)
        return self._each(Worker.derive, [(shard, damages.get(shard, ())) for shard in range(self._shards)])

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _write(self, name: str, value: object) -> None:
        (self._folder / name).write_bytes(msgspec.msgpack.encode(value))

    def _each(self, step: Callable[..., R], calls: Sequence[tuple[object, ...]]) -> Iterator[R]:
        if self._pool is None:
            return (step(self._own, *arguments) for arguments in calls)
        return self._pool.map(_call, repeat(step), calls)
