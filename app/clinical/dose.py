"""Daily dose of one supply on one day: by recorded quantity and days, or by what the sig allows; never assumed.

Units: milligrams of base drug per day; micrograms per day for transmucosal fentanyl; micrograms per hour for patches,
where the interval between changes does not enter the arithmetic.  Source: CDC 2022 guideline, MME table and notes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from app.clinical.lasting import PIECES, is_patch
from app.clinical.supply import Supply
from fhir_mappings.facts import Amount, DrugFact, Sig


class DailyDose(Struct, frozen=True):
    """amount per day in `unit` ("mg", "mcg" or "mcg/h"); most: at the label's limit; peak: on a dosing day."""

    amount: Fraction
    unit: str
    most: Fraction | None
    peak: Fraction | None
    method: str
    arithmetic: str
    prn: bool = False


@dataclass(frozen=True, slots=True)
class NoDose:
    """Why no daily dose can be worked out.  reason: a public code."""

    reason: str
    text: str


# A patch is worn whole, and a tablet is cut into four at most: "1 mcg/h" of a patch of 25, or "1 mg" of a tablet of 10,
# has the wrong unit.  The patch called 12 delivers 12.5.
_WHOLE_PATCH = Fraction(9, 10)
_SMALLEST_PART = Fraction(1, 4)

_REASONS = {
    "unmapped_drug": "the drug could not be recognised",
    "no_strength": "its strength is not known",
    "no_dose": "no dose is recorded",
    "no_timing": "how often it is taken is not recorded",
    "sig_refused": "its directions could not be read",
    "unit_unknown": "the dose is in a unit that cannot be used",
    "no_quantity_no_sig": "neither directions nor quantity and days' supply are recorded",
    "not_on_this_day": "its directions do not say what is taken on this day",
}


def no_dose(reason: str) -> NoDose:
    return NoDose(reason, _REASONS[reason])


def daily_dose(supply: Supply, day: int) -> DailyDose | NoDose:
    """The dose on one day.

    Recorded quantity over recorded days comes first, except for patches and written courses of several steps,
    where the sig says what is taken.
    """
    drug = supply.drug
    if drug.ingredient is None:
        return no_dose("unmapped_drug")
    by_sig = _by_sig(supply, day)
    by_quantity = None if is_patch(drug) or _is_course(supply.sigs) else _by_quantity(supply)
    if by_quantity is None:
        return _with_total(by_sig) if isinstance(by_sig, DailyDose) else by_sig
    if isinstance(by_sig, DailyDose):
        by_quantity = replace(by_quantity, most=by_sig.most, peak=by_sig.peak, prn=by_sig.prn)
    return _with_total(by_quantity)


def _with_total(dose: DailyDose) -> DailyDose:
    """The sum in words, ended by what it comes to; one patch strength worn needs no total."""
    if dose.method == "patch" and " + " not in dose.arithmetic:
        return dose
    per = dose.unit if dose.method == "patch" else f"{dose.unit}/d"
    return replace(dose, arithmetic=f"{dose.arithmetic} = {plain(dose.amount)} {per}")


def plain(number: Fraction) -> str:
    """A number as people write it: no trailing zero, at most four decimals."""
    part, parts = number.as_integer_ratio()
    if parts == 1:
        return str(part)
    scaled = round(number * 10_000)
    whole, rest = divmod(abs(scaled), 10_000)
    digits = f"{rest:04d}".rstrip("0")
    return f"{'-' if scaled < 0 else ''}{whole}{'.' + digits if digits else ''}"


def _by_quantity(supply: Supply) -> DailyDose | None:
    strength, days, quantity = supply.drug.strength, supply.recorded_days, supply.quantity
    if strength is None or days is None or quantity is None:
        return None
    liquid = supply.drug.strength_unit == "mg/mL"
    if supply.quantity_unit not in ({"mL"} if liquid else PIECES):
        return None
    amount = strength * quantity / days
    unit = "mL" if liquid else ""
    text = f"{_strength(supply.drug)} × {plain(quantity)}{' mL' if unit else ''} ÷ {plain(days)} d"
    return _scaled(supply.drug, amount, None, None, "quantity", text, prn=any(s.prn for s in supply.sigs))


