"""Worked MME cases: what is in the chart, the number, and the trap it avoids.

Each row is one published or hand-worked case with its arithmetic; the same cases are read from the prepared vectors,
so that neither list can drift from the other.
"""

import json
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from app.clinical.ltot import ltot
from app.clinical.mme import mme
from app.clinical.policy import MmePolicy, Policy
from app.jobs.policies import load_site_terms
from fhir_mappings.facts import Facts
from tests.spec.charts import chart, drug, fill, number, order, sig

TERMS = load_site_terms()
POLICY = Policy()
POLICY_2016 = replace(POLICY, mme=MmePolicy(factor_table="cms-2018"))
DAY = date(2025, 1, 10)
START = date(2025, 1, 1)
VECTORS = Path(__file__).resolve().parents[3] / "shared/clinical/mme_vectors.json"


@dataclass(frozen=True)
class Case:
    """id as in the vectors; expected: vector value name to number; trap: the mistake others made."""

    id: str
    title: str
    facts: Facts
    expected: dict[str, float | None]
    trap: str = ""
    as_of: date = DAY


def one(name: str, strength: str, *sigs, unit: str = "mg", **more) -> Facts:
    return chart(order("1", drug(name, strength, unit), START, *sigs, **more))


OXY = drug("oxycodone", "10")
CASES = [
    Case("V01", "hydrocodone/APAP 5/325, 1 tab QID", one("hydrocodone", "5", sig("1", "4")),
         {"mme2022": 20, "mme2016": 20}, "the acetaminophen strength is not the opioid's"),
    Case("V03", "hydromorphone 4, 1 tab QID", one("hydromorphone", "4", sig("1", "4")),
         {"mme2022": 80, "mme2016": 64}, "the factor changed from 4 to 5 in 2022"),
    Case("V04", "tramadol 50, 1-2 tabs q6h PRN", one("tramadol", "50", sig("2", "4", least="1", prn=True)),
         {"mme2022": 80, "mme2016": 40}, "the factor doubled in 2022"),
    Case("V05", "as V04, at most 300 mg a day",
         one("tramadol", "50", sig("2", "4", least="1", prn=True, most=("300", "mg"))), {"mme2022": 60, "mme2016": 30},
         "a stated maximum caps the range"),
    Case("V06", "oxycodone 10 q4-6h PRN", one("oxycodone", "10", sig("1", "6", low="4", prn=True)), {"mme2022": 90},
         "the most is the shortest interval"),
    Case("V08", "fentanyl patch 25 q72h", one("fentanyl patch", "25", sig("1", "1/3", unit="patch"), unit="mcg/h"),
         {"mme2022": 60, "mme2016": 60}, "the change interval is not in the sum"),
    Case("V09", "fentanyl patch 25 q48h", one("fentanyl patch", "25", sig("1", "1/2", unit="patch"), unit="mcg/h"),
         {"mme2022": 60}, "one patch is worn at a time"),
    Case("V10", "two fentanyl patches 25 q72h",
         one("fentanyl patch", "25", sig("2", "1/3", unit="patch"), unit="mcg/h"), {"mme2022": 120}),
    Case("V11", "fentanyl 12 patch", one("fentanyl patch", "12", sig("1", "1/3", unit="patch"), unit="mcg/h"),
         {"mme2022": 28.8}),
    Case("V12", "fentanyl 12 patch coded 12.5",
         one("fentanyl patch", "12.5", sig("1", "1/3", unit="patch"), unit="mcg/h"), {"mme2022": 30},
         "the coded strength counts"),
    Case("V14", "fentanyl 25 q48h, 15 for 30 days",
         one("fentanyl patch", "25", sig("1", "1/2", unit="patch"), unit="mcg/h", quantity="15", days="30"),
         {"mme2022": 60}, "quantity over-counts patches changed early"),
    Case("V15", "methadone 10 TID", one("methadone", "10", sig("1", "3")), {"mme2022": 141, "mme2016": 240}),
    Case("V16", "methadone 20.5 mg a day",
         one("methadone", "1", sig("20.5", "1", unit="mL"), unit="mg/mL"), {"mme2022": 96.35, "mme2016": 164},
         "bands are (20, 40], without holes"),
    Case("V17", "methadone 10 BID and 5 daily",
         chart(order("1", drug("methadone", "10"), START, sig("1", "2")),
               order("2", drug("methadone", "5"), START, sig("1", "1"))),
         {"mme2022": 117.5, "mme2016": 200}, "milligrams are summed before the band is chosen"),
    Case("V18", "methadone 10 Monday to Friday", one("methadone", "10", sig("1", "5/7", peak="1")),
         {"mme2022": 33.571429, "peak_day": 47}),
    Case("V19", "methadone solution 1 mg/mL, 10 mL TID",
         one("methadone", "1", sig("10", "3", unit="mL"), unit="mg/mL"), {"mme2022": 141}),
    Case("V20", "morphine 20 mg/mL, 0.5 mL q4h",
         one("morphine", "20", sig("0.5", "6", unit="mL"), unit="mg/mL"), {"mme2022": 60}),
    Case("V21", "morphine 10 mg/5 mL, 7.5 mL q6h",
         one("morphine", "2", sig("7.5", "4", unit="mL"), unit="mg/mL"), {"mme2022": 60}, "per 5 mL"),
    Case("V23", "codeine/APAP 30/300, 2 q6h", one("codeine", "30", sig("2", "4")), {"mme2022": 36}),
    Case("V24", "oxycodone ER 20 in the morning, 40 in the evening",
         chart(order("1", drug("oxycodone", "20", release="ER"), START, sig("1", "1")),
               order("2", drug("oxycodone", "40", release="ER"), START, sig("1", "1"))), {"mme2022": 90},
         "both are taken"),
    Case("V26", "hydrocodone 10 every other day", one("hydrocodone", "10", sig("1", "1/2", peak="1")),
         {"mme2022": 5, "peak_day": 10}),
    Case("V27", "buprenorphine/naloxone 8/2 BID", one("buprenorphine", "8", sig("1", "2")), {"mme2022": None},
         "never counted: 30 times would give 480"),
    Case("V29", "buprenorphine patch and oxycodone 5 QID",
         chart(order("1", drug("buprenorphine patch", "10", "mcg/h"), START, sig("1", "1/7", unit="patch")),
               order("2", drug("oxycodone", "5"), START, sig("1", "4"))), {"mme2022": 30}),
    Case("V33", "oxycodone ER 20 TID", one("oxycodone", "20", sig("1", "3")), {"mme2022": 90}, "exactly 90"),
    Case("V34", "oxymorphone 9.99 TID", one("oxymorphone", "9.99", sig("1", "3")), {"mme2022": 89.91},
         "not 90: nothing is rounded before comparing"),
    Case("V36", "oxycodone 15 QID and 5 TID PRN",
         chart(order("1", drug("oxycodone", "15"), START, sig("1", "4")),
               order("2", drug("oxycodone", "5"), START, sig("1", "3", prn=True))), {"mme2022": 112.5}),
    Case("V37", "hydrocodone 10 QID, fentanyl 12.5, tramadol 50 BID",
         chart(order("1", drug("hydrocodone", "10"), START, sig("1", "4")),
               order("2", drug("fentanyl patch", "12.5", "mcg/h"), START, sig("1", "1/3", unit="patch")),
               order("3", drug("tramadol", "50"), START, sig("1", "2"))), {"mme2022": 90, "mme2016": 80}),
    Case("V38", "oxycodone 5, 1-2 q4h PRN, 60 for 30 days",
         one("oxycodone", "5", sig("2", "6", least="1", prn=True), quantity="60", days="30"),
         {"headline_qty": 15, "sig_max": 90}, "15, up to 90 at the label's maximum"),
    Case("V39", "hydrocodone 10, 240 for 30 days, sig not read",
         one("hydrocodone", "10", sig(None, None), quantity="240", days="30"), {"headline_qty": 80}),
    Case("V40", "oxycodone 5 q6h, 120, days missing", one("oxycodone", "5", sig("1", "4"), quantity="120"),
         {"mme2022": 30}),
    Case("V41", "oxycodone 5, nothing else recorded", one("oxycodone", "5"), {"mme2022": None},
         "unknown: never 0, never once a day"),
    Case("V42", "oxycodone 10 QID filled early",
         chart(order("1", OXY, START, sig("1", "4"), quantity="120", days="30"),
               order("2", OXY, date(2025, 1, 25), sig("1", "4"), quantity="120", days="30")),
         {"mme2022": 60}, "an early refill is not a double dose", date(2025, 1, 27)),
    Case("V43", "morphine ER 30 BID replaced by 15 BID",
         chart(order("1", drug("morphine", "30", release="ER"), START, sig("1", "2")),
               order("2", drug("morphine", "15", release="ER"), date(2025, 2, 1), sig("1", "2"),
                     replaces="MedicationRequest/1")), {"mme2022": 30}, "the replaced order has ended",
         date(2025, 2, 10)),
    Case("V44a", "taper, day 3",
         one("oxycodone", "5", sig("2", "3", start=START, end=date(2025, 1, 7)),
             sig("1", "3", start=date(2025, 1, 8), end=date(2025, 1, 14))), {"day3": 45}, "steps are not summed",
         date(2025, 1, 3)),
    Case("V44b", "taper, day 10",
         one("oxycodone", "5", sig("2", "3", start=START, end=date(2025, 1, 7)),
             sig("1", "3", start=date(2025, 1, 8), end=date(2025, 1, 14))), {"day10": 22.5}, "", date(2025, 1, 10)),
    Case("V49", "pentazocine/naloxone 50/0.5 q6h", one("pentazocine", "50", sig("1", "4")), {"mme2022": 74}),
    Case("V50", "fentanyl buccal 200 mcg QID", one("fentanyl buccal", "0.2", sig("1", "4")), {"mme2022": 104},
         "per microgram"),
    Case("V56", "oxycodone 10 QID in the EHR and in the PDMP",
         chart(order("1", OXY, START, sig("1", "4"), quantity="120", days="30", prescriber="A"),
               fill("1", OXY, date(2025, 1, 2), quantity="120", days="30", outside=True, prescriber="A")),
         {"mme2022": 60}, "one prescription seen twice"),
    Case("V57", "oxycodone 10 QID, stopped", one("oxycodone", "10", sig("1", "4"), status="stopped"), {"mme2022": 0},
         "a true zero"),
    Case("V59", "own oxycodone and outside hydrocodone",
         chart(order("1", OXY, START, sig("1", "3"), quantity="90", days="30", prescriber="A"),
               fill("1", drug("hydrocodone", "10"), START, quantity="120", days="30", outside=True, prescriber="B")),
         {"mme2022": 85}),
    Case("V61", "hydrocodone 5 QID and 10 at bedtime, same day",
         chart(order("1", drug("hydrocodone", "5"), START, sig("1", "4"), prescriber="A"),
               order("2", drug("hydrocodone", "10"), START, sig("1", "1"), prescriber="A")), {"mme2022": 30},
         "two strengths at once are both taken"),
    Case("V62", "as V43 without a link",
         chart(order("1", drug("morphine", "30", release="ER"), START, sig("1", "2")),
               order("2", drug("morphine", "15", release="ER"), date(2025, 2, 1), sig("1", "2"))), {"mme2022": 30},
         "the newest wins, and the older one is shown", date(2025, 2, 10)),
    Case("V63", "ordered 120, 28 dispensed",
         chart(order("1", OXY, START, sig("1", "4"), quantity="120", days="30"),
               fill("1", OXY, START, quantity="28", of="1")), {"mme2022": 60, "covered_days": 7},
         "the dose is not affected, the days are", date(2025, 1, 5)),
]  # fmt: skip
NOT_A_CURRENT_DOSE = {
    "V45": "averages over a window: see test_four_averages_of_one_patient",
    "V46": "averages over a window: see test_average_of_three_fills",
    "V55": "a cough medicine: see test_cough_medicine_is_shown_and_not_counted",
}
OTHER_READINGS = {
    "V04": {"sig_min2022"},
    "V06": {"sig_min2022"},
    "V14": {"qty_method_wrong"},
    "V15": {"retrospective_flat3"},
    "V17": {"per_order_wrong2016"},
    "V36": {"scheduled_only2022"},
    "V40": {"imputed_days_supply"},
    "V42": {"naive_overlap_wrong"},
    "V43": {"naive_wrong"},
    "V44": {"naive_wrong"},
    "V56": {"naive_wrong"},
    "V62": {"if_both_taken"},
}
"""Numbers a vector holds that are no answer of ours: mistakes to avoid, and readings the answer is not."""


