"""A regimen for the bowel beside the opioid (G36)."""

from __future__ import annotations

import re
from datetime import date

from app.clinical.evaluation import Evidence
from app.clinical.exclusions import active_problems
from app.clinical.gaps.absence import absent, unreadable
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, rule
from app.clinical.gaps.sources import ORDERS, OTHER_DRUG_SOURCES
from app.clinical.gaps.timed import Done, newest
from app.clinical.months import add_months
from app.clinical.records import RecordKind
from app.clinical.words import day

_CONSTIPATION = "opioid_adverse_effect:constipation"
_NOT_GIVEN = frozenset({"entered-in-error", "cancelled", "declined", "draft", "not-done"})
# Ingredients, and the brands under which charts name them.
_LAXATIVE = re.compile(
    r"\b(?:senna|sennosides?|sennalax|senokot|bisacodyl|dulcolax|docusate|colace|lactulose|psyllium|metamucil"
    r"|polyethylene glycol 3350|peg[ -]?3350|macrogol|miralax|glycolax|milk of magnesia|magnesium citrate"
    r"|lubiprostone|amitiza|linaclotide|linzess|plecanatide|prucalopride|naloxegol|movantik"
    r"|methylnaltrexone|relistor|naldemedine|symproic)\b",
    re.IGNORECASE,
)


@rule(
    "G36",
    "bowel regimen",
    scope=Scope.LTOT,
    sentence="A laxative, or a note that none is wanted, is in the chart within {lookback_months} months.",
    source="AHRQ pain summary (laxative within six months); the names looked for are this project's list",
)
def bowel_regimen(case: Case) -> Finding:
    """Needs a look, never overdue: much is bought without a prescription and not in the chart."""
    start = add_months(case.as_of, -case.policy.number("G36", "lookback_months"))
    given = newest(_laxatives(case), case.as_of)
    if given is not None and given.when is not None and given.when > start:
        evidence = Evidence("drug", given.text, (given.ref,), given.when)
        return met(f"{given.text}, {day(given.when)}", evidence, last=given.when)
    noted = case.noted(RecordKind.REVIEW, "G36")
    if noted is not None and noted.on > start:
        note = Evidence("review", noted.text or "reviewed", (noted.ref,), noted.on)
        return met(f"Reviewed on {day(noted.on)}", note, last=noted.on)
    hidden = unreadable(case, ORDERS, OTHER_DRUG_SOURCES)
    if hidden is not None:
        return hidden
    bound = active_problems(case.facts, case.as_of, {_CONSTIPATION})
    known = [Evidence("diagnosis", p.display, (p.ref,), p.onset or p.recorded) for p in bound]
    proof = absent(case.facts, f"laxative since {day(start)}", ORDERS, OTHER_DRUG_SOURCES)
    text = "No laxative in the chart; one bought without a prescription would not be there"
    return due_soon(f"{'Constipation on record. ' if bound else ''}{text}", *known, proof)


def _laxatives(case: Case) -> list[Done]:
    """Orders by the day written, fills by the day given; what is reported as taken counts as of today."""
    found = [
        Done(_when(case, order.authored or order.start, reported=order.reported), order.ref, order.drug.name)
        for order in case.facts.orders
        if not order.do_not_perform and order.status not in _NOT_GIVEN and _LAXATIVE.search(order.drug.name)
    ]
    return found + [
        Done(fill.when, fill.ref, fill.drug.name)
        for fill in case.facts.fills
        if fill.status not in _NOT_GIVEN and _LAXATIVE.search(fill.drug.name)
    ]


def _when(case: Case, written: date | None, *, reported: bool) -> date | None:
    return case.as_of if reported and (written is None or written <= case.as_of) else written
