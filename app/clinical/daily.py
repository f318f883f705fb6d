"""The MME day by day: stretches of equal dose, averages over a window, and the steps of the chart."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from app.clinical.counting import Counter, methadone_per_day
from app.clinical.episodes import Span
from app.clinical.evaluation import Contribution, Uncounted
from app.clinical.policy import Policy
from app.clinical.supply import Supply
from valuesets import Terms

_DOSE = attrgetter("quantity", "recorded_days", "drug", "sigs", "quantity_unit")
_BY_DAYS = attrgetter("first", "last", "ref")
_FIRST = attrgetter("first")
_NONE = Fraction(0)


class Stretch(Struct, frozen=True):
    """Days with one daily MME.  mme None: an opioid is, or may be, in supply and nothing of it can be counted.

    supplied: how many of the supplies of these days were counted.  missed: how many were not.
    """

    first: int
    last: int
    mme: Fraction | None
    supplied: int
    missed: int

    @property
    def days(self) -> int:
        return self.last - self.first + 1


def stretches(
    policy: Policy,
    terms: Terms,
    found: Sequence[Supply],
    first: int,
    last: int,
    today: Sequence[tuple[Supply, Contribution | Uncounted]] = (),
) -> tuple[Stretch, ...]:
    """Only where something is supplied, in order of days.  Supplies that cannot be counted add nothing to a sum.

    today: what is counted already; refills of the same prescription come to the same.
    """
    near = sorted([s for s in found if s.last >= first and s.first <= last], key=_BY_DAYS)
    edges = {first, last + 1}
    for supply in near:
        edges.update((supply.first, supply.last + 1), _course_edges(supply))
    values = _Values(policy, terms, near)
    for supply, part in today:
        values.learn(supply, part)
    steps: list[Stretch] = []
    here: list[Supply] = []
    known: list[Fraction] = []
    following = 0
    for start, stop in itertools.pairwise(sorted([edge for edge in edges if first <= edge <= last + 1])):
        while following < len(near) and near[following].first <= start:
            here.append(near[following])
            following += 1
        here = [s for s in here if s.last >= start]
        if here:
            before, known = known, values.on(start, here)
            missed = len(here) - len(known)
            if steps and steps[-1].last == start - 1 and known == before and missed == steps[-1].missed:
                steps[-1] = replace(steps[-1], last=stop - 1)
            else:
                steps.append(Stretch(start, stop - 1, total(known) if known else None, len(known), missed))
    return tuple(steps)


def with_doubt(steps: Sequence[Stretch], doubtful: Sequence[Span]) -> tuple[Stretch, ...]:
    """The steps, and between them the days on which something may have been in supply; `doubtful` is in order."""
    found = list(steps)
    for first, last in doubtful:
        free = first
        for step in steps:
            before = min(step.first - 1, last)
            if free <= before:
                found.append(Stretch(free, before, None, 0, 1))
            free = max(free, step.last + 1)
        if free <= last:
            found.append(Stretch(free, last, None, 0, 1))
    return tuple(sorted(found, key=_FIRST))


def total(values: Sequence[Fraction]) -> Fraction:
    """The sum, 0 of none.  It begins with the first value, as adding to 0 takes as long as any addition."""
    return sum(values[1:], values[0]) if values else Fraction(0)


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
        self._alike: dict[str, list[tuple[object, Fraction | None]]] = {}

    def learn(self, supply: Supply, part: Contribution | Uncounted) -> None:
        """Take over what was counted of a supply, unless it is another on other days."""
        if not _varies(supply) and supply.ref not in self._steady:
            self._steady[supply.ref] = _mme(part)
            self._alike.setdefault(supply.drug.name, []).append((_DOSE(supply), _mme(part)))

    def on(self, day: int, here: Sequence[Supply]) -> list[Fraction]:
        """What can be counted of these supplies on a day."""
        methadone = methadone_per_day(here, day) if self._methadone else _NONE
        found = [self._value(supply, day, methadone) for supply in here]
        return [value for value in found if value is not None]

    def _value(self, supply: Supply, day: int, methadone: Fraction) -> Fraction | None:
        if supply.ref in self._steady:
            return self._steady[supply.ref]
        if _varies(supply):
            return self._counted(supply, day, methadone)
        dose, alike = _DOSE(supply), self._alike.setdefault(supply.drug.name, [])
        for other, known in alike:
            if other == dose:
                self._steady[supply.ref] = known
                return known
        value = self._steady[supply.ref] = self._counted(supply, day, methadone)
        alike.append((dose, value))
        return value

    def _counted(self, supply: Supply, day: int, methadone: Fraction) -> Fraction | None:
        return _mme(Counter(self._policy, self._terms, methadone).count(supply, day))


def _mme(part: Contribution | Uncounted) -> Fraction | None:
    return part.mme if isinstance(part, Contribution) else None


def _varies(supply: Supply) -> bool:
    """Whether what it comes to changes while it lasts: with its directions, or with the methadone of the day."""
    if supply.drug.ingredient == "methadone" or len(supply.sigs) > 1:
        return True
    return bool(supply.sigs) and supply.sigs[0].sequence_day is not None


class Window(Struct, frozen=True):
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
        return self._or_none(max([step.mme for step in self.steps if step.mme is not None], default=_NONE))

    @property
    def whole(self) -> bool:
        """Whether everything in these steps could be counted."""
        return not any(step.missed for step in self.steps)

    @property
    def _counted(self) -> list[Stretch]:
        return [step for step in self.steps if step.mme is not None]

    def _or_none(self, value: Fraction) -> Fraction | None:
        return None if not self._counted and (self.steps or self.in_doubt) else value


def window(steps: Sequence[Stretch], first: int, length: int, *, in_doubt: bool) -> Window:
    """The window of so many days from `first` on."""
    inside = clipped(steps, first)
    doses = [step.mme * step.days for step in inside if step.mme is not None]
    return Window(inside, length, in_doubt, total(doses))


def clipped(steps: Sequence[Stretch], first: int) -> tuple[Stretch, ...]:
    """The steps from a day on."""
    return tuple(
        step if step.first >= first else replace(step, first=first) for step in steps if step.last >= first
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
