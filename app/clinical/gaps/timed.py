"""What has to be done again after some months: the one way in which such rules are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from app.clinical.evaluation import Colour, Evidence, Status
from app.clinical.gaps.absence import absent, unproven
from app.clinical.gaps.case import (
    Case,
    Finding,
    due_soon,
    met,
    not_applicable,
    onboarding_until,
    overdue,
    unknown,
)
from app.clinical.months import add_months
from app.clinical.records import RecordKind
from app.clinical.words import counted, day, span


class Done(NamedTuple):
    """Something done: when (None when the chart gives no date), the resource, and what it said."""

    when: date | None
    ref: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Activity:
    """What is repeated.  what: in words; kinds, also: where the chart keeps it (see absence.unproven)."""

    gap: str
    interval: str
    what: str
    kinds: Sequence[str]
    also: Sequence[str] = ()


def newest(done: Sequence[Done], as_of: date) -> Done | None:
    """The newest with a date up to `as_of`; ties by reference, so that input order never matters."""
    if not done:
        return None
    return max([one for one in done if one.when is not None and one.when <= as_of], default=None)


def evidence_of(done: Done, what: str) -> Evidence:
    return Evidence("done", f"{what}: {done.text}" if done.text else what, (done.ref,), done.when)


def months_for(case: Case, activity: Activity) -> tuple[int | None, str]:
    """The interval in months that holds for this person, and why."""
    own = case.noted(RecordKind.INTERVAL, activity.gap)
    if own is not None and own.months and (own.until is None or case.as_of <= own.until):
        until = f" until {day(own.until)}" if own.until else ""
        return own.months, f"this person's own interval{until}{f': {own.text}' if own.text else ''}"
    months = case.policy.intervals[activity.interval].months(case.risk.tier)
    if case.risk.tier == "unknown":
        return months, "the moderate schedule, as the risk tier is unknown"
    return months, f"{case.risk.tier} risk"


def timed(case: Case, activity: Activity, done: Sequence[Done]) -> Finding:
    """Met, due soon (with the policy's notice), overdue from the due day on, or not to be told.

    An older date never proves that nothing newer exists: that needs the sources read completely.
    """
    months, why = months_for(case, activity)
    last = newest(done, case.as_of)
    if months is None:
        return not_applicable(f"Not asked for at {why}", Evidence("policy", f"no interval set at {why}"))
    pace = Evidence("policy", f"due every {counted(months, 'month')} ({why})")
    if last is None or last.when is None:
        return _never(case, activity, done, pace)
    due, evidence = add_months(last.when, months), evidence_of(last, activity.what)
    said = f"{activity.what[:1].upper()}{activity.what[1:]} on {day(last.when)}"
    said += f": {last.text}" if last.text else ""
    if case.as_of < due - timedelta(days=case.policy.due_soon_days):
        return met(said, evidence, pace, due=due, last=last.when)
    doubt = unproven(case.facts, activity.kinds, activity.also)
    if doubt is not None:
        return unknown(
            f"{said}; a newer one cannot be ruled out: {doubt.text}", evidence, doubt, pace, last=last.when
        )
    if case.as_of < due:
        return due_soon(f"{said}; due in {span(case.as_of, due)}", evidence, pace, due=due, last=last.when)
    late = "due today" if case.as_of == due else f"overdue {span(due, case.as_of)}"
    return overdue(f"{said}; {late}", evidence, pace, due=due, last=last.when)


def unless_written(case: Case, found: Finding, what: str, elements: Sequence[str]) -> Finding:
    """What is due is not held against anyone where a newer score is recorded in words that give no number."""
    if found.status is not Status.OVERDUE:
        return found
    written = [
        (result.when, result.ref, result.text)
        for element in elements
        for result in case.facts.results_by_element.get(element, ())
        if result.valid and result.value is None and result.text
        if result.when and (found.last or date.min) < result.when <= case.as_of
    ]
    if not written:
        return found
    when, ref, said = max(written)
    text = f"{what[:1].upper()}{what[1:]} of {day(when)} cannot be read as a score: {said}"
    note = Evidence("done", text, (ref,), when)
    return unknown(text, *found.evidence, note, colour=Colour.YELLOW, last=found.last)


def _never(case: Case, activity: Activity, done: Sequence[Done], pace: Evidence) -> Finding:
    undated = sorted([one.ref for one in done if one.when is None])
    if undated:
        found = Evidence("undated", f"{activity.what} recorded without a date", tuple(undated))
        return unknown(f"{activity.what[:1].upper()}{activity.what[1:]} recorded without a date", found, pace)
    doubt = unproven(case.facts, activity.kinds, activity.also)
    if doubt is not None:
        return unknown(doubt.text[:1].upper() + doubt.text[1:], doubt, pace)
    proof = absent(case.facts, activity.what, activity.kinds, activity.also)
    text = f"No {activity.what} found in the chart"
    until = onboarding_until(case, activity.gap)
    if until is not None and case.as_of < until:
        return due_soon(f"{text}; newly on the list", proof, pace, due=until)
    return overdue(text, proof, pace)
