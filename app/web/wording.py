"""How numbers, dates, doses and codes are written for people.

Rules: no trailing zero, a leading zero kept, the unit beside the number, dates as "3 Sep 2025", person-first words.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

SOURCE_NAMES = {
    "AllergyIntolerance": "allergies",
    "Appointment": "appointments",
    "CareTeam": "care team",
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
    "PDMP": "state prescription monitoring (PDMP)",
    "Patient": "patient record",
    "Procedure": "procedures",
    "QuestionnaireResponse": "questionnaires",
    "ServiceRequest": "referrals and requests",
}


def day(value: date) -> str:
    """A date without ambiguity between countries: "3 Sep 2025"."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def clock(value: datetime) -> str:
    """The local time of day, "10:42", with its zone when it has one."""
    return f"{value:%H:%M} {value.tzname() or ''}".rstrip()


def rounded(value: Fraction) -> Decimal:
    """Half-up to one decimal, for display only; comparisons use the exact value."""
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(Decimal("0.1"), ROUND_HALF_UP)


def plain(value: Decimal) -> str:
    """A decimal without a trailing zero: 96, 0.5, 1200."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def amount(value: Fraction) -> str:
    """One decimal at most; an amount above zero is never written as 0."""
    shown = rounded(value)
    if value > 0 and shown == 0:
        return "under 0.1"
    return plain(shown)


def age(born: date, today: date) -> int:
    """Completed years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def phrase(code: str) -> str:
    """A public code or name as the start of a sentence: "urine_drug_test" is "Urine drug test"."""
    text = code.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def counted(number: int, noun: str) -> str:
    """ "1 order", "2 orders"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def source_name(kind: str) -> str:
    """A resource type in clinic words; an unknown one as it is."""
    return SOURCE_NAMES.get(kind, kind)


def sentence(text: str) -> str:
    """With a capital at its start and a full stop at its end."""
    text = text.strip()
    if not text:
        return ""
    text = text[:1].upper() + text[1:]
    return text if text[-1] in ".!?:" else f"{text}."
