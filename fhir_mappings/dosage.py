"""Dosage instructions to sigs: dose and frequency from structured fields, the text where those are silent."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from fractions import Fraction
from functools import lru_cache

from msgspec.structs import replace

from fhir_mappings.doses import UNIT_UNKNOWN, dose_of, maxima_of
from fhir_mappings.facts import Amount, DrugFact, Sig
from fhir_mappings.resources import Dosage
from fhir_mappings.sig_text import SigReading, SigStep, parse_sig
from fhir_mappings.timing import Times, times_of
from fhir_mappings.units import number_of

CERTAIN = Fraction(9, 10)
_FEW = 4
# Words that could not be read, and speak of more than the fields hold.
_MORE = re.compile(
    r"\b(?:increase|titrate|taper|additional|extra|then|may (?:repeat|take (?:an?|another|1)))\b"
)
_PART_OF_DAY = re.compile(
    r"\b(?:morning|noon|midday|afternoon|evening|night|bedtime|hs|am|pm|breakfast|lunch|dinner|supper)\b"
)


@dataclass(frozen=True, slots=True)
class Directions:
    """The sigs of one order.

    refused: why its text could not be read where it was needed.  differs: structured fields and text contradict
    each other.  text_start, text_end: days written in the text, the same in every one.  start, end: the bounds
    of all sigs together, None where one sig has none.
    """

    sigs: tuple[Sig, ...] = ()
    refused: str = ""
    differs: bool = False
    text_start: date | None = None
    text_end: date | None = None
    start: date | None = None
    end: date | None = None


def texts_of(dosages: Sequence[Dosage]) -> tuple[str, ...]:
    """Every text of the directions, each once."""
    return tuple(dict.fromkeys(text for dosage in dosages for text in _texts(dosage)))


def shown_text(dosages: Sequence[Dosage]) -> str:
    """The directions as the EHR shows them."""
    return "; ".join(dict.fromkeys(dosage.text or dosage.patientInstruction for dosage in dosages)).strip(
        "; "
    )


def directions_of(dosages: Sequence[Dosage], zone: tzinfo, supply: Fraction | None = None) -> Directions:
    """All dosage instructions of one order, each with its bounds.  supply: recorded days' supply."""
    if not dosages:
        return Directions()
    parts: list[list[Sig]] = []
    readings: list[SigReading | None] = []
    differs = False
    for dosage in dosages:
        texts = _texts(dosage)
        reading = _reading(tuple(texts))
        structured = _structured(dosage, times_of(dosage.timing, zone), texts)
        goes_on = len(dosages) == 1 and _goes_on(structured, reading)
        parts.append(
            _from_steps(structured, reading) if goes_on and reading else _with_text(structured, reading)
        )
        differs = differs or _differ(structured, reading, alone=len(dosages) == 1)
        readings.append(reading)
    written = [_days(reading) for reading in readings]
    if len(dosages) > 1:
        parts = _on_own_days(parts, written)
        parts = _one_after_the_other(*_without_repeated_text(dosages, parts), supply)
    alike = len(set(written)) == 1
    sigs = _without_touching_bounds([sig for part in parts for sig in part])
    starts = [sig.start for sig in sigs if sig.start is not None]
    ends = [sig.end for sig in sigs if sig.end is not None]
    return Directions(
        sigs=tuple(sigs),
        refused=next((sig.problem for sig in sigs if sig.problem.startswith("sig_")), ""),
        differs=differs,
        text_start=written[0][0] if alike and written[0][0] else _fill_from(readings),
        text_end=written[0][1] if alike else None,
        start=min(starts) if sigs and len(starts) == len(sigs) else None,
        end=max(ends) if sigs and len(ends) == len(sigs) else None,
    )


_Days = tuple[date | None, date | None]


def _days(reading: SigReading | None) -> _Days:
    """The first and last day one text names.  From when it may be filled concerns the whole order."""
    if reading is None:
        return None, None
    return None if reading.start == reading.fill_from else reading.start, reading.end


def _fill_from(readings: Iterable[SigReading | None]) -> date | None:
    return next((one.fill_from for one in readings if one is not None and one.fill_from), None)


def _on_own_days(parts: list[list[Sig]], days: Sequence[_Days]) -> list[list[Sig]]:
    """Instructions whose texts name different days hold on the days each names."""
    if len(set(days)) == 1:
        return parts
    return [
        [replace(sig, start=sig.start or first, end=sig.end or last) for sig in part]
        for part, (first, last) in zip(parts, days, strict=True)
    ]


def _without_repeated_text(
    dosages: Sequence[Dosage], parts: list[list[Sig]]
) -> tuple[list[Dosage], list[list[Sig]]]:
    """Without instructions in words alone that say what a structured one says already."""
    both = list(zip(dosages, parts, strict=True))
    told = {_amounts(part) for dosage, part in both if not _is_text(dosage)}
    kept = [(one, part) for one, part in both if not (_is_text(one) and _amounts(part) in told)]
    return [dosage for dosage, _ in kept], [part for _, part in kept]


