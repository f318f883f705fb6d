"""The dose: from the lower mark (G15), from the upper mark (G16), rising (G17), not known (G18).

None of these says what the dose should be.
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from app.clinical.evaluation import Colour, Evidence, Mme
from app.clinical.gaps.absence import absent, unproven
from app.clinical.gaps.case import (
    Case,
    Finding,
    Scope,
    due_soon,
    met,
    not_applicable,
    overdue,
    rule,
    unknown,
)
from app.clinical.gaps.function import held_visits
from app.clinical.gaps.sources import PROBLEMS, VISITS, done_events
from app.clinical.gaps.timed import Done, newest
from app.clinical.months import add_months
from app.clinical.records import RecordKind
from app.clinical.words import amount, day

_SOURCE = "CDC 2022 guideline, recommendations 4 and 5"


def mme_words(mme: Mme) -> str:
    """The number as it may be said: "at least 60 MME a day"."""
    if mme.current is None:
        return "MME cannot be calculated"
    return f"{'' if mme.complete else 'at least '}{amount(mme.current)} MME a day"


def mme_evidence(mme: Mme) -> tuple[Evidence, ...]:
    """The total, each line of the sum, and what is not in it."""
    lines = [Evidence("mme", mme_words(mme))]
    lines += [
        Evidence("contribution", f"{c.drug_name}: {c.arithmetic}", (c.ref,), c.start)
        for c in mme.contributions
    ]
    lines += [
        Evidence("uncounted", f"not counted: {u.drug_name}, {u.text}", (u.ref,))
        for u in mme.uncounted
        if u.active
    ]
    return tuple(lines)


def review_of(case: Case, gap: str) -> Done | None:
    """The newest note that the benefits and risks of this dose were looked at."""
    noted = case.noted(RecordKind.REVIEW, gap)
    own = [Done(noted.on, noted.ref, noted.text or "reviewed")] if noted else []
    return newest([*own, *done_events(case.facts, "chronic_pain_management")], case.as_of)


def _reviewed(case: Case, gap: str, text: str) -> Finding | None:
    """Met while a review is within the rule's months."""
    review = review_of(case, gap)
    if review is None or review.when is None:
        return None
    until = add_months(review.when, case.policy.number(gap, "review_months"))
    if case.as_of >= until:
        return None
    note = Evidence("review", review.text or "reviewed", (review.ref,), review.when)
    return met(
        f"{text}; reviewed on {day(review.when)}", *mme_evidence(case.mme), note, due=until, last=review.when
    )


def _below_lower(case: Case) -> Finding | None:
    """Below the lower mark, or not known to reach it."""
    mme, lower = case.mme, case.policy.mme.thresholds[0]
    if mme.current is not None and mme.current >= lower:
        return None
    if mme.current == 0 and case.opioid_in_use is None:
        return unknown("An opioid on the list may still be in use; its dose is not known", *mme_evidence(mme))
    if mme.current is None and mme.complete is False:
        return unknown("Whether the dose reaches a mark cannot be told", *mme_evidence(mme))
    if not mme.complete:
        return unknown(f"{mme_words(mme)}: whether it reaches {lower} cannot be told", *mme_evidence(mme))
    return not_applicable(f"Below {lower} MME a day", *mme_evidence(mme))


def _with_doubt(case: Case, finding: Finding) -> Finding:
    """Problems not read: an exclusion may exist."""
    doubt = unproven(case.facts, PROBLEMS)
    if doubt is None:
        return finding
    note = Evidence("source", f"exclusions such as cancer could not be checked: {doubt.text}")
    return finding.also(note)


@rule(
    "G15",
    "dose from the lower mark",
    scope=Scope.OPIOID,
    dose=True,
    sentence="From {lower} up to {upper} MME a day, benefits and risks are reviewed every {review_months} months.",
    source=_SOURCE,
)
def dose_lower(case: Case) -> Finding:
    """Needs a look until a review is noted."""
    below = _below_lower(case)
    if below is not None:
        return below
    upper = case.policy.mme.thresholds[-1]
    if case.mme.current is not None and case.mme.current >= upper:
        return not_applicable(f"At or above {upper} MME a day: see that rule", *mme_evidence(case.mme))
    text = mme_words(case.mme)
    open_ = due_soon(f"{text}: review of benefits and risks not recorded", *mme_evidence(case.mme))
    return _reviewed(case, "G15", text) or _with_doubt(case, open_)


@rule(
    "G16",
    "dose from the upper mark",
    scope=Scope.OPIOID,
    dose=True,
    sentence="From {upper} MME a day, a review of benefits and risks is on record every {review_months} months. "
    "The mark is a prompt for review, not a limit.",
    source="CDC 2016 guideline, recommendation 5; CDC 2022 guideline, recommendation 4",
)
def dose_upper(case: Case) -> Finding:
    """Overdue until a review is noted; then it stays in view."""
    mme, upper = case.mme, case.policy.mme.thresholds[-1]
    if mme.current is None or mme.current < upper:
        below = _below_lower(case)
        if below is not None:
            return below
        if not mme.complete:
            return unknown(f"{mme_words(mme)}: whether it reaches {upper} cannot be told", *mme_evidence(mme))
        return not_applicable(f"Below {upper} MME a day", *mme_evidence(mme))
    text = mme_words(mme)
    reviewed = _reviewed(case, "G16", text)
    if reviewed is not None:
        return due_soon(reviewed.text, *reviewed.evidence, due=reviewed.due, last=reviewed.last)
    return _with_doubt(
        case, overdue(f"{text}: review of benefits and risks not recorded", *mme_evidence(mme))
    )


