"""From the fields of a form to an entry; what its values may be is decided in app.clinical.entries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from app.clinical.entries import Entry, EntryKind
from app.clinical.months import add_months
from app.errors import LtotError

SCORES = ("pain", "enjoyment", "activity")
_WITHOUT_GAP = frozenset({EntryKind.TIER, EntryKind.LTOT})


def read_entry(fields: Mapping[str, str], today: date) -> Entry:
    """The entry of a sent form: `do` is the button pressed, as kind or kind:outcome.

    Raises LtotError LT-411 naming what cannot be read.
    """
    what, _, outcome = fields.get("do", "").partition(":")
    if what not in set(EntryKind) - {EntryKind.WITHDRAWAL}:
        raise LtotError("LT-411", "Choose one of the answers offered.")
    kind = EntryKind(what)
    deferral = kind is EntryKind.DEFERRAL
    return Entry(
        kind=kind,
        on=today if deferral else _day(fields.get("on", ""), today),
        gap="" if kind in _WITHOUT_GAP else fields.get("gap", ""),
        outcome=outcome,
        scores=_scores(fields) if kind is EntryKind.PEG else (),
        until=_until(fields, today) if deferral else None,
        text=fields.get("text", "").strip(),
        on_behalf_of=fields.get("for", "").strip(),
    )


def _day(text: str, today: date) -> date:
    try:
        return date.fromisoformat(text) if text else today
    except ValueError:
        raise LtotError("LT-411", "Write the date as 2026-09-21.") from None


def _scores(fields: Mapping[str, str]) -> tuple[int, ...]:
    given = [fields.get(name, "").strip() for name in SCORES]
    if not all(text.isdecimal() and len(text) <= 2 for text in given):
        raise LtotError("LT-411", "PEG needs all three answers, each from 0 to 10.")
    return tuple(int(text) for text in given)


def _until(fields: Mapping[str, str], today: date) -> date | None:
    months = fields.get("months", "")
    return add_months(today, int(months)) if months.isdecimal() and len(months) == 1 else None
