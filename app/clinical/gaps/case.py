"""The shape of a care-gap rule: a case goes in, a finding with evidence comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import chain
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from app.clinical.evaluation import Colour, Evidence, Exclusion, Gap, Ltot, LtotStatus, Mme, Risk, Status
from app.clinical.overlaps import Overlap, whole_stock
from app.clinical.peg import PegScore, peg_trend
from app.clinical.policy import Policy
from app.clinical.records import BY_PLACE, Record, RecordKind
from app.clinical.scores import Score, Tool, newest_score
from app.clinical.timeline import Timeline
from app.clinical.udt import Analyte, analytes
from app.clinical.words import counted, day, joined
from fhir_mappings.facts import Facts

_PRESENT = frozenset({"buprenorphine", "oud_treatment", "cough_product"})
_OPEN_FLAGS = frozenset({"stale_order", "reported_opioid"})


class Scope(StrEnum):
    """Whom a rule concerns: everyone, people with an opioid in use, people on long-term opioid therapy."""

    EVERYONE = "everyone"
    OPIOID = "opioid"
    LTOT = "ltot"


@dataclass(frozen=True)
class Case:
    """One patient on one day, with what has been derived before the rules run.

    laid: every tracked drug laid out, and judged: the urine tests, where they are at hand.
    """

    facts: Facts
    policy: Policy
    as_of: date
    mme: Mme
    ltot: Ltot
    risk: Risk
    exclusions: tuple[Exclusion, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    records: tuple[Record, ...] = ()
    laid: Timeline | None = None
    judged: tuple[Analyte, ...] | None = None

    @cached_property
    def stock(self) -> Timeline:
        """Every tracked drug, early fills laid end to end."""
        return self.laid or whole_stock(self.facts, self.policy, self.as_of)

    @cached_property
    def urine(self) -> tuple[Analyte, ...]:
        """The urine drug test analytes, judged against what was in supply."""
        if self.judged is not None:
            return self.judged
        return analytes(self.facts, self.policy, self.as_of, self.stock)

    @cached_property
    def peg(self) -> tuple[PegScore, ...]:
        """The newest PEG scores, oldest first."""
        return peg_trend(self.facts, self.as_of)

    def score(self, tool: Tool) -> Score | None:
        """The newest score of a questionnaire."""
        if tool.name not in self._scores:
            self._scores[tool.name] = newest_score(self.facts, tool, self.as_of)
        return self._scores[tool.name]

    @cached_property
    def _scores(self) -> dict[str, Score | None]:
        return {}

    def noted(self, kind: RecordKind, gap: str = "") -> Record | None:
        """The newest record of a kind for a rule, up to `as_of`."""
        return self._newest_records.get((kind, gap)) if self.records else None

    @cached_property
    def _newest_records(self) -> Mapping[tuple[RecordKind, str], Record]:
        return {(r.kind, r.gap): r for r in sorted(self.records, key=BY_PLACE) if r.on <= self.as_of}

    @cached_property
    def opioid_in_use(self) -> bool | None:
        """Whether any opioid counts as in use on `as_of`; None when that cannot be told."""
        mme = self.mme
        if mme.contributions or any(one.active for one in mme.uncounted) or _PRESENT & set(mme.flags):
            return True
        return False if mme.complete and mme.current == 0 and not _OPEN_FLAGS & set(mme.flags) else None

    @property
    def on_therapy(self) -> bool | None:
        """On long-term opioid therapy, by the definition or by a clinician's word; None when it cannot be told."""
        if self.ltot.status is LtotStatus.YES or self.ltot.state == "confirmed":
            return True
        return None if self.ltot.status is LtotStatus.CANNOT_TELL else False

    @cached_property
    def within(self) -> Mapping[Scope, bool | None]:
        """Whether the rules of each scope concern this person; None where that cannot be told."""
        if self.facts.person.deceased:
            return dict.fromkeys(Scope, False)
        return {Scope.EVERYONE: True, Scope.OPIOID: self.opioid_in_use, Scope.LTOT: self.on_therapy}