def _found(case: Case, policy: Policy = POLICY) -> dict[str, float | None]:
    result = mme(case.facts, policy, TERMS, case.as_of)
    peaks = [part.peak for part in result.contributions if part.peak is not None]
    return {
        "current": number(result.current),
        "sig_max": number(result.sig_max),
        "peak_day": number(max(peaks)) if peaks else None,
        "covered_days": ltot(case.facts, policy, date(2025, 1, 31)).covered_days_90,
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id} {case.title}")
def test_worked_case(case: Case) -> None:
    found = _found(case)
    for name, value in case.expected.items():
        if name == "mme2016":
            assert _found(case, POLICY_2016)["current"] == value, name
        else:
            assert found[name if name in found else "current"] == value, name


def test_every_prepared_vector_is_among_the_cases() -> None:
    if not VECTORS.exists():
        pytest.skip("the prepared vectors are not beside the project")
    ours = {case.id[:3]: {} for case in CASES}
    for case in CASES:
        ours[case.id[:3]].update(case.expected)
    for vector in json.loads(VECTORS.read_text())["vectors"]:
        if vector["id"] in NOT_A_CURRENT_DOSE:
            continue
        expected = {name: entry["value"] for name, entry in vector["expected"].items()}
        named = ours[vector["id"]]
        assert set(expected) - set(named) == OTHER_READINGS.get(vector["id"], set()), vector["id"]
        for name in set(named) & set(expected):
            assert expected[name] == named[name], (vector["id"], name)


