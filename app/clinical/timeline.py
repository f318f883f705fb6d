"""The timeline: early refills laid end to end, replaced orders ended, concurrent ones kept side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.clinical.supply import Supply, moved


@dataclass(frozen=True, slots=True)
class Timeline:
    """Supplies on the days they really cover.

    unknown: supplies whose days the chart does not tell.  replaced: supplies ended early by a newer order that does
    not say that it replaces them; worth confirming.
    """

    covering: tuple[Supply, ...]
    unknown: tuple[Supply, ...]
    replaced: tuple[Supply, ...] = ()


def lay_out(supplies: Iterable[Supply], carry_cap: int) -> Timeline:
    """Lay supplies end to end per ingredient and release form.  carry_cap: most days carried over."""
    groups: dict[tuple[str, str], list[Supply]] = {}
    unknown: list[Supply] = []
    for supply in supplies:
        if supply.days is None:
            unknown.append(supply)
        else:
            key = (supply.drug.ingredient or supply.drug.name, supply.drug.release)
            groups.setdefault(key, []).append(supply)
    covering: list[Supply] = []
    replaced: list[Supply] = []
    for group in groups.values():
        laid, ended = _lay_group(sorted(group, key=lambda s: (s.start, s.ref)), carry_cap)
        covering += laid
        replaced += ended
    covering = [supply for supply in covering if supply.last >= supply.first]
    still_unknown, ended = _open_ended(unknown, covering)
    return Timeline(
        tuple(sorted(covering, key=lambda s: (s.first, s.ref))),
        tuple(sorted(still_unknown, key=lambda s: (s.start, s.ref))),
        (*replaced, *ended),
    )


def _open_ended(unknown: Sequence[Supply], known: Sequence[Supply]) -> tuple[list[Supply], list[Supply]]:
    """Of supplies without a known end, those that a later prescription of the same kind has not taken over."""
    kept: list[Supply] = []
    replaced: list[Supply] = []
    for supply in unknown:
        later = [
            other
            for other in (*unknown, *known)
            if other.start > supply.start
            and other.drug.ingredient == supply.drug.ingredient
            and other.drug.release == supply.drug.release
        ]
        relations = {_relation(supply, other) for other in later}
        if relations <= {"concurrent"}:
            kept.append(supply)
        elif "replaces" not in relations:
            replaced.append(supply)
    return kept, replaced


def _lay_group(group: Sequence[Supply], carry_cap: int) -> tuple[list[Supply], list[Supply]]:
    laid: list[Supply] = []
    unsaid: list[Supply] = []
    for supply in group:
        shift_to = supply.start
        for position, earlier in enumerate(laid):
            if earlier.last < supply.start:
                continue
            relation = _relation(earlier, supply)
            if relation in {"replaces", "presumably replaces"}:
                laid[position] = moved(earlier, earlier.first, supply.start - 1)
                if relation == "presumably replaces":
                    unsaid.append(earlier)
            elif relation == "refill":
                shift_to = max(shift_to, earlier.last + 1)
        if shift_to > supply.start + carry_cap:
            shift_to = supply.start + carry_cap
            laid = [_cut(earlier, supply, shift_to) for earlier in laid]
        last = supply.last + (shift_to - supply.start)
        if supply.ends_by is not None and not supply.filled:
            last = min(last, max(supply.ends_by, supply.last))
        laid.append(moved(supply, shift_to, last))
    return laid, unsaid


def _cut(earlier: Supply, later: Supply, day: int) -> Supply:
    """Stock beyond the carried days is taken as given up when the next supply begins."""
    if earlier.last >= day and _relation(earlier, later) == "refill":
        return moved(earlier, earlier.first, day - 1)
    return earlier


def _relation(earlier: Supply, later: Supply) -> str:
    """What a later supply of the same ingredient and release is to one that still lasts."""
    same_strength = earlier.drug.strength == later.drug.strength
    if (
        later.replaces is not None
        and later.replaces in {earlier.order, earlier.ref}
        and later.start > earlier.start
    ):
        return "refill" if same_strength and _schedule(earlier) == _schedule(later) else "replaces"
    same_prescriber = not earlier.prescriber or not later.prescriber or earlier.prescriber == later.prescriber
    if same_strength:
        return "refill" if same_prescriber and earlier.outside == later.outside else "concurrent"
    if earlier.start == later.start or not same_prescriber or earlier.outside != later.outside:
        return "concurrent"
    return "presumably replaces" if _same_times(earlier, later) else "concurrent"


def _schedule(supply: Supply) -> tuple[object, ...]:
    return tuple((sig.dose, sig.times_high, sig.prn) for sig in supply.sigs)


def _same_times(earlier: Supply, later: Supply) -> bool:
    """The same frequency, as needed or not: a new strength on an old schedule is a change of dose."""
    times = [tuple((sig.times_high, sig.prn) for sig in supply.sigs) for supply in (earlier, later)]
    return times[0] == times[1] and all(high is not None for high, _ in times[0])
