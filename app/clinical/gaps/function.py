"""Pain and function by the PEG scale: due (G06) and worse (G07)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

from app.clinical.evaluation import Evidence, Status
from app.clinical.gaps.absence import only_if_read, unproven
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, not_applicable, rule, unknown
from app.clinical.gaps.sources import FORMS, RESULTS
from app.clinical.gaps.timed import Activity, Done, timed
from app.clinical.records import RecordKind
from app.clinical.words import amount, day
from fhir_mappings.facts import Facts

ITEMS = ("peg_item_pain", "peg_item_enjoyment", "peg_item_activity")
_PEG = Activity("G06", "peg", "PEG score", RESULTS, FORMS)
_HIGHEST = 10


def peg_scores(facts: Facts, as_of: date) -> list[tuple[date, Fraction, tuple[str, ...]]]:
    """Valid PEG means (0 to 10), oldest first: as recorded, from a sum, or from all three items of one day."""
    found: dict[date, tuple[Fraction, tuple[str, ...]]] = {}
    valid = [r for r in facts.results if r.valid and r.value is not None and r.when and r.when <= as_of]
    items: dict[date, dict[str, tuple[Fraction, str]]] = {}
    for result in sorted(valid, key=lambda r: (r.ref, sorted(r.elements))):
        if result.when is None or result.value is None:
            continue
        for item in set(ITEMS) & result.elements:
            items.setdefault(result.when, {})[item] = (result.value, result.ref)
    for when, answers in items.items():
        if len(answers) == len(ITEMS):
            mean = sum((value for value, _ in answers.values()), Fraction(0)) / len(ITEMS)
            found[when] = (mean, tuple(sorted({ref for _, ref in answers.values()})))
    for element, parts in (("peg_sum_score", len(ITEMS)), ("peg_mean_score", 1)):
        for result in sorted(valid, key=lambda r: r.ref):
            if element in result.elements and result.when and result.value is not None:
                found[result.when] = (result.value / parts, (result.ref,))
    return [(when, *found[when]) for when in sorted(found) if 0 <= found[when][0] <= _HIGHEST]


def last_visit(facts: Facts, as_of: date) -> date | None:
    """The newest outpatient visit that took place."""
    return max((visit.when for visit in held_visits(facts, as_of) if visit.when), default=None)


def held_visits(facts: Facts, as_of: date) -> list[Done]:
    """Outpatient encounters that took place or are taking place, up to `as_of`."""
    return [
        Done(visit.when, visit.ref, visit.display)
        for visit in facts.visits
        if visit.kind == "encounter"
        and visit.setting == "outpatient"
        and visit.status in {"finished", "in-progress", "arrived", "triaged", "onleave", "unknown", ""}
        and visit.when is not None
        and visit.when <= as_of
    ]


@rule(
    "G06",
    "PEG score",
    scope=Scope.LTOT,
    interval="peg",
    sentence="Pain and function are scored with PEG at each visit, and at least {schedule}.",
    source="Six Building Blocks recommended assessments; CDC 2022 guideline, recommendation 7",
)
def peg_due(case: Case) -> Finding:
    """Overdue once the interval has passed; needs a look after a visit without a score."""
    scores = peg_scores(case.facts, case.as_of)
    done = [Done(when, refs[0], f"{amount(mean)} of {_HIGHEST}") for when, mean, refs in scores]
    found = timed(case, _PEG, done)
    visit = last_visit(case.facts, case.as_of)
    if found.status is not Status.MET or visit is None or found.last is None or visit <= found.last:
        return found
    text = f"{found.text}; not scored at the visit on {day(visit)}"
    visited = Evidence("visit", "visit without a PEG score", when=visit)
    return replace(found, status=Status.DUE_SOON, text=text).also(visited)


@rule(
    "G07",
    "PEG trend",
    scope=Scope.LTOT,
    sentence="A PEG score worse by {worse_percent} % or {worse_points} points than the one before is reviewed.",
    source="CDC 2022 guideline, recommendation 7; the size of change is from memory",
)
def peg_trend(case: Case) -> Finding:
    """A worse score needs a look until a review is noted; never anything about the dose."""
    return only_if_read(_trend(case), case.facts, RESULTS, FORMS)


def _trend(case: Case) -> Finding:
    scores = peg_scores(case.facts, case.as_of)
    doubt = unproven(case.facts, RESULTS, FORMS)
    if len(scores) < 2 and doubt is not None:
        return unknown(f"A trend cannot be judged: {doubt.text}", doubt)
    if len(scores) < 2:
        return not_applicable(
            "Fewer than two PEG scores read", Evidence("scope", f"PEG scores read: {len(scores)}")
        )
    pair = [
        Evidence("score", f"PEG {amount(mean)} of {_HIGHEST}", refs, when) for when, mean, refs in scores[-2:]
    ]
    (_, before, _), (when, after, _) = scores[-2:]
    points, percent = case.policy.number("G07", "worse_points"), case.policy.number("G07", "worse_percent")
    worse = after - before >= points or (before > 0 and (after - before) * 100 >= before * percent)
    text = f"PEG {amount(before)} before, {amount(after)} on {day(when)}"
    reviewed = case.noted(RecordKind.REVIEW, "G07")
    if not worse or (reviewed is not None and reviewed.on >= when):
        return met(text, *pair, last=when)
    return due_soon(f"{text}: worse, review not recorded", *pair, last=when)
