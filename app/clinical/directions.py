"""Whose directions hold while two supplies of one strength last: the newer order does not wait for the older one.

How many days are covered is another question, for which stock in hand is used up first (timeline).
"""

from __future__ import annotations

from app.clinical.dose import DailyDose, daily_dose
from app.clinical.supply import BY_START, Supply, moved
from app.clinical.timeline import BY_FIRST, Timeline, relation, same_kind, schedule


def as_directed(laid: Timeline) -> Timeline:
    """The same covered days, each supply on the days its directions hold.

    Higher directions hold from the first day of their order, and the older order is presumed to have ended.  Lower
    ones wait like a refill, and may be taken as well.  Directions begun on one day are taken together.
    """
    held = list(laid.covering)
    waiting = [place for place, supply in enumerate(held) if supply.first > supply.start]
    if not waiting:
        return laid
    presumed = list(laid.replaced)
    for place in sorted(waiting, key=lambda place: BY_START(held[place])):
        later = held[place]
        for other, earlier in enumerate(held):
            if not _is_changed(earlier, later):
                continue
            if earlier.start == later.start:
                held[place] = moved(later, later.start, later.last)
            elif _is_raised(earlier, later):
                held[other] = moved(earlier, earlier.first, later.start - 1)
                held[place] = moved(later, later.start, later.last)
                presumed.append(earlier)
            else:
                presumed.append(moved(later, later.start, earlier.last))
    return Timeline(
        tuple(sorted([supply for supply in held if supply.last >= supply.first], key=BY_FIRST)),
        laid.unknown,
        tuple(sorted(presumed, key=BY_START)),
        laid.cut_short,
    )


def _is_changed(earlier: Supply, later: Supply) -> bool:
    """Whether the later supply waits for the earlier one although its directions are others."""
    return (
        earlier.ref != later.ref
        and (earlier.start, earlier.ref) <= (later.start, later.ref)
        and earlier.first <= later.start <= earlier.last
        and same_kind(earlier, later)
        and schedule(earlier) != schedule(later)
        and relation(earlier, later) == "refill"
    )


def _is_raised(earlier: Supply, later: Supply) -> bool:
    doses = [daily_dose(supply, later.start) for supply in (earlier, later)]
    before, after = (dose.amount if isinstance(dose, DailyDose) else None for dose in doses)
    return before is not None and after is not None and after > before