class Finding(Struct, frozen=True):
    """What one rule found.  colour: only where it differs from the status's own."""

    status: Status
    text: str
    evidence: tuple[Evidence, ...]
    due: date | None = None
    last: date | None = None
    colour: Colour | None = None

    def also(self, *more: Evidence) -> Finding:
        """The same finding with more evidence."""
        return replace(self, evidence=(*self.evidence, *more))


@dataclass(frozen=True, slots=True)
class Rule:
    """One care-gap rule.

    dose: about the dose, so any exclusion takes it away.  safety: listed first, and no exclusion takes it away.  Every
    other rule is routine care for adults: hospice, palliative care and age take it away.  interval: the policy's
    interval it follows.  sentence: the rule in words; {names} are numbers of the policy.
    """

    id: str
    name: str
    check: Callable[[Case], Finding]
    scope: Scope
    sentence: str
    source: str
    interval: str = ""
    dose: bool = False
    safety: bool = False

    def printed(self, policy: Policy) -> PrintedRule | None:
        """The rule as this policy has it; None when it is off."""
        settings = policy.gaps[self.id]
        if not settings.enabled:
            return None
        source = policy.source(f"gaps.{self.id}", self.source)
        return PrintedRule(self, self.words(policy), source, settings.from_date)

    def words(self, policy: Policy) -> str:
        """The rule in one sentence, with the numbers of this policy."""
        names: dict[str, object] = dict(policy.gaps[self.id].numbers)
        names["lower"], names["upper"] = policy.mme.thresholds[0], policy.mme.thresholds[-1]
        if self.interval:
            names["schedule"] = schedule(policy, self.interval)
        return self.sentence.format(**names)


@dataclass(frozen=True, slots=True)
class PrintedRule:
    """A rule under one policy: its sentence with the policy's numbers, its source, and the day it begins."""

    rule: Rule
    words: str
    source: str
    from_date: date | None


def rule(
    number: str,
    name: str,
    *,
    scope: Scope,
    sentence: str,
    source: str,
    interval: str = "",
    dose: bool = False,
    safety: bool = False,
) -> Callable[[Callable[[Case], Finding]], Rule]:
    """Make a function the check of a rule."""

    def made(check: Callable[[Case], Finding]) -> Rule:
        return Rule(number, name, check, scope, sentence, source, interval, dose, safety)

    return made


def schedule(policy: Policy, activity: str) -> str:
    """An interval in words: "every 6 months at low and every 3 months at high risk"; tiers without one go unnamed."""
    every = policy.intervals[activity]
    months = {tier: every.months(tier) for tier in ("low", "moderate", "high")}
    asked = {tier: counted(number, "month") for tier, number in months.items() if number}
    if not asked:
        return "at no risk tier"
    if len(asked) == len(months) and len(set(asked.values())) == 1:
        return f"every {asked['low']}"
    return f"{joined(f'every {number} at {tier}' for tier, number in asked.items())} risk"


# Exits


def met(text: str, *evidence: Evidence, due: date | None = None, last: date | None = None) -> Finding:
    return Finding(Status.MET, text, evidence, due, last)


def due_soon(text: str, *evidence: Evidence, due: date | None = None, last: date | None = None) -> Finding:
    """Due within the policy's notice, or done but in need of a look."""
    return Finding(Status.DUE_SOON, text, evidence, due, last)


def overdue(text: str, *evidence: Evidence, due: date | None = None, last: date | None = None) -> Finding:
    return Finding(Status.OVERDUE, text, evidence, due, last)


def unknown(
    text: str, *evidence: Evidence, colour: Colour | None = None, last: date | None = None
) -> Finding:
    return Finding(Status.UNKNOWN, text, evidence, last=last, colour=colour)


def not_applicable(text: str, *evidence: Evidence) -> Finding:
    return Finding(Status.NOT_APPLICABLE, text, evidence)


_REFS = attrgetter("refs")
_NOT_ROUTINE = frozenset({"hospice", "palliative", "age"})
_COLOURS = {Status.MET: Colour.GREEN, Status.DUE_SOON: Colour.YELLOW, Status.OVERDUE: Colour.RED}
_OPEN = (Status.OVERDUE, Status.DUE_SOON, Status.UNKNOWN)


