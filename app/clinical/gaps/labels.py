"""How the therapy is labelled and held: code (G27), provider (G28), new start (G31), tier (G34), counselling (G35)."""

from __future__ import annotations

from datetime import timedelta

from app.clinical.evaluation import Evidence
from app.clinical.exclusions import active_problems
from app.clinical.gaps.absence import absent, unproven
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, not_applicable, overdue, rule, unknown
from app.clinical.gaps.pdmp import checks
from app.clinical.gaps.screening import soft
from app.clinical.gaps.sources import CHECKS, PROBLEMS, done_events
from app.clinical.gaps.timed import Activity, Done, evidence_of, newest, timed
from app.clinical.gaps.urine import received
from app.clinical.records import RecordKind
from app.clinical.words import day, joined

CODE = "Z79.891"
PATIENT = ("Patient",)
_COUNSELLING = Activity("G35", "counselling", "opioid counselling", ("Procedure",))
_GROUP = "ltot_designation:explicit"


@rule(
    "G27",
    "therapy on the problem list",
    scope=Scope.LTOT,
    sentence="Long-term opioid therapy is on the problem list as Z79.891, so that others can find it; never required.",
    source="Six Building Blocks obstacles and solutions (code at refill)",
)
def therapy_code(case: Case) -> Finding:
    """A data gap: needs a look, never overdue."""
    coded = active_problems(case.facts, case.as_of, {_GROUP})
    if coded:
        problem = coded[0]
        since = problem.onset or problem.recorded
        evidence = Evidence("diagnosis", problem.display, (problem.ref,), since)
        return met(f"{CODE} on the problem list", evidence, last=since)
    declined = case.noted(RecordKind.DECLINED, "G27")
    if declined is not None:
        note = Evidence("declined", declined.text or "code not wanted", (declined.ref,), declined.on)
        return met(f"Code not wanted, noted on {day(declined.on)}", note, last=declined.on)
    doubt = unproven(case.facts, PROBLEMS)
    if doubt is not None:
        return unknown(doubt.text[:1].upper() + doubt.text[1:], doubt)
    return due_soon(f"{CODE} not on the problem list", absent(case.facts, f"code {CODE}", PROBLEMS))


@rule(
    "G28",
    "responsible provider",
    scope=Scope.LTOT,
    sentence="One provider is responsible for the person's therapy.",
    source="Six Building Blocks registry element (2017)",
)
def responsible_provider(case: Case) -> Finding:
    """As the patient record names it; whether that provider still works here cannot be read."""
    person = case.facts.person
    if person.general_practitioner:
        evidence = Evidence("provider", person.general_practitioner, (f"Patient/{person.id}",))
        return met(person.general_practitioner, evidence)
    doubt = unproven(case.facts, PATIENT)
    if doubt is not None:
        return unknown(doubt.text[:1].upper() + doubt.text[1:], doubt)
    return overdue("No responsible provider on record", absent(case.facts, "responsible provider", PATIENT))


@rule(
    "G31",
    "before a new start",
    scope=Scope.LTOT,
    sentence="For a new start, a PDMP check, a urine drug test and a PEG score are on record from {before_days} days "
    "before it.",
    source="Six Building Blocks policy elements (2017)",
)
def new_start(case: Case) -> Finding:
    """Outside records cannot be read from the chart and are not asked for."""
    start = case.ltot.since
    if not case.ltot.new or start is None:
        return not_applicable("Not a new start", Evidence("scope", "therapy is not known to be new"))
    earliest = start - timedelta(days=case.policy.number("G31", "before_days"))
    scores = [Done(one.when, one.refs[0]) for one in case.peg[-1:]]
    parts = {"PDMP check": checks(case), "urine drug test": received(case), "PEG score": scores}
    begun = Evidence("start", "present episode began", when=start)
    found: list[Evidence] = []
    missing: list[str] = []
    for what, done in parts.items():
        last = newest(done, case.as_of)
        if last is not None and last.when is not None and last.when >= earliest:
            found.append(evidence_of(last, what))
        else:
            missing.append(what)
    if not missing:
        return met("Everything asked for is on record", begun, *found)
    doubt = unproven(case.facts, CHECKS, ("DiagnosticReport", "QuestionnaireResponse"))
    if doubt is not None:
        return unknown(f"{joined(missing)} cannot be judged: {doubt.text}", doubt, begun, *found)
    proof = absent(case.facts, joined(missing, "or"), CHECKS, ("DiagnosticReport", "QuestionnaireResponse"))
    return overdue(f"Not on record since {day(earliest)}: {joined(missing)}", begun, proof, *found)


@rule(
    "G34",
    "risk tier",
    scope=Scope.LTOT,
    interval="tier",
    sentence="The risk tier is known, and confirmed by a clinician {schedule}.",
    source="this project's choice; factors after TopCare, JOM 2020, Six Building Blocks and CDC",
)
def risk_tier(case: Case) -> Finding:
    """Needs a look where it cannot be computed, or differs from what a clinician confirmed."""
    evidence = [Evidence("risk", reason) for reason in case.risk.reasons] or [
        Evidence("risk", case.risk.tier)
    ]
    if case.risk.tier == "unknown":
        return due_soon(f"Not known: {'; '.join(case.risk.reasons)}", *evidence)
    noted = case.noted(RecordKind.TIER)
    computed = next(
        (r.removeprefix("computed: ") for r in case.risk.reasons if r.startswith("computed: ")), None
    )
    if noted is None or computed is None:
        return met(f"{case.risk.tier}, computed; not yet confirmed by a clinician", *evidence)
    if computed not in {case.risk.tier, "unknown"}:
        text = f"{case.risk.tier} as confirmed on {day(noted.on)}, {computed} as computed now"
        return due_soon(text, *evidence, last=noted.on)
    return met(f"{case.risk.tier}, confirmed on {day(noted.on)}", *evidence, last=noted.on)


@rule(
    "G35",
    "benefit and risk counselling",
    scope=Scope.LTOT,
    interval="counselling",
    sentence="Benefits and risks of the opioid, and other treatments, are discussed {schedule}.",
    source="CDC 2022 guideline, recommendations 1 and 7",
)
def counselling(case: Case) -> Finding:
    """Yellow when overdue: much counselling is only in notes, which are not read."""
    done = done_events(case.facts, "naloxone_or_opioid_safety_education", "chronic_pain_management")
    return soft(timed(case, _COUNSELLING, done))
