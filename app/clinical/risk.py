"""The risk tier: how often things are looked at.  Computed from the chart; a clinician confirms it.

Factors after TopCare, JOM 2020, Six Building Blocks and CDC; the composite is this project's choice.  What is not
known makes the tier unknown, never low.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from app.clinical.evaluation import Mme, Risk
from app.clinical.exclusions import (
    active_disorders,
    active_problems,
    began,
    in_remission,
    is_current,
    is_use_disorder,
)
from app.clinical.months import add_months
from app.clinical.overlaps import Overlap, whole_stock
from app.clinical.policy import Policy
from app.clinical.records import BY_PLACE, Record, RecordKind
from app.clinical.refills import early_fills, many_prescribers
from app.clinical.scores import GAD7, ORT, ORT_OUD, ORT_OUD_CUT, PCPTSD5, PHQ9, Score, newest_score, ort_band
from app.clinical.timeline import Timeline
from app.clinical.udt import Analyte, analytes, is_result
from app.clinical.words import amount, counted, day, joined
from fhir_mappings.facts import Facts, Problem, Result

_SUBSTANCE = ("opioid_use_disorder", "other_substance_use_disorder", "alcohol_use_disorder")
_ILLNESSES = {
    "sleep_apnea": "sleep-disordered breathing",
    "respiratory_disease": "lung disease",
    "renal_impairment": "kidney disease",
    "hepatic_impairment": "liver disease",
    "ptsd": "PTSD",
}
_YEAR_DAYS = 365


def risk(
    facts: Facts,
    policy: Policy,
    mme: Mme,
    overlaps: Sequence[Overlap],
    as_of: date,
    records: Sequence[Record] = (),
    stock: Timeline | None = None,
    urine: Sequence[Analyte] | None = None,
) -> Risk:
    """The tier with every reason.  A tier confirmed by a clinician within its interval goes before the computed one."""
    since = add_months(as_of, -12)
    stock = stock or whole_stock(facts, policy, as_of)
    judged = urine if urine is not None else analytes(facts, policy, as_of, stock)
    ort, ort_oud = newest_score(facts, ORT, as_of), newest_score(facts, ORT_OUD, as_of)
    tests = [one for one in judged if one.when > since and one.unexpected]
    high = [
        *_dose(mme, policy, high=True),
        *(f"benzodiazepine: {o.text}" for o in overlaps if o.kind == "benzodiazepine" and o.now),
        *_high_conditions(facts, as_of),
        *_ort(ort, "high"),
        *(f"{said}, with an unexpected urine drug test" for said in _ort_oud(ort_oud) if tests),
        *_refill_pattern(facts, policy, as_of, stock.opioids),
    ]
    moderate = [
        *_dose(mme, policy, high=False),
        *_ort(ort, "moderate"),
        *_ort_oud(ort_oud),
        *_moderate_conditions(facts, as_of),
        *_mood(facts, as_of),
        *_unexpected(tests),
    ]
    missing = _missing(facts, mme, as_of, scored=ort is not None or ort_oud is not None)
    computed = _tier(high, moderate, missing)
    return _confirmed(computed, policy, records, as_of) or computed


def _tier(high: list[str], moderate: list[str], missing: list[str]) -> Risk:
    if high:
        return Risk("high", tuple(high + moderate))
    gap = (f"it needs {joined(missing)}",) if missing else ()
    if moderate:
        return Risk("moderate", (*moderate, *(f"not known: {joined(missing)}" for _ in gap)))
    if missing:
        return Risk("unknown", (*gap, "the moderate schedule is used until then"))
    return Risk("low", ("no factor of a higher tier; ORT, MME, PDMP and urine drug test are known",))


def _confirmed(computed: Risk, policy: Policy, records: Iterable[Record], as_of: date) -> Risk | None:
    found = [
        r
        for r in records
        if r.kind is RecordKind.TIER and r.on <= as_of and r.tier in {"low", "moderate", "high"}
    ]
    if not found:
        return None
    newest = max(found, key=BY_PLACE)
    months = policy.intervals["tier"].moderate
    if months is not None and as_of >= add_months(newest.on, months):
        return None
    who = f" by {newest.author}" if newest.author else ""
    said = f"confirmed{who} on {day(newest.on)}"
    return Risk(newest.tier, (said, f"computed: {computed.tier}", *computed.reasons))


def _dose(mme: Mme, policy: Policy, *, high: bool) -> list[str]:
    lower, upper = policy.mme.thresholds[0], policy.mme.thresholds[-1]
    if mme.current is None:
        return []
    reached = mme.current >= upper if high else lower <= mme.current < upper
    at_least = "" if mme.complete else "at least "
    return [f"{at_least}{amount(mme.current)} MME a day"] if reached else []


def _high_conditions(facts: Facts, as_of: date) -> list[str]:
    current = any(active_disorders(facts, as_of, group) for group in _SUBSTANCE)
    year = as_of - timedelta(days=_YEAR_DAYS)
    overdoses = [
        p
        for p in facts.problems
        if "opioid_overdose" in p.groups and p.confirmed and year <= (began(p) or year) <= as_of
    ]
    found = ["active substance use disorder on the problem list"] if current else []
    found += ["overdose within 12 months"] if overdoses else []
    found += ["suicide risk on the problem list"] if active_problems(facts, as_of, {"suicide_risk"}) else []
    found += ["pregnancy"] if pregnant(facts, as_of) or said_pregnant(facts, as_of) else []
    return found


def pregnant(facts: Facts, as_of: date, weeks: int = 42) -> list[Problem]:
    """Active problems of pregnancy that began within the look-back; those that may be past do not count."""
    start = as_of - timedelta(weeks=weeks)
    return [
        p
        for p in active_problems(facts, as_of, {"pregnancy"})
        if "pregnancy:obstetric_maybe_not_pregnant" not in p.groups
        and (began(p) or start) >= start
        and is_current(p, as_of)
    ]


def said_pregnant(facts: Facts, as_of: date, weeks: int = 42) -> Result | None:
    """The newest status of pregnancy within the look-back, where it says that the person is pregnant."""
    start = as_of - timedelta(weeks=weeks)
    told = [
        r
        for r in facts.results_by_element.get("pregnancy_status", ())
        if r.valid and r.text and r.when and start <= r.when <= as_of
    ]
    return told[-1] if told and told[-1].text.strip().lower().startswith("pregnant") else None


def _moderate_conditions(facts: Facts, as_of: date) -> list[str]:
    found = [words for group, words in _ILLNESSES.items() if active_problems(facts, as_of, {group})]
    past = [
        p
        for group in _SUBSTANCE
        for p in facts.problems
        if p.confirmed and group in p.groups and is_use_disorder(p, group) and in_remission(p, group)
    ]
    return [*found, *(["past substance use disorder"] if past else [])]


def _ort(score: Score | None, band: str) -> list[str]:
    return (
        [f"ORT {amount(score.value)} on {day(score.when)}"] if score and ort_band(score.value) == band else []
    )


def _ort_oud(score: Score | None) -> list[str]:
    reached = score is not None and score.value >= ORT_OUD_CUT
    return [f"ORT-OUD {amount(score.value)} on {day(score.when)}"] if score and reached else []


def _mood(facts: Facts, as_of: date) -> list[str]:
    found: list[str] = []
    for tool, cut in ((PHQ9, 10), (GAD7, 10), (PCPTSD5, 4)):
        score = newest_score(facts, tool, as_of)
        if score is not None and score.value >= cut and score.when > add_months(as_of, -12):
            found.append(f"{tool.name} {amount(score.value)} on {day(score.when)}")
    return found


def _unexpected(tests: Sequence[Analyte]) -> list[str]:
    return [f"unexpected urine drug test on {day(max(one.when for one in tests))}"] if tests else []


def _refill_pattern(facts: Facts, policy: Policy, as_of: date, opioids: Timeline) -> list[str]:
    early = early_fills(opioids, policy, as_of)
    found: list[str] = []
    if len(early) >= policy.number("G21", "pattern"):
        within = policy.number("G21", "within_days")
        found.append(f"{counted(len(early), 'early fill')} in {within} days")
    many = many_prescribers(facts, opioids, policy, as_of)
    if many.both:
        found.append(many.text)
    return found


def _missing(facts: Facts, mme: Mme, as_of: date, *, scored: bool) -> list[str]:
    """What has to be known before anyone may be called low risk."""
    found: list[str] = []
    if not scored:
        found.append("ORT")
    if mme.current is None or not mme.complete:
        found.append("MME")
    checked = any("pdmp_review" in e.elements and e.done and e.when and e.when <= as_of for e in facts.events)
    results = facts.results_by_element
    if not checked and not any(r.valid and r.when for r in results.get("pdmp_review", ())):
        found.append("PDMP check")
    if not any(is_result(r) and r.when and r.when <= as_of for r in results.get("udt", ())):
        found.append("urine drug test")
    unread = {"Condition": "problems", "Observation": "results"}
    return found + [words for kind, words in unread.items() if not facts.source(kind).complete]
