"""Keeping: the lines of patients who may have an opioid, and the Medications these refer to, by shard."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from itertools import count

import msgspec

from app.clinical.entries import VisitEntry
from app.population.deletions import Deletions
from app.population.parts import Part, chosen_lines
from app.population.rows import Row, SetAside, probe
from app.population.scan import Index


class Kept(msgspec.Struct, frozen=True, array_like=True, tag="kept", gc=False):
    """A line on its way to its shard, not yet read again."""

    file: str
    line: int
    moment: float
    raw: bytes

    def row(self) -> Row | SetAside:
        return probe(self.raw, self.file, self.line, self.moment)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Kept | SetAside)


Recorded = dict[str, list[VisitEntry]]
"""What was recorded in visits, by patient, in the order it was made."""


class Wanted(msgspec.Struct):
    """Whom a run evaluates.  patients: who may have an opioid, in order.  shard_size: how many share a shard.

    deleted: resources that exist no more.  left: by resource, the
    patients it has moved away from.  recorded: what was recorded in their visits.
    """

    patients: list[str]
    shard_size: int
    deleted: Deletions
    left: dict[str, list[str]] = {}
    recorded: Recorded = {}

    @property
    def shards(self) -> int:
        return -(-len(self.patients) // self.shard_size)


class Keeper:
    """Finds shards: contiguous ranges of patient ids, so that shards one after another are in order."""

    def __init__(self, wanted: Wanted) -> None:
        self.patients = frozenset(wanted.patients)
        self.wanted = wanted
        self._firsts = wanted.patients[:: wanted.shard_size]

    def shard_of(self, patient: str) -> int:
        return bisect_right(self._firsts, patient) - 1

    def lines(self, part: Part, index: Index) -> Iterator[tuple[int, Kept]]:
        """Shard and text of every line of the part that belongs to a wanted patient."""
        shards = {
            number: self.shard_of(owner)
            for number, owner in enumerate(index.owners)
            if owner in self.patients
        }
        if not shards:
            return
        owners = array("I", index.owner)
        for kept in _kept(part, index, map(shards.__contains__, owners)):
            yield shards[owners[kept.line - part.first - 1]], kept

    def damages(self, set_aside: Iterable[SetAside]) -> Iterator[tuple[int, SetAside]]:
        """Shard and damage of what was set aside and names a wanted patient, once for each."""
        for row in set_aside:
            for patient in row.patients:
                if patient in self.patients:
                    yield self.shard_of(patient), msgspec.structs.replace(row, patient=patient, others=())


def medications_of(
    part: Part, index: Index, shards: Mapping[str, Iterable[int]]
) -> Iterator[tuple[int, Kept]]:
    """Shard and text of every Medication of the part that rows of the shard refer to.  shards: by Medication id."""
    ids = {number: id_ for id_ in shards for number in index.shared.get(id_, ())}
    if not ids:
        return
    for kept in _kept(part, index, map(ids.__contains__, count(1))):
        for shard in shards[ids[kept.line - part.first]]:
            yield shard, kept


def pack(record: Kept | SetAside) -> bytes:
    return _ENCODER.encode(record)


def unpack(record: bytes) -> Row | SetAside:
    """The record as a row, read again."""
    found = _DECODER.decode(record)
    return found.row() if isinstance(found, Kept) else found


def _kept(part: Part, index: Index, chosen: Iterable[bool]) -> Iterator[Kept]:
    for number, text in chosen_lines(part, array("Q", index.size), chosen):
        yield Kept(part.name, part.first + number, part.moment, text)
