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
    near = sorted(
        (s for s in found if s.last >= first and s.first <= last), key=lambda s: (s.first, s.last, s.ref)
    )
    edges = {first, last + 1}
    for supply in near:
        edges.update(
            edge for edge in (supply.first, supply.last + 1, *_course_edges(supply)) if first < edge <= last
        )
    values = _Values(policy, terms, near)
    steps: list[Stretch] = []
    here: list[Supply] = []
    following = 0
    for start, stop in itertools.pairwise(sorted(edges)):
        while following < len(near) and near[following].first <= start:
            here.append(near[following])
            following += 1
        here = [s for s in here if s.last >= start]
        if here:
            known = values.on(start, here)
            steps.append(Stretch(start, stop - 1, _sum(known) if known else None, len(known)))
    return tuple(steps)


def _sum(values: Sequence[Fraction]) -> Fraction:
    return values[0] if len(values) == 1 else sum(values[1:], values[0])


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


class _Values:
    """MME of supplies on days.  What does not vary is worked out once, for all refills of one prescription."""

    def __init__(self, policy: Policy, terms: Terms, found: Sequence[Supply]) -> None:
        self._policy, self._terms = policy, terms
        self._methadone = any(supply.drug.ingredient == "methadone" for supply in found)
        self._steady: dict[str, Fraction | None] = {}
        self._alike: dict[str, list[Supply]] = {}

    def on(self, day: int, here: Sequence[Supply]) -> list[Fraction]:
        """What can be counted of these supplies on a day."""
        methadone = methadone_per_day(here, day) if self._methadone else Fraction(0)
        found = (self._value(supply, day, methadone) for supply in here)
        return [value for value in found if value is not None]

    def _value(self, supply: Supply, day: int, methadone: Fraction) -> Fraction | None:
        if supply.drug.ingredient == "methadone" or _varies(supply):
            return self._counted(supply, day, methadone)
        if supply.ref not in self._steady:
            twin = self._twin(supply)
            value = self._counted(supply, day, methadone) if twin is None else self._steady[twin.ref]
            self._steady[supply.ref] = value
        return self._steady[supply.ref]

    def _twin(self, supply: Supply) -> Supply | None:
        alike = self._alike.setdefault(supply.drug.name, [])
        twin = next((other for other in alike if _same_dose(other, supply)), None)
        if twin is None:
            alike.append(supply)
        return twin

    def _counted(self, supply: Supply, day: int, methadone: Fraction) -> Fraction | None:
        found = Counter(self._policy, self._terms, methadone).count(supply, day)
        return found.mme if isinstance(found, Contribution) else None


def _varies(supply: Supply) -> bool:
    """Whether what is taken changes while the supply lasts."""
    return len(supply.sigs) > 1 or any(sig.sequence_day is not None for sig in supply.sigs)


def _same_dose(one: Supply, other: Supply) -> bool:
    return (
        one.quantity == other.quantity
        and one.recorded_days == other.recorded_days
        and one.drug == other.drug
        and one.sigs == other.sigs
        and one.quantity_unit == other.quantity_unit
    )


@dataclass(frozen=True, slots=True)
class Window:
    """Averages over the last `length` days.  in_doubt: an opioid may be in use that none of the steps shows.

    total: MME times days.  Nothing counted in doubt is None, never 0.  Source of the four definitions: Dasgupta 2021.
    """

    steps: tuple[Stretch, ...]
    length: int
    in_doubt: bool
    total: Fraction

    def average(self) -> Fraction | None:
        """Over all days of the window (fixed window)."""
        return self._or_none(self.total / self.length)

    def on_therapy(self) -> Fraction | None:
        """Over the days with any counted opioid."""
        days = sum(step.days for step in self._counted)
        return self.total / days if days else None

    def per_day_of_supply(self) -> Fraction | None:
        """Over the summed days' supply, overlaps counted twice."""
        days = sum(step.days * step.supplied for step in self._counted)
        return self.total / days if days else None

    def peak(self) -> Fraction | None:
        """The highest day."""
        return self._or_none(max((step.mme or Fraction(0) for step in self._counted), default=Fraction(0)))

    @property
    def _counted(self) -> list[Stretch]:
        return [step for step in self.steps if step.mme is not None]

    def _or_none(self, value: Fraction) -> Fraction | None:
        return None if not self._counted and (self.steps or self.in_doubt) else value


def window(steps: Sequence[Stretch], first: int, length: int, *, in_doubt: bool) -> Window:
    """The window of so many days from `first` on."""
    inside = clipped(steps, first)
    total = sum((step.days * step.mme for step in inside if step.mme is not None), Fraction(0))
    return Window(inside, length, in_doubt, total)


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
