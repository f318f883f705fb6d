"""How the chart names the therapy (G27)."""

from __future__ import annotations

from app.clinical.evaluation import Evidence
from app.clinical.exclusions import active_problems
from app.clinical.gaps.absence import absent, unproven
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, rule, unknown
from app.clinical.gaps.sources import PROBLEMS
from app.clinical.records import RecordKind
from app.clinical.words import day

CODE = "Z79.891"
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