def _is_course(sigs: Sequence[Sig]) -> bool:
    """Several steps that follow each other, in dates or in days: what is taken changes while the supply lasts."""
    if len(sigs) < 2:
        return False
    if any(sig.sequence_day is not None for sig in sigs):
        return True
    dated = [sig for sig in sigs if sig.start is not None or sig.end is not None]
    return len(dated) > 1 and _disjoint(dated)


def _disjoint(sigs: Sequence[Sig]) -> bool:
    spans = sorted((sig.start or date.min, sig.end or date.max) for sig in sigs)
    return all(earlier[1] < later[0] for earlier, later in itertools.pairwise(spans))


def _holding(supply: Supply, day: int) -> list[Sig]:
    """The sigs in force on a day: steps of a course by their place in it, dated ones by their bounds."""
    moment = date.fromordinal(day)
    found: list[Sig] = []
    for sig in supply.sigs:
        if sig.sequence_day is not None:
            first = supply.start + sig.sequence_day
            if first <= day and (sig.duration_days is None or day < first + sig.duration_days):
                found.append(sig)
        elif (sig.start is None or sig.start <= moment) and (sig.end is None or moment <= sig.end):
            found.append(sig)
    if not found and not _is_course(supply.sigs):
        # Bounds that do not fit the supply say when it was planned, not what is taken.
        return list(supply.sigs)
    return found


def _by_sig(supply: Supply, day: int) -> DailyDose | NoDose:
    if not supply.sigs:
        return no_dose("no_quantity_no_sig")
    parts: list[DailyDose] = []
    for sig in _holding(supply, day):
        part = _one_sig(supply.drug, sig)
        if isinstance(part, NoDose):
            return part
        parts.append(part)
    if not parts:
        return no_dose("not_on_this_day")
    if len(parts) == 1:
        return parts[0]
    return DailyDose(
        amount=sum((part.amount for part in parts), Fraction(0)),
        unit=parts[0].unit,
        most=sum((part.most or part.amount for part in parts), Fraction(0)),
        peak=_together(parts),
        method=parts[0].method,
        arithmetic=" + ".join(part.arithmetic for part in parts),
        prn=all(part.prn for part in parts),
    )


def _together(parts: Sequence[DailyDose]) -> Fraction | None:
    """The dose on a day on which every part is taken; None when none of them is cyclic."""
    if all(part.peak is None for part in parts):
        return None
    return sum((part.amount if part.peak is None else part.peak for part in parts), Fraction(0))


def _one_sig(drug: DrugFact, sig: Sig) -> DailyDose | NoDose:
    if sig.dose is None:
        reason = "sig_refused" if sig.problem.startswith("sig_") else sig.problem or "no_dose"
        return no_dose(reason if reason in _REASONS else "no_dose")
    if is_patch(drug):
        return _patch(drug, sig, sig.dose)
    if sig.times_high is None or sig.times_low is None:
        return no_dose("sig_refused" if sig.problem.startswith("sig_") else "no_timing")
    high = _base(drug, sig.dose.high, sig.dose.unit)
    if high is None:
        return no_dose(
            "no_strength" if drug.strength is None and sig.dose.unit not in {"mg", "mcg"} else "unit_unknown"
        )
    if drug.strength_unit == "mg" and drug.strength and high < _SMALLEST_PART * drug.strength:
        return no_dose("unit_unknown")
    most = high * sig.times_high
    capped = ""
    for limit in sig.max_per_day:
        limit_amount = _base(drug, limit.high, limit.unit)
        if limit_amount is not None and limit_amount < most:
            most, capped = limit_amount, f", at most {plain(limit.high)} {_unit_word(limit.unit)} a day"
    peak = high * sig.peak_times if sig.peak_times is not None else None
    text = f"{_dose_text(drug, sig.dose)} × {_times_text(sig)}{capped}"
    method = "free_text" if sig.basis == "text" else "sig"
    return _scaled(drug, most, most, peak, method, text, prn=sig.prn)


