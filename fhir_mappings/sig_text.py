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

from fhir_mappings.sig_words import plain_sig

MAX_CHARACTERS = 600
NUM = r"(?:\d+/[1-9]\d*|\d+(?:\.\d+)?|\.\d+)"
_RANGE = rf"({NUM})(?:\s*(?:-|to|or)\s*({NUM}))?"
_UNITS = {
    r"tab(?:let)?s?|caplets?|pills?": "unit", r"cap(?:sule)?s?": "unit", r"films?|strips?": "unit",
    r"lozenges?|troches?|lollipops?": "unit", r"suppositor(?:y|ies)": "unit", r"sprays?": "spray",
    r"patch(?:es)?": "patch", r"ml|milliliters?|cc": "mL", r"mg|milligrams?(?:\(s\))?": "mg",
    r"mcg|ug|micrograms?": "mcg", r"grams?|g": "g", r"units?|ea|each|doses?": "unit",
}  # fmt: skip
_UNIT = "|".join(_UNITS)
_PATCH_STRENGTH = re.compile(rf"{NUM}\s*(?:mcg|ug)\s*/\s*(?:hr|hour|h)\b")
_BOTH = re.compile(rf"{NUM}\s*(?:mg|mcg|g)\s*(?:=|;|\(=?)\s*(?={NUM}\s*(?:tab|cap|ml|patch|film|unit))")
_DOSE = re.compile(rf"{_RANGE}\s*({_UNIT})\b(?:\s*\(s\))?")
_BARE_DOSE = re.compile(rf"\b(?:takes?|give|use|place|apply)\s+{_RANGE}(?=\s|$)(?!\s*(?:x|times?)\b)")
_HOURS = r"(?:hours?|hrs?|h)\b"
_DAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}
_DAY_NAME = r"(?:mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun)(?:day|sday|nesday|rsday|urday)?s?"
_SLOT = (
    r"(?:(?:each|every|in the|at|q)\s*)?(?:morning|noon|midday|afternoon|evening|night|bedtime|hs|am|pm|nightly)\b"
    r"|(?:with|before|after)\s+(?:breakfast|lunch|dinner|supper)\b|\bqhs\b|\bqam\b|\bqpm\b|\bqnoon\b|\bhs\b|\bnightly\b"
)
_PRN = re.compile(
    r"\b(?:as needed|if needed|when needed|prn|as required|p r n)\b[:,.]?"
    r"(?:\s*(?:as needed\s*)?(?:for\s+)?(?:relief of\s+)?(?:other \(see comment\)|(?:[a-z/]+\s+){0,4}?"
    r"(?:pain|headaches?|migraines?|cough|spasms?|breakthrough|dyspnea|withdrawal|hypertension|legs|congestion|"
    r"anxiety|sleep|nausea)(?:\s*\(?(?:scale\s*)?\d+\s*-\s*\d+(?:/10)?\)?)?))?"
)
_REASON = re.compile(
    r"\bfor\s+(?:[a-z/]+\s+){0,3}?(?:pain|headaches?|migraines?|cough|spasms?|hypertension|congestion|arthritis|"
    r"neuropathy)\b"
)
_MAX = re.compile(
    rf"\b(?:(?:do )?not (?:to )?exceed(?:ing)?|no more than|nmt|max(?:imum)?(?:\s+(?:daily\s+)?(?:dose|amount|of))*"
    rf"|up to a max(?:imum)? of|limit(?: to)?)\s*:?\s*({NUM})\s*({_UNIT})?\s*"
    rf"(?:(?:total\s*)?(?:per|a|in|in a|/|each|every)?\s*"
    rf"(?:(?:24|1)\s*[- ]?{_HOURS}(?:\s*period)?|day\b|daily\b)|(?<=mg)(?=$|[\s.,]))"
)
_DURATION = re.compile(rf"\b(?:for|x)\s*(?:up to\s*)?({NUM})\s*(days?|d|weeks?|wks?|months?)\b")
_HARMLESS = frozenset(
    """
    take takes give use place apply put dissolve insert swallow by mouth po oral orally the a an of
    to on skin upper torso chest back arm in under tongue sl sublingual sublingually buccal buccally
    inside cheek transdermal transdermally td top topical topically with without food water meal
    meals full glass route and every each dose whole extended release er ir xr sr cr la hcl time
    times day chronic needed only slowly then area clean dry new change site intact schedule
    scheduled around clock continue continued current home med meds per rectal rectally via given
    through into is it medication medicine pain control your total administer applied tablet tablets
    tab tabs capsule capsules cap caps patch patches film films qualifier value at
    """.split()  # noqa: SIM905 - a word list reads better as words
)
_SEPARATORS = re.compile(r"[,;:.()\-/*+&=]+")


