"""Dosage instructions to sigs: dose and frequency from structured fields, the text where those are silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from fractions import Fraction

from fhir_mappings.facts import Amount, Sig
from fhir_mappings.resources import Dosage, DoseAndRate, Quantity, Ratio
from fhir_mappings.sig_text import SigReading, SigStep, parse_sig
from fhir_mappings.timing import Times, times_of
from fhir_mappings.units import amount_of, days_of, value_of

# Epic states one dose up to three times; the ordered one comes first, and they are never added.
_ENTRY_ORDER = {"ordered": 0, "": 1, "calculated": 2, "admin-amount": 3}
CERTAIN = Fraction(9, 10)


@dataclass(frozen=True, slots=True)
class Directions:
    """The sigs of one order.  refused: why its text could not be read where it was needed."""

    sigs: tuple[Sig, ...]
    text: str
    refused: str
    text_start: date | None = None
    text_end: date | None = None
    start: date | None = None
    end: date | None = None


def directions_of(dosages: Sequence[Dosage], zone: tzinfo) -> Directions:
    """All dosage instructions of one order, each with its bounds."""
    sigs: list[Sig] = []
    refusals: list[str] = []
    starts: list[date] = []
    ends: list[date | None] = []
    text_start: date | None = None
    text_end: date | None = None
    for dosage in dosages:
        found, reading = _sigs(dosage, times_of(dosage.timing, zone))
        sigs += found
        refusals += [sig.problem for sig in found if sig.problem.startswith("sig_")]
        if reading is not None:
            text_start, text_end = text_start or reading.start, text_end or reading.end
        starts += [sig.start for sig in found if sig.start]
        ends.append(max((sig.end for sig in found if sig.end), default=None))
    whole = all(end is not None for end in ends) and bool(ends)
    return Directions(
        tuple(sigs),
        "; ".join(dosage.text or dosage.patientInstruction for dosage in dosages).strip("; "),
        refusals[0] if refusals else "",
        text_start,
        text_end,
        min(starts, default=None),
        max((end for end in ends if end), default=None) if whole else None,
    )


def _sigs(dosage: Dosage, times: Times) -> tuple[list[Sig], SigReading | None]:
    dose, problem = _dose(dosage.doseAndRate)
    reading = _reading(dosage)
    structured = Sig(
        dose=dose,
        times_low=times.low,
        times_high=times.high,
        peak_times=times.peak,
        max_per_day=_maxima(dosage.maxDosePerPeriod),
        prn=bool(dosage.asNeededBoolean or dosage.asNeededCodeableConcept),
        start=times.start,
        end=times.end,
        duration_days=times.duration,
        text=dosage.text or dosage.patientInstruction,
        problem=problem,
    )
    if reading is None or (dose is not None and times.high is not None):
        return [_with_text_maximum(structured, reading)], reading
    return _completed(structured, reading), reading


def _reading(dosage: Dosage) -> SigReading | None:
    """The reading of the first text that is understood; else of the first text."""
    readings = [parse_sig(text) for text in (dosage.text, dosage.patientInstruction) if text.strip()]
    understood = [reading for reading in readings if reading.status == "parsed"]
    complete = [
        r for r in understood if all(s.dose_high is not None and s.per_day_high is not None for s in r.steps)
    ]
    return (complete or understood or readings or [None])[0]


def _completed(structured: Sig, reading: SigReading) -> list[Sig]:
    """Fill what the structured fields leave open from the text; a refused text leaves it open."""
    if reading.status == "refused":
        problem = structured.problem or f"sig_{reading.reason}"
        return [replace(structured, problem=problem)]
    if structured.dose is None and structured.times_high is None:
        return _from_steps(structured, reading)
    if len(reading.steps) != 1:
        return [replace(structured, problem=structured.problem or "sig_several_parts")]
    step = reading.steps[0]
    filled = replace(
        structured,
        dose=structured.dose or _step_dose(step),
        times_low=structured.times_low if structured.times_high is not None else step.per_day_low,
        times_high=structured.times_high if structured.times_high is not None else step.per_day_high,
        peak_times=structured.peak_times if structured.times_high is not None else step.peak_times,
        prn=structured.prn or step.prn,
        basis="text",
        confidence=reading.confidence,
    )
    if filled.dose is not None:
        filled = replace(filled, problem="")
    return [_with_text_maximum(filled, reading)]


def _with_text_maximum(sig: Sig, reading: SigReading | None) -> Sig:
    """A daily maximum written in the text caps structured fields too."""
    if reading is None or len(reading.steps) != 1 or reading.steps[0].max_per_day is None:
        return sig
    step = reading.steps[0]
    most = step.max_per_day or Fraction(0)
    return replace(sig, max_per_day=(*sig.max_per_day, Amount(most, most, step.max_unit or "unit")))


def _from_steps(structured: Sig, reading: SigReading) -> list[Sig]:
    sigs: list[Sig] = []
    day = 0
    for step in reading.steps:
        most = step.max_per_day
        sequence = reading.relation == "sequence"
        sigs.append(
            replace(
                structured,
                dose=_step_dose(step),
                times_low=step.per_day_low,
                times_high=step.per_day_high,
                peak_times=step.peak_times,
                prn=structured.prn or step.prn,
                max_per_day=(Amount(most, most, step.max_unit or "unit"),) if most is not None else (),
                sequence_day=day if sequence else None,
                duration_days=step.duration_days if sequence else structured.duration_days,
                basis="text",
                confidence=reading.confidence,
                problem="",
            )
        )
        day += step.duration_days or 0
    return sigs


def _step_dose(step: SigStep) -> Amount | None:
    if step.dose_low is None or step.dose_high is None:
        return None
    return Amount(step.dose_low, step.dose_high, step.dose_unit or "unit")


def _dose(entries: Sequence[DoseAndRate]) -> tuple[Amount | None, str]:
    """The first usable entry by type; entries are different statements of one dose."""
    problem = ""
    for entry in sorted(entries, key=_entry_rank):
        low = high = entry.doseQuantity
        if entry.doseRange is not None:
            low, high = (
                entry.doseRange.low or entry.doseRange.high,
                entry.doseRange.high or entry.doseRange.low,
            )
        amount = _amount(low, high)
        if amount is not None:
            return amount, ""
        if value_of(high) is not None:
            problem = "unit_unknown"
    return None, problem


def _entry_rank(entry: DoseAndRate) -> int:
    codes = [coding.code for coding in entry.type.coding] if entry.type else []
    return min((_ENTRY_ORDER.get(code, 4) for code in codes), default=1)


def _amount(low: Quantity | None, high: Quantity | None) -> Amount | None:
    least, unit = amount_of(low)
    most, most_unit = amount_of(high)
    if least is None or most is None or unit is None or unit != most_unit or not 0 < least <= most:
        return None
    return Amount(least, most, unit)


def _maxima(ratios: Ratio | list[Ratio] | None) -> tuple[Amount, ...]:
    """Every stated maximum, scaled to one day; one without a usable period or unit is no maximum."""
    found: list[Amount] = []
    for ratio in ratios if isinstance(ratios, list) else [ratios] if ratios else []:
        most, unit = amount_of(ratio.numerator)
        days = days_of(ratio.denominator)
        if most is not None and unit is not None and days is not None and most > 0 and days > 0:
            found.append(Amount(most / days, most / days, unit))
    return tuple(found)
