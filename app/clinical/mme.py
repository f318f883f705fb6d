"""Morphine milligram equivalents: today's total with its parts, and the last 90 days by their four definitions."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from app.clinical.dose import DailyDose, NoDose, daily_dose, plain
from app.clinical.evaluation import Contribution, Mme, Uncounted
from app.clinical.opioids import (
    counts_for_therapy,
    for_opioid_use_disorder,
    has_no_factor_by_design,
    is_opioid,
)
from app.clinical.policy import Policy
from app.clinical.supply import Supply, supplies
from app.clinical.timeline import Timeline, lay_out
from fhir_mappings.facts import Facts
from valuesets import Factor, Terms

CHART_DAYS = 730
_NOT_COUNTED = {
    "no_factor": "the factor table has no factor for it",
    "no_supply": "how long it lasts is not recorded",
}


@dataclass(frozen=True, slots=True)
class _Counter:
    """Turns supplies into contributions under one policy."""

    policy: Policy
    terms: Terms
    methadone: Fraction

    def factor(self, supply: Supply, dose: DailyDose) -> Factor | None:
        key = supply.drug.form_key
        if key is None:
            return None
        per_day = self.methadone if supply.drug.ingredient == "methadone" else dose.amount
        found = self.terms.factor(self.policy.mme.factor_table, key, per_day)
        if found is None or found.factor is None or found.unit != dose.unit:
            return None
        return None if found.status == "carried_forward" and not self.policy.mme.legacy_factors else found

    def count(self, supply: Supply, day: int) -> Contribution | Uncounted:
        """What a supply adds on a day, with its sum in words; or why it cannot be counted."""
        dose = daily_dose(supply, day)
        if isinstance(dose, NoDose):
            return _uncounted(supply, dose.reason, dose.text)
        factor = self.factor(supply, dose)
        if factor is None or factor.factor is None:
            return _uncounted(supply, "no_factor", _NOT_COUNTED["no_factor"])
        mme = dose.amount * factor.factor
        return Contribution(
            ref=supply.ref,
            ingredient=supply.drug.ingredient or "",
            drug_name=supply.drug.name,
            mg_per_day=dose.amount,
            unit=dose.unit,
            factor=factor.factor,
            factor_source=factor.source,
            mme=mme,
            sig_max=dose.most * factor.factor if dose.most is not None else None,
            method=dose.method,
            arithmetic=f"{dose.arithmetic} × {plain(factor.factor)} = {plain(mme)}",
            start=date.fromordinal(supply.first),
            end=date.fromordinal(supply.last) if supply.known else None,
            prescriber=supply.prescriber,
            prn=dose.prn,
            outside=supply.outside,
            peak=dose.peak * factor.factor if dose.peak is not None else None,
            note=self._note(supply, dose, factor, mme),
        )

    def _note(self, supply: Supply, dose: DailyDose, factor: Factor, mme: Fraction) -> str:
        notes: list[str] = []
        most = dose.most * (factor.factor or 0) if dose.most is not None else None
        tolerance = self.policy.mme.quantity_sig_tolerance
        if most is not None and dose.method == "quantity" and abs(most - mme) > tolerance * mme:
            notes.append(f"up to {plain(most)} MME if taken at the label's maximum")
        if dose.peak is not None and factor.factor is not None and dose.peak * factor.factor > mme:
            notes.append(f"{plain(dose.peak * factor.factor)} MME on dosing days")
        if factor.status == "carried_forward":
            notes.append("legacy factor: the current table does not name this drug")
        if supply.assumed_refills:
            notes.append("refills taken as filled; no fill is recorded")
        elif not supply.filled:
            notes.append("ordered, fill not confirmed")
        return "; ".join(notes)


def _uncounted(supply: Supply, reason: str, text: str, *, active: bool = True) -> Uncounted:
    name = supply.drug.ingredient or "opioid"
    return Uncounted(supply.ref, name, supply.drug.name, reason, text, active)


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
    laid = timeline or opioid_timeline(facts, policy, as_of)
    now = [supply for supply in laid.covering if supply.covers(day)]
    open_ended = [supply for supply in laid.unknown if _may_be_current(supply, day, policy)]
    counter = _Counter(policy, terms, _methadone(now + open_ended, day))
    parts = [counter.count(s, day) for s in _countable(now)]
    parts += [_open_ended(counter, s, day) for s in _countable(open_ended)]
    counted = tuple(part for part in parts if isinstance(part, Contribution))
    missing = tuple(part for part in parts if isinstance(part, Uncounted))
    whole_source = facts.source("MedicationRequest").complete
    complete = whole_source and not any(part.active for part in missing)
    current = _current(counted, missing, now + open_ended, whole=whole_source)
    window = _Window(counter, [s for s in laid.covering if _counts(s)], day, policy.ltot.window_days)
    return Mme(
        current=current,
        complete=complete,
        sig_max=_label_maximum(counter, counted, current, _unsure(laid, day, policy), day),
        avg_90=window.average(),
        avg_on_therapy=window.on_therapy(),
        avg_supply=window.per_day_of_supply(),
        peak_90=window.peak(),
        own=_subtotal(counted, current, outside=False),
        outside=_subtotal(counted, current, outside=True),
        contributions=tuple(sorted(counted, key=lambda p: (-p.mme, p.ref))),
        uncounted=tuple(sorted(missing, key=lambda p: (not p.active, p.ref))),
        flags=_flags(laid, now + open_ended, counted, facts, day, policy),
        timeline=_steps(counter, [s for s in laid.covering if _counts(s)], day),
    )


def _counts(supply: Supply) -> bool:
    return counts_for_therapy(supply) and not has_no_factor_by_design(supply)


def _countable(found: Iterable[Supply]) -> list[Supply]:
    return [supply for supply in found if _counts(supply)]


def _may_be_current(supply: Supply, day: int, policy: Policy) -> bool:
    """An active order without a known supply is current while it is young; later it is stale."""
    if supply.status not in {"active", "on-hold", "unknown", ""}:
        return False
    if supply.ends_by is not None and supply.ends_by < day:
        return False
    return day - supply.start < policy.mme.stale_after_days


def _open_ended(counter: _Counter, supply: Supply, day: int) -> Contribution | Uncounted:
    """Without quantity or days the sig alone gives the dose; without either nothing does."""
    found = counter.count(supply, day)
    if isinstance(found, Contribution):
        return replace(found, note="; ".join(filter(None, [found.note, "how long it lasts is not recorded"])))
    return found


def _unsure(laid: Timeline, day: int, policy: Policy) -> list[Supply]:
    """Older orders taken as replaced although nothing says so, which would still last."""
    return [
        supply
        for supply in laid.replaced
        if supply.last >= day or (not supply.known and _may_be_current(supply, day, policy))
    ]


def _label_maximum(
    counter: _Counter,
    counted: Sequence[Contribution],
    current: Fraction | None,
    unsure: Sequence[Supply],
    day: int,
) -> Fraction | None:
    """MME if everything were taken at the label's maximum, orders only presumed to be replaced included."""
    if not counted:
        return current
    total = sum((p.sig_max if p.sig_max is not None else p.mme for p in counted), Fraction(0))
    for supply in _countable(unsure):
        part = counter.count(supply, day)
        if isinstance(part, Contribution):
            total += part.sig_max if part.sig_max is not None else part.mme
    return total


