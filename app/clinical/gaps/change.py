"""Changes: a fast fall of the dose (G30), therapy ended but still on record (G39), use that grows long (G40)."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from app.clinical.evaluation import Evidence, LtotStatus
from app.clinical.exclusions import active_problems
from app.clinical.gaps.absence import absent, unproven
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, not_applicable, overdue, rule, unknown
from app.clinical.gaps.dose import mme_evidence, mme_on
from app.clinical.gaps.function import held_visits
from app.clinical.gaps.sources import ORDERS, PROBLEMS, VISITS, done_events
from app.clinical.gaps.timed import Done, evidence_of, newest
from app.clinical.records import RecordKind
from app.clinical.words import amount, counted, day

_ENDED = frozenset({"lapsed", "exited"})
_GROWING = frozenset({"acute", "subacute"})
_ONE_BY_ONE = ("fibromyalgia", "headache", "chronic_low_back_pain")


@rule(
    "G30",
    "fast fall of the dose",
    scope=Scope.EVERYONE,
    safety=True,
    sentence="After a fall by {fall_percent} % or more from a dose held for {held_days} days within {within_days} "
    "days, or an end of supply for {contact_days} days, there is a plan or a contact: fast falls do harm.",
    source="FDA safety communication 9 Apr 2019; Agnoli 2021; limits are this project's choice",
)
def fast_fall(case: Case) -> Finding:
    """Overdue until a plan, or a visit since the fall, is on record."""
    if case.on_therapy is False and str(case.ltot.state) not in _ENDED:
        return not_applicable(
            "Not on long-term opioid therapy", Evidence("scope", f"state: {case.ltot.state}")
        )
    numbers = case.policy.gaps["G30"].numbers
    start = case.as_of - timedelta(days=numbers["within_days"])
    before, now = _held(case, start), case.mme.current
    if now is None or before is None or not case.mme.complete:
        return unknown("A fall cannot be judged: the MME is not known throughout", *mme_evidence(case.mme))
    points = [
        Evidence("mme", f"held before: {amount(before)} MME a day", when=start),
        Evidence("mme", f"{amount(now)} MME a day", when=case.as_of),
    ]
    fell = before > 0 and (before - now) * 100 >= before * numbers["fall_percent"]
    waiting = now == 0 and (case.ltot.uncovered_days or 0) < numbers["contact_days"]
    if not fell or waiting:
        text = f"{amount(before)} MME a day held since {day(start)}, {amount(now)} today"
        return not_applicable(text, *points)
    since = max(
        (when for when, value in case.mme.timeline if value is not None and value < before), default=start
    )
    text = f"From {amount(before)} to {amount(now)} MME a day, since {day(since)}"
    return _answered(case, text, points, since)


def _held(case: Case, start: date) -> Fraction | None:
    """The highest MME held for the rule's days since `start`; None where the timeline does not say.

    A short peak, such as a fill picked up before the last ran out, is no dose held.
    """
    later = sorted(point for point in case.mme.timeline if start < point[0] <= case.as_of)
    steps = [(start, mme_on(case.mme, start)), *later]
    ends = [*(when for when, _ in later), case.as_of + timedelta(days=1)]
    held: list[tuple[Fraction, int]] = []
    for (when, value), end in zip(steps, ends, strict=True):
        if value is None:
            return None
        held.append((value, (end - when).days))
    values = [value for value, days in sorted(held, reverse=True) for _ in range(days)]
    return values[min(case.policy.number("G30", "held_days"), len(values)) - 1]


def _answered(case: Case, text: str, points: list[Evidence], since: date) -> Finding:
    start = case.as_of - timedelta(days=case.policy.number("G30", "within_days"))
    plan = newest(done_events(case.facts, "opioid_taper"), case.as_of)
    noted = case.noted(RecordKind.REVIEW, "G30")
    plans = [plan] if plan is not None and plan.when is not None and plan.when >= start else []
    plans += [Done(noted.on, noted.ref, noted.text)] if noted is not None and noted.on >= start else []
    if plans:
        return met(f"{text}; planned", *points, evidence_of(plans[0], "plan"), last=plans[0].when)
    visit = newest([v for v in held_visits(case.facts, case.as_of) if v.when and v.when >= since], case.as_of)
    if visit is not None:
        return met(f"{text}; visit since", *points, evidence_of(visit, "visit"), last=visit.when)
    doubt = unproven(case.facts, VISITS, ("Procedure",))
    if doubt is not None:
        return unknown(f"{text}; contact since cannot be judged: {doubt.text}", *points, doubt)
    proof = absent(case.facts, "plan or visit since then", VISITS, ("Procedure",))
    return overdue(f"{text}; contact the person: no plan or visit since", *points, proof)


@rule(
    "G39",
    "ended but still on record",
    scope=Scope.EVERYONE,
    sentence="When supply has ended, the label of long-term therapy is confirmed or removed.",
    source="Stephens 2021 (JABFM 34:89): lists that are not reset over-count",
)
def still_labelled(case: Case) -> Finding:
    """A work item without colour: the supply may have moved elsewhere."""
    doubt = unproven(case.facts, ORDERS, PROBLEMS)
    if str(case.ltot.state) not in _ENDED:
        return not_applicable(
            "Supply is not known to have ended", Evidence("scope", f"state: {case.ltot.state}")
        )
    if doubt is not None:
        return unknown(f"Whether supply ended cannot be judged: {doubt.text}", doubt)
    coded = active_problems(case.facts, case.as_of, {"ltot_designation:explicit"})
    ended = Evidence("scope", f"no supply recorded for {counted(case.ltot.uncovered_days or 0, 'day')}")
    if not coded:
        return not_applicable("Not labelled on the problem list", ended)
    label = Evidence("diagnosis", coded[0].display, tuple(p.ref for p in coded), coded[0].recorded)
    return unknown(
        "Supply ended, label still on the problem list: stopped, or supplied elsewhere?", ended, label
    )


@rule(
    "G40",
    "use that grows long",
    scope=Scope.EVERYONE,
    sentence="A new opioid past its {episode_days}th covered day has a plan on record, before it becomes long-term.",
    source="Shah 2017 (MMWR 66:265); Six Building Blocks policy elements (2017)",
)
def growing_use(case: Case) -> Finding:
    """Needs a look until a plan is noted; pains for which opioids help least are named."""
    if case.ltot.status is LtotStatus.CANNOT_TELL:
        return unknown(
            "Whether use grows long cannot be told", Evidence("scope", "supply is not fully known")
        )
    if case.ltot.status is LtotStatus.YES or str(case.ltot.state) not in _GROWING:
        return not_applicable("Not a short episode", Evidence("scope", f"state: {case.ltot.state}"))
    days, since = case.ltot.covered_days_90, case.ltot.since
    begun = Evidence("orders", f"{counted(days, 'covered day')} in this episode", when=since)
    if days < case.policy.number("G40", "episode_days"):
        return not_applicable(f"{counted(days, 'covered day')} so far", begun)
    pains = active_problems(case.facts, case.as_of, _ONE_BY_ONE)
    named = [Evidence("diagnosis", p.display, (p.ref,), p.onset or p.recorded) for p in pains]
    plan = case.noted(RecordKind.REVIEW, "G40")
    if plan is not None and (since is None or plan.on >= since):
        note = Evidence("review", plan.text or "plan noted", (plan.ref,), plan.on)
        return met(f"Plan noted on {day(plan.on)}", begun, note, *named, last=plan.on)
    started = f" since {day(since)}" if since else ""
    return due_soon(f"{counted(days, 'covered day')}{started}; plan not recorded", begun, *named)
