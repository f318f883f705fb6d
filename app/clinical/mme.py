"""Morphine milligram equivalents: today's total with its parts, and the last 90 days by their four definitions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from app.clinical.counting import Counter, is_counted, methadone_per_day, uncounted
from app.clinical.daily import change_points, stretches, total, window, with_doubt
from app.clinical.directions import as_directed
from app.clinical.episodes import Span, merged
from app.clinical.evaluation import Contribution, Mme, Uncounted
from app.clinical.lasting import USUAL_SUPPLY
from app.clinical.opioids import (
    for_opioid_use_disorder,
    has_no_factor_by_design,
    injected_at_home,
    is_opioid,
    reported_only,
    undated_fills,
)
from app.clinical.policy import Policy
from app.clinical.supply import MAY_LAST, Supply, all_read, moved, supplies
from app.clinical.timeline import Timeline, lay_out, same_kind, still_open
from fhir_mappings.facts import Facts, Fill, Order
from valuesets import Terms

CHART_DAYS = 730
AVERAGED_DAYS = 90
"""What the mean and the highest day are of, as their names say: not the window a policy asks therapy for."""
_MAY_STILL_LAST = (
    "over at the greatest use its directions allow; taken less often, or begun later, it still lasts"
)
_CUT_SHORT = "a newer order took its place and has run out before it would have; it may be taken again"
_COMPLETED = "completed lately, or not to be filled any more; how long what was given lasts is not recorded"
_REPORTED = "reported as taken at home, with no prescription to count from"
_UNDATED = "a fill without a date or an order; it may be in use"
_INJECTED = "by injection or pump, for which there is no MME factor, and not in the sum"
_NAMED_APART = {
    "injectable": ("injected", _INJECTED),
    "antidiarrhoeal": ("antidiarrhoeal", "opium by mouth has no MME factor and is not in the sum"),
}


def opioid_timeline(facts: Facts, policy: Policy, as_of: date) -> Timeline:
    """All opioid supplies of the chart on the days they cover."""
    day = as_of.toordinal()
    return lay_out(supplies(facts, is_opioid, day), policy.ltot.carry_cap_days)


def mme(facts: Facts, policy: Policy, terms: Terms, as_of: date, timeline: Timeline | None = None) -> Mme:
    """The daily MME at `as_of`, its arithmetic, and what could not be counted.

    current None: nothing could be counted although an opioid is present (or none can be excluded); 0 only when every
    opioid is known to have ended.  Source of the rules: CDC 2022 guideline; docs/clarifications.md.
    """
    day = as_of.toordinal()
    laid = as_directed(timeline or opioid_timeline(facts, policy, as_of))
    use = _in_use(laid, policy, day)
    reported = reported_only(facts, laid, policy.mme.stale_after_days, as_of)
    counter = Counter(policy, terms, methadone_per_day(use.all, day))
    today = [(s, counter.count(s, day)) for s in use.dated if is_counted(s)]
    today += [(s, _open_ended(counter, s, day)) for s in use.undated if is_counted(s)]
    counted = tuple(part for _, part in today if isinstance(part, Contribution))
    missing = tuple(part for _, part in today if isinstance(part, Uncounted))
    missing += tuple(_not_counted(order, "reported_only", _REPORTED) for order in reported)
    missing += tuple(_not_counted(fill, "undated", _UNDATED) for fill in undated_fills(facts, laid, as_of))
    outlasting = _may_still_last(laid, policy, day)
    missing += tuple(
        uncounted(s, "may_still_last", _MAY_STILL_LAST if s.known else _COMPLETED)
        for s in outlasting
        if is_counted(s)
    )
    missing += tuple(uncounted(s, "may_still_last", _CUT_SHORT) for s in _cut_short(laid, use, day))
    whole = all_read(facts)
    injected = injected_at_home(facts, policy.mme.stale_after_days, as_of)
    apart = (*_apart(use.all), *(_not_counted(order, "injected", _INJECTED) for order in injected))
    current = _current(counted, missing, apart, whole=whole)
    first = day - AVERAGED_DAYS + 1
    doubtful = _doubtful_days(laid, use, policy, day)
    steps = stretches(policy, terms, _lasting(laid, use, day), day - CHART_DAYS + 1, day, today)
    steps = with_doubt(steps, doubtful) if doubtful else steps
    in_doubt = not whole or bool(missing or apart) or any(s.start >= first for s in laid.unknown)
    recent = window(steps, first, AVERAGED_DAYS, in_doubt=in_doubt)
    return Mme(
        current=current,
        complete=whole and not missing,
        sig_max=_label_maximum(counter, counted, current, (*use.presumed_ended, *outlasting), day),
        avg_90=recent.average(),
        avg_on_therapy=recent.on_therapy(),
        avg_supply=recent.per_day_of_supply(),
        peak_90=recent.peak(),
        own=_subtotal(counted, current, outside=False),
        outside=_subtotal(counted, current, outside=True),
        contributions=tuple(sorted(counted, key=lambda p: (-p.mme, p.ref))),
        uncounted=tuple(sorted((*missing, *apart), key=lambda p: p.ref)),
        flags=_flags(laid, use, counted, facts),
        timeline=change_points(steps, day - CHART_DAYS + 1, day, between=Fraction(0) if whole else None),
        window_complete=whole
        and not missing
        and recent.whole
        and not any(last >= first for _, last in doubtful),
    )


class _Use(Struct, frozen=True):
    """Opioids that may be in use on the day: with a known last day, without one, and presumed to be replaced."""

    dated: tuple[Supply, ...]
    undated: tuple[Supply, ...]
    presumed_ended: tuple[Supply, ...]

    @property
    def all(self) -> tuple[Supply, ...]:
        return self.dated + self.undated


def _in_use(laid: Timeline, policy: Policy, day: int) -> _Use:
    dated = [supply for supply in laid.covering if supply.first <= day <= supply.last]
    young = [supply for supply in laid.unknown if _may_be_current(supply, day, policy)]
    undated, presumed = still_open(young, dated + young, (*laid.covering, *laid.unknown))
    lasting = [supply for supply in laid.replaced if supply.last >= day]
    return _Use(tuple(dated), tuple(undated), (*lasting, *presumed))


def _may_still_last(laid: Timeline, policy: Policy, day: int) -> tuple[Supply, ...]:
    """Orders over at the greatest use but not at the least, or over lately, and not followed by another."""
    everything = (*laid.covering, *laid.unknown)
    return tuple(
        supply
        for supply in everything
        if _may_outlast(supply, policy, day)
        and not any(other.start > supply.start and same_kind(other, supply) for other in everything)
    )


def _cut_short(laid: Timeline, use: _Use, day: int) -> tuple[Supply, ...]:
    """Supplies that would last today, were they not ended by one that is over, with nothing of the kind in use."""
    return tuple(
        supply
        for supply in laid.cut_short
        if supply.last >= day
        and supply.status in MAY_LAST
        and is_counted(supply)
        and not any(same_kind(other, supply) for other in use.all)
    )


def _may_outlast(supply: Supply, policy: Policy, day: int) -> bool:
    """Without recorded days: an active order at the least use, or one over within the days of a usual supply."""
    if supply.known:
        longest = supply.longest or 0
        return supply.last < day <= longest and supply.status in {"active", "unknown", ""}
    end = supply.ends_by if supply.ends_by is not None and supply.ends_by < day else None
    if end is not None and not supply.to_fill_by:
        return False
    if supply.status == "completed":
        return day - supply.start < USUAL_SUPPLY
    young = day - supply.start < policy.mme.stale_after_days
    return end is not None and young and supply.status in MAY_LAST and day - end < USUAL_SUPPLY


def _may_be_current(supply: Supply, day: int, policy: Policy) -> bool:
    """An active order without a known supply is current while it is young or to the end it states, later stale."""
    if supply.status not in MAY_LAST:
        return False
    if supply.ends_by is not None and supply.ends_by < day:
        return False
    if supply.longest is not None:
        return supply.longest >= day
    return day - supply.start < policy.mme.stale_after_days


def _doubtful_days(laid: Timeline, use: _Use, policy: Policy, day: int) -> list[Span]:
    """Past days on which a supply of unknown length may have lasted: to the next of its kind, and not for ever."""
    found: list[Span] = []
    first = day - CHART_DAYS + 1
    for supply in laid.unknown:
        if not is_counted(supply) or supply in use.undated:
            continue
        is_open = supply.status in MAY_LAST
        last = supply.start + (policy.mme.stale_after_days if is_open else USUAL_SUPPLY) - 1
        if is_open and supply.longest is not None:
            last = supply.longest
        if supply.ends_by is not None:
            last = min(last, supply.ends_by)
        for other in (*laid.covering, *laid.unknown):
            if other.start > supply.start and same_kind(other, supply):
                last = min(last, other.start - 1)
        found.append((max(supply.start, first), min(last, day - 1)))
    return merged(found)


def _open_ended(counter: Counter, supply: Supply, day: int) -> Contribution | Uncounted:
    """Without quantity or days the sig alone gives the dose; without either nothing does."""
    found = counter.count(supply, day)
    if isinstance(found, Contribution):
        return replace(found, note="; ".join(filter(None, [found.note, "how long it lasts is not recorded"])))
    return found


def _lasting(laid: Timeline, use: _Use, day: int) -> list[Supply]:
    """What the sum of each past day is made of; an order without a known end lasts while it is current."""
    found = (*laid.covering, *(moved(supply, supply.start, day) for supply in use.undated))
    return [supply for supply in found if is_counted(supply)]


def _label_maximum(
    counter: Counter,
    counted: Sequence[Contribution],
    current: Fraction | None,
    presumed_ended: Sequence[Supply],
    day: int,
) -> Fraction | None:
    """MME if everything were taken at the label's maximum, orders only presumed to be replaced included."""
    if not counted:
        return current
    more = [counter.count(supply, day) for supply in presumed_ended if is_counted(supply)]
    parts = (*counted, *(part for part in more if isinstance(part, Contribution)))
    return total([p.sig_max if p.sig_max is not None else p.mme for p in parts])


