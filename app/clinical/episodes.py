"""Covered days, gaps and episodes of a set of supplies.  Days are ordinals; windows and intervals are inclusive."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from msgspec import Struct

from app.clinical.supply import Supply

Span = tuple[int, int]


class Coverage(Struct, frozen=True):
    """The days on which at least one supply lasts, up to `day`, as separate spans; and what was supplied.

    given: first day and days' supply of each, in order.
    """

    day: int
    spans: tuple[Span, ...]
    given: tuple[tuple[int, int], ...]

    def covered(self, first: int, last: int) -> int:
        """Covered days in a window."""
        return sum([max(0, min(end, last) - max(start, first) + 1) for start, end in self.spans])

    @property
    def last_day(self) -> int | None:
        return self.spans[-1][1] if self.spans else None

    @property
    def uncovered(self) -> int | None:
        """Days since the last covered day; 0 on a covered day; None when no day ever was covered."""
        return self.day - self.last_day if self.last_day is not None else None

    def until(self, day: int) -> Coverage:
        """What was known on an earlier day."""
        spans = tuple([(start, min(end, day)) for start, end in self.spans if start <= day])
        return Coverage(day, spans, tuple([one for one in self.given if one[0] <= day]))

    def episodes(self, longest_gap: int) -> list[Span]:
        """Spans joined across gaps of at most `longest_gap` uncovered days."""
        joined: list[Span] = []
        for start, end in self.spans:
            if joined and start - joined[-1][1] - 1 <= longest_gap:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        return joined

    def supplied(self, first: int, last: int) -> int:
        """Summed days' supply of everything begun in a window, overlaps counted twice."""
        return sum([days for _, days in self._begun(first, last)])

    def count(self, first: int, last: int) -> int:
        """How many supplies began in a window."""
        return len(self._begun(first, last))

    def _begun(self, first: int, last: int) -> tuple[tuple[int, int], ...]:
        return self.given[bisect_left(self.given, (first,)) : bisect_left(self.given, (last + 1,))]


def coverage(supplies: Sequence[Supply], day: int) -> Coverage:
    """Coverage of supplies already laid end to end, cut off at `day`."""
    spans = merged([(s.first, min(s.last, day)) for s in supplies])
    return Coverage(day, tuple(spans), tuple(_given(supplies)))


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans that overlap or adjoin as one, in order; one that ends before it begins covers nothing."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if last < first:
            continue
        if found and first <= found[-1][1] + 1:
            if last > found[-1][1]:
                found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def shared(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """The days in both, where each is in order and its own spans do not overlap."""
    return [
        (first, last)
        for begin, end in one
        for start, stop in other
        if (first := max(begin, start)) <= (last := min(end, stop))
    ]


def _given(supplies: Iterable[Supply]) -> list[tuple[int, int]]:
    return sorted([(s.start, s.days) for s in supplies if s.days is not None])