def test_four_averages_of_one_patient() -> None:
    """V45: 60 mg/d for 30 days and 14 tablets of 5 mg over 7 days inside: four definitions, four numbers."""
    start = date(2025, 1, 1)
    facts = chart(
        order("1", drug("oxycodone", "30", release="ER"), start, sig("1", "2"), quantity="60", days="30"),
        order("2", drug("oxycodone", "5"), date(2025, 1, 10), sig("1", "2"), quantity="14", days="7"),
    )
    found = mme(facts, POLICY, TERMS, date(2025, 3, 31))
    assert number(found.avg_supply) == 75.810811
    assert number(found.avg_on_therapy) == 93.5
    assert number(found.avg_90) == 31.166667
    assert number(found.peak_90) == 105


def test_average_of_three_fills() -> None:
    """V46: three fills of 112 tablets for 28 days."""
    fills = [
        order(str(n), OXY, date(2025, 1, 1 + n), sig("1", "4"), quantity="112", days="28") for n in range(3)
    ]
    moved = [replace(one, authored=when, start=when) for one, when in zip(
        fills, (date(2025, 1, 1), date(2025, 1, 29), date(2025, 2, 26)), strict=True)]  # fmt: skip
    found = mme(chart(*moved), POLICY, TERMS, date(2025, 3, 31))
    assert (number(found.avg_90), number(found.avg_on_therapy)) == (56, 60)


