"""The parts of directions: dose, frequency, maximum, duration, "as needed".  Each is taken out of the text it is in.

Every function returns what it found and the text without it, or refuses with a reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

NUM = r"(?:\d+/[2-4](?!\d)|\d+(?:\.\d+)?(?!\d|/\d|\.\d))"
RANGE = rf"({NUM})(?:\s*(?:-|to|or)\s*({NUM}))?"
_UNIT_WORDS = (
    (r"tab(?:let)?s?|caplets?|pills?|tbl", "unit"),
    (r"cap(?:sule)?s?", "unit"),
    (r"films?|strips?|lozenges?|troches?|lollipops?|suppositor(?:y|ies)|supps?", "unit"),
    (r"ea|each", "unit"),
    (r"sprays?", "spray"),
    (r"patch(?:e?s)?", "patch"),
    (r"ml|milliliters?|cc", "mL"),
    (r"tsp|teaspoon(?:ful)?s?", "tsp"),
    (r"mg|milligrams?", "mg"),
    (r"mcg|ug|micrograms?", "mcg"),
    (r"grams?|gm|g", "g"),
)
UNIT = "|".join(words for words, _ in _UNIT_WORDS)
_UNITS = tuple((re.compile(words), unit) for words, unit in _UNIT_WORDS)
_SCALE = {"g": (1000, "mg"), "tsp": (5, "mL")}
# More than this at once, or in a day, is not a dose but a misreading.
_MOST_AT_ONCE = {"unit": 20, "patch": 8, "spray": 8, "mL": 200}
_MOST_TIMES = 24
_HOURS = r"(?:hours?|hrs?|h)\b"
_DAY_NUMBERS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}
_DAY_NAME = r"(?:mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun)(?:day|sday|nesday|rsday|urday)?s?"
SLOT = (
    r"(?:\bq\s*(?:am|pm|hs|noon|night|morning|evening|bedtime)\b"
    r"|(?:\b(?:each|every|in the|in|at|before)\s+)?"
    r"\b(?:morning|noon|midday|afternoon|evening|night|bedtime|hs|am|pm)s?\b"
    r"|(?:\b(?:with|before|after|at)\s+)?\b(?:breakfast|lunch|dinner|supper)\b|\bnightly\b)"
)
_NIGHT = re.compile(r"night|bedtime|hs|evening|pm")
_MORNING = re.compile(r"morning|am\b|breakfast")

_PLACE = (
    r"(?:for|relief|of|mild|moderate|severe|to|chronic|acute|low|lower|upper|mid|back|neck|knee|hip|joint|shoulder|leg"
    r"|foot|hand|arm|abdominal|post-?op(?:erative)?|surgical|breakthrough|cancer|nerve|neuropathic|muscle|or|and|other"
    r"|significant|uncontrolled|persistent|arthritis|right|left|bilateral|intractable|tooth|dental|pelvic|chest"
    r"|generali[sz]ed|body|bone|stump|phantom|limb|the|your|his|her|tension|restless|shortness|nasal)"
)
_COMPLAINT = (
    r"(?:pain|headaches?|migraines?|cough|spasms?|dyspnea|breath|withdrawal|hypertension|legs|congestion|anxiety|sleep"
    r"|nausea|arthritis|neuropathy|fever|discomfort|aches?|other \(see comment\))"
)
_FOR = (
    rf"(?:{_PLACE}\s+)*{_COMPLAINT}(?:\s*(?:,|/|or|and)\s*(?:{_PLACE}\s+)*{_COMPLAINT})*"
    rf"(?:\s*\(?(?:pain\s+)?(?:score|scale|level)?\s*\d+\s*-\s*\d+(?:\s*/\s*10)?\)?|\s*\((?:mild|moderate|severe)\))?"
)
_PRN = re.compile(
    rf"(?:\b(?:as needed|if needed|when needed|only if needed|prn|as required|p r n)\b[\s:,.(]*)+(?:{_FOR})?"
)
_REASON = re.compile(rf"\bfor\s+{_FOR}")
_SEVERITY = re.compile(r"\b(?:mild|moderate|severe)\b")

_LIMIT = (
    r"\b(?:(?:do )?not (?:to )?exceed(?:ing)?|(?:do )?not take more than|not more than"
    r"|(?:take )?no more than|nmt|mdd|max(?:imum)?|up to a max(?:imum)?"
    r"|limit)"
    r"(?:\s+(?:dose|amount|of|to))*"
)
_A_DAY = (
    rf"(?:(?:total\s*)?(?:per|a|in a|in|/|each|every)?\s*"
    rf"(?:(?:24|1)\s*[- ]?{_HOURS}(?:\s*period)?|days?\b|daily\b|d\b))"
)
_MAX = re.compile(
    rf"(?:{_LIMIT}(?:\s+dose)?\s*:?\s*({NUM})\s*({UNIT})?(?:\s*\(e?s\))?\s*{_A_DAY}"
    rf"|{_LIMIT}\s+daily(?:\s+(?:dose|amount|of|is))*\s*:?\s*({NUM})\s*({UNIT})?\b(?!\s*(?:per|/|each|a)\s*dose)"
    rf"(?:\s*{_A_DAY})?)"
)
_DURATION = re.compile(rf"\b(?:for|x)\s*(?:up to\s*)?({NUM})\s*(days?|d|weeks?|wks?|months?)\b")
_PATCH_STRENGTH = re.compile(rf"({NUM})\s*(?:mcg|ug)\s*/\s*(?:hr|hour|h)\b")
_BOTH = re.compile(
    rf"{NUM}(?:\s*-\s*{NUM})?\s*(?:mg|mcg|g)\s*(?:=|;|\(=?)\s*(?={NUM}(?:\s*-\s*{NUM})?\s*(?:tab|cap|ml|patch|film|each))"
)
_DOSE = re.compile(rf"(?<![\d/.]){RANGE}\s*({UNIT})\b(?:\s*\(e?s\))?(?!\s*/\s*(?:ml|\d))")
# "10 mg tablet" names a product; it does not say how many.
_STRENGTH = re.compile(r"\b(?:mg|mcg|g|milligrams?)\s+(?:\w+\s+)?(?:tab|cap|film|patch|loz|supp)")
_BARE_DOSE = re.compile(rf"\b(?:takes?|give|use|place|apply)\s+{RANGE}(?=\s|$)(?!\s*(?:x|times?)\b)")
_LONE_DOSE = re.compile(rf"[\s,.]*{RANGE}[\s,.]*(?:(?:by|po|oral|orally|mouth)\b|\s|,)*")

Taken = tuple[Fraction | None, Fraction | None, str, str]
Frequency = tuple[Fraction, Fraction, Fraction | None]


class RefusedError(Exception):
    """Why a text is not read."""


@dataclass(frozen=True, slots=True)
class Often:
    """Times per day, low and high; peak on a dosing day of a cycle; slots: the times of day that were named."""

    low: Fraction | None = None
    high: Fraction | None = None
    peak: Fraction | None = None
    slots: tuple[str, ...] = ()


def unit_named(text: str) -> str:
    """The unit a written one stands for."""
    return next((unit for pattern, unit in _UNITS if pattern.fullmatch(text)), text)


def take_need(text: str) -> tuple[bool, str]:
    """Whether it is taken as needed, without the complaint it is taken for."""
    if len(set(_SEVERITY.findall(text))) > 1 and not re.search(
        r"moderate\s+(?:to|or|and|-)\s+severe|mild\s+to", text
    ):
        raise RefusedError("depends_on_severity")
    prn = _PRN.search(text) is not None
    return prn, _REASON.sub(" ", _PRN.sub(" ", text))


def take_maximum(text: str) -> tuple[tuple[Fraction, str] | None, str]:
    """A daily maximum and its unit, which is empty when the text names none."""
    found = _MAX.findall(text)
    if len(found) > 1:
        raise RefusedError("several_maxima")
    if not found:
        return None, text
    number, unit = (found[0][0], found[0][1]) if found[0][0] else (found[0][2], found[0][3])
    factor, kind = _SCALE.get(unit_named(unit), (1, unit_named(unit))) if unit else (1, "")
    most = Fraction(number) * factor
    if most <= 0:
        raise RefusedError("odd_maximum")
    return (most, kind), _MAX.sub(" ", text)


def take_duration(text: str) -> tuple[int | None, str]:
    """For how many days."""
    found = _DURATION.findall(text)
    if not found:
        return None, text
    if len(found) > 1:
        raise RefusedError("several_durations")
    number, unit = found[0]
    days = Fraction(number) * (7 if unit.startswith("w") else 30 if unit.startswith("m") else 1)
    if days.denominator != 1 or not 0 < days <= 366:
        raise RefusedError("odd_duration")
    return int(days), _DURATION.sub(" ", text)


def take_dose(text: str) -> Taken:
    """Least and most at once, and the unit ("unit" for what is counted; empty when the text names none)."""
    if len(set(_PATCH_STRENGTH.findall(text))) > 1:
        raise RefusedError("several_strengths")
    text = _BOTH.sub(" ", _PATCH_STRENGTH.sub(" ", text))
    found, pattern = _DOSE.findall(text), _DOSE
    if not found:
        found, pattern = [(*amounts, "") for amounts in _BARE_DOSE.findall(text)], _BARE_DOSE
    if not found and (lone := _LONE_DOSE.fullmatch(text)):
        return (*_checked(lone[1], lone[2], ""), "")
    if not found:
        return None, None, "", text
    if len(found) > 1:
        raise RefusedError("several_doses")
    if pattern is _DOSE and _STRENGTH.search(text):
        raise RefusedError("strength_or_dose")
    return (*_checked(*found[0]), pattern.sub(" ", text))


def _checked(low_text: str, high_text: str | None, unit: str) -> tuple[Fraction, Fraction, str]:
    factor, kind = _SCALE.get(unit_named(unit), (1, unit_named(unit))) if unit else (1, "")
    low = Fraction(low_text) * factor
    high = Fraction(high_text) * factor if high_text else low
    if not 0 < low <= high or high > _MOST_AT_ONCE.get(kind or "unit", high):
        raise RefusedError("odd_dose")
    return low, high, kind


_ONE = Fraction(1)
_ALTERNATE_DAYS = (Fraction(1, 2), Fraction(1, 2), _ONE)
_WEEKLY = (Fraction(1, 7), Fraction(1, 7), _ONE)
_FIXED: tuple[tuple[re.Pattern[str], Frequency], ...] = tuple(
    (re.compile(pattern), frequency)
    for pattern, frequency in (
        (r"\b(?:every other day|every 2(?:nd)? days?|qod|alternate days?)\b", _ALTERNATE_DAYS),
        (r"\b(?:bid|b i d)\b", (Fraction(2), Fraction(2), None)),
        (r"\b(?:tid|t i d)\b", (Fraction(3), Fraction(3), None)),
        (r"\b(?:qid|q i d)\b", (Fraction(4), Fraction(4), None)),
        (
            r"\b(?:before|with|after) (?:each meal|meals)\s*(?:and|&)\s*(?:at )?(?:bedtime|hs|nightly)\b",
            (Fraction(4), Fraction(4), None),
        ),
        (r"\b(?:before|with|after) each meal\b", (Fraction(3), Fraction(3), None)),
        (r"\b(?:once (?:a|per|each|every)\s?week|once weekly|weekly|every week|q ?week)\b", _WEEKLY),
    )
)
_TWICE = re.compile(r"\btwice\b")
_ONCE_A_DAY = re.compile(r"\bonce (?=(?:a|per|each|every|/)?\s*(?:day|daily))")
_COUNTED = re.compile(
    rf"\b(?:up to\s+)?({NUM})(?:\s*(?:-|to|or)\s*({NUM}))?\s*(?:x|times?)\s*(?:a|per|each|every|/)?\s*(?:day|daily)\b"
)
_INTERVAL = re.compile(
    rf"\b(?:every|q|each)\s*({NUM})?(?:\s*(?:-|to|or)\s*({NUM}))?\s*[- ]?(?:({_HOURS})|(days?\b)|(weeks?\b))"
)
_SLOTS = re.compile(SLOT)
_DAILY = re.compile(r"\b(?:daily|every day|each day|a day|per day|qday|q day|qd)\b")
_ONCE = re.compile(r"\bonce\b")
_DAYS = re.compile(rf"(?:\b(?:every|each|on)\s+)?\b({_DAY_NAME})\b")
_DAY_SPAN = re.compile(rf"{_DAY_NAME}\s*(?:-|to|through)\s*{_DAY_NAME}")


def take_frequency(text: str) -> tuple[Often, str]:
    """How often.  Two statements that differ are refused; no statement gives none."""
    found: list[Frequency] = []
    text = _TWICE.sub("2 times", text).replace("thrice", "3 times")
    text = _ONCE_A_DAY.sub("1 time ", text)
    for pattern, frequency in _FIXED:
        text, times = pattern.subn(" ", text)
        found += [frequency] * min(times, 1)
    text = _COUNTED.sub(lambda match: _counted(match, found), text)
    text = _INTERVAL.sub(lambda match: _interval(match, found), text)
    slots = _times_of_day(text)
    text = _SLOTS.sub(" ", text) if slots else text
    if slots:
        total = Fraction(len(slots))
        # "once daily at bedtime" and "2 times a day, morning and evening" say one thing twice.
        if not found or (len(slots) > 1 and all(f[1] != total for f in found)):
            found.append((total, total, None))
    daily = _DAILY.search(text) is not None
    text = _DAILY.sub(" ", text)
    named = _DAYS.findall(text)
    if daily and not slots and not (named and not found):
        found.append((_ONE, _ONE, None))
    if _ONCE.search(text):
        if not found:
            raise RefusedError("single_dose")
        text = _ONCE.sub(" ", text)
    if len(set(found)) > 1:
        raise RefusedError("two_frequencies")
    if named:
        return _on_days(text, named, found, slots)
    if not found:
        return Often(), text
    if found[0][1] > _MOST_TIMES:
        raise RefusedError("odd_count")
    return Often(*found[0], slots), text


def _times_of_day(text: str) -> tuple[str, ...]:
    """The times of day: those joined by "and" are different ones, "every night at bedtime" is one."""
    slots: list[str] = []
    matches = list(_SLOTS.finditer(text))
    for number, match in enumerate(matches):
        between = text[matches[number - 1].end() : match.start()].strip() if number else "and"
        if between in {"and", ",", ", and", "&", "+", "/"}:
            slots.append(match[0])
        elif between or not any(
            kind.search(match[0]) and kind.search(slots[-1]) for kind in (_NIGHT, _MORNING)
        ):
            raise RefusedError("times_unclear")
    return tuple(slots)


def _counted(match: re.Match[str], found: list[Frequency]) -> str:
    """ "3 times a day", "2-3 times daily", "up to 4 times per day", "5x/day"."""
    low = Fraction(match[1])
    high = Fraction(match[2]) if match[2] else low
    if not 0 < low <= high:
        raise RefusedError("odd_count")
    found.append((low, high, None))
    return " "


def _interval(match: re.Match[str], found: list[Frequency]) -> str:
    """ "every 4 to 6 hours", "q4-6h", "every 72 hours", "every 3 days"."""
    shortest = Fraction(match[1] or "1")
    longest = Fraction(match[2]) if match[2] else shortest
    if not 0 < shortest <= longest:
        raise RefusedError("odd_interval")
    per_day = Fraction(24) if match[3] else _ONE if match[4] else Fraction(1, 7)
    high = per_day / shortest
    found.append((per_day / longest, high, _ONE if high < 1 else None))
    return " "


def _on_days(
    text: str, named: list[str], found: list[Frequency], slots: tuple[str, ...]
) -> tuple[Often, str]:
    """Named weekdays: so many sevenths of what is taken on a dosing day."""
    if _DAY_SPAN.search(text):
        if len(named) != 2:
            raise RefusedError("odd_weekdays")
        first, last = (_DAY_NUMBERS[name[:3]] for name in named)
        count = (last - first) % 7 + 1
    else:
        count = len({name[:3] for name in named})
    low, high, peak = found[0] if found else (_ONE, _ONE, None)
    if peak is not None:
        raise RefusedError("odd_weekdays")
    share = Fraction(count, 7)
    rest = re.sub(r"\bthrough\b|\bon\b", " ", _DAYS.sub(" ", text))
    return Often(low * share, high * share, high, slots), rest
