"""Visits: due (G19), next one booked (G20), after a start (G29), missed (G41)."""

from __future__ import annotations

from datetime import timedelta

from app.clinical.evaluation import Evidence, Status
from app.clinical.gaps.absence import absent, unproven
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, not_applicable, overdue, rule, unknown
from app.clinical.gaps.function import held_visits
from app.clinical.gaps.sources import BOOKINGS, VISITS
from app.clinical.gaps.timed import Activity, evidence_of, months_for, newest, timed
from app.clinical.months import add_months
from app.clinical.records import RecordKind
from app.clinical.words import counted, day

_VISIT = Activity("G19", "visit", "visit", VISITS)
BOOKED = frozenset({"booked", "pending", "arrived", "checked-in"})


@rule(
    "G19",
    "visit",
    scope=Scope.LTOT,
    interval="visit",
    sentence="There is an outpatient visit {schedule}.",
    source="Six Building Blocks obstacles and solutions (2019)",
)
def visit_due(case: Case) -> Finding:
    """Any outpatient encounter counts; what was discussed cannot be read."""
    return timed(case, _VISIT, held_visits(case.facts, case.as_of))


@rule(
    "G20",
    "next visit booked",
    scope=Scope.LTOT,
    interval="visit",
    sentence="The next visit is booked, at most {slack_days} days beyond the visit interval ({schedule}).",
    source="Six Building Blocks: next visit booked before leaving",
)
def next_visit(case: Case) -> Finding:
    """Needs a look without a booking; overdue when the visit itself is."""
    months, why = months_for(case, _VISIT)
    if months is None:
        return not_applicable(f"Not asked for at {why}", Evidence("policy", f"no interval set at {why}"))
    limit = add_months(case.as_of, months) + timedelta(days=case.policy.number("G20", "slack_days"))
    ahead = sorted(
        (visit.when, visit.ref)
        for visit in case.facts.visits
        if visit.kind == "appointment" and visit.status in BOOKED and visit.when and visit.when >= case.as_of
    )
    if ahead and ahead[0][0] <= limit:
        when, ref = ahead[0]
        return met(f"Booked for {day(when)}", Evidence("appointment", "booked", (ref,), when))
    doubt = unproven(case.facts, BOOKINGS)
    if doubt is not None:
        return unknown(doubt.text[:1].upper() + doubt.text[1:], doubt)
    proof = absent(case.facts, f"booked visit by {day(limit)}", BOOKINGS)
    late = [Evidence("appointment", "booked later", (ref,), when) for when, ref in ahead[:1]]
    overdue_too = timed(case, _VISIT, held_visits(case.facts, case.as_of)).status is Status.OVERDUE
    exit_ = overdue if overdue_too else due_soon
    return exit_(f"No visit booked by {day(limit)}", proof, *late)


@rule(
    "G29",
    "visit after a start",
    scope=Scope.LTOT,
    sentence="When long-term therapy is new, benefits and risks are discussed at a visit within {visit_days} days of "
    "its start.",
    source="CDC 2022 guideline, recommendation 7",
)
def visit_after_start(case: Case) -> Finding:
    """Only where therapy is known to be new."""
    start = case.ltot.since
    if not case.ltot.new or start is None:
        return not_applicable("Not a new start", Evidence("scope", "therapy is not known to be new"))
    begun = Evidence("start", "present episode began", when=start)
    after = newest([v for v in held_visits(case.facts, case.as_of) if v.when and v.when > start], case.as_of)
    if after is not None and after.when is not None:
        return met(f"Visit on {day(after.when)}", begun, evidence_of(after, "visit"), last=after.when)
    doubt = unproven(case.facts, VISITS)
    if doubt is not None:
        return unknown(doubt.text[:1].upper() + doubt.text[1:], doubt, begun)
    due = start + timedelta(days=case.policy.number("G29", "visit_days"))
    exit_ = overdue if case.as_of >= due else due_soon
    text = f"No visit since the start on {day(start)}"
    return exit_(text, begun, absent(case.facts, "visit since then", VISITS), due=due)


@rule(
    "G41",
    "missed visits",
    scope=Scope.LTOT,
    sentence="{missed_visits} missed visits within {within_days} days call for outreach, never for ending care.",
    source="Six Building Blocks (scripts for difficult conversations); numbers are this project's choice",
)
def missed_visits(case: Case) -> Finding:
    """Needs a look until an outreach is noted."""
    start = case.as_of - timedelta(days=case.policy.number("G41", "within_days"))
    missed = sorted(
        (visit.when, visit.ref)
        for visit in case.facts.visits
        if visit.kind == "appointment"
        and visit.status == "noshow"
        and visit.when
        and start < visit.when <= case.as_of
    )
    evidence = [Evidence("appointment", "missed", (ref,), when) for when, ref in missed]
    if len(missed) >= case.policy.number("G41", "missed_visits"):
        text = f"{counted(len(missed), 'visit')} missed since {day(start)}"
        reviewed = case.noted(RecordKind.REVIEW, "G41")
        if reviewed is not None and reviewed.on >= missed[-1][0]:
            note = Evidence("review", reviewed.text or "outreach noted", (reviewed.ref,), reviewed.on)
            return met(f"{text}; outreach on {day(reviewed.on)}", *evidence, note, last=missed[-1][0])
        return due_soon(f"{text}; outreach not recorded", *evidence, last=missed[-1][0])
    doubt = unproven(case.facts, BOOKINGS)
    if doubt is not None:
        return unknown(doubt.text[:1].upper() + doubt.text[1:], doubt, *evidence)
    proof = absent(case.facts, "further missed visit" if missed else "missed visit", BOOKINGS)
    said = counted(len(missed), "visit") if missed else "No visit"
    return met(f"{said} missed since {day(start)}", proof, *evidence)
