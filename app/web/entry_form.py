"""From the fields of a form to an entry; what its values may be is decided in app.clinical.entries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from app.clinical.entries import Entry, EntryKind
from app.clinical.months import add_months
from app.errors import LtotError

PEG_SCORES = ("pain", "enjoyment", "activity")
TOTAL, ITEM_9 = "total", "item9"
_WITHOUT_GAP = frozenset({EntryKind.TIER, EntryKind.LTOT})
_FOR_MONTHS = frozenset({EntryKind.DEFERRAL, EntryKind.INTERVAL})


def read_entry(fields: Mapping[str, str], today: date) -> Entry:
    """The entry of a sent form: `do` is the button pressed, as kind or kind:outcome.

    Raises LtotError LT-411 naming what cannot be read.
    """
    what, _, outcome = fields.get("do", "").partition(":")
    if what not in set(EntryKind) - {EntryKind.WITHDRAWAL}:
        raise LtotError("LT-411", "Choose one of the answers offered.")
    kind = EntryKind(what)
    ahead = kind in _FOR_MONTHS
    return Entry(
        kind=kind,
        on=today if ahead else _day(fields.get("on", ""), today),
        gap="" if kind in _WITHOUT_GAP else fields.get("gap", ""),
        outcome=outcome,
        scores=_scores(kind, outcome, fields),
        until=_until(fields, today) if ahead else None,
        text=fields.get("text", "").strip(),
        on_behalf_of=fields.get("for", "").strip(),
        months=_number(fields.get("every", "")) if kind is EntryKind.INTERVAL else None,
    )


def _day(text: str, today: date) -> date:
    try:
        return date.fromisoformat(text) if text else today
    except ValueError:
        raise LtotError("LT-411", "Write the date as 2026-09-21.") from None


def _scores(kind: EntryKind, outcome: str, fields: Mapping[str, str]) -> tuple[int, ...]:
    """The numbers a kind asks for; () when one of them is missing or no number, which the entry then refuses."""
    names: tuple[str, ...] = ()
    if kind is EntryKind.PEG:
        names = PEG_SCORES
    elif kind is EntryKind.SCREEN:
        names = (TOTAL, ITEM_9) if outcome == "phq9" else (TOTAL,)
    given = [_number(fields.get(name, "")) for name in names]
    known = tuple(number for number in given if number is not None)
    return known if len(known) == len(names) else ()


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 2 else None


def _until(fields: Mapping[str, str], today: date) -> date | None:
    months = _number(fields.get("months", ""))
    return add_months(today, months) if months is not None else None
