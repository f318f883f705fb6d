"""Urine drug tests: due (G03), unexpected (G04)."""

from __future__ import annotations

from datetime import date, timedelta

from msgspec.structs import replace

from app.clinical.evaluation import Colour, Evidence, Status
from app.clinical.gaps.absence import only_if_read, unproven
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
from app.clinical.gaps.sources import RESULTS, is_request
from app.clinical.gaps.timed import Activity, Done, timed
from app.clinical.months import add_months
from app.clinical.records import Record, RecordKind
from app.clinical.udt import TO_LOOK_AT, Analyte, Outcome, is_result, known_from
from app.clinical.words import day, joined
from fhir_mappings.facts import Result

_ALSO = ("DiagnosticReport",)
_CONFIRMED_WITHIN = timedelta(days=14)
_LONGEST = 120
_TEST = Activity("G03", "udt", "urine drug test", RESULTS, _ALSO)


def received(case: Case) -> list[Done]:
    """The newest result received, one for its specimen; without a date only where none has one.  An order is none."""
    newest: Done | None = None
    for result in reversed(case.facts.results_by_element.get("udt", ())):
        if newest is not None and result.when != newest.when:
            break
        if is_result(result) and (result.when is None or result.when <= case.as_of):
            newest = Done(result.when, result.ref)
    return [newest] if newest is not None else []


def _pending(case: Case, since: date | None) -> tuple[date, str] | None:
    """The oldest test asked for after the newest result: an order, or a result not yet final."""
    asked = [
        (event.when, event.ref)
        for event in case.facts.events
        if event.done and is_request(event) and any(e.startswith("udt") for e in event.elements)
    ]
    asked += [
        (result.when, result.ref)
        for result in case.facts.results_by_element.get("udt", ())
        if result.status in {"registered", "preliminary"}
    ]
    open_ = [
        (w, ref) for w, ref in asked if w is not None and w <= case.as_of and (since is None or w > since)
    ]
    return min(open_, default=None)


@rule(
    "G03",
    "urine drug test",
    scope=Scope.LTOT,
    interval="udt",
    sentence="A urine drug test result is received {schedule}; one asked for is followed up after {pending_days} days.",
    source="CDC 2022 guideline, recommendation 10; Argoff 2018 consensus for the pace by risk",
)
def urine_due(case: Case) -> Finding:
    """Overdue by the tier's interval; a test asked for and not back needs a look."""
    found = timed(case, _TEST, received(case))
    pending = _pending(case, found.last)
    if pending is None:
        return found
    when, ref = pending
    note = Evidence("pending", "test asked for, result outstanding", (ref,), when)
    text = f"{found.text}; one asked for on {day(when)}, result outstanding"
    long_ago = case.as_of - when > timedelta(days=case.policy.number("G03", "pending_days"))
    if found.status is Status.MET and long_ago:
        return replace(found, status=Status.DUE_SOON, text=text).also(note)
    return replace(found, text=text).also(note)


@rule(
    "G04",
    "unexpected urine drug test",
    scope=Scope.LTOT,
    safety=True,
    sentence="An unexpected urine drug test result of the last {lookback_months} months is reviewed and, while "
    "presumptive, confirmed. A test result alone is no reason to end care.",
    source="CDC 2022 guideline, recommendation 10; CDC decision-support guide",
)
def urine_unexpected(case: Case) -> Finding:
    """Overdue until reviewed; then it needs a look until a definitive test or a noted review settles it."""
    return only_if_read(_results(case), case.facts, RESULTS, _ALSO)


def _results(case: Case) -> Finding:
    start = add_months(case.as_of, -case.policy.number("G04", "lookback_months"))
    found = [one for one in case.urine if one.when > start]
    reviewed = case.noted(RecordKind.REVIEW, "G04")
    odd = [one for one in found if one.unexpected and not _settled(one, found)]
    if odd:
        return _unexpected(case, odd)
    latest = found[-1].when if found else None
    unread = _unread(case, max(start, latest + _CONFIRMED_WITHIN) if latest else start, reviewed)
    if unread is not None:
        return unread
    tested = {_substance(one): one.when for one in found}
    # What nothing reads stays to be looked at until its substance is tested again.
    look = [
        one
        for one in found
        if one.outcome in TO_LOOK_AT
        and (
            one.when == latest
            or (one.outcome is Outcome.NEEDS_READING and one.when == tested[_substance(one)])
        )
        and not (reviewed and reviewed.on >= one.known)
    ]
    if look:
        last = max(one.when for one in look)
        return _needs_look([one for one in look if one.when == last])
    if found and latest:
        text = f"Results of {day(latest)} as expected"
        return met(text, *_evidence([one for one in found if one.when == latest]), last=latest)
    doubt = unproven(case.facts, RESULTS, _ALSO)
    if doubt is not None:
        return unknown(doubt.text[:1].upper() + doubt.text[1:], doubt)
    return not_applicable(
        "Nothing to review: see the urine drug test", Evidence("scope", "no judged analyte in the look-back")
    )


