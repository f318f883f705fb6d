"""Doses and directions: one dose out of several statements, text where fields are silent, nothing invented."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from fhir_mappings.facts import Amount, IssueCode, Sig
from tests.mapping.chart import FENTANYL_25, OXYCODONE_5, codes, facts, order, quantity, request, sig

TWICE = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
EPIC = "http://epic.com/CodeSystem/dose-rate-type"


def typed(kind: str, dose: dict[str, Any]) -> dict[str, Any]:
    return {"type": {"coding": [{"system": EPIC, "code": kind}], "text": kind}, "doseQuantity": dose}


def dose(**dosage: Any) -> Amount | None:
    return sig({"timing": TWICE, **dosage}).dose


def amount(value: object, unit: str, high: object | None = None) -> Amount:
    return Amount(Fraction(str(value)), Fraction(str(high if high is not None else value)), unit)


def test_of_three_statements_of_one_dose_the_ordered_one_counts() -> None:
    entries = [
        typed("calculated", quantity(10, "mg", "mg")),
        typed("admin-amount", quantity(2, "tablet", "{tbl}")),
        typed("ordered", quantity(2, "tablet", "{tbl}")),
    ]
    assert dose(doseAndRate=entries) == amount(2, "unit")


def test_an_unusable_ordered_dose_gives_way_to_a_usable_one() -> None:
    entries = [
        typed("ordered", quantity(1, "application", "{appl}")),
        typed("calculated", quantity(10, "mg", "mg")),
    ]
    assert dose(doseAndRate=entries) == amount(10, "mg")


def test_dose_range() -> None:
    entry = {"doseRange": {"low": quantity(1, "tab"), "high": quantity(2, "tab")}}
    assert dose(doseAndRate=[entry]) == amount(1, "unit", 2)


@pytest.mark.parametrize(
    ("unit", "code", "expected"),
    [
        ("tablet", "{tbl}", amount(3, "unit")),
        ("tab", "tab", amount(3, "unit")),
        ("capsule", "{Capsule}", amount(3, "unit")),
        ("TAB", "", amount(3, "unit")),
        ("tablet(s)", "", amount(3, "unit")),
        ("patch", "{patch}", amount(3, "patch")),
        ("mL", "mL", amount(3, "mL")),
        ("mcg", "ug", amount(3, "mcg")),
        ("mg", "mg", amount(3, "mg")),
        ("mcg/hr", "ug/h", amount(3, "mcg/h")),
        ("g", "g", amount(3000, "mg")),
    ],
)
def test_units_as_vendors_write_them(unit: str, code: str, expected: Amount) -> None:
    assert dose(doseAndRate=[{"doseQuantity": quantity(3, unit, code)}]) == expected


@pytest.mark.parametrize(
    "quantity_",
    [
        quantity(1, "drop", "[drp]"),
        quantity(1, "tablet", "mg"),
        quantity("many", "tablet"),
        quantity(0, "tablet"),
        quantity(-1, "tablet"),
        {"value": 1, "comparator": "<", "unit": "mg"},
        {"value": 3, "unit": ""},
    ],
)
def test_a_dose_that_cannot_be_trusted_is_no_dose(quantity_: dict[str, Any]) -> None:
    assert dose(doseAndRate=[{"doseQuantity": quantity_}]) is None


def test_an_unknown_unit_is_told() -> None:
    dosage = {"timing": TWICE, "doseAndRate": [{"doseQuantity": quantity(1, "drop", "[drp]")}]}
    found = facts(request(dosageInstruction=[dosage]))
    assert found.orders[0].sigs[0].problem == "unit_unknown"
    assert codes(found.issues) == ["unit_unknown"]


@pytest.mark.parametrize(
    ("drug", "value", "expected"),
    [
        (OXYCODONE_5, 1, amount(1, "unit")),
        (FENTANYL_25, 1, amount(1, "patch")),
        (OXYCODONE_5, 5, None),
        (OXYCODONE_5, 2, None),
    ],
)
def test_a_number_without_unit_counts_forms_only_where_it_can_be_nothing_else(
    drug: tuple[str, str], value: int, expected: Amount | None
) -> None:
    """One of a 5 mg tablet cannot be 1 mg; two or five could be milligrams."""
    dosage = {"timing": TWICE, "doseAndRate": [{"doseQuantity": {"value": value}}]}
    found = facts(request(drug, dosageInstruction=[dosage]))
    assert found.orders[0].sigs[0].dose == expected
    assert codes(found.issues) == ["unit_unknown"]


def test_fractions_are_exact() -> None:
    assert dose(doseAndRate=[{"doseQuantity": quantity(0.1, "mg", "mg")}]) == amount("1/10", "mg")


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (quantity(8, "tablet"), quantity(24, "hours", "h"), amount(8, "unit")),
        (quantity(8, "tablet"), quantity(1, "day", "d"), amount(8, "unit")),
        (quantity(14, "tablet"), quantity(1, "wk", "wk"), amount(2, "unit")),
    ],
)
def test_a_maximum_is_scaled_to_one_day(numerator: Any, denominator: Any, expected: Amount) -> None:
    found = sig({"maxDosePerPeriod": {"numerator": numerator, "denominator": denominator}})
    assert found.max_per_day == (expected,)


def test_every_maximum_is_kept() -> None:
    ratio = {"numerator": quantity(8, "tablet"), "denominator": quantity(1, "d", "d")}
    other = {"numerator": quantity(30, "mg", "mg"), "denominator": quantity(1, "d", "d")}
    assert sig({"maxDosePerPeriod": [ratio, other]}).max_per_day == (amount(8, "unit"), amount(30, "mg"))


@pytest.mark.parametrize("asked", [{"asNeededBoolean": True}, {"asNeededCodeableConcept": {"text": "pain"}}])
def test_as_needed(asked: dict[str, Any]) -> None:
    assert sig(asked).prn is True
    assert sig({"asNeededBoolean": False}).prn is False


def test_text_fills_what_fields_leave_open() -> None:
    found = sig({"text": "Take 1-2 tablets by mouth every 4 hours as needed for pain"})
    assert (found.dose, found.times_high, found.prn, found.basis) == (amount(1, "unit", 2), 6, True, "text")


def test_text_gives_the_frequency_to_a_structured_dose() -> None:
    found = sig(
        {"text": "1 tab, Oral, every 6 hr", "doseAndRate": [{"doseQuantity": quantity(1, "tab", "tab")}]}
    )
    assert (found.dose, found.times_high, found.basis) == (amount(1, "unit"), 4, "text")


@pytest.mark.parametrize(
    "dosage",
    [
        {"patientInstruction": "Take 2 tablets by mouth 3 times a day"},
        {
            "text": "10 mg, see instructions below, then as told",
            "extension": [
                {
                    "url": "https://fhir-ehr.cerner.com/r4/StructureDefinition/clinical-instruction",
                    "valueString": "Take 2 tablets by mouth 3 times a day",
                }
            ],
        },
    ],
)
def test_every_place_for_words_is_read(dosage: dict[str, Any]) -> None:
    found = sig(dosage)
    assert (found.dose, found.times_high) == (amount(2, "unit"), 3)


def test_refused_text_leaves_the_dose_open_and_is_told() -> None:
    found = facts(request(dosageInstruction=[{"text": "use as the nurse showed you in 3 portions"}]))
    (one,) = found.orders[0].sigs
    assert (one.dose, one.times_high) == (None, None)
    assert one.problem.startswith("sig_")
    assert codes(found.issues) == ["sig_refused"]
    assert found.issues[0].where == "dosageInstruction"


def test_fields_win_over_a_text_that_contradicts_them_and_it_is_told() -> None:
    dosage = {
        "text": "Take 1 tablet 4 times a day",
        "timing": TWICE,
        "doseAndRate": [{"doseQuantity": quantity(1, "tablet")}],
    }
    found = facts(request(dosageInstruction=[dosage]))
    assert (found.orders[0].sigs[0].times_high, found.orders[0].sigs[0].basis) == (2, "structured")
    assert [issue.code for issue in found.issues] == [IssueCode.CODES_DISAGREE]


def test_a_maximum_in_the_text_caps_structured_directions() -> None:
    dosage = {
        "text": "Take 1 tablet every 4 hours as needed. Max 4 tablets per day",
        "timing": {"repeat": {"frequency": 1, "period": 4, "periodUnit": "h"}},
        "doseAndRate": [{"doseQuantity": quantity(1, "tablet")}],
    }
    assert sig(dosage).max_per_day == (amount(4, "unit"),)


def steps(*dosages: dict[str, Any]) -> tuple[Sig, ...]:
    return order(request(dosageInstruction=list(dosages))).sigs


def bounded(start: str, end: str, tablets: int) -> dict[str, Any]:
    repeat = {"frequency": 2, "period": 1, "periodUnit": "d", "boundsPeriod": {"start": start, "end": end}}
    return {"timing": {"repeat": repeat}, "doseAndRate": [{"doseQuantity": quantity(tablets, "tablet")}]}


def test_a_taper_in_dates_never_overlaps_itself() -> None:
    """Where one step ends on the day the next begins, that day belongs to the next."""
    first, second = steps(bounded("2026-03-02", "2026-03-09", 2), bounded("2026-03-09", "2026-03-16", 1))
    assert (first.start, first.end) == (date(2026, 3, 2), date(2026, 3, 8))
    assert (second.start, second.end) == (date(2026, 3, 9), date(2026, 3, 15))


def test_bounds_that_do_not_touch_stay_as_written() -> None:
    first, second = steps(bounded("2026-03-02", "2026-03-08", 2), bounded("2026-03-09", "2026-03-15", 1))
    assert (first.end, second.end) == (date(2026, 3, 8), date(2026, 3, 15))


def test_a_taper_in_words_keeps_the_place_of_each_step() -> None:
    found = steps({"text": "Take 2 tablets twice a day for 7 days, then 1 tablet twice a day for 7 days"})
    assert [(s.sequence_day, s.duration_days, s.dose) for s in found] == [
        (0, 7, amount(2, "unit")),
        (7, 7, amount(1, "unit")),
    ]


def test_bounds_by_duration() -> None:
    repeat = {"frequency": 2, "period": 1, "periodUnit": "d", "boundsDuration": quantity(2, "weeks", "wk")}
    assert sig({"timing": {"repeat": repeat}}).duration_days == 14


def test_one_unreadable_instruction_is_not_simply_left_out() -> None:
    """Half of the directions would be half of the dose."""
    found = facts(request(dosageInstruction=[bounded("2026-03-02", "2026-03-09", 2), "see paper"]))
    assert found.orders[0].sigs == ()
    assert codes(found.issues) == ["unreadable"]