def _apart(present: Sequence[Supply]) -> tuple[Uncounted, ...]:
    """Opioids left out of the sum by design: the sum is whole without them, and they are named beside it."""
    found: list[Uncounted] = []
    for supply in present:
        if has_no_factor_by_design(supply):
            found.append(uncounted(supply, "no_factor", "buprenorphine has no MME factor"))
        elif for_opioid_use_disorder(supply):
            found.append(
                uncounted(supply, "oud_treatment", "treats opioid use disorder, kept apart from the sum")
            )
        elif supply.drug.category in _NAMED_APART:
            found.append(uncounted(supply, *_NAMED_APART[supply.drug.category]))
    return tuple(found)


def _not_counted(one: Order | Fill, reason: str, text: str) -> Uncounted:
    return Uncounted(one.ref, one.drug.ingredient or "opioid", one.drug.name, reason, text)


def _current(
    counted: Sequence[Contribution], missing: Sequence[Uncounted], apart: Sequence[Uncounted], *, whole: bool
) -> Fraction | None:
    if counted:
        return total([part.mme for part in counted])
    return None if missing or apart or not whole else Fraction(0)


def _subtotal(counted: Sequence[Contribution], current: Fraction | None, *, outside: bool) -> Fraction | None:
    if current is None:
        return None
    return total([part.mme for part in counted if part.outside is outside])


def _flags(laid: Timeline, use: _Use, counted: Sequence[Contribution], facts: Facts) -> tuple[str, ...]:
    flags: set[str] = set()
    if any(has_no_factor_by_design(s) for s in use.all):
        flags.add("buprenorphine")
    if any(for_opioid_use_disorder(s) for s in use.all):
        flags.add("oud_treatment")
    if any(s.drug.ingredient == "methadone" and for_opioid_use_disorder(s) for s in use.all):
        flags.add("oud_methadone")
    if any(s.drug.category == "cough_cold" for s in use.all):
        flags.add("cough_product")
    known = {*use.undated, *use.presumed_ended}
    if use.presumed_ended or any(s.status == "active" and s not in known for s in laid.unknown):
        flags.add("stale_order")
    if any(part.outside for part in counted):
        flags.add("outside")
    if any("legacy factor" in part.note for part in counted):
        flags.add("legacy_factor")
    if any(o.reported and o.status == "active" for o in facts.opioid_orders):
        flags.add("reported_opioid")
    return tuple(sorted(flags))
