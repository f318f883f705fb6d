"""What an engine does for a run: the same four steps, wherever they happen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from app.population.census import Census
from app.population.derive import Derived
from app.population.drugs import Verdict
from app.population.keep import Wanted
from app.population.moved import Holder
from app.population.parts import Part
from app.population.rows import SetAside
from app.population.scan import Summary

Shards = dict[str, set[int]]


class Engine(Protocol):
    """Steps are called in this order and once, `moved` only where it is needed, `keep_medications` also again.

    failures: what a step raises when that which runs it has broken down; next_step: what to do then.
    """

    name: str
    failures: tuple[type[Exception], ...]
    next_step: str

    def scan(self, parts: Sequence[Part]) -> Iterable[Summary]:
        """Read every part; one summary each, in order."""
        ...

    def suspects(self, medications: Mapping[str, Verdict], parts: int) -> Iterable[set[str]]:
        """The patients who may have an opioid, part by part; parts: how many there are."""
        ...

    def moved(self, parts: Sequence[Part], slices: int) -> Iterable[Holder]:
        """The holders of every resource that several patients hold; slices: how many to compare one after another."""
        ...

    def keep(self, parts: Sequence[Part], wanted: Wanted) -> Shards:
        """Put the wanted patients' rows into shards; the shards that refer to each Medication."""
        ...

    def keep_medications(self, shards: Shards) -> Shards:
        """Put Medications into the shards that refer to them; what these refer to in turn."""
        ...

    def derive(self, census: Census, damages: Mapping[int, Sequence[SetAside]]) -> Iterator[Derived]:
        """Evaluate shard by shard, in order."""
        ...

    def close(self) -> None:
        """Let go of processes and memory."""
        ...


def merge(several: Iterable[Shards]) -> Shards:
    """One mapping out of many."""
    found: Shards = {}
    for one in several:
        for id_, shards in one.items():
            found.setdefault(id_, set()).update(shards)
    return found
