"""The MME day by day: stretches of equal dose, averages over a window, and the steps of the chart."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from app.clinical.counting import Counter, methadone_per_day
from app.clinical.evaluation import Contribution
from app.clinical.policy import Policy
from app.clinical.supply import Supply
from valuesets import Terms


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days with one daily MME.  mme None: an opioid is in supply and nothing of it can be counted.

    supplied: how many of the supplies of these days were counted.
    """

    first: int
    last: int
    mme: Fraction | None
    supplied: int

    @property
    def days(self) -> int:
        return self.last - self.first + 1


def stretches(
    policy: Policy, terms: Terms, found: Sequence[Supply], first: int, last: int
) -> tuple[Stretch, ...]:
    """Only where something is supplied, in order of days.  Supplies that cannot be counted add nothing to a sum."""
    edges = {first, last + 1}
    for supply in found:
        edges.update(
            edge for edge in (supply.first, supply.last + 1, *_course_edges(supply)) if first < edge <= last
        )
    values: dict[tuple[str, int, Fraction], Fraction | None] = {}
    steps: list[Stretch] = []
    for start, stop in itertools.pairwise(sorted(edges)):
        here = [s for s in found if s.first <= start <= s.last]
        if not here:
            continue
        counter = Counter(policy, terms, methadone_per_day(here, start))
        known = [value for s in here if (value := _value(counter, s, start, values)) is not None]
        steps.append(Stretch(start, stop - 1, sum(known, Fraction(0)) if known else None, len(known)))
    return tuple(steps)


def _course_edges(supply: Supply) -> list[int]:
    """Days on which the directions change."""
    edges: list[int] = []
    for sig in supply.sigs:
        if sig.sequence_day is not None:
            begin = supply.start + sig.sequence_day
            edges += [begin, begin + sig.duration_days] if sig.duration_days is not None else [begin]
        if sig.start is not None:
            edges.append(sig.start.toordinal())
        if sig.end is not None:
            edges.append(sig.end.toordinal() + 1)
    return edges


def _value(
    counter: Counter, supply: Supply, day: int, known: dict[tuple[str, int, Fraction], Fraction | None]
) -> Fraction | None:
    varies = len(supply.sigs) > 1 or any(sig.sequence_day is not None for sig in supply.sigs)
    key = (supply.ref, day if varies else 0, counter.methadone)
    if key not in known:
        found = counter.count(supply, day)
        known[key] = found.mme if isinstance(found, Contribution) else None
    return known[key]


@dataclass(frozen=True, slots=True)
class Window:
    """Averages over the last `length` days.  in_doubt: an opioid may be in use that none of the steps shows.

    Nothing counted in doubt is None, never 0.  Source of the four definitions: Dasgupta 2021.
    """

    steps: tuple[Stretch, ...]
    length: int
    in_doubt: bool

    def average(self) -> Fraction | None:
        """Over all days of the window (fixed window)."""
        return self._or_none(self._sum() / self.length)

    def on_therapy(self) -> Fraction | None:
        """Over the days with any counted opioid."""
        days = sum(step.days for step in self._counted)
        return self._sum() / days if days else None

    def per_day_of_supply(self) -> Fraction | None:
        """Over the summed days' supply, overlaps counted twice."""
        days = sum(step.days * step.supplied for step in self._counted)
        return self._sum() / days if days else None

    def peak(self) -> Fraction | None:
        """The highest day."""
        return self._or_none(max((step.mme or Fraction(0) for step in self._counted), default=Fraction(0)))

    @property
    def _counted(self) -> list[Stretch]:
        return [step for step in self.steps if step.mme is not None]

    def _sum(self) -> Fraction:
        return sum((step.days * step.mme for step in self.steps if step.mme is not None), Fraction(0))

    def _or_none(self, value: Fraction) -> Fraction | None:
        return None if not self._counted and (self.steps or self.in_doubt) else value


def clipped(steps: Sequence[Stretch], first: int) -> tuple[Stretch, ...]:
    """The steps from a day on."""
    return tuple(
        Stretch(max(step.first, first), step.last, step.mme, step.supplied)
        for step in steps
        if step.last >= first
    )


Point = tuple[date, Fraction | None]


def change_points(
    steps: Sequence[Stretch], first: int, last: int, *, between: Fraction | None
) -> tuple[Point, ...]:
    """Days on which the MME changes, the first day included.  between: the value of days without supply."""
    points: list[Point] = []

    def add(day: int, value: Fraction | None) -> None:
        if not points or points[-1][1] != value:
            points.append((date.fromordinal(day), value))

    cursor = first
    for step in steps:
        if step.first > cursor:
            add(cursor, between)
        add(step.first, step.mme)
        cursor = step.last + 1
    if cursor <= last:
        add(cursor, between)
    return tuple(points)
