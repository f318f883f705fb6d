"""Screening scores: opioid risk (G08), mood (G09, G10), trauma (G11), sleep (G12), alcohol and drugs (G37)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from app.clinical.evaluation import Colour, Evidence, Status
from app.clinical.exclusions import active_problems, began
from app.clinical.gaps.absence import unproven
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, overdue, rule, unknown
from app.clinical.gaps.sources import FORMS, PROBLEMS, RESULTS, done_events, done_results
from app.clinical.gaps.timed import Activity, Done, timed, unless_written
from app.clinical.months import add_months
from app.clinical.records import RecordKind
from app.clinical.scores import (
    AUDIT,
    AUDITC,
    DAST10,
    GAD7,
    ORT,
    ORT_OUD,
    PCL5,
    PCPTSD5,
    PHQ2,
    PHQ9,
    Score,
    Tool,
)
from app.clinical.words import day

_ELEMENT = "Six Building Blocks tracking element"
_NEW_SINCE = (
    "opioid_use_disorder", "other_substance_use_disorder", "alcohol_use_disorder", "depression", "anxiety", "bipolar",
    "ptsd",
)  # fmt: skip
_ORT = Activity("G08", "ort", "opioid risk score", RESULTS, (*FORMS, "Procedure"))
_PHQ = Activity("G09", "phq", "PHQ score", RESULTS, FORMS)
_GAD7 = Activity("G10", "gad7", "GAD-7 score", RESULTS, FORMS)
_TRAUMA = Activity("G11", "ptsd", "trauma screen", RESULTS, FORMS)
_SUBSTANCE = Activity("G37", "substance_screen", "alcohol and drug screen", RESULTS, FORMS)
_PHQ2_CUT = 3
_SLEEP_RED_AT = 50


def soft(finding: Finding) -> Finding:
    """Overdue, but of a kind that is shown in yellow."""
    return replace(finding, colour=Colour.YELLOW) if finding.status is Status.OVERDUE else finding


def newest_scores(case: Case, *tools: Tool) -> list[Done]:
    """The newest score of each of these tools, in words."""
    return [Done(score.when, score.refs[0], score.words) for tool in tools if (score := case.score(tool))]


def _scored(case: Case, activity: Activity, tools: Sequence[Tool], *others: Done) -> Finding:
    """When the newest score of any of these tools is due again."""
    found = timed(case, activity, [*newest_scores(case, *tools), *others])
    return unless_written(case, found, activity.what, [tool.total for tool in tools])


def _latest(case: Case, tool: Tool, interval: str) -> Score | None:
    """The newest score of a tool, while it is not older than the interval."""
    found = case.score(tool)
    months = case.policy.intervals[interval].months(case.risk.tier)
    if found is None or (months is not None and case.as_of >= add_months(found.when, months)):
        return None
    return found


def _unreviewed(case: Case, gap: str, score: Score) -> bool:
    reviewed = case.noted(RecordKind.REVIEW, gap)
    return reviewed is None or reviewed.on < score.when


def _score_evidence(score: Score) -> Evidence:
    return Evidence("score", score.words, score.refs, score.when)


@rule(
    "G08",
    "opioid risk score",
    scope=Scope.LTOT,
    interval="ort",
    sentence="An opioid risk score is on record, renewed {schedule} and after a new diagnosis that changes it.",
    source=f"CDC 2022 guideline, recommendation 8; {_ELEMENT}",
)
def opioid_risk(case: Case) -> Finding:
    """Red only where therapy is new; otherwise yellow.  Answers to single items are never shown."""
    other = done_events(case.facts, "opioid_misuse_risk_assessment")
    other += done_results(case.facts, "opioid_misuse_risk_assessment")
    found = _scored(case, _ORT, (ORT, ORT_OUD), *other)
    if found.status is not Status.MET or found.last is None:
        return found if case.ltot.new else soft(found)
    later = [
        p
        for p in active_problems(case.facts, case.as_of, _NEW_SINCE)
        if (start := began(p)) and start > found.last
    ]
    if not later:
        return found
    note = Evidence(
        "diagnosis", "a diagnosis that may change the score", tuple(p.ref for p in later), began(later[0])
    )
    text = f"{found.text}; a new diagnosis since may change it"
    return replace(found, status=Status.DUE_SOON, text=text).also(note)


@rule(
    "G09",
    "depression screen",
    scope=Scope.LTOT,
    interval="phq",
    safety=True,
    sentence="Depression is screened {schedule}; a PHQ-9 of {score} or more has a plan, and an answer above zero to "
    "its item 9 has a safety assessment.",
    source=_ELEMENT,
)
def depression(case: Case) -> Finding:
    """Item 9 first, then a high score without a plan, then what is due."""
    return _item_nine(case) or _high_phq(case) or _phq_due(case)


def _item_nine(case: Case) -> Finding | None:
    """The newest answer to item 9, the highest of its day; only the newest, as an older one was followed by it."""
    answers = [
        (r.when, r.value, r.ref)
        for r in case.facts.results_by_element.get("phq9_item9", ())
        if r.valid and r.value is not None and r.when and r.when <= case.as_of
    ]
    if not answers:
        return None
    when, value, ref = max(answers)
    months = case.policy.intervals["phq"].months(case.risk.tier) or 12
    reviewed = case.noted(RecordKind.REVIEW, "G09")
    if value == 0 or case.as_of >= add_months(when, months) or (reviewed is not None and reviewed.on >= when):
        return None
    note = Evidence("score", "PHQ-9 item 9 above zero", (ref,), when)
    return overdue(f"PHQ-9 item 9 above zero on {day(when)}; safety assessment not recorded", note, last=when)


def _high_phq(case: Case) -> Finding | None:
    score = _latest(case, PHQ9, "phq")
    if (
        score is None
        or score.value < case.policy.number("G09", "score")
        or not _unreviewed(case, "G09", score)
    ):
        return None
    text = f"{score.words}, on {day(score.when)}; plan not recorded"
    return overdue(text, _score_evidence(score), last=score.when)


def _phq_due(case: Case) -> Finding:
    short = _latest(case, PHQ2, "phq")
    full = _latest(case, PHQ9, "phq")
    if short is not None and short.value >= _PHQ2_CUT and (full is None or full.when < short.when):
        text = f"{short.words} on {day(short.when)}; PHQ-9 not done since"
        return due_soon(text, _score_evidence(short), last=short.when)
    return soft(_scored(case, _PHQ, (PHQ9, PHQ2)))


@rule(
    "G10",
    "anxiety screen",
    scope=Scope.LTOT,
    interval="gad7",
    sentence="Anxiety is screened with GAD-7 {schedule}; a score of {score} or more has a plan.",
    source=_ELEMENT,
)
def anxiety(case: Case) -> Finding:
    """A high score without a plan needs a look."""
    return _screened(case, _GAD7, (GAD7,))


@rule(
    "G11",
    "trauma screen",
    scope=Scope.LTOT,
    interval="ptsd",
    sentence="Post-traumatic stress is screened {schedule}; a PC-PTSD-5 of {score} or more has a plan.",
    source=f"{_ELEMENT}; the cut-off is from memory",
)
def trauma(case: Case) -> Finding:
    """A high score without a plan needs a look."""
    return _screened(case, _TRAUMA, (PCPTSD5, PCL5))


def _screened(case: Case, activity: Activity, tools: Sequence[Tool]) -> Finding:
    score = _latest(case, tools[0], activity.interval)
    if (
        score is not None
        and score.value >= case.policy.number(activity.gap, "score")
        and _unreviewed(case, activity.gap, score)
    ):
        text = f"{score.words}, on {day(score.when)}; plan not recorded"
        return due_soon(text, _score_evidence(score), last=score.when)
    return soft(_scored(case, activity, tools))


STOPBANG = Tool("STOP-Bang", "stop_bang_total", 8)


@rule(
    "G12",
    "sleep apnoea screen",
    scope=Scope.LTOT,
    interval="stop_bang",
    sentence="Sleep-disordered breathing is diagnosed or screened with STOP-Bang {schedule}; a score of {score} or "
    "more is followed up.",
    source=f"{_ELEMENT}; the cut-off is from memory",
)
def sleep_apnoea(case: Case) -> Finding:
    """STOP-Bang has no standard code: without a site's own code its absence cannot be concluded."""
    known = active_problems(case.facts, case.as_of, {"sleep_apnea"})
    if known:
        note = Evidence("diagnosis", known[0].display, (known[0].ref,), began(known[0]))
        return met("Sleep-disordered breathing is on the problem list", note)
    score = _latest(case, STOPBANG, "stop_bang")
    if score is None:
        doubt = unproven(case.facts, PROBLEMS)
        why = doubt or Evidence("source", "STOP-Bang has no standard code; a site can add its own")
        return unknown(f"STOP-Bang cannot be judged: {why.text}", why)
    text = f"{score.words} on {day(score.when)}"
    if score.value < case.policy.number("G12", "score") or not _unreviewed(case, "G12", score):
        return met(text, _score_evidence(score), last=score.when)
    strong = [o.evidence for o in case.overlaps if o.sedative and o.now]
    high = case.mme.current is not None and case.mme.current >= _SLEEP_RED_AT
    exit_ = overdue if strong or high else due_soon
    return exit_(f"{text}; follow-up not recorded", _score_evidence(score), *strong, last=score.when)


@rule(
    "G37",
    "alcohol and drug screen",
    scope=Scope.LTOT,
    interval="substance_screen",
    sentence="Use of alcohol and other drugs is asked about with a screening tool {schedule}.",
    source="CDC 2022 guideline, recommendation 8; tools as in the AHRQ pain summary",
)
def substance_screen(case: Case) -> Finding:
    """Any of the usual tools counts."""
    other = done_results(
        case.facts,
        "single_item_alcohol",
        "single_item_drug",
        "nida_quick_screen_panel",
        "taps_panel",
        "taps1_drug",
    )
    return soft(_scored(case, _SUBSTANCE, (AUDITC, AUDIT, DAST10), *other))
