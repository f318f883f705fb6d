"""Sedating drugs beside the opioid (G14)."""

from __future__ import annotations

from app.clinical.evaluation import Colour, Evidence
from app.clinical.gaps.absence import absent, unproven
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, not_applicable, overdue, rule, unknown
from app.clinical.gaps.sources import ORDERS, OTHER_DRUG_SOURCES
from app.clinical.months import add_months
from app.clinical.records import RecordKind
from app.clinical.words import day


@rule(
    "G14",
    "sedatives with an opioid",
    scope=Scope.OPIOID,
    safety=True,
    sentence="A benzodiazepine or other sedative in supply together with an opioid within {lookback_days} days has a "
    "plan noted within {plan_months} months.",
    source="CDC 2022 guideline, recommendation 11; PQA measure of concurrent use",
)
def sedatives(case: Case) -> Finding:
    """An overlap without a plan is overdue; with a plan, or of a less sedating drug, it stays in view."""
    evidence = [one.evidence for one in case.overlaps]
    doubt = unproven(case.facts, ORDERS, OTHER_DRUG_SOURCES)
    current = [one for one in case.overlaps if one.now]
    strong = [one for one in current if one.sedative]
    if not current and doubt is not None:
        return unknown(f"Sedatives cannot be judged: {doubt.text}", doubt, *evidence)
    doubtful = [one for one in case.overlaps if one.doubtful]
    if not current and doubtful:
        text = "; ".join(one.text for one in doubtful)
        return unknown(f"{text}; whether both are still taken is not known", *evidence, colour=Colour.YELLOW)
    if not case.overlaps:
        return not_applicable("No sedating drug with the opioid", _none(case))
    if not current:
        ended = max((one.last for one in case.overlaps if one.last), default=None)
        text = f"Ended{' on ' + day(ended) if ended else ''}: " + "; ".join(one.text for one in case.overlaps)
        return met(text, *evidence, _none(case), last=ended)
    text = "; ".join(one.text for one in strong or current)
    plan = case.noted(RecordKind.REVIEW, "G14")
    if plan is not None and case.as_of < add_months(plan.on, case.policy.number("G14", "plan_months")):
        until = add_months(plan.on, case.policy.number("G14", "plan_months"))
        note = Evidence("review", plan.text or "plan noted", (plan.ref,), plan.on)
        return due_soon(f"{text}; plan noted on {day(plan.on)}", *evidence, note, due=until, last=plan.on)
    if not strong:
        return due_soon(text, *evidence)
    return overdue(f"{text}; plan not recorded", *evidence)


def _none(case: Case) -> Evidence:
    return absent(case.facts, "current overlap", ORDERS, OTHER_DRUG_SOURCES)