def mme_on(mme: Mme, when: date) -> Fraction | None:
    """The MME of one day from the timeline; None when it is not known or lies before the timeline."""
    return next((value for since, value in reversed(mme.timeline) if since <= when), None)


@rule(
    "G17",
    "rising dose",
    scope=Scope.OPIOID,
    dose=True,
    sentence="After a rise of {rise_percent} % or {rise} MME within {within_days} days there is a visit within "
    "{visit_days} days.",
    source="CDC 2022 guideline, recommendation 7; the size of the rise is this project's choice",
)
def rising_dose(case: Case) -> Finding:
    """Needs a look until a visit after the rise."""
    numbers = case.policy.gaps["G17"].numbers
    start = case.as_of - timedelta(days=numbers["within_days"])
    before, now = mme_on(case.mme, start), mme_on(case.mme, case.as_of)
    if now is None or before is None or not case.mme.complete:
        return unknown("A rise cannot be judged: the MME is not known throughout", *mme_evidence(case.mme))
    points = [
        Evidence("mme", f"{amount(before)} MME a day", when=start),
        Evidence("mme", f"{amount(now)} MME a day", when=case.as_of),
    ]
    rise = now - before
    rose = (
        rise > 0
        and before > 0
        and (rise >= numbers["rise"] or rise * 100 >= before * numbers["rise_percent"])
    )
    if not rose:
        return not_applicable(f"{amount(before)} MME on {day(start)}, {amount(now)} today", *points)
    risen = min(
        when for when, value in case.mme.timeline if when > start and value is not None and value > before
    )
    text = f"From {amount(before)} to {amount(now)} MME a day since {day(risen)}"
    visit = newest([v for v in held_visits(case.facts, case.as_of) if v.when and v.when > risen], case.as_of)
    if visit is not None:
        return met(text, *points, Evidence("visit", "visit since", (visit.ref,), visit.when), last=visit.when)
    due = risen + timedelta(days=numbers["visit_days"])
    doubt = unproven(case.facts, VISITS)
    if doubt is not None:
        return unknown(f"{text}; visits since cannot be judged: {doubt.text}", *points, doubt)
    return due_soon(
        f"{text}; no visit since", *points, absent(case.facts, "visit since then", VISITS), due=due
    )


@rule(
    "G18",
    "MME known",
    scope=Scope.OPIOID,
    safety=True,
    sentence="Every opioid in use can be counted, and a documented MME agrees within {differs_percent} % or "
    "{differs_by} MME.",
    source="Six Building Blocks tracking element (MME); consistency is this project's choice",
)
def mme_known(case: Case) -> Finding:
    """An opioid that cannot be counted is a gap of its own: the number would be too low without saying so."""
    mme, lines = case.mme, mme_evidence(case.mme)
    active = [one for one in mme.uncounted if one.active]
    names = ", ".join(dict.fromkeys(f"{one.drug_name} ({one.text})" for one in active))
    only_without_factor = bool(active) and all(one.reason == "no_factor" for one in active)
    if mme.current is None and "buprenorphine" in mme.flags and (not active or only_without_factor):
        return met("Buprenorphine only: it has no MME factor", *lines)
    if mme.current is None:
        return unknown(f"MME cannot be calculated{': ' + names if names else ''}", *lines, colour=Colour.RED)
    if not mme.complete:
        why = f"not counted: {names}" if names else "not everything could be read"
        return unknown(
            f"{mme_words(mme)[:1].upper()}{mme_words(mme)[1:]}; {why}", *lines, colour=Colour.YELLOW
        )
    if mme.current == 0:
        text = "An opioid on the list may still be in use, although its supply has run out: in use or ended?"
        return unknown(text, *lines, colour=Colour.YELLOW)
    return _documented(case, lines) or met(f"{amount(mme.current)} MME a day, every opioid counted", *lines)


def _documented(case: Case, lines: tuple[Evidence, ...]) -> Finding | None:
    """A documented MME that is recent and differs from the computed one."""
    oldest = case.as_of - timedelta(days=case.policy.mme.stale_after_days)
    found = [
        (result.when, result.ref, result.value)
        for result in case.facts.results_by_element.get("mme_documented", ())
        if result.valid
        and result.value is not None
        and result.when is not None
        and oldest <= result.when <= case.as_of
    ]
    current = case.mme.current
    if not found or current is None:
        return None
    when, ref, value = max(found)
    gap = abs(value - current)
    numbers = case.policy.gaps["G18"].numbers
    if gap <= numbers["differs_by"] or gap * 100 <= max(value, current) * numbers["differs_percent"]:
        return None
    note = Evidence("documented_mme", f"documented: {amount(value)} MME a day", (ref,), when)
    text = f"{amount(current)} MME a day computed, {amount(value)} documented on {day(when)}"
    return due_soon(text, *lines, note, last=when)