def test_cough_medicine_is_shown_and_not_counted() -> None:
    """V55: hydrocodone/homatropine syrup is neither MME nor long-term therapy; the panel still names it."""
    facts = one("hydrocodone cough", "1", sig("5", "4", unit="mL"), unit="mg/mL", quantity="600", days="30")
    found = mme(facts, POLICY, TERMS, DAY)
    assert found.current == 0
    assert "cough_product" in found.flags
    assert ltot(facts, POLICY, DAY).covered_days_90 == 0


def test_own_and_outside_are_shown_apart() -> None:
    """V59: 45 own and 40 from elsewhere."""
    case = next(case for case in CASES if case.id == "V59")
    found = mme(case.facts, POLICY, TERMS, case.as_of)
    assert (found.own, found.outside) == (Fraction(45), Fraction(40))


def test_order_of_the_sum_is_printed() -> None:
    found = mme(one("oxycodone", "10", sig("1", "4"), quantity="120", days="30"), POLICY, TERMS, DAY)
    assert found.contributions[0].arithmetic == "10 mg × 120 ÷ 30 d = 40 mg/d × 1.5 = 60"


def test_the_mean_of_90_days_is_of_90_days_whatever_window_the_policy_asks_therapy_for() -> None:
    half_a_year = replace(POLICY, ltot=replace(POLICY.ltot, window_days=180, min_covered_days=140))
    month = timedelta(days=30)
    facts = chart(
        *(
            order(str(n), drug("oxycodone", "10"), DAY - n * month, sig("1", "4"), quantity="120", days="30")
            for n in range(3)
        )
    )
    day = DAY + timedelta(days=29)
    assert mme(facts, POLICY, TERMS, day).avg_90 == mme(facts, half_a_year, TERMS, day).avg_90 == 60


def test_an_older_order_replaced_without_saying_so_is_flagged() -> None:
    case = next(case for case in CASES if case.id == "V62")
    found = mme(case.facts, POLICY, TERMS, case.as_of)
    assert "stale_order" in found.flags
    assert found.sig_max == 90


def test_an_order_taken_as_needed_may_outlast_its_shortest_supply() -> None:
    """60 tablets, 1-2 every 4-6 hours, days not recorded: over after 5 days at the most; needed less often, they may
    last for a usual supply of 30 days.

    On day 13 the order is active: it is not counted, and the total says "at least".
    """
    range_sig = sig("2", "6", least="1", low="4", prn=True)
    facts = chart(
        order("1", drug("oxycodone", "5"), START, range_sig, quantity="60"),
        order("2", drug("hydrocodone", "10"), START, sig("1", "4"), quantity="120", days="30"),
    )
    found = mme(facts, POLICY, TERMS, date(2025, 1, 13))
    assert (number(found.current), found.complete) == (40, False)
    assert [missing.reason for missing in found.uncounted] == ["may_still_last"]
    assert found.sig_max == 40 + 90
    assert not mme(facts, POLICY, TERMS, date(2025, 1, 30)).complete
    assert mme(facts, POLICY, TERMS, date(2025, 1, 31)).sig_max == 0
