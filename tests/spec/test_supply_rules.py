"""What one chart's orders, fills and reports come to together: days covered, and the MME of the day."""

from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

import pytest
from msgspec import structs

from app.clinical.evaluation import LtotStatus
from app.clinical.ltot import ltot
from app.clinical.mme import mme
from app.clinical.policy import MmePolicy, Policy
from app.jobs.policies import load_site_terms
from fhir_mappings.facts import Facts, Sig, Source
from tests.spec.charts import chart, drug, fill, number, order, sig

TERMS, POLICY = load_site_terms(), Policy()
START, AS_OF = date(2025, 1, 1), date(2025, 1, 20)
OXY, OXY_5 = drug("oxycodone", "10"), drug("oxycodone", "5")
QID = sig("1", "4")
TABLETS = {"quantity": "120", "days": "30"}
FIRST = order("1", OXY, START, QID, **TABLETS)
NDC_OXY = replace(OXY, release="", name="oxycodone 10 mg by NDC")


@dataclass(frozen=True)
class Rule:
    """covered: days of the last 90 on `AS_OF`; mme: today's; whole: whether that is everything."""

    title: str
    facts: Facts
    covered: int
    mme: float | None
    whole: bool = True
    outside: float | None = None


def pdmp(name: str, what: object, when: date, **more: object) -> object:
    return replace(fill(name, what, when, **more), ref=f"PDMP/{name}")


RULES = (
    Rule("an order counts from its first day", chart(FIRST), 20, 60),
    Rule("the linked fill replaces date, quantity and days",
         chart(FIRST, fill("1", OXY, date(2025, 1, 5), quantity="60", days="15", of="1")),
         15, 0),
    Rule("an order is not counted beside a fill that repeats it without a link",
         chart(FIRST, fill("1", OXY, date(2025, 1, 3), **TABLETS)), 18, 60),
    Rule("a PDMP row of an own order is own, not outside",
         chart(order("1", OXY, START, QID, **TABLETS, prescriber="Dr A"),
               pdmp("1", OXY, START, quantity="120", days="30", outside=True, prescriber="Dr A")), 20, 60, outside=0),
    Rule("a fill and the PDMP row of the same fill count once",
         chart(fill("1", OXY, START, quantity="60", days="15"),
               pdmp("1", OXY, date(2025, 1, 2), quantity="60", days="15")),
         15, 0),
    Rule("a product known by its NDC only pairs with the order of that drug",
         chart(FIRST, pdmp("1", NDC_OXY, START, **TABLETS, outside=True)),
         20, 60, outside=0),
    Rule("another prescriber's fill of the same drug is added",
         chart(order("1", OXY, START, QID, **TABLETS, prescriber="Dr A"),
               pdmp("1", OXY, date(2025, 1, 10), quantity="60", days="30", outside=True, prescriber="Dr B")),
         20, 90, outside=30),
    Rule("a fill given in hospital covers nothing at home",
         chart(order("1", OXY, START, QID, setting="inpatient"), fill("1", OXY, START, **TABLETS, of="1")),
         0, 0),
    Rule("a fill dated later than today does not hide its order",
         chart(FIRST, fill("1", OXY, date(2026, 1, 5), **TABLETS, of="1")), 20, 60),
    Rule("a solution of as many milligrams per millilitre is no refill of tablets",
         chart(FIRST, order("2", drug("oxycodone", "10", "mg/mL"), date(2025, 1, 10),
                            sig("0.5", "6", unit="mL", prn=True), quantity="90", days="30")), 20, 105),
    Rule("an order that says do not give covers nothing",
         chart(order("1", OXY, START, QID, **TABLETS, do_not_perform=True)),
         0, 0),
    Rule("cancelled, draft and entered-in-error orders cover nothing",
         chart(*(order(status, OXY, START, QID, **TABLETS, status=status)
                 for status in ("cancelled", "draft", "entered-in-error"))), 0, 0),
    Rule("one prescription sent twice counts once",
         chart(order("1", OXY, START, QID, **TABLETS, intent="original-order"), order("2", OXY, START, QID, **TABLETS)),
         20, 60),
    Rule("an explicit last day ends the supply early",
         chart(order("1", OXY, START, QID, **TABLETS, end=date(2025, 1, 10), end_basis="bounds")), 10, 0),
    Rule("an active order whose supply ran out is not current",
         chart(order("1", OXY, date(2024, 11, 1), QID, quantity="40", days="10")), 10, 0),
    Rule("a stopped order covers the days before and nothing today",
         chart(order("1", OXY, START, QID, **TABLETS, status="stopped")), 19, 0),
    Rule("refills of an active order without fills are taken as filled",
         chart(order("1", OXY, date(2024, 12, 1), QID, quantity="40", days="10", refills_allowed=5)), 51, 60),
    Rule("refills of an order with a recorded fill are not assumed",
         chart(order("1", OXY, date(2024, 12, 1), QID, quantity="40", days="10", refills_allowed=5),
               fill("1", OXY, date(2024, 12, 1), quantity="40", days="10", of="1")), 10, 0),
    Rule("an active order without a date may last today", chart(order("1", OXY, None, QID)), 0, 60),
    Rule("an active order without date, dose and quantity is unknown, not zero", chart(order("1", OXY, None)),
         0, None, whole=False),
    Rule("a fill without days, quantity and directions is unknown, not zero", chart(fill("1", OXY, date(2025, 1, 15))),
         0, None, whole=False),
    Rule("a reported home medication that a prescription explains is left aside",
         chart(order("1", OXY, START, QID, **TABLETS),
               order("2", OXY_5, date(2025, 1, 10), reported=True, intent="plan")), 20, 60),
    Rule("a reported home medication without a prescription is unknown, not zero",
         chart(order("1", OXY, date(2025, 1, 10), QID, reported=True, intent="plan")), 0, None, whole=False),
    Rule("a home medication reported long ago is no longer taken as current",
         chart(order("1", OXY, date(2023, 1, 10), QID, reported=True, intent="plan")), 0, 0),
    Rule("carry-forward keeps every day of a long first supply",
         chart(order("1", OXY, date(2024, 11, 1), QID, quantity="360", days="90"),
               order("2", OXY, date(2024, 11, 5), QID, quantity="40", days="10")), 81, 60),
    Rule("early fills add up, with at most thirty days carried",
         chart(*(order(str(n), OXY, date(2024, 10, 28 + n), QID, **TABLETS) for n in range(4))), 63, 0),
    Rule("an opioid of an unusual kind is counted all the same",
         chart(order("1", replace(OXY, category="other"), START, QID, **TABLETS)), 20, 60),
    Rule("methadone for opioid use disorder is kept apart",
         chart(order("1", drug("methadone", "10"), START, sig("8", "1"), days="30", for_oud=True)), 0, None),
    Rule("buprenorphine for pain covers days and adds no MME",
         chart(order("1", drug("buprenorphine patch", "10", "mcg/h"), START, sig("1", "1/7", unit="patch"),
                     quantity="4", days="28")), 20, None),
)  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.title)
def test_supply_rule(rule: Rule) -> None:
    found = mme(rule.facts, POLICY, TERMS, AS_OF)
    assert ltot(rule.facts, POLICY, AS_OF).covered_days_90 == rule.covered
    assert (number(found.current), found.complete) == (rule.mme, rule.whole)
    if rule.outside is not None:
        assert number(found.outside) == rule.outside


