"""How often: from structured timing to administrations per day, in the order in which EHRs can be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from fractions import Fraction
from functools import lru_cache

from fhir_mappings.dates import last_local_date, local_date
from fhir_mappings.resources import Concept, Repeat, Timing
from fhir_mappings.sig_text import parse_sig
from fhir_mappings.units import days_of, is_absent, number_of
from valuesets.systems import SNOMED, canonical

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
    "229797004": 1, "229799001": 2, "229798009": 3, "307439001": 4, "307440004": 5, "307441000": 6, "225750008": 12,
    "225753005": 8, "225756002": 6, "307468000": 4, "307469008": 3, "396142006": 1, "225768006": 24,
}  # fmt: skip
# FHIR EventTiming: meals together count three.
_WHEN = {
    **dict.fromkeys(
        ["MORN", "MORN.early", "MORN.late", "NOON", "AFT", "AFT.early", "AFT.late", "EVE", "EVE.early", "EVE.late",
         "NIGHT", "PHS", "HS", "WAKE", "CM", "CD", "CV", "ACM", "ACD", "ACV", "PCM", "PCD", "PCV"],
        1,
    ),
    **dict.fromkeys(["AC", "PC", "C"], 3),
}  # fmt: skip
# Beside a frequency they say how it is taken: twice a day, with meals.
_WITH_MEALS = frozenset({"AC", "PC", "C"})


@dataclass(frozen=True, slots=True)
class Times:
    """Administrations per day (low to high, and on a dosing day) and bounds; low and high None: not stated."""

    low: Fraction | None = None
    high: Fraction | None = None
    peak: Fraction | None = None
    start: date | None = None
    end: date | None = None
    duration: int | None = None


@dataclass(frozen=True, slots=True)
class _Rate:
    """Administrations per day; peak: on a dosing day, where that differs.  days: length of the cycle."""

    low: Fraction
    high: Fraction
    peak: Fraction | None = None
    days: Fraction = Fraction(1)


def times_of(timing: Timing | None, zone: tzinfo) -> Times:
    """Never a default: a timing that states no frequency gives none."""
    if timing is None:
        return Times()
    repeat = timing.repeat or Repeat()
    bounds = repeat.boundsPeriod
    start = local_date(bounds.start, zone) if bounds else None
    end = last_local_date(bounds.end, zone) if bounds else None
    lasting = days_of(repeat.boundsDuration)
    duration = int(lasting) if lasting is not None and 1 <= lasting <= 3660 else None
    if start and duration and end is None:
        end = start + timedelta(days=duration - 1)
    rate = _on_days(_rate(timing, repeat), len(set(repeat.dayOfWeek)))
    if rate is None:
        return Times(start=start, end=end, duration=duration)
    return Times(rate.low, rate.high, rate.peak, start, end, duration)


def _rate(timing: Timing, repeat: Repeat) -> _Rate | None:
    stated = _by_frequency(repeat)
    coded = next(iter(_by_code(timing.code)), None) if timing.code is not None else None
    if stated is not None:
        return _with_code(_with_named_times(stated, repeat), coded)
    if repeat.timeOfDay:
        count = Fraction(len(set(repeat.timeOfDay)))
        if coded is not None and coded.days > 1:
            # Clock times are those of a dosing day; the code says that not every day is one.
            return _Rate(coded.low * count, coded.high * count, count, coded.days)
        return _Rate(count, count)
    if repeat.when and all(word in _WHEN for word in repeat.when):
        count = Fraction(sum(_WHEN[word] for word in set(repeat.when)))
        return _Rate(count, count)
    return coded


def _with_named_times(stated: _Rate, repeat: Repeat) -> _Rate:
    """ "Once a day" at three times of day contradicts itself: up to as often as times are named."""
    named = len(set(repeat.timeOfDay)) or sum(_WHEN.get(word, 0) for word in set(repeat.when) - _WITH_MEALS)
    if stated.days > 1 or named <= stated.high:
        return stated
    return _Rate(stated.low, Fraction(named), stated.peak, stated.days)


def _with_code(stated: _Rate, coded: _Rate | None) -> _Rate:
    """Code and fields say one thing; where the code says more times a day, up to as often."""
    if coded is None or coded.high <= stated.high or max(stated.days, coded.days) > 1:
        return stated
    return _Rate(stated.low, coded.high, stated.peak, stated.days)


def _on_days(rate: _Rate | None, days: int) -> _Rate | None:
    """Restricted to so many weekdays; weekdays alone mean once on each."""
    if not 0 < days < 7:
        return rate
    if rate is None:
        rate = _Rate(Fraction(1), Fraction(1))
    share = Fraction(days, 7)
    if rate.high == share and rate.peak is not None:
        return rate
    if rate.days >= 7:
        # "Once a week" with three weekdays named: the weekdays say on which of them, or that all are meant.
        return _Rate(min(rate.low, share), max(rate.high, share), rate.peak, rate.days)
    return _Rate(rate.low * share, rate.high * share, rate.peak or rate.high, Fraction(7))


def _by_frequency(repeat: Repeat) -> _Rate | None:
    """frequencyMax per shortest period to frequency per longest; a frequency without a period says nothing."""
    if repeat.periodUnit not in _PERIOD_DAYS or is_absent(repeat.period):
        return None
    numbers = (repeat.period, repeat.periodMax, repeat.frequency, repeat.frequencyMax)
    return _rate_of(repeat.periodUnit, *map(bytes, numbers))


@lru_cache(maxsize=4096)
def _rate_of(
    period_unit: str, period: bytes, period_max: bytes, frequency: bytes, frequency_max: bytes
) -> _Rate | None:
    shortest, unit = number_of(period), _PERIOD_DAYS[period_unit]
    if shortest is None or shortest <= 0:
        return None
    longest = shortest if is_absent(period_max) else number_of(period_max)
    often = Fraction(1) if is_absent(frequency) else number_of(frequency)
    most = often if is_absent(frequency_max) else number_of(frequency_max)
    if longest is None or often is None or most is None or not 0 < often <= most or longest < shortest:
        return None
    days = shortest * unit
    peak = most if days > 1 and period_unit in {"d", "wk"} else None
    return _Rate(often / (longest * unit), most / days, peak, max(days, Fraction(1)))


def _by_code(code: Concept) -> Iterable[_Rate]:
    for coding in code.coding:
        key = coding.code.strip().upper()
        if coding.code in _SNOMED and canonical(coding.system) == SNOMED:
            count = Fraction(_SNOMED[coding.code])
            yield _Rate(count, count)
        elif key in _ABBREVIATIONS:
            count = Fraction(_ABBREVIATIONS[key])
            yield _Rate(count, count)
        elif key in _CYCLES:
            yield _Rate(_CYCLES[key], _CYCLES[key], Fraction(1), 1 / _CYCLES[key])
    for text in (code.text, *(coding.display or coding.code for coding in code.coding)):
        reading = parse_sig(text) if text else None
        step = reading.steps[0] if reading and len(reading.steps) == 1 else None
        if step is not None and step.per_day_low is not None and step.per_day_high is not None:
            days = 1 / step.per_day_high if step.per_day_high < 1 else Fraction(1)
            yield _Rate(step.per_day_low, step.per_day_high, step.peak_times, days)