def _methadone(found: Iterable[Supply], day: int) -> Fraction:
    """All methadone together: tables with bands choose by the day's whole dose."""
    total = Fraction(0)
    for supply in _countable(found):
        if supply.drug.ingredient == "methadone":
            dose = daily_dose(supply, day)
            total += dose.amount if isinstance(dose, DailyDose) else 0
    return total


def _current(
    counted: Sequence[Contribution], missing: Sequence[Uncounted], present: Sequence[Supply], *, whole: bool
) -> Fraction | None:
    if counted:
        return sum((part.mme for part in counted), Fraction(0))
    if any(part.active for part in missing) or not whole:
        return None
    without_factor = [s for s in present if has_no_factor_by_design(s) or for_opioid_use_disorder(s)]
    return None if without_factor else Fraction(0)


def _subtotal(counted: Sequence[Contribution], current: Fraction | None, *, outside: bool) -> Fraction | None:
    if current is None:
        return None
    return sum((part.mme for part in counted if part.outside is outside), Fraction(0))


def _flags(
    laid: Timeline,
    present: Sequence[Supply],
    counted: Sequence[Contribution],
    facts: Facts,
    day: int,
    policy: Policy,
) -> tuple[str, ...]:
    flags: set[str] = set()
    if any(has_no_factor_by_design(s) for s in present):
        flags.add("buprenorphine")
    if any(for_opioid_use_disorder(s) for s in present):
        flags.add("oud_treatment")
    if any(s.drug.ingredient == "methadone" and for_opioid_use_disorder(s) for s in present):
        flags.add("oud_methadone")
    if any(s.drug.category == "cough_cold" for s in present):
        flags.add("cough_product")
    stale = [s for s in laid.unknown if s.status == "active" and not _may_be_current(s, day, policy)]
    if stale or _unsure(laid, day, policy):
        flags.add("stale_order")
    if any(part.outside for part in counted):
        flags.add("outside")
    if any("legacy factor" in part.note for part in counted):
        flags.add("legacy_factor")
    if any(o.reported and o.drug.is_opioid and o.status == "active" for o in facts.orders):
        flags.add("reported_opioid")
    return tuple(sorted(flags))