def test_an_undated_order_shows_no_first_day() -> None:
    found = mme(chart(order("1", OXY, None, QID)), POLICY, TERMS, AS_OF)
    assert [one.start for one in found.contributions] == [None]


def test_a_reported_opioid_alone_cannot_tell_long_term_therapy() -> None:
    reported = order("1", OXY, date(2025, 1, 10), QID, reported=True, intent="plan")
    found = ltot(chart(reported), POLICY, AS_OF)
    assert found.status is LtotStatus.CANNOT_TELL
    assert any("reported as taken at home" in one.text for one in found.evidence)


def test_an_older_order_of_unknown_length_keeps_the_answer_open() -> None:
    """A later short order replaces its dose; how many days the older one covered is still not known."""
    facts = chart(
        order("1", OXY, date(2024, 12, 1), QID),
        order("2", OXY, date(2025, 1, 18), QID, quantity="20", days="5"),
    )
    assert ltot(facts, POLICY, AS_OF).status is LtotStatus.CANNOT_TELL
    assert number(mme(facts, POLICY, TERMS, AS_OF).current) == 60
    after = mme(facts, POLICY, TERMS, date(2025, 1, 25))
    assert number(after.current) == 60, "once the short order has run out, the older one may last again"


def test_orders_not_read_completely_never_say_no_or_zero() -> None:
    facts = chart(
        sources={"MedicationRequest": Source("MedicationRequest", 3, complete=False, problem="page 2 failed")}
    )
    assert ltot(facts, POLICY, AS_OF).status is LtotStatus.CANNOT_TELL
    found = mme(facts, POLICY, TERMS, AS_OF)
    assert (found.current, found.complete, found.avg_90, found.peak_90) == (None, False, None, None)
    assert {value for _, value in found.timeline} == {None}


def test_the_chart_shows_a_dose_that_cannot_be_counted_as_unknown() -> None:
    facts = chart(order("1", OXY, START, days="30"))
    assert mme(facts, POLICY, TERMS, AS_OF).timeline[-1] == (START, None)


def test_two_instructions_print_one_sum() -> None:
    facts = chart(order("1", drug("oxycodone", "20"), START, sig("1", "1"), sig("2", "1"), days="30"))
    found = mme(facts, POLICY, TERMS, AS_OF)
    assert found.contributions[0].arithmetic == "20 mg × 1 × 1/d + 20 mg × 2 × 1/d = 60 mg/d × 1.5 = 90"