def _unread(case: Case, after: date, reviewed: Record | None) -> Finding | None:
    """A test told as a whole, in words or without any, and no analyte of it: nobody has looked at it here."""
    told = [
        (result, when)
        for result in case.facts.results_by_element.get("udt", ())
        if (when := result.when) and after < when <= case.as_of and is_result(result) and _as_a_whole(result)
    ]
    if not told:
        return None
    result, when = told[-1]
    if reviewed is not None and reviewed.on >= known_from(result, when):
        note = Evidence("review", reviewed.text or "reviewed", (reviewed.ref,), reviewed.on)
        return met(f"Urine drug test of {day(when)}, reviewed on {day(reviewed.on)}", note, last=when)
    said = f": {result.text[:_LONGEST]}" if result.text else ""
    text = f"The urine drug test of {day(when)} needs a look: it is not told analyte by analyte{said}"
    return unknown(text, Evidence("result", text, (result.ref,), when), colour=Colour.YELLOW, last=when)


def _as_a_whole(result: Result) -> bool:
    """A panel, or a list of what was found."""
    return "type:panel" in result.elements or not any(
        one.startswith("udt_result:") and one != "udt_result:other_or_unclassified" for one in result.elements
    )


def _settled(one: Analyte, found: list[Analyte]) -> bool:
    """A definitive result, as expected, of the same specimen or one soon after answers a presumptive one."""
    return not one.definitive and any(
        other.definitive
        and one.when <= other.when <= one.when + _CONFIRMED_WITHIN
        and other.outcome in {Outcome.EXPECTED_POSITIVE, Outcome.EXPECTED_NEGATIVE}
        and _substance(other) == _substance(one)
        for other in found
    )


def _substance(one: Analyte) -> str:
    return one.name.split(" ")[0].lower().rstrip("s")


def _unexpected(case: Case, odd: list[Analyte]) -> Finding:
    last = max(one.when for one in odd)
    newest = [one for one in odd if one.when == last]
    text = f"Unexpected on {day(last)}: {joined(dict.fromkeys(_short(one) for one in newest))}"
    doubt = unproven(case.facts, ("MedicationRequest",))
    evidence = list(_evidence(odd))
    if doubt is not None:
        evidence.append(Evidence("source", f"drugs in supply may be incomplete: {doubt.text}"))
    reviewed = case.noted(RecordKind.REVIEW, "G04")
    if reviewed is None or reviewed.on < max(one.known for one in odd):
        if doubt is not None:
            return unknown(f"{text}; but {doubt.text}", *evidence, colour=Colour.YELLOW, last=last)
        return overdue(f"{text}; review not recorded", *evidence, last=last)
    note = Evidence("review", reviewed.text or "reviewed", (reviewed.ref,), reviewed.on)
    if all(one.definitive for one in newest):
        return met(f"{text}; reviewed on {day(reviewed.on)}", *evidence, note, last=last)
    return due_soon(f"{text}; reviewed on {day(reviewed.on)}, presumptive", *evidence, note, last=last)


def _short(one: Analyte) -> str:
    detected = one.outcome is Outcome.UNEXPECTED_POSITIVE
    how = "" if one.definitive else " (presumptive)"
    return f"{one.name} {'detected' if detected else 'not detected'}{how}"


def _needs_look(look: list[Analyte]) -> Finding:
    last = look[0].when
    words = joined(dict.fromkeys(_look_words(one) for one in look))
    text = f"Results of {day(last)} need a look: {words}"
    if all(one.outcome in {Outcome.ASSAY_MAY_MISS, Outcome.SUPPLY_UNKNOWN} for one in look):
        return due_soon(text, *_evidence(look), last=last)
    return unknown(text, *_evidence(look), colour=Colour.YELLOW, last=last)


def _look_words(one: Analyte) -> str:
    if one.outcome is Outcome.ASSAY_MAY_MISS:
        return f"{one.name} not detected, but the assay may not detect {joined(one.drugs)}; a definitive test can tell"
    if one.outcome is Outcome.SUPPLY_UNKNOWN:
        return f"{one.name} not detected; how long the supply of {joined(one.drugs)} lasted is not known"
    return f"{one.name} {one.outcome}"


def _evidence(found: list[Analyte]) -> tuple[Evidence, ...]:
    return tuple(Evidence("result", one.text, (one.ref,), one.when) for one in found)
