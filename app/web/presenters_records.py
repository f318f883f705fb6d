"""What can be recorded under an item, and what was: forms and rows of the panel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from app.clinical.entries import LONGEST_DEFERRAL_MONTHS, Entry, EntryKind
from app.clinical.evaluation import Evaluation
from app.clinical.gaps import RULES
from app.clinical.words import day
from app.store.records import KeptEntry, WriteBack
from app.web.presenters_gaps import OPEN
from app.web.views import RecordedRow, RecordForm, RecordLink
from app.web.wording import clock, phrase

DEFERRAL_REASONS = (
    "patient asks for another day",
    "no time at this visit",
    "acute illness",
    "waiting for a result or report",
    "not suitable at present",
)
DEFERRAL_MONTHS = tuple(range(1, LONGEST_DEFERRAL_MONTHS + 1))
_ANSWERS = {
    EntryKind.PDMP: (("expected", "As expected"), ("unexpected", "Unexpected"), ("", "No result yet")),
    EntryKind.AGREEMENT: (("", "Signed"),),
    EntryKind.PEG: (("", "Record PEG"),),
    EntryKind.NALOXONE: (("offered", "Offered"), ("declined", "Declined")),
    EntryKind.REVIEW: (("", "Reviewed, plan noted"),),
    EntryKind.LTOT: (("yes", "Long-term: yes"), ("no", "Long-term: no")),
    EntryKind.TIER: (("low", "Low"), ("moderate", "Moderate"), ("high", "High")),
}
THERAPY, TIER = "therapy", "tier"
_OTHERS = {THERAPY: "long-term opioid therapy", TIER: "risk tier"}
_NAMES = {rule.id: rule.name for rule in RULES}
_KIND_OF = {
    THERAPY: EntryKind.LTOT,
    TIER: EntryKind.TIER,
    "G01": EntryKind.PDMP,
    "G05": EntryKind.AGREEMENT,
    "G06": EntryKind.PEG,
    "G13": EntryKind.NALOXONE,
}
_PEG_ITEMS = (("pain", "Pain"), ("enjoyment", "Enjoyment of life"), ("activity", "General activity"))
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

    reviewable: rules whose finding a review changes.  any_author: may take back what others recorded.
    asked: key of the item whose form the page is asked to show.
    """

    kinds: frozenset[EntryKind] = frozenset()
    reviewable: frozenset[str] = frozenset()
    entries: tuple[KeptEntry, ...] = ()
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
    kind = _KIND_OF.get(key, EntryKind.REVIEW if reviewable else None)
    answers = _answers(kind) if kind in kinds else ()
    deferrable = key in _NAMES and EntryKind.DEFERRAL in kinds
    if key not in {*_NAMES, *_OTHERS} or not (answers or deferrable):
        return None
    return RecordForm(
        about=_about(key),
        gap=key if key in _NAMES else "",
        today=today.isoformat(),
        answers=answers,
        scores=_PEG_ITEMS if answers and kind is EntryKind.PEG else (),
        delegate=bool(answers) and kind is EntryKind.PDMP,
        reasons=DEFERRAL_REASONS if deferrable else (),
        months=DEFERRAL_MONTHS if deferrable else (),
    )


def recorded_rows(recording: Recording, now: datetime) -> tuple[RecordedRow, ...]:
    """What was recorded and still stands, newest first."""
    return tuple(_row(one, recording, now) for one in reversed(recording.entries))


def _link(key: str, reviewable: bool, evaluation: Evaluation, recording: Recording) -> RecordLink | None:
    form = record_form(key, recording.kinds, evaluation.as_of, reviewable=reviewable)
    if form is None:
        return None
    query = "?review=1" if reviewable else ""
    word = "Record" if form.answers else "Put off"
    return RecordLink(key, form.about, word, query, form if key == recording.asked else None)


def _about(key: str) -> str:
    return phrase(_NAMES.get(key) or _OTHERS[key])


def _answers(kind: EntryKind | None) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{kind}:{outcome}" if outcome else str(kind), word)
        for outcome, word in (_ANSWERS[kind] if kind else ())
    )


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
        state=_state(attempt) if attempt else "",
        retry=attempt is not None and not written and entry.kind in recording.kinds,
        withdraw=bool(recording.kinds)
        and not written
        and (recording.any_author or kept.author_hash == recording.author_hash),
    )


def _state(attempt: WriteBack) -> str:
    if attempt.reference:
        return f"In the EHR as {attempt.reference}; a mistake is corrected there."
    if attempt.unsure:
        return f"Not known whether it is in the EHR: {attempt.reason}. Look for it there before trying again."
    return f"Not written to the EHR: {attempt.reason}."


def _words(entry: Entry) -> str:
    note = f" ({entry.text})" if entry.text else ""
    if entry.kind is EntryKind.DEFERRAL and entry.until:
        return f"{_about(entry.gap)} put off until {day(entry.until)}{note}"
    if entry.kind is EntryKind.PEG:
        said = f"PEG items {', '.join(str(score) for score in entry.scores)}"
    elif entry.kind is EntryKind.REVIEW:
        said = f"{_about(entry.gap)}: reviewed"
    else:
        said = _WORDS[entry.kind][entry.outcome]
    return f"{said} on {day(entry.on)}{note}"