def test_a_written_course_with_an_open_last_step_lasts_as_long_as_its_tablets() -> None:
    """Two tablets three times a day for 7 days, then one three times a day: 63 tablets last 14 days."""
    steps = (
        structs.replace(sig("2", "3"), sequence_day=0, duration_days=7),
        structs.replace(sig("1", "3"), sequence_day=7),
    )
    facts = chart(order("1", OXY_5, date(2025, 1, 10), *steps, quantity="63"))
    assert [number(mme(facts, POLICY, TERMS, date(2025, 1, day)).current) for day in (12, 20, 23, 24)] == [
        45,
        22.5,
        22.5,
        0,
    ]


def test_methadone_bands_of_the_past_use_the_dose_of_the_past() -> None:
    """Tables with bands: 30 mg a day was 240, whatever is taken now."""
    banded = replace(POLICY, mme=MmePolicy(factor_table="cdc-2016"))
    facts = chart(
        order("1", drug("methadone", "10"), date(2024, 12, 1), sig("1", "3"), quantity="90", days="30"),
        order("2", drug("methadone", "10"), date(2025, 1, 10), sig("1", "1"), quantity="30", days="30"),
    )
    found = mme(facts, banded, TERMS, AS_OF)
    assert (number(found.current), number(found.peak_90)) == (40, 240)


def test_quantity_beyond_the_directions_is_said() -> None:
    facts = chart(order("1", OXY, START, sig("1", "2"), **TABLETS))
    note = mme(facts, POLICY, TERMS, AS_OF).contributions[0].note
    assert note.startswith("more than the directions allow, which is 30 MME")


def test_a_supply_without_a_dose_does_not_thin_out_the_averages() -> None:
    alone = chart(order("1", OXY, START, QID, quantity="40", days="10"))
    both = replace(alone, orders=(*alone.orders, order("2", drug("codeine"), date(2025, 1, 5), days="15")))
    first, second = mme(alone, POLICY, TERMS, AS_OF), mme(both, POLICY, TERMS, AS_OF)
    assert (
        (first.avg_on_therapy, first.avg_supply)
        == (second.avg_on_therapy, second.avg_supply)
        == (Fraction(60),) * 2
    )


@pytest.mark.parametrize(("field", "value"), [("strength", None), ("ingredient", None)])
def test_what_is_not_known_of_the_drug_is_a_reason(field: str, value: None) -> None:
    facts = chart(order("1", replace(OXY, **{field: value}), START, QID, days="30"))
    found = mme(facts, POLICY, TERMS, AS_OF)
    assert found.current is None
    assert [one.reason for one in found.uncounted] == [
        {"strength": "no_strength", "ingredient": "unmapped_drug"}[field]
    ]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ((), "no_quantity_no_sig"),
        ((Sig(problem="sig_words_not_understood"),), "sig_refused"),
        ((sig(None, "4"),), "no_dose"),
        ((sig("1", None),), "no_timing"),
        ((sig("1", "4", unit="puff"),), "unit_unknown"),
        ((sig("1", "4", unit="mg"),), "unit_unknown"),
    ],
)
def test_what_is_not_known_of_the_dose_is_a_reason(given: tuple[Sig, ...], reason: str) -> None:
    found = mme(chart(order("1", OXY, START, *given, days="30")), POLICY, TERMS, AS_OF)
    assert (found.current, [one.reason for one in found.uncounted]) == (None, [reason])


@pytest.mark.parametrize(
    ("strength", "dose", "value"), [("25", "1", None), ("12.5", "12", 28.8), ("25", "50", 120)]
)
def test_a_patch_is_worn_whole(strength: str, dose: str, value: float | None) -> None:
    """A dose of 1 mcg/h from a patch of 25 means one patch or is a mistake: it is not 2.4 MME."""
    patch = order(
        "1", drug("fentanyl patch", strength, "mcg/h"), START, sig(dose, "1/3", unit="mcg/h"), days="30"
    )
    found = mme(chart(patch), POLICY, TERMS, AS_OF)
    assert (number(found.current), found.complete) == (value, value is not None)


def test_a_drug_the_table_does_not_know_is_a_reason() -> None:
    strict = replace(POLICY, mme=MmePolicy(factor_table="cdc-2022-strict"))
    facts = chart(order("1", drug("levorphanol", "2"), START, QID, days="30"))
    assert [one.reason for one in mme(facts, strict, TERMS, AS_OF).uncounted] == ["no_factor"]
    assert number(mme(facts, POLICY, TERMS, AS_OF).current) == 88
    no_legacy = replace(POLICY, mme=MmePolicy(legacy_factors=False))
    assert mme(facts, no_legacy, TERMS, AS_OF).current is None
