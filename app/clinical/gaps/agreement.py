"""The opioid agreement (G05)."""

from __future__ import annotations

from app.clinical.evaluation import Evidence, Status
from app.clinical.gaps.case import Case, Finding, Scope, rule
from app.clinical.gaps.sources import DOCUMENTS, done_events, done_results
from app.clinical.gaps.timed import Activity, Done, timed

ELEMENT = "opioid_treatment_agreement"
_AGREEMENT = Activity("G05", "agreement", "opioid agreement", DOCUMENTS, ("Consent",))


def agreements(case: Case) -> list[Done]:
    """Agreements in force: documents and consents that are current, and records that one was signed."""
    papers = [
        Done(paper.when, paper.ref, paper.title)
        for paper in case.facts.documents
        if paper.current and ELEMENT in paper.elements
    ]
    return papers + done_events(case.facts, ELEMENT) + done_results(case.facts, ELEMENT)


@rule(
    "G05",
    "opioid agreement",
    scope=Scope.LTOT,
    interval="agreement",
    sentence="A signed agreement is on file and renewed {schedule}.",
    source="Six Building Blocks registry element; renewal about yearly",
)
def opioid_agreement(case: Case) -> Finding:
    """Missing or older than the interval is overdue; a superseded one does not count."""
    found = timed(case, _AGREEMENT, agreements(case))
    replaced = sorted(
        paper.ref for paper in case.facts.documents if ELEMENT in paper.elements and not paper.current
    )
    if found.status is Status.OVERDUE and replaced:
        return found.also(Evidence("superseded", "an agreement no longer in force", tuple(replaced)))
    return found
