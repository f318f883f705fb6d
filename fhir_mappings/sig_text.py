"""Reading free-text sigs: a small grammar that either understands a text completely, or refuses it.

Each recognised part is taken out of the text.  What is left must be harmless words; anything else means that
the text says something we did not understand, and the reading is refused.  Nothing is ever assumed: a text
without a frequency has none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from functools import lru_cache

from fhir_mappings.sig_parts import (
    NUM,
    SLOT,
    UNIT,
    RefusedError,
    take_dose,
    take_duration,
    take_frequency,
    take_maximum,
    take_need,
)
from fhir_mappings.sig_words import plain_sig

MAX_CHARACTERS = 600
MOST_A_DAY = 60  # more tablets than this a day are a misreading
_HARMLESS = frozenset(
    """
    take takes give use place apply put dissolve insert swallow by mouth po oral orally the a an of
    to on onto skin upper torso chest back arm in under tongue sl sublingual sublingually buccal buccally
    inside cheek transdermal transdermally td top topical topically with food water meal
    meals full glass route and whole extended release er ir xr sr cr la hcl
    chronic needed only slowly area clean dry new change site intact scheduled around clock
    current per rectal rectally via is it medication medicine pain your
    administer applied tablet tablets tab tabs capsule capsules cap caps patch patches film films
    qualifier value at given through into nostril spray sprays
    """.split()  # noqa: SIM905 - a word list reads better as words
)
_SEPARATORS = re.compile(r"[,;:.()\-/*+&=]+")
_THEN = re.compile(r"[,.;]?\s*\bthen\b[,:]?\s*")
_STOP = re.compile(r"[,.;]?\s*\b(?:then|and)\s+(?:stop|discontinue|off)\b[\s.]*$")
_STEP_TO = re.compile(r"^(?:increase|decrease|reduce|go)\s+(?:down\s+|up\s+)?to\s+")
_AMOUNT = rf"(?:takes?\s+)?{NUM}(?:\s*(?:-|to)\s*{NUM})?"
_AHEAD = rf"{_AMOUNT}\s*(?:(?:{UNIT})\b|(?=\s*(?:{SLOT}|[btq]id|daily|every|q\d)))"
_AND = re.compile(rf"(?:[,;.]?\s*(?:\b(?:and|plus)\b|&|\+)|[,;]|\.(?=\s))\s*(?={_AHEAD})")
_CLOCK = re.compile(
    r"\bat\s+\d{1,2}(?::\d\d)?\s*[ap]m\b(?:(?:\s*(?:,|and|&))+\s*\d{1,2}(?::\d\d)?\s*[ap]m\b)*"
)
_CLOCK_TIME = re.compile(r"\d{1,2}(?::\d\d)?\s*([ap]m)\b")
_CLOCK_OR_DOSE = re.compile(r"\d\s*[ap]m\b")


@dataclass(frozen=True, slots=True)
class SigStep:
    """One part of the directions.

    dose_unit: "unit" (tablet, capsule, film, lozenge ...), "patch", "mL", "mg", "mcg", "spray", or empty when none is
    named.  Times are per day; peak_times is set when a dosing day differs from the average of the cycle.
    max_per_day: a written daily maximum in max_unit.
    """

    dose_low: Fraction | None = None
    dose_high: Fraction | None = None
    dose_unit: str = ""
    per_day_low: Fraction | None = None
    per_day_high: Fraction | None = None
    peak_times: Fraction | None = None
    prn: bool = False
    max_per_day: Fraction | None = None
    max_unit: str = ""
    duration_days: int | None = None

    @property
    def is_complete(self) -> bool:
        return self.dose_high is not None and self.per_day_high is not None


@dataclass(frozen=True, slots=True)
class SigReading:
    """status "parsed" or "refused" (then `reason` says why, and there are no steps).

    relation: "single", "parallel" (all steps on the same day) or "sequence" (one after the other).
    confidence: 1 for a text that is understood to the last word, 0 for a refused one; a single step may still lack
    dose or frequency where the text says nothing of it (`is_complete`).
    start, end: the first and last day as written; fill_from: the first day on which it may be filled, which is the
    start where none is written.
    """

    status: str
    confidence: Fraction
    steps: tuple[SigStep, ...] = ()
    relation: str = "single"
    reason: str = ""
    start: date | None = None
    end: date | None = None
    fill_from: date | None = None

    @property
    def is_complete(self) -> bool:
        """Whether it states how much is taken how often."""
        return bool(self.steps) and all(step.is_complete for step in self.steps)


@lru_cache(maxsize=20_000)
def parse_sig(text: str) -> SigReading:
    """Read one sig.  Never raises, whatever the text."""
    if len(text) > MAX_CHARACTERS:
        return SigReading("refused", Fraction(0), reason="too_long")
    plain, start, end, fill_from = plain_sig(text)
    dates = start or fill_from, end, fill_from
    try:
        steps, relation = _read(plain)
    except RefusedError as refusal:
        return SigReading("refused", Fraction(0), (), "single", str(refusal), *dates)
    return SigReading("parsed", Fraction(1), steps, relation, "", *dates)


def _read(plain: str) -> tuple[tuple[SigStep, ...], str]:
    if not plain:
        raise RefusedError("empty")
    limit, plain = take_maximum(_clock_times(plain))
    plain, stops = _STOP.subn("", plain)
    parts = _steps_in_turn(plain)
    if len(parts) > 1 or stops:
        if limit:
            raise RefusedError("maximum_in_sequence")
        return _sequence(parts, last_ends=bool(stops)), "sequence" if len(parts) > 1 else "single"
    steps = _together(_AND.split(plain))
    if not any(step.dose_high is not None or step.per_day_high is not None for step in steps):
        raise RefusedError("no_dose_no_frequency")
    if limit:
        steps[0] = replace(steps[0], max_per_day=limit[0], max_unit=limit[1] or steps[0].dose_unit)
        if len(steps) > 1:
            raise RefusedError("maximum_in_parts")
    return tuple(steps), "parallel" if len(steps) > 1 else "single"


def _clock_times(plain: str) -> str:
    """ "at 8 am and 8 pm" becomes "at am and pm"; a number before am or pm that may be a dose is refused."""
    plain = _CLOCK.sub(lambda found: _CLOCK_TIME.sub(r"\1", found[0]), plain)
    if _CLOCK_OR_DOSE.search(plain):
        raise RefusedError("clock_time_or_dose")
    return plain


def _steps_in_turn(plain: str) -> list[str]:
    """The parts that follow each other: after "then", or a list of amounts that each last some days."""
    parts = _THEN.split(plain)
    if len(parts) > 1:
        return parts
    listed = _AND.split(plain)
    lasting = [take_duration(part)[0] is not None for part in listed]
    return listed if len(listed) > 1 and all(lasting) else [plain]


def _sequence(parts: list[str], *, last_ends: bool) -> tuple[SigStep, ...]:
    """A taper: every step but the last says how long it lasts; a missing unit is the one before."""
    steps: list[SigStep] = []
    for number, part in enumerate(parts):
        said = _STEP_TO.sub("", part) if number else part
        if len(_AND.split(said)) > 1:
            raise RefusedError("parallel_inside_sequence")
        step = _step(said)[0]
        if not step.is_complete:
            raise RefusedError("step_incomplete")
        if step.duration_days is None and (last_ends or number < len(parts) - 1):
            raise RefusedError("step_without_duration")
        steps.append(step if step.dose_unit or not steps else replace(step, dose_unit=steps[-1].dose_unit))
    return tuple(steps)


def _together(parts: list[str]) -> list[SigStep]:
    """Parts of one day.  Only what is taken at different times adds up; alternatives are refused."""
    read = [_step(part) for part in parts]
    steps = [step for step, _ in read]
    if len(steps) == 1:
        step = steps[0]
        if step.per_day_high is None and (step.prn or step.dose_low != step.dose_high or step.duration_days):
            raise RefusedError("no_frequency")
        return steps
    if not all(step.is_complete for step in steps):
        raise RefusedError("part_incomplete")
    slots = [slot for _, named in read for slot in named]
    by_interval = [step.prn for step, named in read if not named]
    if len(set(slots)) != len(slots) or len(set(by_interval)) != len(by_interval):
        raise RefusedError("alternatives")
    durations = [step.duration_days for step in steps]
    if any(days is not None for days in durations[:-1]):
        raise RefusedError("durations_differ")
    return [
        replace(step, dose_unit=step.dose_unit or steps[0].dose_unit, duration_days=durations[-1])
        for step in steps
    ]


def _step(part: str) -> tuple[SigStep, tuple[str, ...]]:
    """One part, and the times of day it names."""
    prn, rest = take_need(part)
    duration, rest = take_duration(rest)
    often, rest = take_frequency(rest)
    low, high, unit, rest = take_dose(rest)
    for word in _SEPARATORS.sub(" ", rest).split():
        if word not in _HARMLESS:
            digits = any(character.isdigit() for character in word)
            raise RefusedError("number_not_understood" if digits else "words_not_understood")
    if high is not None and not unit and often.high is None:
        raise RefusedError("number_not_understood")
    if (
        high is not None
        and often.high is not None
        and unit in {"", "unit"}
        and high * often.high > MOST_A_DAY
    ):
        raise RefusedError("odd_dose")
    step = SigStep(low, high, unit, often.low, often.high, often.peak, prn, duration_days=duration)
    return step, often.slots
