"""From FHIR to supply: orders with several instructions, each on the days it is meant for."""

from __future__ import annotations

import pytest

from tests.mapping.chart import quantity
from tests.spec.charts import number
from tests.spec.from_fhir import Json, answer, by

SUPPLY = {"quantity": quantity(180, "tablet")}


def in_fields(count: float, times: int, **more: object) -> Json:
    """So many tablets so many times a day; bounds and the like as `repeat` has them."""
    repeat = {"frequency": times, "period": 1, "periodUnit": "d"} | more
    return {"timing": {"repeat": repeat}, "doseAndRate": [{"doseQuantity": quantity(count, "tablet")}]}


def test_an_instruction_for_later_does_not_put_off_the_one_that_holds_now() -> None:
    later = in_fields(2, 2, boundsPeriod={"start": "2026-03-20"})
    order = by(authoredOn="2026-03-01", dosageInstruction=[in_fields(1, 2), later], dispenseRequest=SUPPLY)
    assert number(answer(order).mme.current) == 30


@pytest.mark.parametrize(
    ("texts", "mme"),
    [
        (("Take 1 tablet twice daily", "Take 2 tablets twice daily starting 3/20/2026"), 30),
        (("Take 2 tablets twice daily until 3/5/2026", "Take 1 tablet twice daily"), 30),
        (("Take 2 tablets twice daily until 3/5/2026", "Take 1 tablet twice daily starting 3/6/2026"), 30),
        (("Take 1 tablet every morning until 3/20/2026", "Take 2 tablets every evening until 3/20/2026"), 45),
        (("Take 1 tablet every morning. Do not fill until 3/11/2026", "Take 2 tablets every evening"), 45),
        (("Take 1 tablet every morning. Do not fill until 3/20/2026", "Take 2 tablets every evening"), 0),
    ],
)
def test_instructions_in_words_hold_on_the_days_each_of_them_names(texts: tuple[str, ...], mme: int) -> None:
    dosage = [{"text": text} for text in texts]
    order = by(authoredOn="2026-03-01", dosageInstruction=dosage, dispenseRequest=SUPPLY)
    assert number(answer(order).mme.current) == mme


TAPER = ("Take 2 tablets 3 times daily for 7 days", "Take 1 tablet 3 times daily for 7 days")


@pytest.mark.parametrize("fields", [True, False])
@pytest.mark.parametrize(("begun", "mme"), [("2026-03-10", 90), ("2026-03-02", 45), ("2026-02-20", 0)])
def test_numbered_steps_whose_length_stands_in_their_text_follow_each_other(
    fields: bool, begun: str, mme: int
) -> None:
    steps = [{"sequence": number, "text": text} for number, text in enumerate(TAPER, start=1)]
    if fields:
        steps = [step | in_fields(count, 3) for step, count in zip(steps, (2, 1), strict=True)]
    order = by(
        authoredOn=begun, dosageInstruction=steps, dispenseRequest={"quantity": quantity(63, "tablet")}
    )
    assert number(answer(order).mme.current) == mme


@pytest.mark.parametrize("length", [{"boundsDuration": quantity(30, "days", "d")}, {}])
def test_numbered_times_of_day_are_taken_on_the_same_days(length: Json) -> None:
    texts = ("Take 1 tablet every morning for 30 days", "Take 2 tablets at bedtime for 30 days")
    steps = [
        {"sequence": count, "text": text} | in_fields(count, 1, **length)
        for count, text in enumerate(texts, start=1)
    ]
    order = by(
        authoredOn="2026-03-01", dosageInstruction=steps, dispenseRequest={"quantity": quantity(90, "tablet")}
    )
    assert number(answer(order).mme.current) == 45


COURSES = {
    "up": "Take 1 tablet daily for 3 days, then 1 tablet 2 times daily for 3 days, then 2 tablets 4 times daily",
    "down": "Take 2 tablets 4 times daily for 7 days, then 1 tablet 4 times daily for 7 days",
}


@pytest.mark.parametrize(
    ("course", "count", "times", "mme"), [("up", 1, 1, 120), ("down", 2, 4, 60), ("down", 20, 4, 60)]
)
def test_a_course_goes_on_where_the_fields_hold_its_first_step_alone(
    course: str, count: int, times: int, mme: int
) -> None:
    dosage = in_fields(count, times) | {"text": COURSES[course]}
    if count == 20:
        dosage["doseAndRate"] = [{"doseQuantity": quantity(20, "mg", "mg")}]
    order = by(
        authoredOn="2026-03-01",
        dosageInstruction=[dosage],
        dispenseRequest={"quantity": quantity(84, "tablet")},
    )
    found = answer(order)
    assert number(found.mme.current) == mme
    assert not any("differ" in issue.text for issue in found.issues)


def test_a_course_that_begins_otherwise_than_the_fields_is_named() -> None:
    dosage = in_fields(1, 2) | {"text": COURSES["down"]}
    found = answer(by(authoredOn="2026-03-01", dosageInstruction=[dosage], dispenseRequest=SUPPLY))
    assert number(found.mme.current) == 30
    assert any("differ" in issue.text for issue in found.issues)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Take 1 tablet twice daily, may increase to 3 times daily if needed", True),
        ("Take 1 tablet twice daily. May take an additional tablet for breakthrough pain", True),
        ("Take 1 tablet twice daily around the clock", False),
    ],
)
def test_words_that_speak_of_more_than_the_fields_are_named(text: str, named: bool) -> None:
    order = by(
        authoredOn="2026-03-01", dosageInstruction=[in_fields(1, 2) | {"text": text}], dispenseRequest=SUPPLY
    )
    found = answer(order)
    assert number(found.mme.current) == 30
    assert any("differ" in issue.text for issue in found.issues) is named
