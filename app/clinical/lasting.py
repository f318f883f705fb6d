"""How long a supply lasts: as recorded, else worked out from its quantity and directions, or from a written course."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from fhir_mappings.facts import DrugFact, Sig

LONGEST_SUPPLY = 120
LONGEST_BOUNDS = 366
USUAL_SUPPLY = 30
# What is dispensed piece by piece; boxes, bottles and kits do not tell how much is in them.
PIECES = frozenset({"unit", "patch", "spray"})
FENTANYL_WEAR = Fraction(3)
BUPRENORPHINE_WEAR = Fraction(7)


def is_patch(drug: DrugFact) -> bool:
    """Worn on the skin, and dosed by how long."""
    return drug.strength_unit == "mcg/h" or drug.route == "transdermal"


def longest_days(drug: DrugFact, quantity: Fraction | None, unit: str, sigs: Sequence[Sig]) -> int | None:
    """For how many days it lasts when the least is taken of it; taken as needed, for a usual supply at least."""
    if quantity is None or is_patch(drug) or any(sig.sequence_day is not None for sig in sigs):
        return None
    lasting = _quantity_days(drug, quantity, unit, sigs, least=True)
    if lasting is None:
        return None
    days = min(int(lasting), LONGEST_SUPPLY)
    return max(days, USUAL_SUPPLY) if all(sig.prn for sig in sigs) else days


def supply_days(
    drug: DrugFact, recorded: Fraction | None, quantity: Fraction | None, unit: str, sigs: Sequence[Sig]
) -> int | None:
    """Days' supply: recorded, else the shortest the quantity can last, else the length of a written course."""
    if recorded is not None and (days := _whole_days(recorded)) is not None:
        return days
    if any(sig.sequence_day is not None for sig in sigs):
        return _course_days(drug, quantity, unit, sigs)
    if quantity is None:
        return None
    if is_patch(drug):
        lasting = _patch_days(drug, quantity, sigs) if unit in PIECES else None
    else:
        lasting = _quantity_days(drug, quantity, unit, sigs)
    return _whole_days(lasting) if lasting is not None else None


def _whole_days(days: Fraction) -> int | None:
    """Full days of a supply, None outside what a supply can last.  Exact, and faster than comparing fractions."""
    part, whole = days.as_integer_ratio()
    return part // whole if whole <= part <= LONGEST_SUPPLY * whole else None


def _course_days(drug: DrugFact, quantity: Fraction | None, unit: str, sigs: Sequence[Sig]) -> int | None:
    """A written sequence lasts as long as its steps; a last step without a length, as long as the rest of the units.

    Steps that begin on one day are taken together.
    """
    days = max(sig.sequence_day or 0 for sig in sigs)
    last = [sig for sig in sigs if sig.sequence_day == days]
    earlier = [sig for sig in sigs if sig.sequence_day != days]
    if any(sig.sequence_day is None or sig.duration_days is None for sig in earlier):
        return None
    lengths = [sig.duration_days for sig in last if sig.duration_days is not None]
    if len(lengths) == len(last):
        days += max(lengths)
        return days if 1 <= days <= LONGEST_BOUNDS else None
    units = [one for sig in (*earlier, *last) if (one := _daily_units(drug, sig, unit))]
    if quantity is None or len(units) < len(sigs):
        return None
    used = sum(one * (sig.duration_days or 0) for one, sig in zip(units, earlier, strict=False))
    a_day = sum(units[len(earlier) :])
    days += int((quantity - used) / a_day) if quantity > used else 0
    return days if 1 <= days <= LONGEST_SUPPLY else None


def _patch_days(drug: DrugFact, quantity: Fraction, sigs: Sequence[Sig]) -> Fraction | None:
    """Quantity times wear days, over patches worn at once; the usual wear time where the sig states none."""
    if len(sigs) > 1:
        return None
    worn = Fraction(1)
    wear = BUPRENORPHINE_WEAR if drug.ingredient == "buprenorphine" else FENTANYL_WEAR
    if sigs:
        sig = sigs[0]
        if sig.dose is not None and sig.dose.unit in {"patch", "unit"}:
            worn = sig.dose.high
        if sig.times_high is not None and sig.times_high > 0:
            wear = 1 / sig.times_high
    return quantity * wear / worn


def _quantity_days(
    drug: DrugFact, quantity: Fraction, unit: str, sigs: Sequence[Sig], *, least: bool = False
) -> Fraction | None:
    """Quantity over the most units a day the sig allows, or over the least."""
    most = Fraction(0)
    for sig in sigs:
        units = _daily_units(drug, sig, unit, least=least)
        if units is None or (sig.start is not None and len(sigs) > 1 and sig.end is not None):
            return None
        most += units
    return quantity / most if most > 0 else None


def _daily_units(drug: DrugFact, sig: Sig, unit: str, *, least: bool = False) -> Fraction | None:
    """The largest, or least, number of dispensed units (tablets, mL) a day one sig allows."""
    if sig.dose is None or sig.times_high is None or sig.times_low is None:
        return None
    per_dose = _in_units(drug, sig.dose.low if least else sig.dose.high, sig.dose.unit, unit)
    if per_dose is None:
        return None
    units = per_dose * (sig.times_low if least else sig.times_high)
    for limit in sig.max_per_day:
        most = _in_units(drug, limit.high, limit.unit, unit)
        if most is not None:
            units = min(units, most)
    return units


def _in_units(drug: DrugFact, amount: Fraction, unit: str, dispensed: str) -> Fraction | None:
    """An amount in dispensed units; milligrams through the strength."""
    if unit == dispensed or (unit in {"unit", "spray"} and dispensed in PIECES):
        return amount
    if unit in {"mg", "mcg"} and drug.strength and drug.strength_unit in {"mg", "mg/mL", "mg/{actuat}"}:
        milligrams = amount if unit == "mg" else amount / 1000
        per_unit = drug.strength
        fits = dispensed == "mL" if drug.strength_unit == "mg/mL" else dispensed in PIECES
        return milligrams / per_unit if fits else None
    return None