def _is_text(dosage: Dosage) -> bool:
    return dosage.timing is None and not dosage.doseAndRate


def _amounts(part: Sequence[Sig]) -> tuple[tuple[object, ...], ...]:
    return tuple((sig.dose, sig.times_low, sig.times_high) for sig in part)


def _one_after_the_other(
    dosages: Sequence[Dosage], parts: list[list[Sig]], supply: Fraction | None
) -> list[list[Sig]]:
    """Instructions numbered by `sequence`, each with its length, follow each other; equal numbers are concurrent.

    Left side by side where dates tell, a length but the last is missing, or all together outlast what was supplied:
    some EHRs number what is taken in the morning and at night.
    """
    if _at_different_times(dosages):
        return parts
    steps: dict[Fraction, list[Sig]] = {}
    for dosage, part in zip(dosages, parts, strict=True):
        number = number_of(dosage.sequence)
        if number is None or any(sig.start or sig.end or sig.sequence_day is not None for sig in part):
            return parts
        steps.setdefault(number, []).extend(part)
    placed: list[list[Sig]] = []
    day = 0
    for number, step in sorted(steps.items()):
        placed.append([replace(sig, sequence_day=day) for sig in step])
        if number < max(steps) and any(sig.duration_days is None for sig in step):
            return parts
        day += max(sig.duration_days or 0 for sig in step)
    return placed if len(placed) > 1 and (supply is None or day <= supply) else parts


def _at_different_times(dosages: Sequence[Dosage]) -> bool:
    """Whether each names times of day, and none of them another's."""
    named = [_times_of_day(dosage) for dosage in dosages]
    return all(named) and len(frozenset[str]().union(*named)) == sum(map(len, named))


def _times_of_day(dosage: Dosage) -> frozenset[str]:
    repeat = dosage.timing.repeat if dosage.timing else None
    coded = [*repeat.when, *repeat.timeOfDay] if repeat else []
    return frozenset(
        coded or [word for text in _texts(dosage) for word in _PART_OF_DAY.findall(text.lower())]
    )


def _texts(dosage: Dosage) -> list[str]:
    """The words of one instruction; Oracle keeps more of them in an extension."""
    extended = [part.valueString for part in dosage.extension if "instruction" in part.url]
    return [
        text for text in dict.fromkeys([dosage.text, dosage.patientInstruction, *extended]) if text.strip()
    ]


def _structured(dosage: Dosage, times: Times, texts: Sequence[str]) -> Sig:
    dose, problem = dose_of(dosage.doseAndRate)
    return Sig(
        dose=dose,
        times_low=times.low,
        times_high=times.high,
        peak_times=times.peak,
        max_per_day=maxima_of(dosage.maxDosePerPeriod),
        prn=bool(dosage.asNeededBoolean or dosage.asNeededCodeableConcept),
        start=times.start,
        end=times.end,
        duration_days=times.duration,
        text=texts[0] if texts else "",
        problem=problem,
    )


@lru_cache(maxsize=20_000)
def _reading(texts: tuple[str, ...]) -> SigReading | None:
    """The reading of the text that tells most: understood before refused, complete before partial.

    A reading that is not certain counts as refused.
    """
    readings = [_certain(parse_sig(text)) for text in texts]
    understood = [reading for reading in readings if reading.status == "parsed"]
    complete = [reading for reading in understood if all(_is_complete(step) for step in reading.steps)]
    return (complete or understood or readings or [None])[0]


def _certain(reading: SigReading) -> SigReading:
    if reading.status == "parsed" and reading.confidence < CERTAIN:
        return dataclasses.replace(reading, status="refused", steps=(), reason="uncertain")
    return reading


def _is_complete(step: SigStep) -> bool:
    return step.dose_high is not None and step.per_day_high is not None


def _with_text(structured: Sig, reading: SigReading | None) -> list[Sig]:
    """Fill what the structured fields leave open from the text; a refused text leaves it open."""
    dose = structured.dose if structured.dose is not None and structured.dose.unit else None
    whole = dose is not None and structured.times_high is not None
    if reading is None:
        return [structured]
    if reading.status != "parsed":
        problem = structured.problem if whole else structured.problem or f"sig_{reading.reason}"
        return [replace(structured, problem=problem)]
    if whole:
        return [_within_text(structured, reading)]
    several = len(reading.steps) > 1
    if (dose is None and structured.times_high is None and structured.dose is None) or (
        several and all(_is_complete(step) for step in reading.steps)
    ):
        return _from_steps(structured, reading)
    if several:
        return [replace(structured, problem=structured.problem or "sig_several_parts")]
    return [_filled(structured, reading)]


