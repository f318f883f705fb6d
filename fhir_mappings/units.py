"""Quantities in a closed set of units, as EHRs really write them."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from msgspec import Raw

from fhir_mappings.resources import Quantity

# Written unit (lower case) to ours.  "unit" is any dose form that is counted: tablet, capsule, film, lozenge.
_UNITS = {
    **dict.fromkeys(
        ["{tbl}", "tbl", "tab", "tabs", "tablet", "tablets", "tablet(s)", "{tablet}", "{tab}", "caplet", "[tablet]",
         "{capsule}", "capsule", "capsules", "cap", "caps", "{cap}", "film", "films", "{film}", "strip", "lozenge",
         "{lozenge}", "troche", "suppository", "{suppository}", "each", "{each}", "ea", "unit", "units", "{unit}",
         "dose", "{dose}", "dose(s)", "1", "pill", "pills", "{pill}", "{lozenges}", "lollipop", "tab(s)",
         "capsule(s)", "cap(s)", "tablet, extended release", "er tablet", "oral tablet", "oral capsule"],
        "unit",
    ),
    **dict.fromkeys(["{patch}", "patch", "patches", "{patches}", "patch(es)", "{ptch}", "ptch"], "patch"),
    **dict.fromkeys(["mg", "milligram", "milligrams", "milligram(s)", "mgs"], "mg"),
    **dict.fromkeys(["ug", "mcg", "microgram", "micrograms", "microgram(s)", "µg", "mcgs"], "mcg"),
    **dict.fromkeys(["ml", "milliliter", "milliliters", "milliliter(s)", "cc", "mls"], "mL"),
    **dict.fromkeys(["ug/h", "mcg/h", "mcg/hr", "ug/hr", "mcg/hour", "µg/h"], "mcg/h"),
    **dict.fromkeys(["{spray}", "spray", "sprays", "{actuat}", "actuation"], "spray"),
    **dict.fromkeys(["g", "gram", "grams"], "g"),
}  # fmt: skip
_DAYS = {
    **dict.fromkeys(["d", "day", "days", "day(s)", ""], Fraction(1)),
    **dict.fromkeys(["wk", "week", "weeks"], Fraction(7)),
    **dict.fromkeys(["mo", "month", "months"], Fraction(30)),
    **dict.fromkeys(["h", "hr", "hour", "hours"], Fraction(1, 24)),
}


_COUNTED = frozenset({"unit", "patch", "spray"})
# A number as JSON writes it; exponents of more than two digits are no doses and would be slow to expand.
_NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?")


@lru_cache(maxsize=4096)
def unit_of(code: str, unit: str) -> str | None:
    """Our unit for a UCUM code or a written one.

    None when neither is known, or when one says a mass or volume and the other something else.
    """
    coded, written = _UNITS.get(code.strip().lower()), _UNITS.get(unit.strip().lower())
    if written is None and unit.strip():
        written = _UNITS.get(unit.strip().lower().split(" ")[0])
    if coded is None or written is None or coded == written:
        return coded or written
    return coded if {coded, written} <= _COUNTED else None


@lru_cache(maxsize=8192)
def exact(text: str) -> Fraction | None:
    """A decimal number as an exact fraction; None for anything else, "3/10" included."""
    return Fraction(text) if _NUMBER.fullmatch(text) else None


def number_of(raw: Raw | bytes) -> Fraction | None:
    """A JSON number, or one in quotes, as an exact fraction; None when absent or no number."""
    return exact(_written(bytes(raw)))


def is_absent(raw: Raw | bytes) -> bool:
    """Whether the element was not given at all."""
    return _written(bytes(raw)) in {"", "null"}


def _written(raw: bytes) -> str:
    return raw.decode("ascii", "replace").strip(' "')


def value_of(quantity: Quantity | None) -> Fraction | None:
    """The quantity's number, exact; None when absent, no number, or only a bound ("less than 20")."""
    return number_of(quantity.value) if quantity is not None and not quantity.comparator else None


def amount_of(quantity: Quantity | None) -> tuple[Fraction | None, str | None]:
    """Number and unit; grams become milligrams.

    The unit is None when it is not one of ours, and empty when the quantity has none.
    """
    if quantity is None or quantity.comparator:
        return None, None
    return _amount_of(bytes(quantity.value), quantity.code, quantity.unit)


@lru_cache(maxsize=8192)
def _amount_of(raw: bytes, code: str, written: str) -> tuple[Fraction | None, str | None]:
    value = number_of(raw)
    if value is None:
        return None, None
    if not code.strip() and not written.strip():
        return value, ""
    unit = unit_of(code, written)
    return (value * 1000, "mg") if unit == "g" else (value, unit)


def days_of(quantity: Quantity | None) -> Fraction | None:
    """A duration in days; None when absent or in another unit.  Without any unit the number counts days."""
    if quantity is None or quantity.comparator:
        return None
    return _days_of(bytes(quantity.value), quantity.code, quantity.unit)


@lru_cache(maxsize=8192)
def _days_of(raw: bytes, code: str, written: str) -> Fraction | None:
    value = number_of(raw)
    units = [unit for one in (code, written) if (unit := one.strip().lower())] or [""]
    per = next((_DAYS[unit] for unit in units if unit in _DAYS), None)
    return value * per if value is not None and per is not None else None
