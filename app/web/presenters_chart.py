"""The history of the MME as a step chart drawn on the server, and as a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from app.clinical.words import amount, day
from app.web.views import Chart, Period
from app.web.wording import plain, rounded

Timeline = tuple[tuple[date, Fraction | None], ...]

WIDTH, HEIGHT, LEFT, TOP, BASE = 480, 132, 30, 10, 112
_SPANS = ((12, 365), (24, 730))
_SHORTEST_SCALE = Fraction(100)


@dataclass(frozen=True, slots=True)
class _Step:
    """A span of days, both included, with one MME; None where it cannot be told.  least: it may be more."""

    start: date
    end: date
    mme: Fraction | None
    least: bool = False

    @property
    def words(self) -> str:
        if self.mme is None:
            return "cannot tell"
        return f"at least {amount(self.mme)}" if self.least else amount(self.mme)


def step_charts(
    timeline: Timeline, as_of: date, marks: tuple[int, ...], *, complete: bool = True
) -> tuple[Chart, ...]:
    """The last 12 months, and the last 24 where they hold more.  A point holds until the next one.

    complete: whether the MME of the last day is all there is.
    """
    steps = _steps(timeline, as_of)
    if steps and not complete:
        steps[-1] = replace(steps[-1], least=True)
    charts = []
    for months, days in _SPANS:
        first = as_of - timedelta(days=days - 1)
        shown = [replace(step, start=max(step.start, first)) for step in steps if step.end >= first]
        older = any(step.start < first and step.mme != 0 for step in steps)
        if shown and any(step.mme != 0 for step in shown):
            charts.append(_chart(months, first, as_of, shown, marks))
        if not older:
            break
    return tuple(charts)


def _steps(timeline: Timeline, as_of: date) -> list[_Step]:
    points = sorted((point for point in timeline if point[0] <= as_of), key=lambda point: point[0])
    ends = [after[0] - timedelta(days=1) for _, after in pairwise(points)]
    steps: list[_Step] = []
    for (start, mme), end in zip(points, [*ends, as_of], strict=False):
        if steps and steps[-1].mme == mme:
            steps[-1] = _Step(steps[-1].start, end, mme)
        else:
            steps.append(_Step(start, end, mme))
    return steps


def _chart(months: int, first: date, as_of: date, steps: list[_Step], marks: tuple[int, ...]) -> Chart:
    peak = max((step.mme for step in steps if step.mme is not None), default=Fraction(0))
    top = max(_SHORTEST_SCALE, peak * Fraction(21, 20))
    days = (as_of - first).days + 1

    def x(when: date) -> str:
        return plain(rounded(LEFT + Fraction((when - first).days * (WIDTH - LEFT), days)))

    def y(mme: Fraction) -> str:
        return plain(rounded(BASE - mme * (BASE - TOP) / top))

    after = timedelta(days=1)
    unknown = [step for step in steps if step.mme is None]
    line, area = _paths([(x(s.start), x(s.end + after), None if s.mme is None else y(s.mme)) for s in steps])
    levels = [("0", Fraction(0)), *((str(mark), Fraction(mark)) for mark in marks)]
    if peak > max(marks) * Fraction(5, 4):
        levels.append((amount(peak), peak))
    return Chart(
        months=months,
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        base=BASE,
        line=line,
        area=area,
        unknown=tuple((x(s.start), _width(x(s.start), x(s.end + after))) for s in unknown),
        levels=tuple((y(mme), label, label in {str(mark) for mark in marks}) for label, mme in levels),
        ticks=tuple((x(when), label) for when, label in _ticks(first, as_of, months)),
        description=_description(months, steps, peak, bool(unknown)),
        periods=tuple(_period(step) for step in reversed(steps)),
    )


def _paths(steps: list[tuple[str, str, str | None]]) -> tuple[str, str]:
    """The line and the area beneath it; both are interrupted where the MME cannot be told."""
    line, area, open_run = "", "", False
    for start, end, y in steps:
        if y is None:
            area += f"V{BASE}Z" if open_run else ""
            open_run = False
            continue
        line += f"V{y}H{end}" if open_run else f"M{start} {y}H{end}"
        area += f"V{y}H{end}" if open_run else f"M{start} {BASE}V{y}H{end}"
        open_run = True
    return line, area + (f"V{BASE}Z" if open_run else "")


def _width(start: str, end: str) -> str:
    return plain(rounded(max(Fraction(end) - Fraction(start), Fraction(1))))


def _ticks(first: date, as_of: date, months: int) -> list[tuple[date, str]]:
    """The first day of every quarter, or of every half year on the longer chart."""
    step = 3 if months == 12 else 6
    year, month = first.year, first.month
    found = []
    while (when := date(year, month, 1)) <= as_of - timedelta(days=20):
        if when >= first and (month - 1) % step == 0:
            found.append((when, day(when).split(" ", 1)[1]))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found


def _description(months: int, steps: list[_Step], peak: Fraction, has_unknown: bool) -> str:
    now = "cannot be told" if steps[-1].mme is None else f"is {steps[-1].words}"
    gaps = " Some days cannot be told; they are hatched." if has_unknown else ""
    return f"MME/day over {months} months: highest {amount(peak)}, on the last day it {now}.{gaps}"


def _period(step: _Step) -> Period:
    return Period(day(step.start), day(step.end), step.words)
