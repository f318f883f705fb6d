"""Making sig text plain: one spelling for numbers, units and abbreviations, and what is no direction taken out.

What is taken out: refills, quantities, fill dates, comments that change no dose.  A comment that holds a word of dose
or time stays in, so that the grammar sees it and refuses what it does not understand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

_WORD_NUMBERS = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10", "twelve": "12", "fourteen": "14", "twenty-four": "24",
    "twenty four": "24", "thirty": "30", "forty-eight": "48", "forty eight": "48", "seventy-two": "72",
    "seventy two": "72",
}  # fmt: skip
_SPELLED = "|".join(sorted(_WORD_NUMBERS, key=len, reverse=True))
_CHARACTERS = {
    "½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3", "–": "-", "—": "-", "‑": "-", "×": "x",
    "µ": "u", "μ": "u", "\xa0": " ", "\n": ". ", "\r": " ", "\t": " ",
}  # fmt: skip
_TABLE = str.maketrans(_CHARACTERS)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MEANINGFUL = re.compile(
    r"\d|\b(?:tab|cap|patch|film|mg|ml|daily|[btq]id|twice|once|every|hours?|morning|evening|night|nightly|bedtime"
    r"|noon|days?|week|prn|needed|increase|decrease|taper|then|half|except|hold|stop|or)"
)
_COUNT = r"(?:tab|cap|patch|ml|film|spray|ea|each|loz|supp)(?:lets?|sules?|enges?|ositor(?:y|ies)|s|es)?(?:\s*\(e?s\))?"
_FILL_DATES = re.compile(
    r"\b(?:do not fill|dnf|may fill|ok to fill|okay to fill|fill|earliest fill(?: date)?)"
    r"(?:\s*(?:on|until|before|after|or|:))*\s*(?:\w{3}\s+)?\d{1,4}[/.\-]\d{1,2}[/.\-]\d{1,4}"
)
_APPENDED = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b\d+\s*refills?(?:\s*\(s\))?|\brefills?\s*:?\s*\d+|\bno refills?|\br-\s*\d+\b",
        (
            r",\s*(?:print|normal|no print|local print|phone in|fax|historical(?: med)?|e-prescribe|hard copy"
            r"|maintenance|soft stop|hard stop|physician stop|acute)\s*(?=,|\.?\s*$)"
        ),
        rf"\b(?:dispense|disp|qty|quantity)\b\s*[-:#]?\s*\d+(?:\s*{_COUNT})?",
        rf"#\s*\d+\b(?:\s*{_COUNT})?",
        r"\(\s*(?:total\s*)?\d[\d,.]*(?:\s*-\s*\d[\d,.]*)?\s*(?:mg|mcg|g|ml)\s*(?:total)?\s*\)",
        r"\bmust last \d+ days?|\b\d+[- ]days? supply",
        r",?\s*\buntil (?:discontinued|further notice)",
        r"\bremove (?:the )?(?:old|previous) patch(?: first)?|\b(?:rotate|alternate) (?:application )?sites?",
        r"\bto (?:clean|dry|intact|hairless)(?:,? (?:and )?(?:clean|dry|intact|hairless))* skin",
        r"\bper (?:pain )?(?:agreement|contract|clinic)\b|\b(?:directions|(?:special )?instr(?:uctions)?)\s*:",
        r"\bchronic pain (?:patient|management)\b|\b(?:icd[- ]?10|dx)\s*:?\s*[a-z]\d[\da-z]*(?:\.[\da-z]+)?",
        (
            r"\b(?:(?:do )?not (?:to )?exceed(?:ing)?|no more than|max(?:imum)?(?: of| daily dose(?: of)?)?)\s*:?\s*"
            r"\d[\d,.]*\s*(?:mg|g|gm|grams?)\b(?:\s*(?:/|(?:of|per|a|day|daily|in|24|hours?|hrs?|total)\b))*\s*"
            r"(?:acetaminophen|apap|tylenol)\b(?:\s*(?:/|(?:per|in|a|24|day|daily|hours?|hrs?|from|all|sources)\b))*"
        ),
    )
)
# Comments: taken out unless they hold a word of dose or time.
_COMMENTS = re.compile(
    r"\bdo not (?:crush|chew|cut|break|split|drive|drink|dissolve|take with alcohol)[^.;]*|\bmay (?:cause|make)\b[^.;]*"
    r"|\bcaution\b:?[^.;]*|\bavoid (?:alcohol|driving)[^.;]*|\bcontinued by\b:?.*$|\bindications?\s*:[^.;]*"
)
_QUANTITY = re.compile(rf",\s*(\d+)(?:\.\d+)?\s*{_COUNT}\s*(?=,|\.?\s*$)")
_DATE = r"(?:[a-z]{3,9}\.?,?\s*)?(\d{1,4})[/-](\d{1,2})[/-](\d{1,4})(?:t[\d:.+\-z]*)?(?:\s*at\s*\d+)?"
# Three months' prescriptions are written on one day, each with the day from which it may be filled.
_FILL_FROM = re.compile(
    r"\b(?:(?:do not fill|dnf)\s*(?:until|before)|(?:may|ok|okay to) fill\s*(?:on or after|on|after)"
    rf"|earliest fill(?: date)?)\s*:?\s*{_DATE}"
)
_STARTING = re.compile(rf",?\s*\bstart(?:ing|s)?(?:\s*(?:date|on))?\s*:?\s*{_DATE}")
_UNTIL = re.compile(rf",?\s*\b(?:until|through|end(?:ing|s)?(?:\s*date)?)\s*:?\s*{_DATE}")
_LONG_DATE = re.compile(r"\b(\d{1,2})[\s-](" + "|".join(_MONTHS) + r")[a-z]*[\s-](\d{4})")
_SPACES = re.compile(r"\s+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_HALF = r"(?:1\s*[- ]\s*half|a half|half(?:\s+(?:a|of a|of))?|(?:a\s+)?1/2)"


def _mixed(found: re.Match[str]) -> str:
    """ "1 1/2" becomes "3/2"."""
    whole, part, of = int(found[1]), int(found[2]), int(found[3])
    return f"{whole * of + part}/{of}"


def _said_twice(found: re.Match[str]) -> str:
    """ "2 (2)" becomes "2"; two different numbers stay as they are and are refused later."""
    return found[1] if found[1] == found[2] else found[0]


_REWRITES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<![\w.])\.(?=\d)"), "0."),
    (re.compile(rf"\b(?:{_SPELLED})\b"), lambda found: _WORD_NUMBERS[found[0]]),
    (re.compile(r"(?<![\d/.])(\d+(?:\.\d+)?)\s*\(\s*(\d+(?:\.\d+)?)\s*\)"), _said_twice),
    (re.compile(rf"\b(\d+)\s+(?:and|&)\s+{_HALF}(?![\w/])"), r"\1 1/2"),
    (re.compile(rf"(?<![\d/])(?<!\d )(?:\ba\s+)?\b{_HALF}(?![\w/])"), " 1/2"),
    (re.compile(r"(?<![\d/.])(\d)\s+([1-3])/([2-4])(?![\d/])"), _mixed),
    (re.compile(r"\b([a-z])\.([a-z])\.([a-z])\."), r"\1\2\3 "),
    (re.compile(r"\b([apbqthm])\.\s?([modshn])\.?(?=\s|,|;|$)"), r"\1\2 "),
    (re.compile(r"\b([bt])\.([id])\.?(?=\s|,|$)"), r"\1\2 "),
    (re.compile(r"(?<=\d)\s*h(?:rs?|ours?)?\s*(-|to)\s*(?=\d+\s*h)"), r" \1 "),
    (re.compile(r"\bevery (?:3rd|third) day\b"), "every 3 days"),
    (re.compile(r"^(?:please\s+|(?:patient\s+)?may\s+)(?=take|use|apply|place)"), ""),
)


def _date_of(a: str, b: str, c: str) -> date | None:
    """Month first, or year first; None for a date there is not."""
    try:
        if len(a) == 4:
            return date(int(a), int(b), int(c))
        return date(int(c) if len(c) == 4 else 2000 + int(c), int(a), int(b))
    except ValueError:
        return None


def _take_date(pattern: re.Pattern[str], text: str) -> tuple[date | None, str]:
    found = pattern.search(text)
    if found is None:
        return None, text
    day = _date_of(found[1], found[2], found[3])
    return (day, text[: found.start()] + " " + text[found.end() :]) if day else (None, text)


def _without_comment(found: re.Match[str]) -> str:
    said = re.sub(r"^(?:do not|continued by)\b", "", found[0])
    return found[0] if _MEANINGFUL.search(said.replace(" or ", " ")) else " "


def _without_quantity(text: str) -> str:
    """Quantities stand in order sentences; a small number without refills may be a dose and stays."""
    refills = "refill" in text
    return _QUANTITY.sub(lambda found: " " if refills or int(found[1]) >= 10 else found[0], text)


def plain_sig(text: str) -> tuple[str, date | None, date | None, date | None]:
    """The directions in plain form, the first and last day, and the first day to fill them, where the text names
    them (month first)."""
    plain = _SPACES.sub(" ", text.lower().translate(_TABLE)).strip()
    fill_from, plain = _take_date(_FILL_FROM, plain)
    plain = _FILL_DATES.sub(" ", plain)
    plain = _LONG_DATE.sub(lambda m: f"{_MONTHS.index(m[2]) + 1}/{m[1]}/{m[3]}", plain)
    start, plain = _take_date(_STARTING, plain)
    end, plain = _take_date(_UNTIL, plain)
    plain = _THOUSANDS.sub("", plain)
    plain = _without_quantity(plain)
    for pattern in _APPENDED:
        plain = pattern.sub(" ", plain)
    plain = _COMMENTS.sub(_without_comment, plain)
    for pattern, replacement in _REWRITES:
        plain = pattern.sub(replacement, _SPACES.sub(" ", plain))
    return _SPACES.sub(" ", plain).strip(" ."), start, end, fill_from
