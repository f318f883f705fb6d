"""Scores as their tools define them; a risk tier that is never low by not knowing."""

from datetime import date
from fractions import Fraction

import pytest

from app.clinical.evaluation import Risk
from app.clinical.overlaps import overlaps
from app.clinical.policy import Policy
from app.clinical.risk import risk
from app.clinical.scores import (
    GAD7,
    ORT,
    ORT_ITEMS,
    ORT_OUD_ITEMS,
    PHQ9,
    gad7_band,
    newest_score,
    ort_band,
    ort_oud_score,
    ort_score,
    phq9_band,
    scores,
)  # fmt: skip
from tests.gaps.build import (
    AS_OF,
    GABAPENTIN,
    LORAZEPAM,
    OXYCODONE,
    chart,
    dose,
    event,
    fill,
    order,
    problem,
    record,
    result,
    urine,
)  # fmt: skip

KNOWN = (
    result("ort_total", "2025-01-01", 2),
    event("pdmp_review", "2025-05-01", outcome="as expected"),
    urine("cocaine", "2025-05-01", "NEG"),
)


def answers(*yes: str, items: tuple[str, ...] = ORT_ITEMS) -> dict[str, bool]:
    return {item: item in yes for item in items}


def tier(*items, mme=40, records=(), failed="") -> Risk:
    facts = chart(*items, failed=failed)
    known = mme if not isinstance(mme, int) else dose(mme)
    return risk(facts, Policy(), known, overlaps(facts, Policy(), AS_OF), AS_OF, records)


@pytest.mark.parametrize(
    ("sex", "yes", "points", "band"),
    [
        ("female", ("family_alcohol", "depression", "age_16_to_45"), 3, "low"),
        ("male", ("family_alcohol", "depression", "age_16_to_45"), 5, "moderate"),
        ("female", ("personal_prescription_drugs", "preadolescent_sexual_trauma"), 8, "high"),
        ("male", ("preadolescent_sexual_trauma",), 0, "low"),
        ("female", ORT_ITEMS, 26, "high"),
    ],
)
def test_ort_points_by_sex(sex: str, yes: tuple[str, ...], points: int, band: str) -> None:
    assert ort_score(answers(*yes), sex) == points
    assert ort_band(Fraction(points)) == band


def test_ort_assumes_neither_sex_nor_answers() -> None:
    assert ort_score(answers(), "unknown") is None
    assert ort_score(answers(), "") is None
    assert ort_score({"depression": True}, "female") is None
    assert ort_oud_score(answers("depression", "age_16_to_45", items=ORT_OUD_ITEMS)) == 2
    assert ort_oud_score({"depression": True}) is None


@pytest.mark.parametrize(
    ("total", "words"),
    [(0, "none"), (1, "minimal"), (4, "minimal"), (5, "mild"), (9, "mild"), (10, "moderate"), (14, "moderate"),
     (15, "moderately severe"), (19, "moderately severe"), (20, "severe"), (27, "severe")],
)  # fmt: skip
def test_phq9_bands(total: int, words: str) -> None:
    assert phq9_band(Fraction(total)) == words


@pytest.mark.parametrize(
    ("total", "words"), [(0, "minimal"), (4, "minimal"), (5, "mild"), (10, "moderate"), (15, "severe")]
)
def test_gad7_bands(total: int, words: str) -> None:
    assert gad7_band(Fraction(total)) == words


def test_a_total_is_summed_only_from_all_items_of_one_day() -> None:
    nine = [result(f"phq9_item{n}", "2025-01-01", 1) for n in range(1, 10)]
    assert [s.value for s in scores(chart(*nine), PHQ9, AS_OF)] == [9]
    assert scores(chart(*nine[:8]), PHQ9, AS_OF) == []
    moved = [*nine[:8], result("phq9_item9", "2025-01-02", 1)]
    assert scores(chart(*moved), PHQ9, AS_OF) == []


def test_scores_that_cannot_be_are_not_scores() -> None:
    facts = chart(result("gad7_total", "2025-01-01", 40), result("gad7_total", "2024-01-01", 5))
    assert [s.value for s in scores(facts, GAD7, AS_OF)] == [5]
    later = chart(result("ort_total", "2025-07-01", 5))
    assert newest_score(later, ORT, AS_OF) is None
    wrong = chart(result("ort_total", "2025-01-01", 5, valid=False, status="entered-in-error"))
    assert newest_score(wrong, ORT, AS_OF) is None


