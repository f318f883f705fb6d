"""Fills: early (G21), overlapping between prescribers (G22), many prescribers (G23), counted (G32), long (G42)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import combinations

from app.clinical.evaluation import Evidence
from app.clinical.gaps.absence import absent, unproven
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, not_applicable, overdue, rule, unknown
from app.clinical.gaps.sources import ORDERS, done_events, done_results
from app.clinical.gaps.timed import Activity, months_for, timed
from app.clinical.opioids import counts_for_therapy
from app.clinical.records import RecordKind
from app.clinical.refills import early_fills, many_prescribers
from app.clinical.supply import Supply
from app.clinical.words import counted, day, joined

FILLS = ("MedicationDispense",)
_COUNT = Activity("G32", "pill_count", "pill count", ("Observation",), ("Procedure",))


def _reviewed_since(case: Case, gap: str, when: date) -> Evidence | None:
    reviewed = case.noted(RecordKind.REVIEW, gap)
    if reviewed is None or reviewed.on < when:
        return None
    return Evidence("review", reviewed.text or "reviewed", (reviewed.ref,), reviewed.on)


@rule(
    "G21",
    "early fills",
    scope=Scope.LTOT,
    sentence="A fill {early_days} days or more before the supply ran out has its reason noted; {pattern} within "
    "{within_days} days are a pattern.",
    source="this project's choice; Starrels counts more than 7 days as early",
)
def early_refills(case: Case) -> Finding:
    """Counted after the stock carried over; a noted reason settles it."""
    found = early_fills(case.stock.opioids, case.policy, case.as_of)
    evidence = [
        Evidence("fill", f"{one.drug}, {counted(one.days_early, 'day')} early", (one.ref,), one.when)
        for one in found
    ]
    if found:
        last = found[-1].when
        text = f"{counted(len(found), 'early fill')}, the last on {day(last)}"
        note = _reviewed_since(case, "G21", last)
        if note is not None:
            return met(f"{text}; reason noted", *evidence, note, last=last)
        exit_ = overdue if len(found) >= case.policy.number("G21", "pattern") else due_soon
        return exit_(f"{text}; reason not recorded", *evidence, last=last)
    doubt = unproven(case.facts, FILLS)
    if doubt is None and not any(fill.drug.is_opioid for fill in case.facts.fills):
        doubt = Evidence("source", "no opioid fill is recorded, only orders")
    if doubt is not None:
        return unknown(f"Fills cannot be judged: {doubt.text}", doubt)
    within = counted(case.policy.number("G21", "within_days"), "day")
    return met(f"Not early in {within}", absent(case.facts, f"early fill in {within}", FILLS))


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two supplies of one release form from different prescribers, and the days they share."""

    one: Supply
    other: Supply
    days: int
    last: int


def _pairs(case: Case) -> list[_Pair]:
    numbers = case.policy.gaps["G22"].numbers
    today = case.as_of.toordinal()
    first = today - numbers["lookback_days"] + 1
    near = [
        s for s in case.stock.opioids.covering if s.last >= first and s.prescriber and counts_for_therapy(s)
    ]
    found: list[_Pair] = []
    for one, other in combinations(near, 2):
        if (
            one.prescriber == other.prescriber
            or one.drug.release != other.drug.release
            or not one.drug.release
        ):
            continue
        start, end = max(one.first, other.first, first), min(one.last, other.last, today)
        if end - start + 1 >= numbers["overlap_days"]:
            found.append(_Pair(one, other, end - start + 1, end))
    return found


