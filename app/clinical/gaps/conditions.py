"""Conditions: opioid use disorder (G24), pregnancy (G25), illnesses that raise the risk (G26)."""

from __future__ import annotations

from datetime import date, timedelta

from app.clinical.evaluation import Colour, Evidence
from app.clinical.exclusions import active_disorders, active_problems, began
from app.clinical.gaps.absence import absent, unproven
from app.clinical.gaps.case import Case, Finding, Scope, met, not_applicable, overdue, rule, unknown
from app.clinical.gaps.naloxone import age_evidence, condition_evidence
from app.clinical.gaps.sources import ORDERS, PROBLEMS, done_events
from app.clinical.gaps.timed import newest
from app.clinical.months import age_on
from app.clinical.opioids import treats_opioid_use_disorder
from app.clinical.records import RecordKind
from app.clinical.risk import pregnant, said_pregnant
from app.clinical.supply import Supply
from app.clinical.words import day, joined

_MAY_BE_PREGNANT = range(10, 56)


def _treats(supply: Supply) -> bool:
    if supply.drug.is_opioid:
        return treats_opioid_use_disorder(supply)
    return "moud" in supply.drug.classes


def _treatment(case: Case) -> Evidence | None:
    """Medication for opioid use disorder in supply within the rule's days, or a treatment recorded then."""
    first = case.as_of.toordinal() - case.policy.number("G24", "within_days") + 1
    found = [s for s in case.stock.covering if s.last >= first]
    found += [s for s in case.stock.unknown if s.start >= first or s.status == "active"]
    treated = [s for s in found if _treats(s)]
    if treated:
        last = max(treated, key=lambda s: (s.start, s.ref))
        return Evidence("treatment", last.drug.name, (last.ref,), date.fromordinal(last.start))
    done = newest(done_events(case.facts, "moud_treatment_procedure"), case.as_of)
    if done is None or done.when is None or done.when.toordinal() < first:
        return None
    return Evidence("treatment", "treatment recorded", (done.ref,), done.when)


@rule(
    "G24",
    "treatment of opioid use disorder",
    scope=Scope.EVERYONE,
    safety=True,
    sentence="A person with an active opioid use disorder has medication for it within {within_days} days, or a "
    "decision on record.",
    source="CDC 2022 guideline, recommendation 12",
)
def oud_treatment(case: Case) -> Finding:
    """Assessment suggested: the code may be old, and treatment elsewhere may not be in this chart."""
    current = active_disorders(case.facts, case.as_of, "opioid_use_disorder")
    if not current:
        doubt = unproven(case.facts, PROBLEMS)
        if doubt is not None:
            return unknown(f"Opioid use disorder cannot be judged: {doubt.text}", doubt)
        return not_applicable(
            "No active opioid use disorder on record",
            absent(case.facts, "active opioid use disorder", PROBLEMS),
        )
    diagnosis = Evidence("diagnosis", "opioid use disorder", tuple(p.ref for p in current), began(current[0]))
    treatment = _treatment(case)
    if treatment is not None:
        return met(f"Treatment: {treatment.text}", diagnosis, treatment, last=treatment.when)
    decided = case.noted(RecordKind.REVIEW, "G24")
    if decided is not None:
        note = Evidence("review", decided.text or "decision noted", (decided.ref,), decided.on)
        return met(f"Decision noted on {day(decided.on)}", diagnosis, note, last=decided.on)
    doubt = unproven(case.facts, ORDERS, ("MedicationDispense", "Procedure"))
    if doubt is not None:
        return unknown(f"Treatment cannot be judged: {doubt.text}", doubt, diagnosis)
    proof = absent(
        case.facts, "medication for opioid use disorder", ORDERS, ("MedicationDispense", "Procedure")
    )
    text = "Assessment suggested: opioid use disorder on record, treatment not in this chart (it may be elsewhere)"
    return overdue(text, diagnosis, proof)


@rule(
    "G25",
    "pregnancy",
    scope=Scope.OPIOID,
    safety=True,
    sentence="A pregnancy of the last {lookback_weeks} weeks beside an opioid has a plan on record. Opioids are never "
    "stopped on account of this rule.",
    source="CDC 2022 guideline; look-back as in the AHRQ pain summary",
)
def pregnancy(case: Case) -> Finding:
    """Overdue until a plan is noted."""
    weeks = case.policy.number("G25", "lookback_weeks")
    found, said = pregnant(case.facts, case.as_of, weeks), said_pregnant(case.facts, case.as_of, weeks)
    since = max((start for p in found if (start := began(p))), default=None)
    evidence: list[Evidence] = []
    if found:
        evidence.append(Evidence("diagnosis", found[0].display, tuple(p.ref for p in found), since))
    if said is not None:
        evidence.append(Evidence("result", f"pregnancy status: {said.text}", (said.ref,), said.when))
    if evidence:
        # The status is asked again at each visit: a plan of these weeks is about this pregnancy.
        begun = since or (case.as_of - timedelta(weeks=weeks) if said is not None else None)
        last = since or (said.when if said is not None else None)
        plan = case.noted(RecordKind.REVIEW, "G25")
        if plan is not None and (begun is None or plan.on >= begun):
            note = Evidence("review", plan.text or "plan noted", (plan.ref,), plan.on)
            return met(f"Plan noted on {day(plan.on)}", *evidence, note, last=plan.on)
        return overdue("Pregnancy on record; plan not recorded", *evidence, last=last)
    born = case.facts.person.birth_date
    if case.facts.person.sex == "male" or (born and age_on(born, case.as_of) not in _MAY_BE_PREGNANT):
        return not_applicable("Does not concern this person", Evidence("scope", "by recorded sex or age"))
    undated = [
        p
        for p in active_problems(case.facts, case.as_of, {"pregnancy"})
        if began(p) is None and "pregnancy:obstetric_maybe_not_pregnant" not in p.groups
    ]
    if undated:
        note = Evidence("diagnosis", undated[0].display, tuple(p.ref for p in undated))
        text = "Pregnancy in the chart without a date; whether it is current cannot be told"
        return unknown(text, note, colour=Colour.YELLOW)
    doubt = unproven(case.facts, PROBLEMS)
    if doubt is not None:
        return unknown(f"Pregnancy cannot be judged: {doubt.text}", doubt)
    return not_applicable("No pregnancy on record", absent(case.facts, "current pregnancy", PROBLEMS))


@rule(
    "G26",
    "conditions that raise the risk",
    scope=Scope.OPIOID,
    sentence="Conditions and age ({age_years} years) that raise the risk of an opioid are shown; they ask for nothing "
    "but rescue naloxone.",
    source="AHRQ pain summary, factors to consider",
)
def comorbidity(case: Case) -> Finding:
    """Information only."""
    found = [*condition_evidence(case), *age_evidence(case, case.policy.number("G26", "age_years"))]
    doubt = unproven(case.facts, PROBLEMS)
    if found:
        more = [doubt] if doubt else []
        finding = met(f"On record: {joined(item.text for item in found)}", *found, *more)
        return Finding(finding.status, finding.text, finding.evidence, colour=Colour.GREY)
    if doubt is not None:
        return unknown(f"Conditions cannot be judged: {doubt.text}", doubt)
    return not_applicable("None on record", absent(case.facts, "condition that raises the risk", PROBLEMS))