@dataclass(frozen=True, slots=True)
class SigStep:
    """One part of the directions.  Times are per day; peak_times is set when dosing days differ from the average."""

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


@dataclass(frozen=True, slots=True)
class SigReading:
    """status "parsed" or "refused" (then `reason` says why, and there are no steps).

    relation: "single", "parallel" (all steps on the same day) or "sequence" (one after the other).
    confidence: 1 for a complete reading, less than 0.9 for a refused one.
    """

    status: str
    confidence: Fraction
    steps: tuple[SigStep, ...] = ()
    relation: str = "single"
    reason: str = ""
    start: date | None = None
    end: date | None = None


class _RefusedError(Exception):
    """Why this text is not read."""


def _refuse(reason: str, start: date | None = None, end: date | None = None) -> SigReading:
    return SigReading("refused", Fraction(0), reason=reason, start=start, end=end)


@lru_cache(maxsize=20_000)
def parse_sig(text: str) -> SigReading:
    """Read one sig.  Never raises, whatever the text."""
    if len(text) > MAX_CHARACTERS:
        return _refuse("too_long")
    plain, start, end = plain_sig(text)
    if not plain:
        return _refuse("empty", start, end)
    try:
        steps, relation = _read(plain)
    except _RefusedError as refusal:
        return _refuse(str(refusal), start, end)
    return SigReading("parsed", Fraction(1), steps, relation, start=start, end=end)


def _read(plain: str) -> tuple[tuple[SigStep, ...], str]:
    plain, limit = _take_max(plain)
    sequence = re.split(r"[,.;]?\s*\bthen\b[,:]?\s*", plain)
    if len(sequence) > 1:
        return _sequence(sequence, limit), "sequence"
    parallel = _parallel(plain)
    steps = [_step(part) for part in parallel]
    if len(steps) > 1:
        for number, step in enumerate(steps):
            if step.per_day_high is None or (step.dose_high is None):
                raise _RefusedError("part_incomplete")
            if number and not step.dose_unit:
                steps[number] = replace(step, dose_unit=steps[0].dose_unit)
    if not any(step.dose_high is not None or step.per_day_high is not None for step in steps):
        raise _RefusedError("no_dose_no_frequency")
    if limit:
        steps[0] = replace(steps[0], max_per_day=limit[0], max_unit=limit[1] or steps[0].dose_unit)
    return tuple(steps), "parallel" if len(steps) > 1 else "single"


def _take_max(plain: str) -> tuple[str, tuple[Fraction, str] | None]:
    found = _MAX.findall(plain)
    if len(found) > 1:
        raise _RefusedError("several_maxima")
    if not found:
        return plain, None
    number, unit = found[0]
    return _MAX.sub(" ", plain), (Fraction(number), _unit(unit) if unit else "")


def _sequence(parts: list[str], limit: tuple[Fraction, str] | None) -> tuple[SigStep, ...]:
    """A taper: every step but the last says how long it lasts; a missing unit is the one before."""
    steps: list[SigStep] = []
    for number, part in enumerate(parts):
        if len(_parallel(part)) > 1:
            raise _RefusedError("parallel_inside_sequence")
        step = _step(part)
        if step.per_day_high is None and re.search(r"\bstop\b", part):
            break
        if step.dose_high is None or step.per_day_high is None:
            raise _RefusedError("step_incomplete")
        if step.duration_days is None and number < len(parts) - 1:
            raise _RefusedError("step_without_duration")
        if not step.dose_unit and steps:
            step = replace(step, dose_unit=steps[-1].dose_unit)
        steps.append(step)
    if limit or not steps:
        raise _RefusedError("maximum_in_sequence")
    return tuple(steps)


def _parallel(plain: str) -> list[str]:
    """Split "1 tab in the morning and 2 at bedtime": an "and" or "plus" in front of another amount."""
    amount = rf"(?:takes?\s+)?{NUM}(?:\s*(?:-|to)\s*{NUM})?"
    ahead = rf"{amount}\s*(?:(?:{_UNIT})\b|(?=\s*(?:{_SLOT}|bid|tid|qid|daily|every|q\d)))"
    parts = re.split(rf"[,;.]?\s*(?:\b(?:and|plus)\b|&|\+)\s*(?={ahead})", plain)
    if len(parts) == 1:
        parts = re.split(rf"[,;]\s*(?={NUM}\s*(?:{_UNIT})?\s*(?:{_SLOT}))", plain)
    return parts


