"""Rescue naloxone (G13)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.clinical.evaluation import Evidence
from app.clinical.exclusions import active_problems, began, in_remission, is_active, is_use_disorder
from app.clinical.gaps.absence import absent, unproven
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, overdue, rule, unknown
from app.clinical.gaps.dose import mme_words
from app.clinical.gaps.sources import ORDERS, PROBLEMS, done_events
from app.clinical.gaps.timed import Done, newest
from app.clinical.months import add_months, age_on
from app.clinical.records import RecordKind
from app.clinical.words import amount, day, joined
from fhir_mappings.facts import DrugFact, Order, Problem

_ALSO = ("MedicationDispense", "MedicationStatement", "Procedure", "Communication")
_VOID = frozenset({"cancelled", "entered-in-error", "draft", "not-taken", "declined", "preparation"})
_NOT_HANDED_OVER = frozenset({"on-hold", "stopped"})
_NOT_AT_HOME = frozenset({"on-hold", "stopped", "intended"})
_ONLY_MEANT = frozenset({"proposal", "plan", "option"})
_NOT_GIVEN = frozenset({"cancelled", "stopped", "not-taken"})
_REFUSED = re.compile(r"declin|refus", re.IGNORECASE)
_DISORDERS = {
    "opioid_use_disorder": "opioid use disorder",
    "other_substance_use_disorder": "substance use disorder",
    "alcohol_use_disorder": "alcohol use disorder",
}
_OVERDOSES = {"opioid_overdose": "overdose in the past", "other_overdose": "overdose in the past"}
_ILLNESSES = {
    "sleep_apnea": "sleep-disordered breathing",
    "renal_impairment": "kidney disease",
    "hepatic_impairment": "liver disease",
    "respiratory_disease": "lung disease",
}
_CONDITIONS = frozenset({*_DISORDERS, *_OVERDOSES, *_ILLNESSES})


def is_rescue(drug: DrugFact) -> bool:
    """Naloxone or nalmefene alone in a rescue form; a product combined with an opioid is none."""
    return "naloxone_rescue" in drug.classes and not drug.is_opioid


def _supplied(case: Case, rescue: Sequence[Order]) -> list[Done]:
    """Rescue naloxone ordered, dispensed or at home."""
    orders = [
        Done(o.authored or o.start, o.ref, f"{o.drug.name}, {'at home' if o.reported else 'ordered'}")
        for o in rescue
        if o.status not in _VOID
        and o.setting == "outpatient"
        and not o.do_not_perform
        and (
            o.status not in _NOT_AT_HOME
            if o.reported
            else o.status != "on-hold" and o.intent not in _ONLY_MEANT
        )
        and not (o.status in _NOT_GIVEN and _REFUSED.search(o.status_reason))
    ]
    fills = [
        Done(fill.when, fill.ref, f"{fill.drug.name}, dispensed")
        for fill in case.facts.fills
        if is_rescue(fill.drug) and fill.status not in _VOID | _NOT_HANDED_OVER
    ]
    return orders + fills


def _offered(case: Case) -> list[Done]:
    return [
        Done(one.when, one.ref, one.text or "opioid safety counselling")
        for one in done_events(case.facts, "naloxone_or_opioid_safety_education", "naloxone_offered")
    ]


def triggers(case: Case) -> tuple[list[Evidence], list[Evidence]]:
    """Reasons for rescue naloxone that hold, and reasons that cannot be judged."""
    at, mme = case.policy.number("G13", "at"), case.mme
    hold: list[Evidence] = []
    open_: list[Evidence] = []
    largest = max((value for value in (mme.current, mme.sig_max) if value is not None), default=None)
    if largest is not None and largest >= at:
        by_directions = mme.current is None or mme.current < at
        words = (
            f"{amount(largest)} MME a day if taken as the directions allow"
            if by_directions
            else mme_words(mme)
        )
        hold.append(Evidence("trigger", words, tuple(c.ref for c in mme.contributions)))
    elif largest is None or not mme.complete:
        open_.append(Evidence("trigger", mme_words(mme)))
    hold += [Evidence("trigger", o.text, o.refs, o.last) for o in case.overlaps if o.sedative and o.now]
    open_ += [
        Evidence("trigger", o.text, o.refs) for o in case.overlaps if o.sedative and o.doubtful and not o.now
    ]
    hold += condition_evidence(case)
    doubt = unproven(case.facts, PROBLEMS)
    open_ += [doubt] if doubt else []
    hold += age_evidence(case, case.policy.number("G13", "age_years"))
    return hold, open_


def age_evidence(case: Case, years: int) -> list[Evidence]:
    """The age, when it is known to be that many years or more."""
    born = case.facts.person.birth_date
    if born is None or age_on(born, case.as_of) < years:
        return []
    return [Evidence("trigger", f"age {age_on(born, case.as_of)}", (f"Patient/{case.facts.person.id}",))]


def condition_evidence(case: Case) -> list[Evidence]:
    """Conditions that raise the risk of an opioid, each named once: active ones, and disorders and overdoses past."""
    if case.facts.problem_groups.isdisjoint(_CONDITIONS):
        return []
    found: dict[str, list[str]] = {}
    for group, words in _DISORDERS.items():
        for problem in _ever(case, group):
            if is_use_disorder(problem, group):
                past = in_remission(problem, group) or not is_active(problem, case.as_of)
                found.setdefault(f"{words} in remission or past" if past else words, []).append(problem.ref)
    for group, words in _OVERDOSES.items():
        for problem in _ever(case, group):
            found.setdefault(words, []).append(problem.ref)
    for group, words in _ILLNESSES.items():
        for problem in active_problems(case.facts, case.as_of, {group}):
            found.setdefault(words, []).append(problem.ref)
    return [Evidence("trigger", words, tuple(sorted(set(refs)))) for words, refs in found.items()]


def _ever(case: Case, group: str) -> list[Problem]:
    """Confirmed problems of a group that began by the day, whether or not they have ended."""
    return [
        problem
        for problem in case.facts.problems
        if group in problem.groups and problem.confirmed and (began(problem) or case.as_of) <= case.as_of
    ]


@rule(
    "G13",
    "naloxone",
    scope=Scope.OPIOID,
    safety=True,
    sentence="Rescue naloxone is supplied or offered within {lookback_months} months when the MME, or the MME the "
    "directions allow, is {at} or more, with a sedative, or with a condition or age that raises the risk; "
    "offered to everyone otherwise.",
    source="CDC 2022 guideline, recommendation 8",
)
def naloxone(case: Case) -> Finding:
    """Overdue when a reason holds and none was supplied or offered; a product with an opioid never counts."""
    hold, open_ = triggers(case)
    lookback = case.policy.number("G13", "lookback_months")
    start = add_months(case.as_of, -lookback)
    rescue = [o for o in case.facts.orders if "naloxone_rescue" in o.drug.classes and is_rescue(o.drug)]
    supplied = _supplied(case, rescue)
    last = newest([*supplied, *_offered(case)], case.as_of)
    if last is not None and last.when is not None and last.when > start:
        known = Evidence("naloxone", last.text, (last.ref,), last.when)
        due = add_months(last.when, lookback)
        return met(f"{last.text} on {day(last.when)}", known, *hold, due=due, last=last.when)
    declined = _declined(case, rescue, hold)
    if declined is not None:
        return declined
    undated = sorted(one.ref for one in supplied if one.when is None)
    if undated:
        note = Evidence("undated", "rescue naloxone without a date", tuple(undated))
        return unknown("Rescue naloxone on the list, without a date", note, *hold)
    doubt = unproven(case.facts, ORDERS, _ALSO)
    if doubt is not None:
        return unknown(f"Rescue naloxone cannot be judged: {doubt.text}", doubt, *hold)
    proof = absent(case.facts, f"rescue naloxone in {lookback} months", ORDERS, _ALSO)
    notes = [*_combined(case), *_offers_unseen(case)]
    none = f"{'Not ordered or dispensed' if _offers_unseen(case) else 'None'} in {lookback} months"
    past = last.when if last else None
    if hold:
        text = f"{none}; {joined(item.text for item in hold)}"
        return overdue(text, proof, *hold, *notes, last=past)
    text = f"{none}; offered to everyone with an opioid"
    if open_:
        text = f"{none}; not every reason for it could be judged"
    return due_soon(text, proof, *open_, *notes, last=past)


def _declined(case: Case, rescue: Sequence[Order], hold: list[Evidence]) -> Finding | None:
    """Declined by the patient: settled for the policy's months."""
    noted = case.noted(RecordKind.DECLINED, "G13")
    own = [Done(noted.on, noted.ref, noted.text)] if noted else []
    own += [
        Done(o.authored or o.start, o.ref, o.status_reason)
        for o in rescue
        if o.status in _NOT_GIVEN and _REFUSED.search(o.status_reason)
    ]
    last = newest([*done_events(case.facts, "naloxone_declined"), *own], case.as_of)
    if last is None or last.when is None:
        return None
    until = add_months(last.when, case.policy.number("G13", "declined_months"))
    if case.as_of >= until:
        return None
    note = Evidence("declined", "naloxone declined", (last.ref,), last.when)
    return met(f"Declined on {day(last.when)}", note, *hold, due=until, last=last.when)


def _offers_unseen(case: Case) -> list[Evidence]:
    """Offers and refusals are procedures: where those are not connected, only supply can be judged."""
    if case.facts.source("Procedure").connected:
        return []
    return [Evidence("source", "offers and refusals cannot be seen: procedures not connected")]


def _combined(case: Case) -> list[Evidence]:
    """Products that hold naloxone beside an opioid: shown, as they are easily taken for rescue naloxone."""
    refs = sorted([order.ref for order in case.facts.opioid_orders if "naloxone" in order.drug.name.lower()])
    if not refs:
        return []
    return [
        Evidence(
            "combined", "a product that combines an opioid with naloxone is not rescue naloxone", tuple(refs)
        )
    ]
