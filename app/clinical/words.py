"""How the core writes dates, numbers and lists: "3 Sep 2025", "33.6", "2 months"."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

KINDS = {
    "Appointment": "appointments",
    "Communication": "messages",
    "Condition": "problems",
    "Consent": "consents",
    "DiagnosticReport": "lab reports",
    "DocumentReference": "documents",
    "Encounter": "visits",
    "MedicationDispense": "fills",
    "MedicationRequest": "medication orders",
    "MedicationStatement": "reported medications",
    "Observation": "results",
    "PDMP": "PDMP reports",
    "Patient": "patient record",
    "Procedure": "procedures",
    "QuestionnaireResponse": "questionnaires",
    "ServiceRequest": "referrals and requests",
}


@lru_cache(maxsize=4096)
def day(value: date) -> str:
    """A date that reads the same in every country."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def amount(value: Fraction) -> str:
    """Half-up to one decimal, without a trailing zero; an amount above zero is never written as 0."""
    part, whole = value.as_integer_ratio()
    if whole == 1:
        return str(part)
    exact = Decimal(part) / Decimal(whole)
    shown = exact.quantize(Decimal("0.1"), ROUND_HALF_UP)
    if value > 0 and not shown:
        return "under 0.1"
    return f"{shown.normalize():f}"


def counted(number: int, noun: str, several: str = "") -> str:
    """ "1 day", "2 days".  several: the plural where it is not the noun with an s."""
    return f"{number} {noun if number == 1 else several or f'{noun}s'}"


def joined(parts: Iterable[str], last: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    items = list(parts)
    if len(items) == 1:
        return items[0]
    if not items:
        return ""
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def kind_words(kind: str) -> str:
    """A resource type in clinic words; an unknown one as it is."""
    return KINDS.get(kind, kind)


_ONE_OF = {kind: words.removesuffix("s") for kind, words in KINDS.items()} | {
    "ServiceRequest": "referral or request"
}


def counted_kind(number: int, kind: str) -> str:
    """ "1 visit", "2 visits": resources of one type, counted in clinic words."""
    return f"{number} {kind_words(kind)}" if number != 1 else f"1 {_ONE_OF.get(kind, kind)}"


def span(start: date, end: date) -> str:
    """How long from start to end, in the largest whole unit: "5 days", "2 months", "3 years"."""
    days = (end - start).days
    months = (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)
    if months >= 24:
        return counted(months // 12, "year")
    return counted(months, "month") if months >= 1 else counted(days, "day")


def references(refs: Iterable[str]) -> str:
    """ "MedicationRequest/a, b, Condition/c": each kind once, in the order first seen."""
    kinds: dict[str, list[str]] = {}
    for ref in refs:
        kind, slash, key = ref.rpartition("/")
        kinds.setdefault(kind + slash, []).append(key)
    return ", ".join(kind + ", ".join(keys) for kind, keys in kinds.items())
