"""A day drawn at random for a urine drug test or a pill count (G33)."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

from app.clinical.evaluation import Evidence
from app.clinical.gaps.absence import absent, unproven
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, not_applicable, overdue, rule, unknown
from app.clinical.gaps.sources import RESULTS, done_events, done_results
from app.clinical.gaps.timed import evidence_of, newest
from app.clinical.gaps.urine import received
from app.clinical.words import day

_ALSO = ("DiagnosticReport", "Procedure")


@rule(
    "G33",
    "random test or count",
    scope=Scope.LTOT,
    sentence="On one day in every {every_months} months, drawn by lot, a urine drug test or a pill count is asked for "
    "and done within {within_days} days. The day is not told before it has come.",
    source="Six Building Blocks policy elements (2017); numbers are this project's choice",
)
def random_draw(case: Case) -> Finding:
    """The lot is fixed by the person, the policy's version and the span of months: the same for whoever looks."""
    drawn = last_draw(case)
    since = case.ltot.since
    if since is not None and drawn < since:
        return not_applicable(
            "No day drawn since therapy began", Evidence("start", "present episode began", when=since)
        )
    lot = Evidence("draw", "day drawn by lot", when=drawn)
    counts = [*done_events(case.facts, "pill_count"), *done_results(case.facts, "pill_count")]
    done = newest([*received(case), *counts], case.as_of)
    if done is not None and done.when is not None and done.when >= drawn:
        text = f"Drawn on {day(drawn)}, done on {day(done.when)}"
        return met(text, lot, evidence_of(done, "test or count"), last=done.when)
    doubt = unproven(case.facts, RESULTS, _ALSO)
    if doubt is not None:
        return unknown(f"Drawn on {day(drawn)}; whether it was done cannot be told: {doubt.text}", doubt, lot)
    due = drawn + timedelta(days=case.policy.number("G33", "within_days"))
    proof = absent(case.facts, "urine drug test or pill count since then", RESULTS, _ALSO)
    exit_ = overdue if case.as_of >= due else due_soon
    return exit_(f"Drawn on {day(drawn)}; not done since", lot, proof, due=due)


def last_draw(case: Case) -> date:
    """The newest drawn day that has come."""
    months = case.policy.number("G33", "every_months")
    span = (case.as_of.year * 12 + case.as_of.month - 1) // months
    drawn = _draw(case, span, months)
    return drawn if drawn <= case.as_of else _draw(case, span - 1, months)


def _draw(case: Case, span: int, months: int) -> date:
    first, after = _first_of(span * months), _first_of((span + 1) * months)
    seed = f"{case.facts.person.id}|{case.policy.label}|{first.isoformat()}|{months}"
    lot = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8])
    return first + timedelta(days=lot % (after - first).days)


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)
