"""State prescription monitoring (PDMP): the check (G01) and its result (G02)."""

from __future__ import annotations

import re
from datetime import timedelta

from app.clinical.evaluation import Evidence, Status
from app.clinical.gaps.absence import absent, only_if_read, unreadable
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, not_applicable, overdue, rule
from app.clinical.gaps.sources import CHECKS, done_events, done_results
from app.clinical.gaps.timed import Activity, Done, evidence_of, newest, timed
from app.clinical.records import RecordKind
from app.clinical.words import counted, day

_CHECK = Activity("G01", "pdmp", "PDMP check", CHECKS, ("PDMP",))
_UNEXPECTED = re.compile(
    r"(?<!\bno )(?<!\bnot )(?<!\bwithout )\b(?:unexpected|concern|discrepan|inconsisten|abnormal|multiple|overlap"
    r"|violat|aberran|undisclosed|other prescriber|early (?:re)?fill|not (?:as )?(?:expected|consistent|appropriate))",
    re.IGNORECASE,
)
# That it was looked at, and nothing of what it said.
_ONLY_DONE = re.compile(
    r"\s*(?:yes|y|true|done|reviewed|checked|queried|completed?|performed)\W*", re.IGNORECASE
)


def checks(case: Case) -> list[Done]:
    """Every recorded PDMP check, whoever made it for the clinician, with its result where one is told."""
    found = done_events(case.facts, "pdmp_review") + done_results(case.facts, "pdmp_review")
    return [one._replace(text="") if _ONLY_DONE.fullmatch(one.text) else one for one in found]


@rule(
    "G01",
    "PDMP check",
    scope=Scope.LTOT,
    interval="pdmp",
    sentence="The state prescription monitoring data are checked {schedule}.",
    source="CDC 2022 guideline, recommendation 9; Six Building Blocks tracking element",
)
def pdmp_check(case: Case) -> Finding:
    """Overdue from the day the tier's interval has passed; before each order where the policy says so."""
    found = timed(case, _CHECK, checks(case))
    within = case.policy.number("G01", "before_order_days")
    if not within:
        return found
    return _before_order(case, within) or found


def _before_order(case: Case, within: int) -> Finding | None:
    """Where each order needs a fresh check: the newest opioid order without one in the days before it."""
    starts = [
        (order.authored, order.ref)
        for order in case.facts.opioid_orders
        if order.authored and order.authored <= case.as_of and not order.reported
    ]
    if not starts:
        return None
    written, ref = max(starts)
    earliest = written - timedelta(days=within)
    if any(one.when and earliest <= one.when <= case.as_of for one in checks(case)):
        return None
    order = Evidence("order", "newest opioid order", (ref,), written)
    return unreadable(case, CHECKS, ("PDMP",), order) or overdue(
        f"No PDMP check in the {counted(within, 'day')} before the opioid order of {day(written)}",
        order,
        absent(case.facts, "PDMP check for that order", CHECKS, ("PDMP",)),
    )


@rule(
    "G02",
    "PDMP result",
    scope=Scope.LTOT,
    safety=True,
    sentence="Each PDMP check has its result recorded; a concern is reviewed within {review_days} days.",
    source="Six Building Blocks tracking element (PDMP result)",
)
def pdmp_result(case: Case) -> Finding:
    """A check without a result needs a look; an unexpected one is overdue once the review time has passed."""
    found = _result(case)
    if found.status is Status.NOT_APPLICABLE:
        return unreadable(case, CHECKS, ("PDMP",)) or found
    # Nothing can be newer than a check of today.
    return found if found.last == case.as_of else only_if_read(found, case.facts, CHECKS, ("PDMP",))


def _result(case: Case) -> Finding:
    last = newest(checks(case), case.as_of)
    if last is None or last.when is None:
        return not_applicable(
            "Nothing to review: see the PDMP check", Evidence("scope", "no dated PDMP check read")
        )
    evidence = evidence_of(last, "PDMP check")
    reviewed = case.noted(RecordKind.REVIEW, "G02")
    if reviewed is not None and reviewed.on >= last.when:
        text = f"Reviewed on {day(reviewed.on)}"
        note = Evidence("review", reviewed.text or "reviewed", (reviewed.ref,), reviewed.on)
        return met(text, evidence, note, last=last.when)
    if not last.text:
        return due_soon(f"Checked on {day(last.when)}, result not recorded", evidence, last=last.when)
    if not _UNEXPECTED.search(last.text):
        return met(f"Checked on {day(last.when)}: {last.text}", evidence, last=last.when)
    due = last.when + timedelta(days=case.policy.number("G02", "review_days"))
    text = f"Checked on {day(last.when)}: {last.text}; review not recorded"
    exit_ = overdue if case.as_of >= due else due_soon
    return exit_(text, evidence, due=due, last=last.when)
