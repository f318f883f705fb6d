"""How often: from structured timing to administrations per day, in the order in which EHRs can be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from fractions import Fraction

from fhir_mappings.dates import local_date
from fhir_mappings.resources import Concept, Repeat, Timing, number_text
from fhir_mappings.sig_text import parse_sig
from fhir_mappings.units import days_of, exact

_PERIOD_DAYS = {
    "s": Fraction(1, 86400),
    "min": Fraction(1, 1440),
    "h": Fraction(1, 24),
    "d": Fraction(1),
    "wk": Fraction(7),
    "mo": Fraction(30),
    "a": Fraction(365),
}
# HL7 v3 GTSAbbreviation, and the same words as vendors use them in code sets of their own.
_ABBREVIATIONS = {
    "QD": 1, "DAILY": 1, "AM": 1, "PM": 1, "BED": 1, "HS": 1, "QHS": 1, "QAM": 1, "QPM": 1, "NIGHTLY": 1, "BID": 2,
    "TID": 3, "QID": 4, "Q1H": 24, "Q2H": 12, "Q3H": 8, "Q4H": 6, "Q6H": 4, "Q8H": 3, "Q12H": 2, "Q24H": 1,
}  # fmt: skip
_CYCLES = {
    "QOD": Fraction(1, 2),
    "Q48H": Fraction(1, 2),
    "Q72H": Fraction(1, 3),
    "WK": Fraction(1, 7),
    "QWK": Fraction(1, 7),
}
_SNOMED = {
    "229797004": 1, "229799001": 2, "229798009": 3, "307439001": 4, "225756002": 6, "307468000": 4, "307469008": 3,
    "396142006": 1, "225768006": 24,
}  # fmt: skip
_MEALS = {"AC": 3, "PC": 3, "C": 3}


@dataclass(frozen=True, slots=True)
class Times:
    """Administrations per day (low to high), bounds, and how it was told; low and high None: not stated."""

    low: Fraction | None = None
    high: Fraction | None = None
    peak: Fraction | None = None
    start: date | None = None
    end: date | None = None
    duration: int | None = None
    basis: str = "structured"


def times_of(timing: Timing | None, zone: tzinfo) -> Times:
    """Never a default: a timing that states no frequency gives none."""
    if timing is None:
        return Times()
    repeat = timing.repeat or Repeat()
    bounds = repeat.boundsPeriod
    start = local_date(bounds.start, zone) if bounds else None
    end = local_date(bounds.end, zone) if bounds else None
    lasting = days_of(repeat.boundsDuration)
    duration = int(lasting) if lasting is not None and lasting >= 1 else None
    if start and duration and end is None:
        end = start + timedelta(days=duration - 1)
    for low, high, peak, basis in _statements(timing, repeat):
        if set(repeat.dayOfWeek):
            share = Fraction(len(set(repeat.dayOfWeek)), 7)
            return Times(low * share, high * share, high, start, end, duration, basis)
        return Times(low, high, peak, start, end, duration, basis)
    if repeat.dayOfWeek:
        return Times(None, None, None, start, end, duration)
    return Times(start=start, end=end, duration=duration)


Statement = tuple[Fraction, Fraction, Fraction | None, str]


def _statements(timing: Timing, repeat: Repeat) -> Iterable[Statement]:
    if (found := _by_frequency(repeat)) is not None:
        yield (*found, "structured")
    if repeat.timeOfDay:
        count = Fraction(len(set(repeat.timeOfDay)))
        yield count, count, None, "structured"
    if repeat.when:
        count = Fraction(sum(_MEALS.get(word, 1) for word in set(repeat.when)))
        yield count, count, None, "structured"
    if timing.code is not None:
        yield from _by_code(timing.code)


def _by_frequency(repeat: Repeat) -> tuple[Fraction, Fraction, Fraction | None] | None:
    """frequencyMax per shortest period to frequency per longest; a frequency without a period says nothing."""
    shortest = _positive(number_text(repeat.period))
    unit = _PERIOD_DAYS.get(repeat.periodUnit)
    if shortest is None or unit is None:
        return None
    longest = _positive(number_text(repeat.periodMax)) or shortest
    often = Fraction(repeat.frequency) if repeat.frequency else Fraction(1)
    most = Fraction(repeat.frequencyMax) if repeat.frequencyMax else often
    if not 0 < often <= most or longest < shortest:
        return None
    low, high = often / (longest * unit), most / (shortest * unit)
    cyclic = shortest * unit > 1 and repeat.periodUnit in {"d", "wk"}
    return low, high, most if cyclic else None


def _positive(text: str | None) -> Fraction | None:
    number = exact(text) if text else None
    return number if number is not None and number > 0 else None


def _by_code(code: Concept) -> Iterable[Statement]:
    for coding in code.coding:
        key = coding.code.strip().upper()
        if coding.code in _SNOMED and "snomed" in coding.system:
            yield Fraction(_SNOMED[coding.code]), Fraction(_SNOMED[coding.code]), None, "structured"
        elif key in _ABBREVIATIONS:
            yield Fraction(_ABBREVIATIONS[key]), Fraction(_ABBREVIATIONS[key]), None, "structured"
        elif key in _CYCLES:
            yield _CYCLES[key], _CYCLES[key], Fraction(1), "structured"
    for text in (code.text, *(coding.display for coding in code.coding)):
        reading = parse_sig(text) if text else None
        if reading and len(reading.steps) == 1:
            step = reading.steps[0]
            if step.per_day_low is not None and step.per_day_high is not None:
                yield step.per_day_low, step.per_day_high, step.peak_times, "structured"
