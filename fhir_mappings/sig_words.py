"""Making sig text plain: one spelling for numbers, units and abbreviations, and the parts that are not directions
(dates, refills, quantities, comments) taken out."""

from __future__ import annotations

import re
from datetime import date

_WORD_NUMBERS = {
    "one-half": "1/2", "one half": "1/2", "half": "1/2", "a": "1", "zero": "0", "one": "1", "two": "2", "three": "3",
    "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10", "twelve": "12",
    "twenty-four": "24", "twenty four": "24", "forty-eight": "48", "forty eight": "48", "seventy-two": "72",
    "seventy two": "72",
}  # fmt: skip
_SPELLED = "|".join(sorted((w for w in _WORD_NUMBERS if w not in {"a", "half"}), key=len, reverse=True))
_FRACTIONS = {
    "½": " 1/2",
    "¼": " 1/4",
    "¾": " 3/4",
    "⅓": " 1/3",
    "⅔": " 2/3",
    "–": "-",
    "—": "-",
    "×": "x",
    "µ": "u",
}
_MONTHS = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)  # noqa: SIM905
}

# What vendors append to the directions, and comments that change no dose.
_APPENDED = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b\d+\s*refills?(?:\(s\))?|\brefills?\s*:?\s*\d+|\bno refills?",
        r",\s*(?:print|normal|no print|phone in|fax|historical med|e-prescribe|hard copy)\s*$",
        r",\s*\d+(?:\.\d+)?\s*(?:tab|cap|patch|ml|film|ea|each|unit)(?:lets?|sules?|s|es)?\s*(?=,|$)",
        r"\b(?:dispense|disp|qty|quantity)\s*[:#]?\s*\d+(?:\s*(?:tab|cap|patch|ml|film)\w*)?",
        r"#\s*\d+\b",
        r"\(\s*(?:" + _SPELLED + r")\s*\)",
        r"\(\s*(?:total\s*)?\d[\d,.]*\s*(?:mg|mcg|g|ml|units?)\s*(?:total)?\s*\)",
        (
            r"\bdo not (?:crush|chew|cut|break|split|drive|drink|take with alcohol|stop)[^.;,]*"
            r"(?:,\s*(?:chew|break|or split|split|cut|or chew|or cut|or drive)[^.;,]*)*"
        ),
        r"\bmust last (?:\d+|\w+) days?|\bthirty day supply|\b\d+[- ]days? supply",
        r"\b(?:fill|do not fill|dnf|may fill|ok to fill)(?: on| until| before| after| or after)*\s*[\d/.\-]+",
        r"\bmay cause \w+[^.;]*|\bcaution:?[^.;]*|\bavoid (?:alcohol|driving)[^.;]*",
        r"\b(?:rotate|alternate) sites?|\bremove (?:the )?(?:old|previous) patch(?: first)?",
        r"\bto (?:clean|dry|intact) (?:clean |dry |intact )*skin",
        r"\bper (?:pain )?(?:agreement|contract|clinic)|\bcontinued by:?.*$|\bdirections\s*:",
        r"\bchronic pain (?:patient|management)|\bicd[- ]?10:?\s*[a-z]\d[\d.a-z]*|\bdx:?\s*[a-z]\d[\d.a-z]*",
    )
)
_DATE = r"(?:[a-z]{3,9}\.?,?\s*)?(\d{1,4})[/-](\d{1,2})[/-](\d{1,4})(?:t[\d:.+\-z]*)?(?:\s*at\s*\d+)?"
_STARTING = re.compile(rf",?\s*\bstart(?:ing|s)?(?:\s*(?:date|on))?\s*:?\s*{_DATE}")
_UNTIL = re.compile(rf",?\s*\b(?:until|through|end(?:ing|s)?(?:\s*date)?)\s*:?\s*{_DATE}")
_LONG_DATE = re.compile(r"\b(\d{1,2})[\s-](" + "|".join(_MONTHS) + r")[a-z]*[\s-](\d{4})")


def _date_of(a: str, b: str, c: str) -> date | None:
    try:
        if len(a) == 4:
            return date(int(a), int(b), int(c))
        year = int(c) if len(c) == 4 else 2000 + int(c)
        return date(year, int(a), int(b))
    except ValueError:
        return None


def plain_sig(text: str) -> tuple[str, date | None, date | None]:
    """The directions in plain form, and the first and last day where the text names them (month first)."""
    lowered = text.lower().replace("\n", ". ").replace(" ", " ")
    for character, ascii_text in _FRACTIONS.items():
        lowered = lowered.replace(character, ascii_text)
    lowered = _LONG_DATE.sub(lambda m: f"{_MONTHS[m[2]]}/{m[1]}/{m[3]}", lowered)
    start = end = None
    if found := _STARTING.search(lowered):
        start = _date_of(*found.groups())
        lowered = _STARTING.sub(" ", lowered, count=1)
    if found := _UNTIL.search(lowered):
        end = _date_of(*found.groups())
        lowered = _UNTIL.sub(" ", lowered, count=1)
    for pattern in _APPENDED:
        lowered = pattern.sub(" ", lowered)
    lowered = re.sub(r"(?<=\d),(?=\d{3}\b)", "", lowered)
    lowered = re.sub(r"\b(?:" + _SPELLED + r")\b", lambda m: _WORD_NUMBERS[m[0]], lowered)
    lowered = re.sub(r"\b(\d+)\s+(?:and|&)\s+(?:a\s+)?(?:half|1/2)\b", r"\1 1/2", lowered)
    lowered = re.sub(r"\b(?:a|1)?\s*\bhalf\b(?:\s+(?:a|of a|of))?", " 1/2", lowered)
    lowered = re.sub(r"\b(\d+)\s+(\d+)/(\d+)\b", _mixed, lowered)
    lowered = re.sub(r"\b([a-z])\.([a-z])\.([a-z])\.", r"\1\2\3 ", lowered)
    lowered = re.sub(r"\b([bqt])\.([a-z])\.?(?=\s|,|$)", r"\1\2 ", lowered)
    return re.sub(r"\s+", " ", lowered).strip(" ."), start, end


def _mixed(found: re.Match[str]) -> str:
    """ "1 1/2" becomes "3/2"; a denominator of zero stays as it is and is refused later."""
    whole, part, of = int(found[1]), int(found[2]), int(found[3])
    return f"{whole * of + part}/{of}" if of else found[0]
