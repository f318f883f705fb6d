"""Entries: what somebody wrote down about a patient in the visit, and how the rules come to read it.

An entry becomes what the rules know already: a fact with the reference "record:<id>", a Record or a Decision.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from fractions import Fraction

from app.clinical.months import add_months
from app.clinical.peg import ITEMS
from app.clinical.records import Record, RecordKind
from app.clinical.scores import GAD7, ORT_OUD, PHQ2, PHQ9, Tool
from app.clinical.state import Decision
from fhir_mappings.facts import Event, Facts, Result

LONGEST_DEFERRAL_MONTHS = 3
LONGEST_INTERVAL_MONTHS = 24
LONGEST_OWN_MONTHS = 12
"""How long an interval of one person's own may be, and for how long it may hold before it is set again."""
HIGHEST_SCORE = 10
HIGHEST_ITEM_9 = 3
SCREENS: dict[str, Tool] = {"ort_oud": ORT_OUD, "phq2": PHQ2, "phq9": PHQ9, "gad7": GAD7}
"""The questionnaires whose total can be recorded; PHQ-9 together with the answer to its item 9."""
LONGEST_TEXT = 300
_OLDEST_YEARS = 10


class EntryKind(StrEnum):
    """What can be recorded.  screen: the total of a questionnaire.  review: the finding of a rule was looked at
    and a plan noted.  interval: this person's own months for a rule.  ltot: a clinician says whether this is
    long-term therapy.  withdrawal: an earlier entry was a mistake."""

    PDMP = "pdmp"
    AGREEMENT = "agreement"
    PEG = "peg"
    SCREEN = "screen"
    NALOXONE = "naloxone"
    REVIEW = "review"
    DEFERRAL = "deferral"
    INTERVAL = "interval"
    TIER = "tier"
    LTOT = "ltot"
    WITHDRAWAL = "withdrawal"


OUTCOMES: dict[EntryKind, tuple[str, ...]] = {
    EntryKind.PDMP: ("expected", "unexpected", ""),
    EntryKind.SCREEN: tuple(SCREENS),
    EntryKind.NALOXONE: ("offered", "declined"),
    EntryKind.TIER: ("low", "moderate", "high"),
    EntryKind.LTOT: ("yes", "no"),
}
"""The answers an entry may give; "" means that the result was not recorded.  Other kinds have none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    on: the day it is about, not the day of typing.  gap: the rule a review, deferral or interval is for.
    scores: the three PEG items, 0 to 10 (pain, enjoyment of life, general activity); of a questionnaire its total,
    after which PHQ-9 has item 9.  until: last day of a deferral or interval.  months: of an interval.
    on_behalf_of: for whom a delegate looked.  withdraws: id of the entry taken back.
    """

    kind: EntryKind
    on: date
    gap: str = ""
    outcome: str = ""
    scores: tuple[int, ...] = ()
    until: date | None = None
    text: str = ""
    on_behalf_of: str = ""
    author: str = ""
    withdraws: str = ""
    id: str = ""
    months: int | None = None

    @property
    def ref(self) -> str:
        """How facts and evidence name it."""
        return f"record:{self.id}"

    def problem(self, today: date) -> str:
        """Why this entry cannot be kept, in words; "" when it can."""
        if not add_months(today, -12 * _OLDEST_YEARS) <= self.on <= today:
            return "The date must not be in the future, nor more than 10 years ago."
        if len(self.text) > LONGEST_TEXT or len(self.on_behalf_of) > LONGEST_TEXT:
            return f"A note has at most {LONGEST_TEXT} characters."
        if self.outcome not in OUTCOMES.get(self.kind, ("",)):
            return "Choose one of the answers offered."
        if self.kind in {EntryKind.REVIEW, EntryKind.DEFERRAL, EntryKind.INTERVAL} and not self.gap:
            return "The item it is about is not named."
        return self._own_problem(today)

    def _own_problem(self, today: date) -> str:
        if self.kind is EntryKind.PEG:
            whole = len(self.scores) == len(ITEMS) and all(0 <= s <= HIGHEST_SCORE for s in self.scores)
            return "" if whole else "PEG needs all three answers, each from 0 to 10."
        if self.kind is EntryKind.SCREEN:
            return _screen_problem(SCREENS[self.outcome], self.scores)
        if self.kind is EntryKind.INTERVAL:
            return self._interval_problem(today)
        if self.kind is EntryKind.DEFERRAL:
            latest = add_months(today, LONGEST_DEFERRAL_MONTHS)
            if not self.text:
                return "Give the reason for putting it off."
            if self.until is None or not today <= self.until <= latest:
                return f"An item is put off for 1 to {LONGEST_DEFERRAL_MONTHS} months."
        if self.kind is EntryKind.WITHDRAWAL and not self.withdraws:
            return "The entry to take back is not named."
        return ""

    def _interval_problem(self, today: date) -> str:
        if not self.text:
            return "Give the reason for this person's own interval."
        if self.months is None or not 1 <= self.months <= LONGEST_INTERVAL_MONTHS:
            return f"An interval is 1 to {LONGEST_INTERVAL_MONTHS} months."
        if self.until is None or not today <= self.until <= add_months(today, LONGEST_OWN_MONTHS):
            return f"It holds for 1 to {LONGEST_OWN_MONTHS} months, then it is set again."
        return ""


