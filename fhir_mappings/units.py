"""Quantities in a closed set of units, as EHRs really write them."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from fhir_mappings.resources import Quantity, number_text

# Written unit (lower case) to ours.  "unit" is any dose form that is counted: tablet, capsule, film, lozenge.
_UNITS = {
    **dict.fromkeys(
        ["{tbl}", "tbl", "tab", "tabs", "tablet", "tablets", "tablet(s)", "{tablet}", "{tab}", "caplet", "[tablet]",
         "{capsule}", "capsule", "capsules", "cap", "caps", "{cap}", "film", "films", "{film}", "strip", "lozenge",
         "{lozenge}", "troche", "suppository", "{suppository}", "each", "{each}", "ea", "unit", "units", "{unit}",
         "dose", "{dose}", "dose(s)", "1", "pill", "pills", "{pill}", "tbd", "{lozenges}", "lollipop", "tab(s)",
         "cap(s)", "tablet, extended release", "er tablet", "oral tablet", "oral capsule"],
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


@lru_cache(maxsize=4096)
def unit_of(code: str, unit: str) -> str | None:
    """Our unit for a UCUM code or a written one; None when neither is known."""
    for written in (code, unit):
        found = _UNITS.get(written.strip().lower())
        if found is not None:
            return found
    first = unit.strip().lower().split(" ")[0] if unit.strip() else ""
    return _UNITS.get(first)


@lru_cache(maxsize=8192)
def exact(text: str) -> Fraction | None:
    """A JSON number, or a string that holds one, as an exact fraction."""
    try:
        return Fraction(text.strip('"'))
    except (ValueError, ZeroDivisionError):
        return None


def value_of(quantity: Quantity | None) -> Fraction | None:
    """The quantity's number, exact; None when absent or not a number."""
    if quantity is None:
        return None
    text = number_text(quantity.value)
    return exact(text) if text is not None and len(text) < 40 else None


def amount_of(quantity: Quantity | None) -> tuple[Fraction | None, str | None]:
    """Number and unit; grams become milligrams.  The unit is None when it is not one of ours."""
    value = value_of(quantity)
    if quantity is None or value is None:
        return None, None
    unit = unit_of(quantity.code, quantity.unit)
    return (value * 1000, "mg") if unit == "g" else (value, unit)


def days_of(quantity: Quantity | None) -> Fraction | None:
    """A duration in days; None when absent or in another unit."""
    value = value_of(quantity)
    if quantity is None or value is None:
        return None
    per = _DAYS.get(quantity.code.strip().lower())
    if per is None or not quantity.code:
        per = _DAYS.get(quantity.unit.strip().lower())
    return value * per if per is not None else None