def _patch(drug: DrugFact, sig: Sig, dose: Amount) -> DailyDose | NoDose:
    """Micrograms per hour times patches worn at once."""
    if dose.unit == "mcg/h":
        if drug.strength is not None and dose.high < _WHOLE_PATCH * drug.strength:
            return no_dose("unit_unknown")
        return DailyDose(dose.high, "mcg/h", dose.high, None, "patch", f"{plain(dose.high)} mcg/h", sig.prn)
    if dose.unit == "mcg" and drug.strength is not None and dose.high == drug.strength:
        text = f"{plain(drug.strength)} mcg/h"
        return DailyDose(drug.strength, "mcg/h", drug.strength, None, "patch", text, sig.prn)
    if dose.unit not in {"patch", "unit"}:
        return no_dose("unit_unknown")
    if drug.strength is None:
        return no_dose("no_strength")
    worn = drug.strength * dose.high
    text = f"{plain(drug.strength)} mcg/h × {plain(dose.high)} {'patch' if dose.high == 1 else 'patches'}"
    return DailyDose(worn, "mcg/h", worn, None, "patch", text, sig.prn)


def _base(drug: DrugFact, amount: Fraction, unit: str) -> Fraction | None:
    """An amount in milligrams of the base drug; a mass is taken as given, forms and volumes through the strength."""
    if unit == "mg":
        return amount
    if unit == "mcg":
        return amount / 1000
    if drug.strength is None:
        return None
    if unit == "mL":
        return amount * drug.strength if drug.strength_unit == "mg/mL" else None
    if unit == "unit":
        return amount * drug.strength if drug.strength_unit == "mg" else None
    if unit == "spray":
        return amount * drug.strength if drug.strength_unit in {"mg/{actuat}", "mg"} else None
    return None


def _scaled(
    drug: DrugFact,
    amount: Fraction,
    most: Fraction | None,
    peak: Fraction | None,
    method: str,
    text: str,
    *,
    prn: bool,
) -> DailyDose:
    """Milligrams a day; micrograms a day where the factor tables count in micrograms."""
    if not _in_micrograms(drug):
        return DailyDose(amount, "mg", most, peak, method, text, prn)

    def scaled(value: Fraction | None) -> Fraction | None:
        return value * 1000 if value is not None else None

    return DailyDose(amount * 1000, "mcg", scaled(most), scaled(peak), method, text, prn)


def _in_micrograms(drug: DrugFact) -> bool:
    return drug.ingredient == "fentanyl" or (drug.form_key or "").endswith("_mcg")


def _strength(drug: DrugFact) -> str:
    strength = drug.strength if drug.strength is not None else Fraction(0)
    if _in_micrograms(drug) and drug.strength_unit == "mg":
        return f"{plain(strength * 1000)} mcg"
    return f"{plain(strength)} {drug.strength_unit}"


def _dose_text(drug: DrugFact, dose: Amount) -> str:
    count = plain(dose.high) if dose.low == dose.high else f"{plain(dose.low)} to {plain(dose.high)}"
    if dose.unit in {"mg", "mcg"}:
        return f"{count} {dose.unit}"
    return f"{_strength(drug)} × {count}{' mL' if dose.unit == 'mL' else ''}"


def _times_text(sig: Sig) -> str:
    high, low = sig.times_high or Fraction(0), sig.times_low or Fraction(0)
    return f"{plain(high)}/d" if high == low else f"{plain(low)} to {plain(high)}/d"


def _unit_word(unit: str) -> str:
    return {"unit": "units", "patch": "patches"}.get(unit, unit)
