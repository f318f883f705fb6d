"""How the panel writes what the core does not: clock times, ages, codes as words, coordinates."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction


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


def age(born: date, today: date) -> int:
    """Completed years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def phrase(code: str) -> str:
    """A public code or name as the start of a sentence: "urine_drug_test" is "Urine drug test"."""
    text = code.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """With a capital at its start and a full stop at its end."""
    text = text.strip()
    if not text:
        return ""
    text = text[:1].upper() + text[1:]
    return text if text[-1] in ".!?:" else f"{text}."


def reasons(explained: list[str]) -> tuple[str, ...]:
    """The lines of an explanation below its headline, as `ltot explain` prints them."""
    return tuple(line.strip() for line in explained[1:])
