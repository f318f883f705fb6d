"""The lot of G33: one day in each span, the same for whoever looks, different from person to person."""

from dataclasses import replace
from datetime import date, timedelta

from app.clinical.gaps.draw import last_draw
from app.clinical.policy import Policy
from tests.gaps.build import PERSON, case, with_rule

POLICY = with_rule("G33", enabled=True)
FIRST = date(2024, 1, 1)


def drawn(when: date, person: str = "p1", policy: Policy = POLICY) -> date:
    return last_draw(case(person=replace(PERSON, id=person), policy=policy, as_of=when))


def test_each_half_year_has_one_day_and_none_is_told_before_it_has_come() -> None:
    days = [FIRST + timedelta(days=number) for number in range(2 * 366)]
    told = {when: drawn(when) for when in days}
    assert all(day <= when for when, day in told.items())
    spans = [(day.year, (day.month - 1) // 6) for day in sorted(set(told.values()))]
    assert len(spans) == len(set(spans))
    assert [span for span in spans if span >= (2024, 0)] == [(2024, 0), (2024, 1), (2025, 0), (2025, 1)]


def test_people_have_days_of_their_own() -> None:
    days = {drawn(date(2025, 6, 30), f"p{number}") for number in range(300)}
    assert len(days) > 100
    assert {day.month for day in days} == {1, 2, 3, 4, 5, 6}


def test_a_new_version_of_the_policy_draws_anew() -> None:
    """Nobody who knows old days can tell new ones."""
    later = replace(POLICY, version="2")
    same = sum(
        drawn(date(2025, 6, 30), f"p{n}") == drawn(date(2025, 6, 30), f"p{n}", later) for n in range(100)
    )
    assert same < 10
