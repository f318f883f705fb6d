"""Referral to pain or behavioural health where the clinic's policy asks for one (G38)."""

from __future__ import annotations

from datetime import date, timedelta

from app.clinical.evaluation import Evidence
from app.clinical.gaps.absence import absent, unproven
from app.clinical.gaps.case import Case, Finding, Scope, due_soon, met, not_applicable, overdue, rule, unknown
from app.clinical.gaps.dose import mme_evidence, mme_words
from app.clinical.gaps.screening import soft
from app.clinical.gaps.sources import done_events, is_request
from app.clinical.gaps.timed import Done, evidence_of, newest
from app.clinical.months import add_months
from app.clinical.records import RecordKind
from app.clinical.refills import early_fills, many_prescribers
from app.clinical.words import counted, day, joined

_CARE = ("chronic_pain_management", "substance_misuse_counseling")
_PLACES = ("ServiceRequest", "Procedure")
_READ_FOR_REASONS = ("MedicationRequest", "Observation")


@rule(
    "G38",
    "referral",
    scope=Scope.LTOT,
    dose=True,
    sentence="Above {above} MME a day, with {pattern} early fills, several prescribers and pharmacies, or an "
    "unexpected definitive urine drug test, pain or behavioural health is asked, and its answer is there within "
    "{loop_days} days; or a decision is noted within {review_months} months.",
    source="Six Building Blocks policy elements (2017); numbers are this project's choice",
)
def referral(case: Case) -> Finding:
    """Needs a look, at most: local referral codes are many, and few are known here."""
    reasons = _reasons(case)
    if not reasons:
        return _no_reason(case)
    text = joined(dict.fromkeys(reason.text for reason in reasons))
    start = add_months(case.as_of, -case.policy.number("G38", "review_months"))
    noted = case.noted(RecordKind.REVIEW, "G38")
    if noted is not None and noted.on > start:
        note = Evidence("review", noted.text or "decision noted", (noted.ref,), noted.on)
        return met(f"{text}; decision noted on {day(noted.on)}", *reasons, note, last=noted.on)
    seen = newest(done_events(case.facts, *_CARE), case.as_of)
    if seen is not None and seen.when is not None and seen.when > start:
        return met(
            f"{text}; seen on {day(seen.when)}", *reasons, evidence_of(seen, "consultation"), last=seen.when
        )
    asked = newest(_asked(case), case.as_of)
    if asked is not None and asked.when is not None and asked.when > start:
        return _waiting(case, f"{text}; asked for on {day(asked.when)}", asked, asked.when, reasons)
    doubt = unproven(case.facts, _PLACES)
    if doubt is not None:
        return unknown(f"{text}; referral cannot be judged: {doubt.text}", doubt, *reasons)
    proof = absent(case.facts, "referral or consultation under a known code", _PLACES)
    return due_soon(f"{text}; referral or decision not recorded", *reasons, proof)


def _waiting(case: Case, text: str, asked: Done, when: date, reasons: list[Evidence]) -> Finding:
    due = when + timedelta(days=case.policy.number("G38", "loop_days"))
    exit_ = overdue if case.as_of >= due else due_soon
    return soft(
        exit_(f"{text}; answer not recorded", *reasons, evidence_of(asked, "asked for"), due=due, last=when)
    )


def _asked(case: Case) -> list[Done]:
    """Requests, whatever became of them: one withdrawn cannot be told from one still open."""
    return [
        Done(event.when, event.ref, event.display)
        for event in case.facts.events
        if is_request(event) and not event.done and not event.elements.isdisjoint(_CARE)
    ]


def _reasons(case: Case) -> list[Evidence]:
    found: list[Evidence] = []
    mme = case.mme
    if mme.current is not None and mme.current > case.policy.number("G38", "above"):
        found.append(Evidence("mme", mme_words(mme), when=case.as_of))
    early = early_fills(case.stock.opioids, case.policy, case.as_of)
    if len(early) >= case.policy.number("G38", "pattern"):
        refs = tuple(one.ref for one in early)
        found.append(Evidence("fill", counted(len(early), "early fill"), refs, early[-1].when))
    many = many_prescribers(case.facts, case.stock.opioids, case.policy, case.as_of)
    if many.both:
        found.append(Evidence("prescribers", many.text, tuple(sorted(many.refs)), case.as_of))
    start = add_months(case.as_of, -case.policy.number("G04", "lookback_months"))
    odd = [one for one in case.urine if one.unexpected and one.definitive and start < one.when <= case.as_of]
    if odd:
        refs = tuple(dict.fromkeys(one.ref for one in odd))
        found.append(
            Evidence("result", "unexpected definitive urine drug test", refs, max(o.when for o in odd))
        )
    return found


def _no_reason(case: Case) -> Finding:
    doubt = unproven(case.facts, _READ_FOR_REASONS)
    if doubt is not None:
        return unknown(f"Reasons for a referral cannot be judged: {doubt.text}", doubt)
    if case.mme.current is None or not case.mme.complete:
        return unknown(
            f"{mme_words(case.mme)}: whether a referral is asked for cannot be told", *mme_evidence(case.mme)
        )
    read = absent(case.facts, "reason for a referral", _READ_FOR_REASONS)
    return not_applicable("No reason for a referral known", read, *mme_evidence(case.mme))