def _unit(text: str) -> str:
    for pattern, unit in _UNITS.items():
        if re.fullmatch(pattern, text):
            return unit
    return text


def _step(part: str) -> SigStep:
    prn = bool(_PRN.search(part))
    rest = _PRN.sub(" ", part)
    rest = _REASON.sub(" ", rest)
    duration, rest = _duration(rest)
    rest = _PATCH_STRENGTH.sub(" ", rest)
    rest = _BOTH.sub(" ", rest)
    low, high, peak, rest = _frequency(rest)
    dose_low, dose_high, unit, rest = _dose(rest)
    _check_leftover(rest)
    return SigStep(dose_low, dose_high, unit, low, high, peak, prn, duration_days=duration)


def _duration(text: str) -> tuple[int | None, str]:
    found = _DURATION.findall(text)
    if not found:
        return None, text
    if len(found) > 1:
        raise _RefusedError("several_durations")
    number, unit = found[0]
    days = Fraction(number) * (7 if unit.startswith("w") else 30 if unit.startswith("m") else 1)
    if days.denominator != 1 or days <= 0:
        raise _RefusedError("odd_duration")
    return int(days), _DURATION.sub(" ", text)


def _dose(text: str) -> tuple[Fraction | None, Fraction | None, str, str]:
    found = _DOSE.findall(text)
    pattern = _DOSE
    if not found:
        found, pattern = [(*m, "") for m in _BARE_DOSE.findall(text)], _BARE_DOSE
    if not found:
        lone = re.fullmatch(rf"[\s,.]*{_RANGE}[\s,.]*((?:by|po|oral|orally|mouth|\s|,)*)", text)
        if lone:
            found, pattern = [(lone[1], lone[2] or "", "")], re.compile(rf"{_RANGE}")
    if not found:
        return None, None, "", text
    if len(found) > 1:
        raise _RefusedError("several_doses")
    low_text, high_text, unit = found[0]
    low = Fraction(low_text)
    high = Fraction(high_text) if high_text else low
    if not 0 < low <= high:
        raise _RefusedError("odd_dose")
    kind = _unit(unit) if unit else "unit"
    if kind == "g":
        low, high, kind = low * 1000, high * 1000, "mg"
    return low, high, kind, pattern.sub(" ", text)


Frequency = tuple[Fraction, Fraction, Fraction | None]
_ALTERNATE_DAYS = (Fraction(1, 2), Fraction(1, 2), Fraction(1))
_WEEKLY = (Fraction(1, 7), Fraction(1, 7), Fraction(1))
_MEALS = r"\b(?:before each meal|with each meal|with meals|after meals|before meals|ac)"
_FIXED: tuple[tuple[str, Frequency], ...] = (
    (r"\b(?:every other day|every 2(?:nd)? days?|qod|q\.?o\.?d|alternate days?)\b", _ALTERNATE_DAYS),
    (r"\b(?:bid|b i d)\b", (Fraction(2), Fraction(2), None)),
    (r"\b(?:tid|t i d)\b", (Fraction(3), Fraction(3), None)),
    (r"\b(?:qid|q i d)\b", (Fraction(4), Fraction(4), None)),
    (_MEALS + r"\s*(?:and|&)\s*(?:at )?(?:bedtime|hs|nightly)\b", (Fraction(4), Fraction(4), None)),
    (r"\b(?:before each meal|with each meal|after each meal)\b", (Fraction(3), Fraction(3), None)),
    (r"\b(?:once (?:a|per|each|every)\s?week|weekly|every week|once weekly|qweek|q week)\b", _WEEKLY),
    (r"\bevery (?:7 days|168 hours)\b", _WEEKLY),
)