def _filled(structured: Sig, reading: SigReading) -> Sig:
    """Dose or frequency from the one step of the text, the other from structured fields."""
    step = reading.steps[0]
    dose = structured.dose
    if dose is None or not dose.unit:
        dose = _step_dose(step) or dose
    timed = structured.times_high is not None
    filled = replace(
        structured,
        dose=dose,
        times_low=structured.times_low if timed else step.per_day_low,
        times_high=structured.times_high if timed else step.per_day_high,
        peak_times=structured.peak_times if timed else step.peak_times,
        prn=structured.prn or step.prn,
        basis="text",
        confidence=reading.confidence,
    )
    if dose is not None and dose.unit:
        filled = replace(filled, problem="")
    return _within_text(filled, reading)


def _within_text(sig: Sig, reading: SigReading) -> Sig:
    """A daily maximum written in the text caps structured fields too, and a length in the text is theirs."""
    if len(reading.steps) != 1:
        return sig
    step = reading.steps[0]
    if sig.duration_days is None and step.duration_days is not None:
        sig = replace(sig, duration_days=step.duration_days)
    most = step.max_per_day
    if most is None:
        return sig
    return replace(sig, max_per_day=(*sig.max_per_day, Amount(most, most, step.max_unit or "unit")))


def _goes_on(structured: Sig, reading: SigReading | None) -> bool:
    """Whether the fields are the first step of a course that only the text tells to its end."""
    if reading is None or reading.relation != "sequence" or structured.dose is None:
        return False
    first, dose = reading.steps[0], structured.dose
    same_dose = dose.unit != (first.dose_unit or "unit") or dose.high == first.dose_high
    return bool(dose.unit) and same_dose and structured.times_high == first.per_day_high


def _from_steps(structured: Sig, reading: SigReading) -> list[Sig]:
    """The text alone: each of its steps, one after the other or side by side."""
    sigs: list[Sig] = []
    day = 0
    sequence = reading.relation == "sequence"
    for step in reading.steps:
        most = step.max_per_day
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
                duration_days=step.duration_days
                if sequence
                else structured.duration_days or step.duration_days,
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


def _differ(structured: Sig, reading: SigReading | None, *, alone: bool) -> bool:
    """Whether fields and text differ, or the text speaks of more; tablets and milligrams are not compared."""
    whole = structured.dose is not None and structured.times_high is not None
    if reading is None or reading.status != "parsed":
        return whole and _MORE.search(structured.text.lower()) is not None
    if reading.relation == "sequence":
        return alone and whole and not _goes_on(structured, reading)
    if len(reading.steps) != 1:
        return _totals_differ(structured, reading.steps)
    step = reading.steps[0]
    told = structured.times_high, step.per_day_high
    if None not in told and told[0] != told[1]:
        return True
    dose = structured.dose
    same_unit = dose is not None and dose.unit != "" and dose.unit == step.dose_unit
    return dose is not None and same_unit and dose.high != step.dose_high


def _totals_differ(structured: Sig, steps: Sequence[SigStep]) -> bool:
    """Whether "1 in the morning and 2 at night" adds up to another day than the fields."""
    dose, times = structured.dose, structured.times_high
    if dose is None or times is None or any(step.dose_unit != dose.unit for step in steps):
        return False
    if any(step.dose_high is None or step.per_day_high is None for step in steps):
        return False
    return sum((step.dose_high or 0) * (step.per_day_high or 0) for step in steps) != dose.high * times


def _without_touching_bounds(sigs: list[Sig]) -> list[Sig]:
    """Steps written as "to the 9th" and "from the 9th" do not overlap: their ends are the day after the last."""
    starts = {sig.start for sig in sigs if sig.start is not None}
    touching = [sig for sig in sigs if sig.end in starts and sig.start is not None and sig.start != sig.end]
    if not touching:
        return sigs
    return [
        replace(sig, end=sig.end - timedelta(days=1))
        if sig.end and sig.start and sig.start < sig.end
        else sig
        for sig in sigs
    ]


def with_units(sigs: Iterable[Sig], drug: DrugFact) -> tuple[Sig, ...]:
    """Settle doses written without any unit ("1"): a count of forms where it can be nothing else.

    As milligrams such a number would be less than a quarter of one tablet, so it counts tablets; of a patch it
    counts patches.  Everything else stays unknown.
    """
    return tuple(_with_unit(sig, drug) for sig in sigs)


def _with_unit(sig: Sig, drug: DrugFact) -> Sig:
    if sig.dose is None or sig.dose.unit:
        return sig
    unit = ""
    if sig.dose.high <= _FEW and drug.strength is not None:
        if drug.strength_unit == "mg" and sig.dose.high * 4 < drug.strength:
            unit = "unit"
        elif drug.strength_unit == "mcg/h":
            unit = "patch"
    if not unit:
        return replace(sig, dose=None, problem=UNIT_UNKNOWN)
    return replace(sig, dose=replace(sig.dose, unit=unit), problem="")
