"""PEG: pain, enjoyment of life and general activity, each 0 to 10; the score is their mean (Krebs 2009)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

from app.clinical.scores import by_day
from app.clinical.words import amount
from fhir_mappings.facts import Facts, Result

ITEMS = ("peg_item_pain", "peg_item_enjoyment", "peg_item_activity")
TOTALS = _MEAN, _SUM = "peg_mean_score", "peg_sum_score"
_HIGHEST = 10
_TREND = 4


class PegScore(NamedTuple):
    """The mean of one day, 0 to 10, and the observations it comes from."""

    when: date
    mean: Fraction
    refs: tuple[str, ...]

    @property
    def words(self) -> str:
        return f"{amount(self.mean)} of {_HIGHEST}"


def peg_trend(facts: Facts, as_of: date) -> tuple[PegScore, ...]:
    """The newest valid scores up to `as_of`, at most four, oldest first."""
    return tuple(islice(_newest_first(facts, as_of), _TREND))[::-1]


def _newest_first(facts: Facts, as_of: date) -> Iterator[PegScore]:
    for when, results in by_day(facts, (_MEAN, _SUM, *ITEMS), as_of):
        score = _score(when, results)
        if score is not None and 0 <= score.mean <= _HIGHEST:
            yield score


def _score(when: date, results: Sequence[Result]) -> PegScore | None:
    """As recorded, else from a recorded sum, else from all three items of the day; of several the highest."""
    answers: dict[str, tuple[Fraction, str]] = {}
    for result in sorted(results, key=lambda r: (r.value or Fraction(0), r.ref, sorted(r.elements))):
        for element in result.elements:
            answers[element] = (result.value or Fraction(0), result.ref)
    if _MEAN in answers:
        mean, ref = answers[_MEAN]
        return PegScore(when, mean, (ref,))
    if _SUM in answers:
        total, ref = answers[_SUM]
        return PegScore(when, total / len(ITEMS), (ref,))
    if any(item not in answers for item in ITEMS):
        return None
    mean = sum((answers[item][0] for item in ITEMS), Fraction(0)) / len(ITEMS)
    return PegScore(when, mean, tuple(sorted({answers[item][1] for item in ITEMS})))