def apply(one: Rule, case: Case) -> Gap | None:
    """The rule's answer for a case; None when the policy has it off or not yet begun."""
    printed = one.printed(case.policy)
    return judged(printed, case) if printed is not None else None


def judged(printed: PrintedRule, case: Case) -> Gap | None:
    """The answer of a rule that is on; None when it has not yet begun."""
    one = printed.rule
    if printed.from_date and case.as_of < printed.from_date:
        return None
    finding = _finding(one, case)
    text = finding.text[:1].upper() + finding.text[1:]
    refs = tuple(dict.fromkeys(chain.from_iterable(map(_REFS, finding.evidence))))
    return Gap(
        one.id, one.name, finding.status, finding.colour or _COLOURS.get(finding.status, Colour.GREY), text,
        printed.words, printed.source, finding.due, finding.last, refs, finding.evidence, one.safety,
    )  # fmt: skip


def _finding(one: Rule, case: Case) -> Finding:
    """What the rule finds, unless it does not concern this person or an exclusion takes it away."""
    concerned = case.within[one.scope]
    if concerned is False:
        return _outside_scope(one, case)
    excluded = _excluded(one, case) if case.exclusions and not one.safety else None
    if excluded is not None:
        return excluded
    finding = one.check(case)
    if concerned is None:
        finding = _uncertain(one, case, finding)
    return _deferred(one, case, finding) if case.records and finding.status in _OPEN else finding


def _outside_scope(one: Rule, case: Case) -> Finding:
    if case.facts.person.deceased:
        record = (f"Patient/{case.facts.person.id}",)
        return not_applicable("Recorded as deceased", Evidence("scope", "recorded as deceased", record))
    if one.scope is Scope.LTOT:
        reason = f"{case.ltot.covered_days_90} of the last 90 days covered by an opioid"
        return not_applicable("Not on long-term opioid therapy", Evidence("scope", reason))
    return not_applicable("No opioid in use", Evidence("scope", "every opioid read is known to have ended"))


def _uncertain(one: Rule, case: Case, finding: Finding) -> Finding:
    """The finding, saying that it is not certain that the rule concerns this person.

    Where not even an opioid is known to be in use, what would be due is not held against anyone: it cannot be told.
    """
    held = finding.status in (Status.OVERDUE, Status.DUE_SOON) and not one.safety
    if held and not case.opioid_in_use:
        finding = replace(finding, status=Status.UNKNOWN, colour=Colour.GREY)
    what = "this is long-term opioid therapy" if one.scope is Scope.LTOT else "an opioid is in use"
    return finding.also(Evidence("scope", f"whether {what} cannot be told"))


def _excluded(one: Rule, case: Case) -> Finding | None:
    found = [e for e in case.exclusions if one.dose or e.kind in _NOT_ROUTINE]
    if not found:
        return None
    what = joined(exclusion.text for exclusion in found)
    evidence = [Evidence("exclusion", e.text, e.refs, e.since) for e in found]
    return Finding(Status.EXCLUDED, f"Does not apply: {what}", tuple(evidence))


def _deferred(one: Rule, case: Case, finding: Finding) -> Finding:
    put_off = case.noted(RecordKind.DEFERRAL, one.id)
    if put_off is None or put_off.until is None or put_off.until < case.as_of:
        return finding
    because = f": {put_off.text}" if put_off.text else ""
    who = f" by {put_off.author}" if put_off.author else ""
    note = Evidence("deferral", f"deferred{who}{because}", (put_off.ref,), put_off.on)
    text = f"Deferred until {day(put_off.until)}{because}"
    return replace(finding, status=Status.DEFERRED, colour=None, text=text).also(note)


def onboarding_until(case: Case, number: str) -> date | None:
    """The last day on which something never done is not yet held against the clinic.

    Known only when a joining date is: the later of joining and the rule's own start, plus the policy's grace.
    """
    joining = case.noted(RecordKind.JOINED)
    if joining is None:
        return None
    start = max(joining.on, case.policy.gaps[number].from_date or joining.on)
    return start + timedelta(days=case.policy.grace_days)
