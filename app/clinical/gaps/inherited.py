"""A person whose therapy another prescriber began and this one took over (G28b)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter

from app.clinical.evaluation import Evidence
from app.clinical.gaps.absence import absent, unproven
from app.clinical.gaps.agreement import agreements
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, not_applicable, overdue, rule, unknown
from app.clinical.gaps.function import held_visits
from app.clinical.gaps.pdmp import checks
from app.clinical.gaps.screening import newest_scores
from app.clinical.gaps.sources import CHECKS, DOCUMENTS, ORDERS, RESULTS, VISITS, done_events
from app.clinical.gaps.timed import Done, evidence_of, newest
from app.clinical.gaps.urine import received
from app.clinical.months import add_months
from app.clinical.records import RecordKind
from app.clinical.scores import ORT, ORT_OUD, PHQ2, PHQ9
from app.clinical.words import day, joined
from fhir_mappings.facts import Order

_ORDERS_NEEDED = 2
_VOID = frozenset({"entered-in-error", "cancelled", "draft"})


@dataclass(frozen=True, slots=True)
class _Part:
    """One item of the first review.  kinds: where the chart keeps it."""

    what: str
    done: Sequence[Done]
    kinds: Sequence[str]


@rule(
    "G28b",
    "therapy taken over",
    scope=Scope.LTOT,
    sentence="When a prescriber takes over a therapy that others began, a visit, PDMP check, urine drug test, "
    "agreement, PEG, risk score, mood screen and counselling follow within {checklist_months} months, and the MME is "
    "known; looked at for {lookback_months} months.",
    source="Six Building Blocks, patients inherited on opioids; the months are this project's choice",
)
def taken_over(case: Case) -> Finding:
    """Read from who signed the orders: the second order in a row of a prescriber who had none before tells of it."""
    doubt = unproven(case.facts, ORDERS)
    if doubt is not None:
        return unknown(f"Whether the therapy was taken over cannot be told: {doubt.text}", doubt)
    start = add_months(case.as_of, -case.policy.number("G28b", "lookback_months"))
    orders = _orders(case)
    unsigned = [one.ref for one in orders if not one.prescriber]
    if unsigned:
        note = Evidence("order", "prescriber not named", tuple(unsigned))
        return unknown("Whether the therapy was taken over cannot be told: orders name no prescriber", note)
    first = _first_of_successor(orders)
    if first is None or first.authored is None or first.authored <= start:
        proof = absent(case.facts, "change of prescriber that lasted", ORDERS)
        return not_applicable("Not taken over lately", proof)
    began = Evidence("order", f"first order of {first.prescriber}", (first.ref,), first.authored)
    noted = case.noted(RecordKind.REVIEW, "G28b")
    if noted is not None and noted.on >= first.authored:
        note = Evidence("review", noted.text or "reviewed", (noted.ref,), noted.on)
        return met(f"Taken over on {day(first.authored)}; reviewed on {day(noted.on)}", began, note)
    return _checklist(case, began, first.authored)


def _checklist(case: Case, began: Evidence, since: date) -> Finding:
    found: list[Evidence] = []
    open_: list[_Part] = []
    for part in _parts(case):
        last = newest(part.done, case.as_of)
        if last is not None and last.when is not None and last.when >= since:
            found.append(evidence_of(last, part.what))
        else:
            open_.append(part)
    missing = [part.what for part in open_]
    if case.mme.current is None or not case.mme.complete:
        missing.append("MME")
    text = f"Taken over on {day(since)}"
    if not missing:
        return met(f"{text}; everything asked for is on record", began, *found)
    due = add_months(since, case.policy.number("G28b", "checklist_months"))
    kinds = tuple(dict.fromkeys(kind for part in open_ for kind in part.kinds))
    doubt = unproven(case.facts, kinds)
    if doubt is not None:
        return unknown(f"{text}; {joined(missing)} cannot be judged: {doubt.text}", doubt, began, *found)
    proof = [absent(case.facts, joined((p.what for p in open_), "or"), kinds)] if open_ else []
    exit_ = overdue if case.as_of >= due else due_soon
    return exit_(f"{text}; not on record since: {joined(missing)}", began, *proof, *found, due=due)


def _parts(case: Case) -> list[_Part]:
    facts = case.facts
    scores = [Done(one.when, one.refs[0]) for one in case.peg[-1:]]
    risk = [*newest_scores(case, ORT, ORT_OUD), *done_events(facts, "opioid_misuse_risk_assessment")]
    counselled = done_events(facts, "naloxone_or_opioid_safety_education", "chronic_pain_management")
    return [
        _Part("visit", held_visits(facts, case.as_of), VISITS),
        _Part("PDMP check", checks(case), CHECKS),
        _Part("urine drug test", received(case), RESULTS),
        _Part("agreement", agreements(case), DOCUMENTS),
        _Part("PEG score", scores, RESULTS),
        _Part("opioid risk score", risk, CHECKS),
        _Part("mood screen", newest_scores(case, PHQ9, PHQ2), RESULTS),
        _Part("counselling", counselled, ("Procedure",)),
    ]


def _orders(case: Case) -> list[Order]:
    """Opioid orders written here within the present episode, or shortly before it, oldest first."""
    since = case.ltot.since or case.as_of
    earliest = add_months(min(since, case.as_of), -1)
    found = [
        order
        for order in case.facts.opioid_orders
        if not (order.reported or order.do_not_perform)
        and order.setting == "outpatient"
        and order.status not in _VOID
        and order.authored is not None
        and earliest <= order.authored <= case.as_of
    ]
    return sorted(found, key=attrgetter("authored", "ref"))


def _first_of_successor(orders: Sequence[Order]) -> Order | None:
    """The first order of whoever signed the last ones, when others signed all before and there are enough of them."""
    own = [one for one in orders if one.prescriber == orders[-1].prescriber]
    before = [one for one in orders if one.prescriber != orders[-1].prescriber]
    if not before or len({one.authored for one in own}) < _ORDERS_NEEDED:
        return None
    overlapping = (own[0].authored or date.min) <= (before[-1].authored or date.min)
    return None if overlapping else own[0]
