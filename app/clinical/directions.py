"""Whose directions hold while two supplies of one strength last: the newer order does not wait for the older one.

How many days are covered is another question, for which stock in hand is used up first (timeline).
"""

from __future__ import annotations

from fractions import Fraction

from app.clinical.dose import DailyDose, daily_dose
from app.clinical.supply import BY_START, Supply, moved
from app.clinical.timeline import BY_FIRST, Timeline, relation, same_kind, schedule


def as_directed(laid: Timeline) -> Timeline:
    """The same covered days, each supply on the days its directions hold.

    Higher directions hold from the first day of their order, and the older order is presumed to have ended.  Lower
    ones wait like a refill, and may be taken as well.  Directions begun on one day are taken together.  A fill
    without directions says by its recorded quantity and days whether the dose is another.
    """
    held = list(laid.covering)
    waiting = [place for place, supply in enumerate(held) if supply.first > supply.start]
    if not waiting:
        return laid
    presumed = list(laid.replaced)
    for place in sorted(waiting, key=lambda place: BY_START(held[place])):
        later = held[place]
        for other, earlier in enumerate(held):
            if not _waits_for(earlier, later):
                continue
            told = bool(earlier.sigs) + bool(later.sigs)
            if told == 2 and schedule(earlier) == schedule(later):
                continue
            raised = _raised_by(earlier, later)
            if earlier.start == later.start:
                if told == 2:
                    held[place] = moved(later, later.start, later.last)
            elif raised is not None and raised > 0:
                held[other] = moved(earlier, earlier.first, later.start - 1)
                held[place] = moved(later, later.start, later.last)
                presumed.append(earlier)
            elif told == 2 or (told and raised != 0):
                presumed.append(moved(later, later.start, earlier.last))
    return Timeline(
        tuple(sorted([supply for supply in held if supply.last >= supply.first], key=BY_FIRST)),
        laid.unknown,
        tuple(sorted(presumed, key=BY_START)),
        laid.cut_short,
    )


def _waits_for(earlier: Supply, later: Supply) -> bool:
    """Whether the later supply is laid out to begin when the earlier one has run out."""
    return (
        earlier.ref != later.ref
        and (earlier.start, earlier.ref) <= (later.start, later.ref)
        and earlier.first <= later.start <= earlier.last
        and same_kind(earlier, later)
        and relation(earlier, later) == "refill"
    )


def _raised_by(earlier: Supply, later: Supply) -> Fraction | None:
    """By how much the daily dose is raised; None where one of the two is not known."""
    before, after = daily_dose(earlier, later.start), daily_dose(later, later.start)
    if isinstance(before, DailyDose) and isinstance(after, DailyDose):
        return after.amount - before.amount
    return None
