"""How much at once, and at most a day: from `doseAndRate` and `maxDosePerPeriod`."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_mappings.facts import Amount
from fhir_mappings.resources import DoseAndRate, Quantity, Ratio
from fhir_mappings.units import amount_of, days_of, value_of

UNIT_UNKNOWN = "unit_unknown"
# Epic states one dose up to three times; the ordered one comes first, and they are never added.
_ENTRY_ORDER = {"ordered": 0, "": 1, "calculated": 2, "admin-amount": 3}


def dose_of(entries: Sequence[DoseAndRate]) -> tuple[Amount | None, str]:
    """The first usable entry by type; entries are different statements of one dose.

    A dose without any unit is kept with an empty one, after every entry that has one.
    """
    problem = ""
    bare: Amount | None = None
    for entry in sorted(entries, key=_entry_rank) if len(entries) > 1 else entries:
        low = high = entry.doseQuantity
        if entry.doseRange is not None:
            low, high = (
                entry.doseRange.low or entry.doseRange.high,
                entry.doseRange.high or entry.doseRange.low,
            )
        amount = _amount(low, high)
        if amount is not None and amount.unit:
            return amount, ""
        bare = bare or amount
        if value_of(high) is not None:
            problem = UNIT_UNKNOWN
    return bare, problem


def _entry_rank(entry: DoseAndRate) -> int:
    codes = [coding.code.lower() for coding in entry.type.coding] if entry.type else []
    if not codes and entry.type is not None and entry.type.text:
        codes = [entry.type.text.lower()]
    return min((_ENTRY_ORDER.get(code, 4) for code in codes), default=1)


def _amount(low: Quantity | None, high: Quantity | None) -> Amount | None:
    least, unit = amount_of(low)
    if low is high:
        return Amount(least, least, unit) if least is not None and unit is not None and least > 0 else None
    most, most_unit = amount_of(high)
    if least is None or most is None or unit is None or unit != most_unit or not 0 < least <= most:
        return None
    return Amount(least, most, unit)


def _has_unit(quantity: Quantity | None) -> bool:
    """ "Per 24" may mean hours or days."""
    return quantity is not None and bool(quantity.code.strip() or quantity.unit.strip())


def maxima_of(ratios: Ratio | list[Ratio] | None) -> tuple[Amount, ...]:
    """Every stated maximum, scaled to one day; one without a usable period or unit is no maximum."""
    found: list[Amount] = []
    for ratio in ratios if isinstance(ratios, list) else [ratios] if ratios else []:
        most, unit = amount_of(ratio.numerator)
        days = days_of(ratio.denominator) if _has_unit(ratio.denominator) else None
        if most is not None and unit and days is not None and most > 0 and days > 0:
            found.append(Amount(most / days, most / days, unit))
    return tuple(found)
