"""What can be recorded under an item, and what was: forms and rows of the panel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from app.clinical.entries import (
    HIGHEST_ITEM_9,
    HIGHEST_SCORE,
    LONGEST_DEFERRAL_MONTHS,
    LONGEST_INTERVAL_MONTHS,
    LONGEST_OWN_MONTHS,
    SCREENS,
    Entry,
    EntryKind,
)
from app.clinical.evaluation import Evaluation
from app.clinical.gaps import OWN_INTERVAL, RULES
from app.clinical.words import counted, day
from app.store.records import KeptEntry, WriteBack
from app.web.entry_form import ITEM_9, PEG_SCORES, TOTAL
from app.web.presenters_gaps import OPEN
from app.web.views import RecordedRow, RecordForm, RecordLink, RecordPart
from app.web.wording import clock, phrase

DEFERRAL_REASONS = (
    "patient asks for another day",
    "no time at this visit",
    "acute illness",
    "waiting for a result or report",
    "not suitable at present",
)
DEFERRAL_MONTHS = tuple(range(1, LONGEST_DEFERRAL_MONTHS + 1))
INTERVALS, HOLDS = (1, 2, 3, 4, 6, 9, 12, 18, LONGEST_INTERVAL_MONTHS), (3, 6, LONGEST_OWN_MONTHS)
THERAPY, TIER = "therapy", "tier"
_OTHERS = {THERAPY: "long-term opioid therapy", TIER: "risk tier"}
_NAMES = {rule.id: rule.name for rule in RULES}


def _screen(tool: str, *more: tuple[str, str, int]) -> RecordPart:
    name, highest = SCREENS[tool].name, SCREENS[tool].highest
    total = (TOTAL, f"{name} total (0 to {highest})", highest)
    return RecordPart(((f"screen:{tool}", f"Record {name}"),), (total, *more))


_PDMP = RecordPart(
    (("pdmp:expected", "As expected"), ("pdmp:unexpected", "Unexpected"), ("pdmp", "No result yet")),
    delegate=True,
)
_PEG_LABELS = ("Pain", "Enjoyment of life", "General activity")
_PEG = RecordPart(
    (("peg", "Record PEG"),),
    tuple((name, label, HIGHEST_SCORE) for name, label in zip(PEG_SCORES, _PEG_LABELS, strict=True)),
)
_REVIEW = RecordPart((("review", "Reviewed, plan noted"),))
_PARTS: dict[str, tuple[tuple[EntryKind, RecordPart], ...]] = {
    THERAPY: ((EntryKind.LTOT, RecordPart((("ltot:yes", "Long-term: yes"), ("ltot:no", "Long-term: no")))),),
    TIER: (
        (
            EntryKind.TIER,
            RecordPart(tuple((f"tier:{one.lower()}", one) for one in ("Low", "Moderate", "High"))),
        ),
    ),
    "G01": ((EntryKind.PDMP, _PDMP),),
    "G02": ((EntryKind.PDMP, _PDMP),),
    "G05": ((EntryKind.AGREEMENT, RecordPart((("agreement", "Signed"),))),),
    "G06": ((EntryKind.PEG, _PEG),),
    "G08": ((EntryKind.SCREEN, _screen("ort_oud")),),
    "G09": (
        (EntryKind.SCREEN, _screen("phq9", (ITEM_9, f"its item 9 (0 to {HIGHEST_ITEM_9})", HIGHEST_ITEM_9))),
        (EntryKind.SCREEN, _screen("phq2")),
    ),
    "G10": ((EntryKind.SCREEN, _screen("gad7")),),
    "G13": (
        (
            EntryKind.NALOXONE,
            RecordPart((("naloxone:offered", "Offered"), ("naloxone:declined", "Declined"))),
        ),
    ),
}
_HERE_ONLY = "Kept in the registry only."
_WORDS = {
    EntryKind.PDMP: {
        "expected": "PDMP checked: as expected",
        "unexpected": "PDMP checked: unexpected",
        "": "PDMP checked: no result yet",
    },
    EntryKind.AGREEMENT: {"": "Opioid agreement signed"},
    EntryKind.NALOXONE: {"offered": "Naloxone offered", "declined": "Naloxone declined"},
    EntryKind.TIER: {tier: f"Risk tier confirmed: {tier}" for tier in ("low", "moderate", "high")},
    EntryKind.LTOT: {"yes": "Long-term opioid therapy: yes", "no": "Long-term opioid therapy: no"},
}


@dataclass(frozen=True, slots=True)
class Recording:
    """What the user may record here, and what was recorded.

    over: what was replaced or taken back, although the EHR took it; gone: ids of those that the EHR itself removed.
    reviewable: rules whose finding a review changes.  any_author: may take back what others recorded.
    asked: key of the item whose form the page is asked to show.
    """

    kinds: frozenset[EntryKind] = frozenset()
    reviewable: frozenset[str] = frozenset()
    entries: tuple[KeptEntry, ...] = ()
    over: tuple[KeptEntry, ...] = ()
    gone: frozenset[str] = frozenset()
    author_hash: str = ""
    any_author: bool = False
    asked: str = ""


NOTHING_RECORDABLE = Recording()


def gap_links(evaluation: Evaluation, recording: Recording) -> dict[str, RecordLink]:
    """For every open gap about which this user may record something, the way to its form."""
    found = {
        gap.id: _link(gap.id, gap.id in recording.reviewable, evaluation, recording)
        for gap in evaluation.gaps
        if gap.status in OPEN
    }
    return {key: link for key, link in found.items() if link is not None}


def therapy_link(evaluation: Evaluation, recording: Recording) -> RecordLink | None:
    """The way to a clinician's word on long-term therapy."""
    return _link(THERAPY, False, evaluation, recording)


