"""How often a drug is taken: every way EHRs write it, and nothing where they do not."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.mapping.chart import SNOMED, sig

GTS = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"
ONE_TABLET = [{"doseQuantity": {"value": 1, "unit": "tablet", "code": "{tbl}"}}]
F = Fraction


def times(timing: dict[str, Any]) -> tuple[Fraction | None, Fraction | None, Fraction | None]:
    found = sig({"timing": timing, "doseAndRate": ONE_TABLET})
    return found.times_low, found.times_high, found.peak_times


def coded(system: str, code: str, display: str = "") -> dict[str, Any]:
    return {"code": {"coding": [{"system": system, "code": code, "display": display}]}}


@pytest.mark.parametrize(
    ("repeat", "low", "high", "peak"),
    [
        ({"frequency": 1, "period": 6, "periodUnit": "h"}, 4, 4, None),
        ({"frequency": 1, "period": 4, "periodMax": 6, "periodUnit": "h"}, 4, 6, None),
        ({"frequency": 2, "frequencyMax": 3, "period": 1, "periodUnit": "d"}, 2, 3, None),
        ({"frequency": 24, "period": 24, "periodUnit": "h"}, 24, 24, None),
        ({"period": 12, "periodUnit": "h"}, 2, 2, None),
        ({"frequency": 1, "period": 2, "periodUnit": "d"}, F(1, 2), F(1, 2), 1),
        ({"frequency": 1, "period": 72, "periodUnit": "h"}, F(1, 3), F(1, 3), None),
        ({"frequency": 1, "period": 1, "periodUnit": "wk"}, F(1, 7), F(1, 7), 1),
        (
            {"frequency": 1, "period": 1, "periodUnit": "d", "dayOfWeek": ["mon", "wed", "fri"]},
            F(3, 7),
            F(3, 7),
            1,
        ),
        ({"dayOfWeek": ["mon", "tue", "wed", "thu", "fri"]}, F(5, 7), F(5, 7), 1),
        (
            {"frequency": 2, "period": 1, "periodUnit": "d", "dayOfWeek": ["mon", "wed", "fri"]},
            F(6, 7),
            F(6, 7),
            2,
        ),
        (
            {"frequency": 3, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon", "wed", "fri"]},
            F(3, 7),
            F(3, 7),
            3,
        ),
        ({"count": 730, "timeOfDay": ["09:00:00", "21:00:00"]}, 2, 2, None),
        ({"when": ["HS"]}, 1, 1, None),
        ({"when": ["AC", "HS"]}, 4, 4, None),
        ({"when": ["MORN", "EVE"]}, 2, 2, None),
    ],
)
def test_structured_repeats(repeat: dict[str, Any], low: object, high: object, peak: object) -> None:
    assert times({"repeat": repeat}) == (low, high, peak)


@pytest.mark.parametrize(
    "repeat",
    [
        {},
        {"count": 30, "boundsPeriod": {"start": "2026-03-02"}},
        {"duration": 1, "durationUnit": "h"},
        {"frequency": 2},
        {"frequency": 0, "period": 1, "periodUnit": "d"},
        {"frequency": "often", "period": 1, "periodUnit": "d"},
        {"frequency": 3, "frequencyMax": 2, "period": 1, "periodUnit": "d"},
        {"frequency": 1, "period": -1, "periodUnit": "d"},
        {"frequency": 1, "period": 1},
        {"frequency": 1, "period": 1, "periodUnit": "fortnight"},
        {"frequency": 1, "period": "1e400", "periodUnit": "d"},
        {"when": ["SOMETIMES"]},
    ],
)
def test_what_states_no_frequency_is_never_once_daily(repeat: dict[str, Any]) -> None:
    assert times({"repeat": repeat}) == (None, None, None)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("BID", 2), ("TID", 3), ("QID", 4), ("Q4H", 6), ("Q6H", 4), ("Q8H", 3), ("QD", 1), ("QOD", F(1, 2)), ("AM", 1),
     ("PM", 1), ("BED", 1), ("Q1H", 24)],
)  # fmt: skip
def test_standard_abbreviations(code: str, expected: object) -> None:
    assert times(coded(GTS, code))[1] == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [("225756002", 6), ("307468000", 4), ("307469008", 3), ("229799001", 2), ("229797004", 1), ("396142006", 1),
     ("225768006", 24)],
)  # fmt: skip
def test_snomed_frequencies(code: str, expected: object) -> None:
    assert times(coded(SNOMED, code))[1] == expected


@pytest.mark.parametrize(
    ("display", "low", "high"),
    [("q72hr", F(1, 3), F(1, 3)), ("Every 6 hours PRN", 4, 4), ("BID", 2, 2), ("every 4 to 6 hours", 4, 6)],
)
def test_a_vendors_own_code_is_read_by_its_words(display: str, low: object, high: object) -> None:
    assert times(coded("https://vendor.example/codeSet/4003", "2417", display))[:2] == (low, high)


def test_a_single_dose_has_no_daily_frequency() -> None:
    assert times({"code": {"text": "Once"}}) == (None, None, None)


def test_clock_times_of_a_drug_not_taken_every_day() -> None:
    """Epic lists the clock times of a dosing day; its code says that this is every third day."""
    timing = {"repeat": {"count": 10, "timeOfDay": ["09:00:00"]}, "code": {"text": "Every 72 hours"}}
    assert times(timing) == (F(1, 3), F(1, 3), 1)


def test_numbers_stay_exact() -> None:
    assert times({"repeat": {"frequency": 1, "period": 0.1, "periodUnit": "d"}}) == (10, 10, None)


@pytest.mark.parametrize(("code", "low", "high"), [("BID", 1, 2), ("QD", 1, 1), ("Q4H", 1, 6), ("QOD", 1, 1)])
def test_a_code_that_says_more_often_than_the_fields_holds_as_the_most(
    code: str, low: object, high: object
) -> None:
    """FHIR lets either be read, so where they differ the most of the two is possible."""
    once = {"frequency": 1, "period": 1, "periodUnit": "d"}
    assert times(coded(GTS, code) | {"repeat": once})[:2] == (low, high)
