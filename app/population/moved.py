"""Resources that moved: of one that several patients hold, the newest version says whose it is.

A chart corrected between two exports (an order written to the wrong patient, two charts unmerged) leaves the old
version under the old patient.  Ids are compared within one EHR only: two EHRs may use the same.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from app.population.parts import Part, chosen_lines
from app.population.rows import Newness, Row, SetAside, newest, probe

UNNAMED = 0
_PAIR = 2


class Holder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One patient who has a version of a resource.  newness: as of `Row.newness`."""

    server: str
    ref: str
    patient: str
    newness: Newness


def number_of(*words: str) -> int:
    """A number that is the same for the same words, in every process."""
    return int.from_bytes(hashlib.blake2b(" ".join(words).encode(), digest_size=8).digest(), "little")


def resource_number(server: str, kind: str, id_: str | None) -> int:
    """The number of a resource that could move; UNNAMED for one that cannot, or has no id."""
    return number_of(server, kind, id_) if id_ and kind != "Patient" else UNNAMED


def pairs_of(
    owners: Iterable[str], owner: bytes, resources: bytes, slices: int
) -> Iterator[tuple[int, bytes]]:
    """By slice, the numbers of resources and of those who hold them, packed side by side."""
    people = [number_of(name) if name else UNNAMED for name in owners]
    found: dict[int, array[int]] = {}
    for holder, resource in zip(array("I", owner), array("Q", resources), strict=True):
        if people[holder] != UNNAMED and resource != UNNAMED:
            found.setdefault(resource % slices, array("Q")).extend((resource, people[holder]))
    for place, pairs in found.items():
        yield place, pairs.tobytes()


def held_by_several(packed: Iterable[bytes]) -> set[int]:
    """The numbers of resources that more than one patient holds, of one slice."""
    holder: dict[int, int] = {}
    several: set[int] = set()
    for pairs in packed:
        numbers = array("Q", pairs)
        for resource, person in zip(numbers[::_PAIR], numbers[1::_PAIR], strict=True):
            if holder.setdefault(resource, person) != person:
                several.add(resource)
    return several


def holders_in(part: Part, size: bytes, resources: bytes, several: set[int]) -> Iterator[Holder]:
    """Who holds these resources, among the lines of one part."""
    chosen = map(several.__contains__, array("Q", resources))
    for _, text in chosen_lines(part, array("Q", size), chosen):
        row = probe(text, part.name, 0, part.moment)
        if isinstance(row, Row):
            yield from _holder(row, part.server)


def _holder(row: Row, server: str) -> Iterator[Holder]:
    if server and row.patient and row.id:
        yield Holder(server, row.ref, row.patient, row.newness)


def holders_among(rows: Iterable[Row | SetAside], servers: Mapping[str, str]) -> Iterator[Holder]:
    """Who holds which resource, among rows at hand.  servers: by file, as `Inputs.servers`."""
    for row in rows:
        if isinstance(row, Row):
            yield from _holder(row, servers.get(row.file, ""))


def left_behind(holders: Iterable[Holder]) -> dict[str, list[str]]:
    """By resource, the patients whose version is not the newest: it is theirs no more."""
    versions: dict[tuple[str, str], dict[str, set[Newness]]] = {}
    for one in holders:
        versions.setdefault((one.server, one.ref), {}).setdefault(one.patient, set()).add(one.newness)
    found: dict[str, set[str]] = {}
    for (_, ref), people in versions.items():
        last = newest(set().union(*people.values()))
        if old := {patient for patient, held in people.items() if not held & last}:
            found.setdefault(ref, set()).update(old)
    return {ref: sorted(old) for ref, old in sorted(found.items())}