def _frequency(text: str) -> tuple[Fraction | None, Fraction | None, Fraction | None, str]:
    """Times per day, low and high, and the text without them.  Two different statements are refused."""
    found: list[Frequency] = []
    text = _take_fixed(text, found)
    text = _take_counts(text, found)
    text = _take_intervals(text, found)
    slots = re.findall(rf"(?:{_SLOT})", text)
    if slots:
        text = re.sub(rf"(?:{_SLOT})", " ", text)
        total = Fraction(len(slots))
        # "once daily at bedtime" and "2 times a day, morning and evening" say one thing twice.
        if not found or (len(slots) > 1 and all(f[1] != total for f in found)):
            found.append((total, total, None))
    if re.search(r"\b(?:daily|every day|each day|qday|q day|qd|once a day|once)\b", text) and not found:
        if re.search(r"\bonce\b(?!\s*(?:a|per|every|each)?\s*(?:day|daily))", text) and not re.search(
            r"daily|day|qd", text
        ):
            raise _RefusedError("single_dose")
        found.append((Fraction(1), Fraction(1), None))
    text = re.sub(r"\b(?:once a day|once daily|daily|every day|each day|qday|q day|qd|once)\b", " ", text)
    named = re.findall(rf"\b({_DAY_NAME})\b", text)
    if named:
        return _on_days(text, named, found)
    if len(set(found)) > 1:
        raise _RefusedError("two_frequencies")
    return (*found[0], text) if found else (None, None, None, text)


def _take_fixed(text: str, found: list[Frequency]) -> str:
    for pattern, frequency in _FIXED:
        if re.search(pattern, text):
            found.append(frequency)
            text = re.sub(pattern, " ", text)
    return text


def _take_intervals(text: str, found: list[Frequency]) -> str:
    """ "every 4 to 6 hours", "q4-6h", "every 72 hours", "every 3 days"."""
    span = rf"({NUM})?(?:\s*(?:-|to|or)\s*({NUM}))?"
    pattern = rf"\b(?:every|q|each)\s*{span}\s*[- ]?(?:({_HOURS})|(days?\b)|(weeks?\b))"

    def take(match: re.Match[str]) -> str:
        shortest = Fraction(match[1] or "1")
        longest = Fraction(match[2]) if match[2] else shortest
        if not 0 < shortest <= longest:
            raise _RefusedError("odd_interval")
        per_day = Fraction(24) if match[3] else Fraction(1) if match[4] else Fraction(1, 7)
        cyclic = match[3] is None and shortest > 1
        found.append((per_day / longest, per_day / shortest, Fraction(1) if cyclic else None))
        return " "

    return re.sub(pattern, take, text)


def _take_counts(text: str, found: list[Frequency]) -> str:
    """ "3 times a day", "2-3 times daily", "up to 4 times per day", "twice daily", "5x/day", "1 time each day"."""
    text = re.sub(r"\btwice\b", "2 times", text)
    text = re.sub(r"\bthrice\b", "3 times", text)
    text = re.sub(r"\bonce (?=(?:a|per|each|every|/)?\s*(?:day|daily))", "1 time ", text)

    def take(match: re.Match[str]) -> str:
        low = Fraction(match[1])
        high = Fraction(match[2]) if match[2] else low
        if not 0 < low <= high:
            raise _RefusedError("odd_count")
        found.append((low, high, None))
        return " "

    count = rf"\b(?:up to\s+)?({NUM})(?:\s*(?:-|to|or)\s*({NUM}))?"
    pattern = rf"{count}\s*(?:x|times?)\s*(?:a|per|each|every|/)?\s*(?:day|daily)\b"
    return re.sub(pattern, take, text)


def _on_days(
    text: str, named: list[str], found: list[Frequency]
) -> tuple[Fraction, Fraction, Fraction | None, str]:
    """Named weekdays: so many sevenths of what is taken on a dosing day."""
    if re.search(rf"{_DAY_NAME}\s*(?:-|to|through)\s*{_DAY_NAME}", text):
        first, last = (_DAYS[name[:3]] for name in named[:2])
        count = (last - first) % 7 + 1
        if len(named) != 2:
            raise _RefusedError("odd_weekdays")
    else:
        count = len({name[:3] for name in named})
    if len(set(found)) > 1:
        raise _RefusedError("two_frequencies")
    low, high, _ = found[0] if found else (Fraction(1), Fraction(1), None)
    share = Fraction(count, 7)
    rest = re.sub(rf"\b{_DAY_NAME}\b|\bthrough\b", " ", text)
    return low * share, high * share, high, rest


def _check_leftover(rest: str) -> None:
    for word in _SEPARATORS.sub(" ", rest).split():
        if word in _HARMLESS:
            continue
        raise _RefusedError(
            "number_not_understood" if any(c.isdigit() for c in word) else "words_not_understood"
        )
