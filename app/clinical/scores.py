"""Screening scores: the newest valid total of each tool, and the scoring of the Opioid Risk Tool.

Sources: LOINC totals as in the value sets; ORT points and bands from its published copy (cfp.ca), ORT-OUD from its
validation paper, whose cut-off is from memory.  Bands of PHQ-9 and GAD-7 from the AHRQ pain summary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from itertools import chain, groupby
from math import floor
from typing import NamedTuple

from app.clinical.words import amount
from fhir_mappings.facts import Facts, Result, by_date


@dataclass(frozen=True)
class Tool:
    """A questionnaire.  total: its element; items: elements that together give the total; highest: top score."""

    name: str
    total: str
    highest: int
    items: tuple[str, ...] = ()

    @cached_property
    def elements(self) -> tuple[str, ...]:
        return (self.total, *self.items)


PHQ9 = Tool("PHQ-9", "phq9_total", 27, tuple(f"phq9_item{n}" for n in range(1, 10)))
PHQ2 = Tool("PHQ-2", "phq2_total", 6)
GAD7 = Tool("GAD-7", "gad7_total", 21, tuple(f"gad7_item{n}" for n in range(1, 8)))
PCPTSD5 = Tool("PC-PTSD-5", "pcptsd5_total", 5)
PCL5 = Tool("PCL-5", "pcl5_total", 80)
ORT = Tool("ORT", "ort_total", 26)
ORT_OUD = Tool("ORT-OUD", "ort_oud_total", 9)
AUDITC = Tool("AUDIT-C", "auditc_total", 12, tuple(f"auditc_item{n}" for n in range(1, 4)))
AUDIT = Tool("AUDIT", "audit_total", 40)
DAST10 = Tool("DAST-10", "dast10_total", 10)


class Score(NamedTuple):
    """One total on one day.  refs: the observations it comes from."""

    when: date
    value: Fraction
    tool: str
    highest: int
    refs: tuple[str, ...]

    @property
    def words(self) -> str:
        """ "PHQ-9 12 of 27, moderate"."""
        band = _BANDS.get(self.tool)
        return f"{self.tool} {amount(self.value)} of {self.highest}{f', {band(self.value)}' if band else ''}"


def scores(facts: Facts, tool: Tool, as_of: date) -> list[Score]:
    """All valid totals up to `as_of`, oldest first: as recorded, or summed when every item of one day is there."""
    return list(_newest_first(facts, tool, as_of))[::-1]


def newest_score(facts: Facts, tool: Tool, as_of: date) -> Score | None:
    """The newest score of a questionnaire."""
    if facts.results_by_element.keys().isdisjoint(tool.elements):
        return None
    return next(_newest_first(facts, tool, as_of), None)


def by_day(facts: Facts, elements: Sequence[str], as_of: date) -> Iterator[tuple[date, list[Result]]]:
    """Valid numbers of these elements up to `as_of`: the newest day first, by reference within a day."""
    found = [facts.results_by_element[one] for one in elements if one in facts.results_by_element]
    rows = found[0] if len(found) == 1 else sorted(chain.from_iterable(found), key=by_date)
    usable = (
        result
        for result in reversed(rows)
        if result.valid and result.value is not None and result.when and result.when <= as_of
    )
    for when, results in groupby(usable, key=lambda result: result.when or as_of):
        yield when, list(results)[::-1]


def _newest_first(facts: Facts, tool: Tool, as_of: date) -> Iterator[Score]:
    for when, results in by_day(facts, tool.elements, as_of):
        score = _score(tool, when, results)
        if score is not None:
            yield score


def _score(tool: Tool, when: date, results: Iterable[Result]) -> Score | None:
    """The score of one day; of several totals or answers the highest counts, as nothing tells which is right."""
    score: Score | None = None
    answers: dict[str, tuple[Fraction, str]] = {}
    for result in sorted(results, key=lambda r: (r.value or Fraction(0), r.ref, sorted(r.elements))):
        value = result.value or Fraction(0)
        if tool.total in result.elements and 0 <= value <= tool.highest:
            score = Score(when, value, tool.name, tool.highest, (result.ref,))
        for item in result.elements.intersection(tool.items):
            answers[item] = (value, result.ref)
    if score is None and tool.items and len(answers) == len(tool.items):
        total = sum((value for value, _ in answers.values()), Fraction(0))
        refs = tuple(sorted({ref for _, ref in answers.values()}))
        score = Score(when, total, tool.name, tool.highest, refs)
    return score


_ORT_POINTS: Mapping[str, tuple[int, int]] = {
    "family_alcohol": (1, 3),
    "family_illegal_drugs": (2, 3),
    "family_prescription_drugs": (4, 4),
    "personal_alcohol": (3, 3),
    "personal_illegal_drugs": (4, 4),
    "personal_prescription_drugs": (5, 5),
    "age_16_to_45": (1, 1),
    "preadolescent_sexual_trauma": (3, 0),
    "attention_mood_or_thought_disorder": (2, 2),
    "depression": (1, 1),
}
ORT_ITEMS = tuple(_ORT_POINTS)
ORT_OUD_ITEMS = tuple(item for item in ORT_ITEMS if item != "preadolescent_sexual_trauma")
ORT_OUD_CUT = 3


def ort_score(answers: Mapping[str, bool], sex: str) -> int | None:
    """Points of the Opioid Risk Tool.  None while an item is unanswered or the sex it needs is not known.

    sex: "female" or "male"; several items carry other points for men, and nothing is assumed.
    """
    if sex not in {"female", "male"} or set(answers) != set(ORT_ITEMS):
        return None
    column = 0 if sex == "female" else 1
    return sum(_ORT_POINTS[item][column] for item, yes in answers.items() if yes)


def ort_band(points: Fraction) -> str:
    """0 to 3 low, 4 to 7 moderate, 8 and more high."""
    return "high" if points >= 8 else "moderate" if points >= 4 else "low"


def ort_oud_score(answers: Mapping[str, bool]) -> int | None:
    """One point per yes over nine items; None while an item is unanswered."""
    if set(answers) != set(ORT_OUD_ITEMS):
        return None
    return sum(answers.values())


def ort_oud_band(total: Fraction) -> str:
    """On which side of the cut-off a total is."""
    return f"{'from' if total >= ORT_OUD_CUT else 'below'} the cut-off of {ORT_OUD_CUT}"


def phq9_band(total: Fraction) -> str:
    """The usual words for a PHQ-9 total."""
    points = floor(total)
    for least, words in (
        (20, "severe"),
        (15, "moderately severe"),
        (10, "moderate"),
        (5, "mild"),
        (1, "minimal"),
    ):
        if points >= least:
            return words
    return "none"


def gad7_band(total: Fraction) -> str:
    """The usual words for a GAD-7 total."""
    for least, words in ((15, "severe"), (10, "moderate"), (5, "mild")):
        if total >= least:
            return words
    return "minimal"


_BANDS: Mapping[str, Callable[[Fraction], str]] = {
    PHQ9.name: phq9_band,
    GAD7.name: gad7_band,
    ORT.name: ort_band,
    ORT_OUD.name: ort_oud_band,
}
