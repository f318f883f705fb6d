"""The timeline: early refills laid end to end, replaced orders ended, concurrent ones kept side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

from app.clinical.supply import BY_START, Supply, moved, other_product
from fhir_mappings.facts import DrugFact

BY_FIRST = attrgetter("first", "ref")


@dataclass(frozen=True)
class Timeline:
    """Supplies on the days they really cover.

    unknown: supplies whose days the chart does not tell.  replaced: supplies ended early by a newer order that does
    not say that it replaces them; worth confirming.
    """

    covering: tuple[Supply, ...]
    unknown: tuple[Supply, ...]
    replaced: tuple[Supply, ...] = ()
    cut_short: tuple[Supply, ...] = ()

    @cached_property
    def opioids(self) -> Timeline:
        """The part that concerns opioids: each ingredient and release is laid out for itself."""
        parts = (self.covering, self.unknown, self.replaced, self.cut_short)
        return Timeline(*map(_opioids, parts))


def _opioids(found: Sequence[Supply]) -> tuple[Supply, ...]:
    return tuple([supply for supply in found if supply.drug.is_opioid])


def lay_out(supplies: Iterable[Supply], carry_cap: int) -> Timeline:
    """Lay supplies end to end per ingredient and release form.  carry_cap: most days carried over."""
    groups: dict[tuple[str, str], list[Supply]] = {}
    unknown: list[Supply] = []
    for supply in sorted(supplies, key=BY_START):
        if supply.days is None:
            unknown.append(supply)
        else:
            key = (supply.drug.ingredient or supply.drug.name, supply.drug.release)
            groups.setdefault(key, []).append(supply)
    covering: list[Supply] = []
    replaced: list[Supply] = []
    cut_short: list[Supply] = []
    for group in groups.values():
        laid, ended, cut = _lay_group(group, carry_cap)
        covering += laid
        replaced += ended
        cut_short += cut
    covering = [supply for supply in covering if supply.last >= supply.first]
    return Timeline(
        tuple(sorted(covering, key=BY_FIRST)),
        tuple(unknown),
        tuple(sorted(replaced, key=BY_START)),
        tuple(sorted(cut_short, key=BY_START)),
    )


def still_open(
    unknown: Sequence[Supply], in_use: Sequence[Supply], every: Sequence[Supply]
) -> tuple[list[Supply], list[Supply]]:
    """Supplies without a known end: those still in use, and those presumed to be taken over by a newer one in use.

    A newer order that says what it replaces ends the older one even when it has run out itself.
    """
    kept: list[Supply] = []
    presumed: list[Supply] = []
    for supply in unknown:
        if any(_names(other, supply) for other in every):
            continue
        newer = [one for one in in_use if one.start > supply.start and same_kind(one, supply)]
        telling = [one for one in newer if one.known or _tells_dose(one)]
        if any(relation(supply, one) != "concurrent" for one in telling):
            presumed.append(supply)
        else:
            kept.append(supply)
    return kept, presumed


def same_kind(one: Supply, other: Supply) -> bool:
    """The same ingredient in the same release form."""
    return one.drug.ingredient == other.drug.ingredient and one.drug.release == other.drug.release


def _names(later: Supply, earlier: Supply) -> bool:
    """Whether an order says that it replaces another, begun before it."""
    return (
        later.replaces is not None
        and later.replaces in {earlier.order, earlier.ref}
        and later.start > earlier.start
    )


def _lay_group(group: Sequence[Supply], carry_cap: int) -> tuple[list[Supply], list[Supply], list[Supply]]:
    laid: list[Supply] = []
    lasting: list[int] = []
    unsaid: list[Supply] = []
    cut_short: list[Supply] = []
    for supply in group:
        first = supply.start
        lasting = [position for position in lasting if laid[position].last >= supply.start]
        for position in lasting:
            earlier = laid[position]
            found = relation(earlier, supply)
            if found in {"replaces", "presumably replaces"}:
                laid[position] = moved(earlier, earlier.first, supply.start - 1)
                if found == "presumably replaces":
                    unsaid.append(earlier)
                if supply.last < earlier.last:
                    cut_short.append(earlier)
            elif found == "refill":
                first = max(first, earlier.last + 1)
        lasting.append(len(laid))
        carried = first > supply.start
        laid.append(moved(supply, first, _last_day(supply, first, carry_cap)) if carried else supply)
    return laid, unsaid, cut_short


def _last_day(supply: Supply, first: int, carry_cap: int) -> int:
    """Last day of a supply that begins on `first`: stock in hand when it was collected counts up to the cap."""
    last = supply.last + min(first - supply.start, carry_cap)
    if supply.ends_by is not None and not supply.filled:
        last = min(last, max(supply.ends_by, supply.last))
    return last


def relation(earlier: Supply, later: Supply) -> str:
    """What a later supply of the same ingredient and release is to one that still lasts."""
    same_product = _same_product(earlier.drug, later.drug)
    if _names(later, earlier):
        return "refill" if same_product and schedule(earlier) == schedule(later) else "replaces"
    same_prescriber = not earlier.prescriber or not later.prescriber or earlier.prescriber == later.prescriber
    if same_product:
        return "refill" if same_prescriber and earlier.outside == later.outside else "concurrent"
    if earlier.start == later.start or not same_prescriber or earlier.outside != later.outside:
        return "concurrent"
    return "presumably replaces" if _same_times(earlier, later) else "concurrent"


def _same_product(one: DrugFact, other: DrugFact) -> bool:
    """Refills mostly share one drug, and comparing fractions takes long.  10 mg/mL is no refill of tablets of 10 mg,
    and oxycodone alone none of oxycodone with acetaminophen."""
    if one is other:
        return True
    same_route = one.route == other.route or not one.route or not other.route
    same = one.strength == other.strength and one.strength_unit == other.strength_unit and same_route
    return same and not other_product(one, other)


def schedule(supply: Supply) -> tuple[object, ...]:
    """What its directions ask for, to compare."""
    return tuple((sig.dose, sig.times_high, sig.prn) for sig in supply.sigs)


def _same_times(earlier: Supply, later: Supply) -> bool:
    """The same frequency, as needed or not: a new strength on an old schedule is a change of dose."""
    times = [tuple((sig.times_high, sig.prn) for sig in supply.sigs) for supply in (earlier, later)]
    return bool(times[0]) and times[0] == times[1] and all(high is not None for high, _ in times[0])


def _tells_dose(supply: Supply) -> bool:
    return bool(supply.sigs) and all(
        sig.dose is not None and sig.times_high is not None for sig in supply.sigs
    )