@rule(
    "G22",
    "overlapping opioids",
    scope=Scope.OPIOID,
    safety=True,
    sentence="Two long-acting or two short-acting opioids of different prescribers, together for {overlap_days} days "
    "or more within {lookback_days} days, are reviewed.",
    source="Six Building Blocks tracking element (PDMP result); numbers are this project's choice",
)
def overlapping_opioids(case: Case) -> Finding:
    """Overdue until reviewed."""
    pairs = _pairs(case)
    if pairs:
        last = date.fromordinal(max(pair.last for pair in pairs))
        evidence = [
            Evidence(
                "overlap",
                f"{p.one.drug.name} ({p.one.prescriber}) and {p.other.drug.name} ({p.other.prescriber}): "
                f"{counted(p.days, 'day')}",
                (p.one.ref, p.other.ref),
                date.fromordinal(p.last),
            )
            for p in pairs
        ]
        text = f"Together up to {day(last)}: {joined(dict.fromkeys(e.text for e in evidence))}"
        note = _reviewed_since(case, "G22", last)
        if note is not None:
            return met(f"{text}; reviewed", *evidence, note, last=last)
        return overdue(f"{text}; review not recorded", *evidence, last=last)
    doubt = unproven(case.facts, ORDERS, (*FILLS, "PDMP"))
    if doubt is not None:
        return unknown(f"Overlaps cannot be judged: {doubt.text}", doubt)
    return not_applicable(
        "Not between prescribers", absent(case.facts, "overlap between prescribers", ORDERS, (*FILLS, "PDMP"))
    )


@rule(
    "G23",
    "several prescribers",
    scope=Scope.OPIOID,
    sentence="{prescribers} prescribers and {pharmacies} pharmacies within {within_days} days, or "
    "{outside_prescribers} outside prescribers within {outside_days} days, are reviewed.",
    source="CMS Overutilization Monitoring; the outside limit is this project's choice",
)
def several_prescribers(case: Case) -> Finding:
    """The chart alone shows its own prescribers: without PDMP data the others cannot be ruled out."""
    found = many_prescribers(case.facts, case.stock.opioids, case.policy, case.as_of)
    evidence = Evidence("prescribers", found.text, tuple(sorted(found.refs)), case.as_of)
    outside = len(found.outside) >= case.policy.number("G23", "outside_prescribers")
    reviewed = case.noted(RecordKind.REVIEW, "G23")
    if found.both or outside:
        text = found.text if found.both else f"{len(found.outside)} outside prescribers"
        if reviewed is not None and (case.as_of - reviewed.on).days < case.policy.number(
            "G23", "within_days"
        ):
            note = Evidence("review", reviewed.text or "reviewed", (reviewed.ref,), reviewed.on)
            return met(f"{text}; reviewed on {day(reviewed.on)}", evidence, note)
        return (overdue if found.both else due_soon)(f"{text}; review not recorded", evidence)
    doubt = unproven(case.facts, (*FILLS, "PDMP"))
    if doubt is not None:
        return unknown(
            f"{found.text} in this chart; others cannot be ruled out: {doubt.text}", doubt, evidence
        )
    return met(found.text, evidence)


@rule(
    "G32",
    "pill count",
    scope=Scope.LTOT,
    interval="pill_count",
    sentence="Tablets are counted {schedule}.",
    source="Six Building Blocks policy elements (2017)",
)
def pill_count(case: Case) -> Finding:
    """A count has no standard code: without a site's own code its absence cannot be concluded."""
    done = [*done_events(case.facts, "pill_count"), *done_results(case.facts, "pill_count")]
    if done or months_for(case, _COUNT)[0] is None:
        return timed(case, _COUNT, done)
    why = Evidence("source", "a pill count has no standard code; a site can add its own")
    return unknown(f"Pill counts cannot be judged: {why.text}", why)


@rule(
    "G42",
    "length of supply",
    scope=Scope.LTOT,
    sentence="Opioids are supplied for {supply_days} days at a time.",
    source="Six Building Blocks policy elements (2017)",
)
def supply_length(case: Case) -> Finding:
    """The newest supply whose days are recorded."""
    limit = case.policy.number("G42", "supply_days")
    known = [s for s in case.stock.opioids.covering if s.recorded_days is not None and counts_for_therapy(s)]
    if not known:
        doubt = unproven(case.facts, ORDERS)
        why = doubt or Evidence("source", "days' supply is not recorded")
        return unknown(f"Length of supply cannot be judged: {why.text}", why)
    last = max(known, key=lambda s: (s.start, s.ref))
    days = int(last.recorded_days or 0)
    when = date.fromordinal(last.start)
    text = f"{counted(days, 'day')} from {day(when)}"
    evidence = Evidence("supply", f"{last.drug.name}, {counted(days, 'day')}", (last.ref,), when)
    return (due_soon if days > limit else met)(text, evidence, last=when)
