"""Keeping: the lines of patients who may have an opioid, and the Medications these refer to, by shard."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from app.population.charts import medications_in
from app.population.exports import is_deleted
from app.population.parts import Part, chosen_lines
from app.population.rows import Row, SetAside, probe
from app.population.scan import Index

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Row | SetAside)


class Wanted(msgspec.Struct):
    """Whom a run evaluates.  patients: who may have an opioid, in order.  shard_size: how many share a shard.

    deleted: resources that exist no more, with the moment of the export that says so.
    """

    patients: list[str]
    shard_size: int
    deleted: dict[str, float]

    @property
    def shards(self) -> int:
        return -(-len(self.patients) // self.shard_size)


class Keeper:
    """Finds shards: contiguous ranges of patient ids, so that shards one after another are in order."""

    def __init__(self, wanted: Wanted) -> None:
        self.patients = frozenset(wanted.patients)
        self.deleted = wanted.deleted
        self._firsts = wanted.patients[:: wanted.shard_size]

    def shard_of(self, patient: str) -> int:
        return bisect_right(self._firsts, patient) - 1

    def rows(self, part: Part, index: Index) -> Iterator[tuple[int, Row]]:
        """Shard and row of every line of the part that belongs to a wanted patient and is not deleted."""
        numbers = {number for number, owner in enumerate(index.owners) if owner in self.patients}
        if not numbers:
            return
        for row in _rows(part, _lines(index, numbers.__contains__)):
            if isinstance(row, Row) and row.patient and not self._is_deleted(row):
                yield self.shard_of(row.patient), row

    def damages(self, set_aside: Iterable[SetAside]) -> Iterator[tuple[int, SetAside]]:
        """Shard and damage of what was set aside and names a wanted patient."""
        for row in set_aside:
            if row.patient in self.patients:
                yield self.shard_of(row.patient), row

    def _is_deleted(self, row: Row) -> bool:
        return is_deleted(f"{row.kind}/{row.id}", row.patient, row.moment, self.deleted)


def medications_of(
    part: Part, index: Index, shards: Mapping[str, Iterable[int]], deleted: Mapping[str, float]
) -> Iterator[tuple[int, Row]]:
    """Shard and row of every Medication of the part that rows of the shard refer to.  shards: by Medication id."""
    ids = {number: id_ for id_ in shards for number in index.shared.get(id_, ())}
    if not ids:
        return
    for row in _rows(part, _numbered(index, ids)):
        if (
            isinstance(row, Row)
            and row.id
            and not is_deleted(f"{row.kind}/{row.id}", None, row.moment, deleted)
        ):
            for shard in shards.get(row.id, ()):
                yield shard, row


def references_of(rows: Iterable[Row]) -> set[str]:
    """Ids of the Medications rows refer to."""
    return medications_in(row.raw for row in rows)


def pack(row: Row | SetAside) -> bytes:
    return _ENCODER.encode(row)


def unpack(record: bytes) -> Row | SetAside:
    return _DECODER.decode(record)


def _rows(part: Part, lines: Iterable[tuple[int, int, int]]) -> Iterator[Row | SetAside]:
    for number, text in chosen_lines(part, lines):
        yield probe(text, part.name, part.first + number, part.moment)


def _lines(index: Index, is_wanted: Callable[[int], bool]) -> Iterator[tuple[int, int, int]]:
    """Number, position and size of the lines whose owner's number is wanted."""
    position = 0
    owners, sizes = array("I", index.owner), array("Q", index.size)
    for number, (owner, size) in enumerate(zip(owners, sizes, strict=True), 1):
        if is_wanted(owner):
            yield number, position, size
        position += size + 1


def _numbered(index: Index, wanted: Mapping[int, str]) -> Iterator[tuple[int, int, int]]:
    position = 0
    for number, size in enumerate(array("Q", index.size), 1):
        if number in wanted:
            yield number, position, size
        position += size + 1
