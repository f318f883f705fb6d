"""Pain and function by the PEG scale: due (G06) and worse (G07)."""

from __future__ import annotations

import re
from datetime import date

from msgspec.structs import replace

from app.clinical.evaluation import Evidence, Status
from app.clinical.gaps.absence import only_if_read, unproven
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, not_applicable, rule, unknown
from app.clinical.gaps.sources import FORMS, RESULTS
from app.clinical.gaps.timed import Activity, Done, timed, unless_written
from app.clinical.peg import TOTALS
from app.clinical.records import RecordKind
from app.clinical.words import amount, day
from fhir_mappings.facts import Facts

# Contacts that EHRs file as outpatient encounters although nobody was seen; names of Epic and Oracle Health.
_NOBODY_SEEN = re.compile(
    r"(?:rx |prescription )?(?:refill|renewal)(?: request)?|(?:transcribe |community )?orders?(?: only)?"
    r"|telephone(?: call)?"
    r"|phone (?:call|message)|(?:patient|mychart|secure) (?:message|e-?mail|encounter|outreach)|between visits?"
    r"|documentation(?: only)?|letter(?: \(out\))?|abstract|scanned documents?|results? follow-?up|prior auth\w*"
    r"|erroneous(?: encounter)?|external contact|e-?mail|history",
    re.IGNORECASE,
)
_PEG = Activity("G06", "peg", "PEG score", RESULTS, FORMS)


def last_visit(facts: Facts, as_of: date) -> date | None:
    """The newest outpatient visit that took place."""
    return max((visit.when for visit in held_visits(facts, as_of) if visit.when), default=None)


def held_visits(facts: Facts, as_of: date) -> list[Done]:
    """Outpatient encounters that took place or are taking place, up to `as_of`; refills and messages are none."""
    return [
        Done(visit.when, visit.ref, visit.display)
        for visit in facts.visits
        if visit.kind == "encounter"
        and visit.setting == "outpatient"
        and visit.status in {"finished", "in-progress", "arrived", "triaged", "onleave", "unknown", ""}
        and visit.when is not None
        and visit.when <= as_of
        and not _NOBODY_SEEN.fullmatch(visit.display.strip())
    ]


@rule(
    "G06",
    "PEG score",
    scope=Scope.LTOT,
    interval="peg",
    sentence="Pain and function are scored with PEG at each visit, and at least {schedule}.",
    source="Six Building Blocks recommended assessments; CDC 2022 guideline, recommendation 7",
)
def peg_due(case: Case) -> Finding:
    """Overdue once the interval has passed; needs a look after a visit without a score."""
    found = timed(case, _PEG, [Done(one.when, one.refs[0], one.words) for one in case.peg[-1:]])
    found = unless_written(case, found, _PEG.what, TOTALS)
    visit = last_visit(case.facts, case.as_of)
    if found.status is not Status.MET or visit is None or found.last is None or visit <= found.last:
        return found
    text = f"{found.text}; not scored at the visit on {day(visit)}"
    visited = Evidence("visit", "visit without a PEG score", when=visit)
    return replace(found, status=Status.DUE_SOON, text=text).also(visited)


@rule(
    "G07",
    "PEG trend",
    scope=Scope.LTOT,
    sentence="A PEG score worse by {worse_percent} % or {worse_points} points than the one before is reviewed.",
    source="CDC 2022 guideline, recommendation 7; the size of change is from memory",
)
def peg_trend(case: Case) -> Finding:
    """A worse score needs a look until a review is noted; never anything about the dose."""
    return only_if_read(_trend(case), case.facts, RESULTS, FORMS)


def _trend(case: Case) -> Finding:
    scores = case.peg[-2:]
    doubt = unproven(case.facts, RESULTS, FORMS)
    if len(scores) < 2 and doubt is not None:
        return unknown(f"A trend cannot be judged: {doubt.text}", doubt)
    if len(scores) < 2:
        return not_applicable(
            "Fewer than two PEG scores read", Evidence("scope", f"PEG scores read: {len(scores)}")
        )
    before, after = scores
    pair = [Evidence("score", f"PEG {one.words}", one.refs, one.when) for one in scores]
    points, percent = case.policy.number("G07", "worse_points"), case.policy.number("G07", "worse_percent")
    rise = after.mean - before.mean
    worse = rise >= points or (before.mean > 0 and rise * 100 >= before.mean * percent)
    text = f"PEG {amount(before.mean)} before, {amount(after.mean)} on {day(after.when)}"
    reviewed = case.noted(RecordKind.REVIEW, "G07")
    if not worse or (reviewed is not None and reviewed.on >= after.when):
        return met(text, *pair, last=after.when)
    return due_soon(f"{text}: worse, review not recorded", *pair, last=after.when)