@pytest.mark.parametrize(
    ("items", "mme", "reason"),
    [
        ((), 90, "90 MME a day"),
        ((order(OXYCODONE, "2025-06-01"), order(LORAZEPAM, "2025-06-01")), 40, "lorazepam"),
        ((problem("opioid_use_disorder:dependence"),), 40, "active substance use disorder"),
        ((problem("opioid_overdose", "2025-01-01"),), 40, "overdose within 12 months"),
        ((problem("suicide_risk"),), 40, "suicide risk"),
        ((problem("pregnancy", "2025-03-01"),), 40, "pregnancy"),
        ((result("ort_total", "2025-01-01", 8),), 40, "ORT 8"),
        (
            (fill(OXYCODONE, "2025-04-01"), fill(OXYCODONE, "2025-04-27"), fill(OXYCODONE, "2025-05-20")),
            40,
            "2 early fills",
        ),
    ],
)
def test_what_makes_a_tier_high(items: tuple, mme: int, reason: str) -> None:
    found = tier(*KNOWN[1:], *(KNOWN[:1] if "ORT" not in reason else ()), *items, mme=mme)
    assert found.tier == "high"
    assert any(reason in text for text in found.reasons), found.reasons


@pytest.mark.parametrize(
    ("items", "mme", "reason"),
    [
        ((), 50, "50 MME a day"),
        ((result("phq9_total", "2025-02-01", 10),), 40, "PHQ-9 10"),
        ((result("gad7_total", "2025-02-01", 10),), 40, "GAD-7 10"),
        ((problem("ptsd"),), 40, "PTSD"),
        ((problem("sleep_apnea"),), 40, "sleep-disordered breathing"),
        ((problem("other_substance_use_disorder", active=False),), 40, "past substance use disorder"),
        ((problem("alcohol_use_disorder:remission"),), 40, "past substance use disorder"),
        ((urine("cocaine", "2025-05-20", "POS"),), 40, "unexpected urine drug test"),
    ],
)
def test_what_makes_a_tier_moderate(items: tuple, mme: int, reason: str) -> None:
    found = tier(*KNOWN, *items, mme=mme)
    assert found.tier == "moderate"
    assert any(reason in text for text in found.reasons), found.reasons


def test_low_needs_everything_known() -> None:
    assert tier(*KNOWN).tier == "low"
    assert tier(*KNOWN, problem("opioid_use_disorder:use_unspecified")).tier == "low"
    assert tier(*KNOWN, order(OXYCODONE, "2025-06-01"), order(GABAPENTIN, "2025-06-01")).tier == "low"


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (lambda: tier(*KNOWN[1:]), "ORT"),
        (lambda: tier(KNOWN[0], KNOWN[2]), "PDMP check"),
        (lambda: tier(*KNOWN[:2]), "urine drug test"),
        (lambda: tier(*KNOWN, mme=dose(40, complete=False)), "MME"),
        (lambda: tier(*KNOWN, failed="Condition"), "problems"),
        (lambda: tier(*KNOWN, failed="Observation"), "results"),
    ],
)
def test_what_is_not_known_is_never_low(found, missing: str) -> None:
    answer = found()
    assert answer.tier == "unknown"
    assert missing in answer.reasons[0]


def test_a_tier_confirmed_by_a_clinician_goes_first_and_both_are_shown() -> None:
    said = record("tier", "2025-01-01", tier="moderate", author="Dr Okafor")
    found = tier(*KNOWN, mme=90, records=(said,))
    assert found.tier == "moderate"
    assert found.reasons[:2] == ("confirmed by Dr Okafor on 1 Jan 2025", "computed: high")
    old = record("tier", "2024-01-01", tier="moderate")
    assert tier(*KNOWN, mme=90, records=(old,)).tier == "high"
    later = record("tier", "2025-07-01", tier="low")
    assert tier(*KNOWN, mme=90, records=(later,)).tier == "high"


def test_the_age_of_an_overdose_counts_from_the_day_asked_about() -> None:
    facts = chart(*KNOWN, problem("opioid_overdose", "2024-07-01"))
    found = [risk(facts, Policy(), dose(40), (), day).tier for day in (AS_OF, date(2026, 6, 15))]
    assert found == ["high", "low"]


def test_of_two_scores_of_one_day_the_higher_counts() -> None:
    low, high = (
        result("phq9_total", "2025-06-01", points, ref=f"Observation/{ref}")
        for points, ref in ((4, "z"), (18, "a"))
    )
    found = newest_score(chart(low, high), PHQ9, AS_OF)
    assert found is not None
    assert (found.value, found.refs) == (18, ("Observation/a",))