def _screen_problem(tool: Tool, scores: tuple[int, ...]) -> str:
    if len(scores) != (2 if tool is PHQ9 else 1) or not 0 <= scores[0] <= tool.highest:
        also = f", with item 9 from 0 to {HIGHEST_ITEM_9}" if tool is PHQ9 else ""
        return f"{tool.name} needs its total, from 0 to {tool.highest}{also}."
    if tool is PHQ9:
        total, item = scores
        if not 0 <= item <= HIGHEST_ITEM_9 or not item <= total <= tool.highest - HIGHEST_ITEM_9 + item:
            return f"The answer to item 9 of PHQ-9, 0 to {HIGHEST_ITEM_9}, does not fit its total."
    return ""


@dataclass(frozen=True, slots=True)
class VisitEntry:
    """An entry with the resource it became when it was written to the EHR, "" when it did not.

    stands: not taken back and not replaced.
    """

    entry: Entry
    reference: str = ""
    stands: bool = True


def standing_entries(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Of entries in the order they were made, those that still stand: not withdrawn, not replaced the same day."""
    made = list(entries)
    withdrawn = {one.withdraws for one in made if one.kind is EntryKind.WITHDRAWAL}
    newest: dict[tuple[EntryKind, str, date], Entry] = {}
    for one in made:
        if one.kind is not EntryKind.WITHDRAWAL and one.id not in withdrawn:
            # Two questionnaires of one day are about the same rule.
            key = (one.kind, one.outcome if one.kind is EntryKind.SCREEN else one.gap, one.on)
            newest.pop(key, None)
            newest[key] = one
    return tuple(newest.values())


def with_entries(facts: Facts, entries: Iterable[Entry]) -> Facts:
    """The chart together with what the entries say was done."""
    events: list[Event] = []
    results: list[Result] = []
    for one in entries:
        event = _event(one)
        events += [event] if event else []
        results += [*_peg(one), *_screen(one)]
    return replace(facts, events=(*facts.events, *events), results=(*facts.results, *results))


def without(facts: Facts, references: Collection[str]) -> Facts:
    """The chart without these events, results and documents: what an entry became that no longer stands."""
    if not references:
        return facts
    return replace(
        facts,
        events=tuple(one for one in facts.events if one.ref not in references),
        results=tuple(one for one in facts.results if one.ref not in references),
        documents=tuple(one for one in facts.documents if one.ref not in references),
    )


def records_of(entries: Iterable[Entry]) -> tuple[Record, ...]:
    """Reviews, deferrals, own intervals and confirmed tiers, as the rules read them."""
    return tuple(record for one in entries if (record := _record(one)) is not None)


def decisions_of(entries: Iterable[Entry]) -> tuple[Decision, ...]:
    """What clinicians said about long-term therapy."""
    return tuple(
        Decision(one.on, is_ltot=one.outcome == "yes", author=one.author)
        for one in entries
        if one.kind is EntryKind.LTOT
    )


def _event(one: Entry) -> Event | None:
    if one.kind is EntryKind.PDMP:
        elements, outcome, display = frozenset({"pdmp_review"}), one.outcome, "PDMP check"
    elif one.kind is EntryKind.AGREEMENT:
        elements, outcome, display = frozenset({"opioid_treatment_agreement"}), "signed", "Opioid agreement"
    elif one.kind is EntryKind.NALOXONE:
        elements = frozenset({f"naloxone_{one.outcome}"})
        outcome, display = f"naloxone {one.outcome}", "Naloxone"
    else:
        return None
    return Event(
        one.ref,
        elements,
        one.on,
        done=True,
        display=display,
        outcome=outcome,
        performer=one.author,
        on_behalf_of=one.on_behalf_of,
    )


def _peg(one: Entry) -> list[Result]:
    if one.kind is not EntryKind.PEG:
        return []
    return [
        Result(one.ref, frozenset({item}), one.on, valid=True, status="final", value=Fraction(score))
        for item, score in zip(ITEMS, one.scores, strict=True)
    ]


def _screen(one: Entry) -> list[Result]:
    if one.kind is not EntryKind.SCREEN:
        return []
    elements = (SCREENS[one.outcome].total, "phq9_item9")
    return [
        Result(one.ref, frozenset({element}), one.on, valid=True, status="final", value=Fraction(score))
        for element, score in zip(elements, one.scores, strict=False)
    ]


def _record(one: Entry) -> Record | None:
    if one.kind is EntryKind.REVIEW:
        return Record(one.on, RecordKind.REVIEW, one.gap, text=one.text, author=one.author)
    if one.kind is EntryKind.DEFERRAL:
        return Record(one.on, RecordKind.DEFERRAL, one.gap, one.until, text=one.text, author=one.author)
    if one.kind is EntryKind.INTERVAL:
        return Record(
            one.on, RecordKind.INTERVAL, one.gap, one.until, one.months, text=one.text, author=one.author
        )
    if one.kind is EntryKind.TIER:
        return Record(one.on, RecordKind.TIER, tier=one.outcome, text=one.text, author=one.author)
    return None