def tier_link(evaluation: Evaluation, recording: Recording) -> RecordLink | None:
    """The way to a clinician's confirmation of the risk tier."""
    return _link(TIER, False, evaluation, recording)


def record_form(
    key: str, kinds: frozenset[EntryKind], today: date, *, reviewable: bool = False
) -> RecordForm | None:
    """The form of a gap, of the therapy or of the tier; None where these kinds leave nothing to record.

    reviewable: a review changes what the gap's rule finds.
    """
    if key not in {*_NAMES, *_OTHERS}:
        return None
    offered = (*_PARTS.get(key, ()), *([(EntryKind.REVIEW, _REVIEW)] if reviewable else []))
    parts = tuple(part for kind, part in offered if kind in kinds)
    deferrable = key in _NAMES and EntryKind.DEFERRAL in kinds
    own = key in OWN_INTERVAL and EntryKind.INTERVAL in kinds
    if not (parts or deferrable or own):
        return None
    return RecordForm(
        about=_about(key),
        gap=key if key in _NAMES else "",
        today=today.isoformat(),
        parts=parts,
        reasons=DEFERRAL_REASONS if deferrable else (),
        months=DEFERRAL_MONTHS if deferrable else (),
        intervals=INTERVALS if own else (),
        holds=HOLDS if own else (),
    )


def recorded_rows(recording: Recording, now: datetime) -> tuple[RecordedRow, ...]:
    """What was recorded and still stands, newest first; then what does not, but was written to the EHR."""
    return (
        *(_row(one, recording, now) for one in reversed(recording.entries)),
        *(_row_of_what_is_over(one, recording, now) for one in reversed(recording.over)),
    )


def _row_of_what_is_over(kept: KeptEntry, recording: Recording, now: datetime) -> RecordedRow:
    if kept.entry.id in recording.gone:
        state = f"It was {kept.reference} in the EHR, which no longer has it, so it does not count."
    else:
        written = f"written to the EHR as {kept.reference}, to be corrected there"
        state = f"Replaced or taken back, so it does not count; {written}."
    return replace(_row(kept, recording, now), state=state, retry=False, withdraw=False)


def _link(key: str, reviewable: bool, evaluation: Evaluation, recording: Recording) -> RecordLink | None:
    form = record_form(key, recording.kinds, evaluation.as_of, reviewable=reviewable)
    if form is None:
        return None
    query = "?review=1" if reviewable else ""
    word = "Record" if form.parts else "Put off"
    return RecordLink(key, form.about, word, query, form if key == recording.asked else None)


def _about(key: str) -> str:
    return phrase(_NAMES.get(key) or _OTHERS[key])


def _row(kept: KeptEntry, recording: Recording, now: datetime) -> RecordedRow:
    entry, attempt = kept.entry, kept.write_back
    local = kept.at.astimezone(now.tzinfo)
    whom = f" for {entry.on_behalf_of}" if entry.on_behalf_of else ""
    by = f"{entry.author or 'Name not known'}{whom}, {day(local.date())} {clock(local)}"
    written = attempt is not None and bool(attempt.reference)
    return RecordedRow(
        id=entry.id,
        text=_words(entry),
        by=by,
        state=_state(attempt),
        retry=attempt is not None and not written and entry.kind in recording.kinds,
        withdraw=bool(recording.kinds)
        and not written
        and (recording.any_author or kept.author_hash == recording.author_hash),
    )


def _state(attempt: WriteBack | None) -> str:
    if attempt is None:
        return _HERE_ONLY
    if attempt.reference:
        return f"In the EHR as {attempt.reference}; a mistake is corrected there."
    if attempt.unsure:
        return f"Not known whether it is in the EHR: {attempt.reason}. Look for it there before trying again."
    return f"Not written to the EHR: {attempt.reason}. {_HERE_ONLY}"


def _words(entry: Entry) -> str:
    note = f" ({entry.text})" if entry.text else ""
    if entry.kind is EntryKind.DEFERRAL and entry.until:
        return f"{_about(entry.gap)} put off until {day(entry.until)}{note}"
    if entry.kind is EntryKind.INTERVAL and entry.until and entry.months:
        return f"{_about(entry.gap)} every {counted(entry.months, 'month')} until {day(entry.until)}{note}"
    if entry.kind is EntryKind.SCREEN:
        tool = SCREENS[entry.outcome]
        item_9 = "".join(f", item 9: {answer}" for answer in entry.scores[1:])
        said = f"{tool.name} {entry.scores[0]} of {tool.highest}{item_9}"
    elif entry.kind is EntryKind.PEG:
        said = f"PEG items {', '.join(str(score) for score in entry.scores)}"
    elif entry.kind is EntryKind.REVIEW:
        said = f"{_about(entry.gap)}: reviewed"
    else:
        said = _WORDS[entry.kind][entry.outcome]
    return f"{said} on {day(entry.on)}{note}"