Step = tuple[int, int, Fraction]


class _Window:
    """The last days' MME, as stretches of equal dose."""

    def __init__(self, counter: _Counter, found: Sequence[Supply], day: int, length: int) -> None:
        self._first, self._last, self._length = day - length + 1, day, length
        self._found = [s for s in found if s.last >= self._first and s.first <= day]
        self._steps = _stretches(counter, self._found, self._first, day)

    def average(self) -> Fraction:
        """Over all days of the window (fixed window)."""
        return self._sum() / self._length

    def on_therapy(self) -> Fraction | None:
        """Over the days with any counted opioid."""
        days = sum(last - first + 1 for first, last, _ in self._steps)
        return self._sum() / days if days else None

    def per_day_of_supply(self) -> Fraction | None:
        """Over the summed days' supply, overlaps counted twice."""
        days = sum(min(s.last, self._last) - max(s.first, self._first) + 1 for s in self._found)
        return self._sum() / days if days else None

    def peak(self) -> Fraction:
        return max((value for _, _, value in self._steps), default=Fraction(0))

    def _sum(self) -> Fraction:
        return sum(((last - first + 1) * value for first, last, value in self._steps), Fraction(0))


def _stretches(counter: _Counter, found: Sequence[Supply], first: int, last: int) -> list[Step]:
    """Stretches of days with one dose, only where something is supplied."""
    edges = {first, last + 1}
    for supply in found:
        edges.update(
            edge for edge in (supply.first, supply.last + 1, *_course_edges(supply)) if first < edge <= last
        )
    days = sorted(edges)
    values: dict[tuple[str, int], Fraction] = {}
    steps: list[Step] = []
    for start, stop in itertools.pairwise(days):
        here = [s for s in found if s.first <= start <= s.last]
        if here:
            total = sum((_value(counter, s, start, values) for s in here), Fraction(0))
            steps.append((start, stop - 1, total))
    return steps


def _course_edges(supply: Supply) -> list[int]:
    edges: list[int] = []
    for sig in supply.sigs:
        if sig.sequence_day is not None:
            edges.append(supply.start + sig.sequence_day)
        if sig.start is not None:
            edges.append(sig.start.toordinal())
        if sig.end is not None:
            edges.append(sig.end.toordinal() + 1)
    return edges


def _value(counter: _Counter, supply: Supply, day: int, known: dict[tuple[str, int], Fraction]) -> Fraction:
    """MME of one supply on one day; what cannot be counted adds nothing here and is told in `uncounted`."""
    varies = len(supply.sigs) > 1 or any(sig.sequence_day is not None for sig in supply.sigs)
    key = (supply.ref, day if varies else 0)
    if key not in known:
        found = counter.count(supply, day)
        known[key] = found.mme if isinstance(found, Contribution) else Fraction(0)
    return known[key]


def _steps(counter: _Counter, found: Sequence[Supply], day: int) -> tuple[tuple[date, Fraction | None], ...]:
    """Change points of the daily MME over two years, for the chart."""
    first = day - CHART_DAYS + 1
    near = [s for s in found if s.last >= first]
    points: list[tuple[date, Fraction | None]] = [(date.fromordinal(first), Fraction(0))]
    cursor = first
    for start, stop, value in _stretches(counter, near, first, day):
        if start > cursor and points[-1][1] != 0:
            points.append((date.fromordinal(cursor), Fraction(0)))
        if points[-1][1] != value:
            points.append((date.fromordinal(start), value))
        cursor = stop + 1
    if cursor <= day and points[-1][1] != 0:
        points.append((date.fromordinal(cursor), Fraction(0)))
    return tuple(points)
