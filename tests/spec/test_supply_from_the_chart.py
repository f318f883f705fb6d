"""From FHIR to supply: from when, to when and by whose directions an opioid is taken."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.mapping.chart import (
    OXYCODONE_5,
    OXYCODONE_10,
    PATIENT,
    quantity,
    request,
)
from tests.spec.charts import number
from tests.spec.from_fhir import (
    FOUR_TIMES,
    MONTH,
    QID,
    Json,
    answer,
    by,
    dispense,
)


def test_prescriptions_of_three_months_written_on_one_day_follow_each_other() -> None:
    months = [
        by(
            id=name,
            authoredOn="2026-01-02",
            dosageInstruction=[QID[0] | {"text": f"Take 1 tablet 4 times daily. Do not fill until {day}"}],
            dispenseRequest=MONTH,
        )
        for name, day in (("a", "1/2/2026"), ("b", "2/1/2026"), ("c", "3/3/2026"))
    ]
    found = answer(*months)
    assert (number(found.mme.current), found.ltot.covered_days_90) == (60, 70)


def test_a_fill_does_not_end_its_refills_where_fills_were_not_all_read() -> None:
    order = by(
        authoredOn="2026-01-02",
        dosageInstruction=QID,
        dispenseRequest=MONTH | {"numberOfRepeatsAllowed": 5},
    )
    first = {
        "resourceType": "MedicationDispense",
        "id": "f",
        "status": "completed",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "medicationCodeableConcept": order["medicationCodeableConcept"],
        "authorizingPrescription": [{"reference": "MedicationRequest/m1"}],
        "whenHandedOver": "2026-01-03",
        "quantity": quantity(120, "tablet"),
        "daysSupply": quantity(30, "days", "d"),
    }
    found = answer(order, first, partial=("MedicationDispense",))
    assert (found.mme.current, found.mme.complete, found.ltot.status) == (None, False, "cannot_tell")


def test_a_fill_with_a_range_may_last_longer_than_at_its_greatest_use() -> None:
    """60 tablets last 5 days at 12 a day, and 15 at 4."""
    text = [{"text": "Take 1-2 tablets every 4-6 hours as needed"}]
    order = by(
        authoredOn="2026-03-01", dosageInstruction=text, dispenseRequest={"quantity": quantity(60, "tablet")}
    )
    link = [{"reference": "MedicationRequest/m1"}]
    filled = dispense(
        quantity=quantity(60, "tablet"), authorizingPrescription=link, whenHandedOver="2026-03-03"
    )
    mme = answer(order, filled).mme
    assert ([one.reason for one in mme.uncounted], mme.current) == (["may_still_last"], None)


def _tablets(id_: str, written: str, count: float, times: int, days: int = 30) -> Json:
    timing = {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}}
    dose = [{"timing": timing, "doseAndRate": [{"doseQuantity": quantity(count, "tablet")}]}]
    supply = {
        "quantity": quantity(count * times * days, "tablet"),
        "expectedSupplyDuration": quantity(days, "days", "d"),
    }
    return request(OXYCODONE_10, id=id_, authoredOn=written, dosageInstruction=dose, dispenseRequest=supply)


def test_a_raised_dose_of_the_same_tablets_holds_from_its_first_day() -> None:
    """Two a day from 1 March, four a day from 8 March: the older order is presumed to have ended."""
    found = answer(_tablets("old", "2026-03-01", 1, 2), _tablets("new", "2026-03-08", 1, 4))
    assert (number(found.mme.current), number(found.mme.sig_max)) == (60, 90)
    assert [one.ref for one in found.mme.contributions] == ["MedicationRequest/new"]
    assert "stale_order" in found.mme.flags
    assert dict(found.mme.timeline)[date(2026, 3, 1)] == 30
    assert dict(found.mme.timeline)[date(2026, 3, 8)] == 60


def test_a_raised_dose_covers_the_days_of_both_orders() -> None:
    alike = answer(_tablets("old", "2026-01-20", 1, 2), _tablets("new", "2026-02-01", 1, 2))
    raised = answer(_tablets("old", "2026-01-20", 1, 2), _tablets("new", "2026-02-01", 1, 4))
    assert raised.ltot.covered_days_90 == alike.ltot.covered_days_90 == 52


def test_a_lower_dose_collected_early_waits_and_counts_in_the_label_maximum() -> None:
    mme = answer(_tablets("old", "2026-03-01", 1, 4), _tablets("new", "2026-03-10", 2, 1)).mme
    assert (number(mme.current), number(mme.sig_max)) == (60, 90)
    assert "stale_order" in mme.flags


def test_other_directions_for_the_same_tablets_on_one_day_are_added() -> None:
    mme = answer(_tablets("day", "2026-03-01", 1, 2), _tablets("night", "2026-03-01", 2, 1)).mme
    assert number(mme.current) == 60
    assert len(mme.contributions) == 2


def test_an_early_refill_by_the_same_directions_is_not_added() -> None:
    mme = answer(_tablets("old", "2026-03-01", 1, 4), _tablets("new", "2026-03-10", 1, 4)).mme
    assert (number(mme.current), number(mme.sig_max), mme.flags) == (60, 60, ())


IN_HOSPITAL = [{"coding": [{"code": "inpatient"}]}]


@pytest.mark.parametrize(
    ("members", "mme"),
    [({"daysSupply": quantity(30, "days", "d")}, 60), ({"category": {"coding": [{"code": "discharge"}]}}, None),
     ({}, 0)],
)  # fmt: skip
def test_what_an_order_in_hospital_gave_to_take_home_counts(members: Json, mme: float | None) -> None:
    """Thirty days' supply handed over at discharge is no dose of a ward."""
    order = by(category=IN_HOSPITAL, dosageInstruction=QID)
    fill = dispense(
        whenHandedOver="2026-03-03",
        quantity=quantity(120, "tablet"),
        authorizingPrescription=[{"reference": "MedicationRequest/m1"}],
        **members,
    )
    assert number(answer(order, fill).mme.current) == mme


@pytest.mark.parametrize(
    ("bounds", "valid", "text", "mme"),
    [("2019-05-01", None, "", 60), (None, "2025-05-01", "", 60), (None, "2026-03-02", "Do not fill until 4/1/2026", 0),
     ("2019-05-01", None, "Do not fill until 4/1/2026", 0)],
)  # fmt: skip
def test_supply_begins_on_the_latest_day_that_is_stated(
    bounds: str | None, valid: str | None, text: str, mme: int
) -> None:
    """Written on 2 March: a therapy since 2019 does not date its newest prescription back."""
    period = {"boundsPeriod": {"start": bounds}} if bounds else {}
    dosage = QID[0] | {"timing": {"repeat": FOUR_TIMES["repeat"] | period}, "text": f"1 tablet QID. {text}"}
    supply = MONTH | ({"validityPeriod": {"start": valid}} if valid else {})
    found = answer(by(authoredOn="2026-03-02", dosageInstruction=[dosage], dispenseRequest=supply))
    assert (number(found.mme.current), found.mme.complete) == (mme, True)


@pytest.mark.parametrize(
    ("written", "mme"), [("2026-02", None), ("2026-01", 0), ("2025", 0), ("2026-02-01", 0)]
)
def test_an_order_of_a_month_may_have_begun_on_any_of_its_days(written: str, mme: int | None) -> None:
    """Thirty days from some day in February: over by 2 March, or only by the 29th."""
    found = answer(by(authoredOn=written, dosageInstruction=QID, dispenseRequest=MONTH)).mme
    assert (found.current, found.complete) == (mme, mme == 0)


def test_what_was_recorded_after_it_ended_stays_in_the_past() -> None:
    bounds = {"boundsPeriod": {"start": "2025-12-20", "end": "2026-01-18"}}
    dosage = QID[0] | {"timing": {"repeat": FOUR_TIMES["repeat"] | bounds}}
    found = answer(by(authoredOn="2026-03-10", dosageInstruction=[dosage], dispenseRequest=MONTH))
    assert (number(found.mme.current), found.ltot.covered_days_90) == (0, 30)


def step(number: int, tablets: int, days: int | None = None, **members: Any) -> Json:
    bounds = {} if days is None else {"boundsDuration": quantity(days, "days", "d")}
    timing = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"} | bounds}
    return {
        "sequence": number,
        "timing": timing,
        "doseAndRate": [{"doseQuantity": quantity(tablets, "tablet")}],
    }


TITRATION = (step(2, 2, 14), step(1, 1, 14))


@pytest.mark.parametrize(
    ("steps", "supply", "begun", "mme"),
    [(TITRATION, {}, "2026-03-08", 30), (TITRATION, {}, "2026-02-25", 60), (TITRATION, {}, "2026-02-10", 0),
     ((step(1, 1, 14), step(2, 2)), {}, "2026-02-25", 60), ((step(1, 1, 14), step(2, 2)), {}, "2026-02-10", 0),
     ((step(1, 1, 14), step(1, 1, 14), step(2, 2, 14)), {}, "2026-03-08", 60),
     ((step(1, 1), step(2, 2)), {}, "2026-03-08", 90),
     ((step(1, 1, 30), step(2, 2, 30)), {"expectedSupplyDuration": quantity(30, "days", "d")}, "2026-03-08", 42)],
)  # fmt: skip
def test_numbered_steps_follow_each_other(
    steps: tuple[Json, ...], supply: Json, begun: str, mme: int
) -> None:
    """Two weeks on one tablet twice a day, then two weeks on two; 84 tablets."""
    dispensed = {"quantity": quantity(84, "tablet")} | supply
    found = answer(by(authoredOn=begun, dosageInstruction=list(steps), dispenseRequest=dispensed))
    assert number(found.mme.current) == mme


def by_range(*days: str) -> list[Json]:
    text = [{"text": "Take 1-2 tablets every 6-8 hours as needed"}]
    supply = {"quantity": quantity(120, "tablet")}
    return [by(id=f"m{day}", authoredOn=day, dosageInstruction=text, dispenseRequest=supply) for day in days]


def test_a_no_that_hangs_on_the_greatest_use_cannot_be_told() -> None:
    """Every 30 days 120 tablets: half the days at eight a day, all of them at three."""
    months = ("2025-10-10", "2025-11-09", "2025-12-09", "2026-01-08", "2026-02-07", "2026-03-09")
    found = answer(*by_range(*months)).ltot
    assert (found.status, found.covered_days_90) == ("cannot_tell", 45)
    assert any("at the least use the definition would be met" in one.text for one in found.evidence)


def test_one_short_supply_by_range_is_no_long_term_therapy() -> None:
    assert answer(*by_range("2026-01-08")).ltot.status == "no"


AS_NEEDED = [
    {
        "timing": {"repeat": {"frequency": 1, "period": 6, "periodUnit": "h"}},
        "doseAndRate": [{"doseQuantity": quantity(1, "tablet")}],
        "asNeededBoolean": True,
    }
]


def as_needed(count: int, *days: str, **supply: Any) -> list[Json]:
    request = {"quantity": quantity(count, "tablet")} | supply
    return [
        by(id=f"m{day}", authoredOn=day, dosageInstruction=AS_NEEDED, dispenseRequest=request) for day in days
    ]


def test_tablets_taken_as_needed_may_last_a_month() -> None:
    """90 tablets every 30 days: over after 22 days when one is taken every 6 hours, which nobody has to."""
    found = answer(*as_needed(90, "2025-11-17", "2025-12-17", "2026-01-16", "2026-02-15"))
    assert (found.ltot.status, found.ltot.covered_days_90) == ("cannot_tell", 66)
    assert ([one.reason for one in found.mme.uncounted], found.mme.current) == (["may_still_last"], None)


@pytest.mark.parametrize(("begun", "mme"), [("2026-02-20", None), ("2026-02-05", 0)])
def test_a_few_tablets_as_needed_are_no_long_term_therapy(begun: str, mme: int | None) -> None:
    found = answer(*as_needed(20, begun))
    assert (found.ltot.status, found.mme.current) == ("no", mme)


@pytest.mark.parametrize(("refills", "mme"), [(5, None), (1, 0)])
def test_refills_last_as_long_as_the_first_fill_may(refills: int, mme: int | None) -> None:
    """60 tablets, one every 6 hours as needed, since 10 December: each fill lasts 15 days at least, or 30."""
    found = answer(*as_needed(60, "2025-12-10", numberOfRepeatsAllowed=refills)).mme
    assert (found.current, found.complete) == (mme, mme == 0)


def test_an_active_order_for_years_has_not_ended() -> None:
    """Bounds of 19 months are not one supply, and they hold today."""
    bounds = {"boundsPeriod": {"start": "2025-06-01", "end": "2026-12-31"}}
    dosage = QID[0] | {"timing": {"repeat": FOUR_TIMES["repeat"] | bounds}}
    found = answer(by(authoredOn="2025-06-01", dosageInstruction=[dosage]))
    assert (number(found.mme.current), found.ltot.status) == (60, "cannot_tell")


@pytest.mark.parametrize(("begun", "mme"), [("2026-02-20", None), ("2026-02-10", 0)])
def test_a_completed_order_of_unknown_length_may_last_a_month(begun: str, mme: int | None) -> None:
    found = answer(by(authoredOn=begun, status="completed", dosageInstruction=QID)).mme
    assert (found.current, found.complete) == (mme, mme == 0)


@pytest.mark.parametrize(
    ("begun", "fill_by", "mme"),
    [("2026-02-11", "2026-03-11", None), ("2026-01-05", "2026-02-05", 0), ("2025-03-12", "2026-03-11", 0)],
)
def test_what_may_not_be_filled_any_more_may_still_be_taken(
    begun: str, fill_by: str, mme: int | None
) -> None:
    """Of an active order of unknown length, as long as a usual supply lasts, while it is no old order."""
    supply = {"validityPeriod": {"start": begun, "end": fill_by}}
    found = answer(by(authoredOn=begun, dosageInstruction=QID, dispenseRequest=supply)).mme
    assert (found.current, found.complete) == (mme, mme == 0)


def test_a_completed_order_of_unknown_length_that_was_followed_is_over() -> None:
    older = by(id="a", authoredOn="2026-03-01", status="completed", dosageInstruction=QID)
    newer = by(id="b", authoredOn="2026-03-05", dosageInstruction=QID, dispenseRequest=MONTH)
    found = answer(older, newer).mme
    assert (number(found.current), found.complete) == (60, True)


def test_a_fill_without_date_and_order_may_be_in_use() -> None:
    undated = dispense(**MONTH)
    found = answer(undated)
    assert ([one.reason for one in found.mme.uncounted], found.mme.current) == (["undated"], None)
    assert (found.mme.complete, found.ltot.status) == (False, "cannot_tell")
    known = answer(undated, by(dosageInstruction=QID, dispenseRequest=MONTH)).mme
    assert (number(known.current), known.complete) == (60, True)


OXYCODONE_5_QID = {
    "dosageInstruction": QID,
    "dispenseRequest": {"expectedSupplyDuration": quantity(1, "day", "d")},
}
LINKED = {"priorPrescription": {"reference": "MedicationRequest/old"}}


@pytest.mark.parametrize("link", [LINKED, {}])
def test_an_order_replaced_by_one_that_ran_out_before_it_may_be_taken_again(link: Json) -> None:
    """Thirty days of 10 mg, on the eighth day one day of 5 mg: after it nothing says what is taken."""
    old = by(id="old", authoredOn="2026-03-01", dosageInstruction=QID, dispenseRequest=MONTH)
    new = request(OXYCODONE_5, id="new", authoredOn="2026-03-08", **OXYCODONE_5_QID, **link)
    new |= {"requester": {"display": "Dr A"}}
    mme = answer(old, new).mme
    assert ([one.ref for one in mme.uncounted], mme.current) == (["MedicationRequest/old"], None)
    later = by(id="later", authoredOn="2026-03-10", dosageInstruction=QID, dispenseRequest=MONTH)
    assert (number(answer(old, new, later).mme.current), answer(old, new, later).mme.complete) == (60, True)


def test_a_short_replacement_does_not_prove_that_therapy_is_not_long() -> None:
    quarter = {"quantity": quantity(360, "tablet"), "expectedSupplyDuration": quantity(90, "days", "d")}
    old = by(
        id="old", authoredOn="2025-12-20", status="completed", dosageInstruction=QID, dispenseRequest=quarter
    )
    new = request(OXYCODONE_5, id="new", authoredOn="2026-01-05", **OXYCODONE_5_QID, **LINKED)
    found = answer(old, new)
    assert (found.ltot.status, found.ltot.covered_days_90) == ("cannot_tell", 17)
    assert any(
        "with all days of that one the definition would be met" in one.text for one in found.ltot.evidence
    )


def _handed_over(name: str, day: str, count: int, **more: Any) -> Json:
    supply = {"quantity": quantity(count, "tablet"), "daysSupply": quantity(30, "days", "d")}
    return dispense(id=name, whenHandedOver=day, **supply, **more)


@pytest.mark.parametrize(("count", "mme", "most"), [(240, 120, 180), (120, 60, 60), (60, 60, 60)])
def test_fills_without_directions_raise_the_dose_by_their_quantity(count: int, mme: int, most: int) -> None:
    found = answer(_handed_over("a", "2026-03-01", 120), _handed_over("b", "2026-03-08", count)).mme
    assert (number(found.current), number(found.sig_max)) == (mme, most)


def test_a_fill_that_does_not_name_its_order_is_no_other_dose() -> None:
    """Collected five days after the order was written; it says nothing of how it is taken."""
    order = by(authoredOn="2026-03-01", dosageInstruction=QID, dispenseRequest=MONTH)
    found = answer(order, _handed_over("f", "2026-03-06", 120)).mme
    assert (number(found.current), number(found.sig_max), found.flags) == (60, 60, ())


PERCOCET_10 = ("1049625", "acetaminophen 325 MG / oxycodone hydrochloride 10 MG Oral Tablet [Percocet]")
ENDOCET_10 = ("1049216", "acetaminophen 325 MG / oxycodone hydrochloride 10 MG Oral Tablet [Endocet]")
TWICE = {"quantity": quantity(60, "tablet"), "expectedSupplyDuration": quantity(30, "days", "d")}


def of(product: tuple[str, str], id_: str, day: str, supply: Json, **members: Any) -> Json:
    order = request(product, id=id_, authoredOn=day, dispenseRequest=supply, **members)
    return order | {"requester": {"display": "Dr A"}}


@pytest.mark.parametrize("day", ["2026-03-02", "2026-03-03"])
def test_two_products_of_one_strength_are_taken_together(day: str) -> None:
    """Four tablets with acetaminophen and two without, 10 mg each: neither is a refill of the other."""
    found = answer(of(PERCOCET_10, "a", "2026-03-02", MONTH), of(OXYCODONE_10, "b", day, TWICE)).mme
    assert (number(found.current), found.complete) == (90, True)


def test_two_products_alike_in_all_else_are_two_prescriptions() -> None:
    one, other = (
        of(p, p[0], "2026-03-02", MONTH, dosageInstruction=QID) for p in (PERCOCET_10, OXYCODONE_10)
    )
    assert number(answer(one, other).mme.current) == 120


def test_a_product_of_another_brand_is_a_refill() -> None:
    found = answer(of(PERCOCET_10, "a", "2026-03-01", MONTH), of(ENDOCET_10, "b", "2026-03-08", MONTH))
    assert number(found.mme.current) == 60


def test_a_switch_to_the_product_alone_on_the_same_directions_replaces() -> None:
    orders = (
        of(product, product[0], day, MONTH, dosageInstruction=QID)
        for product, day in ((PERCOCET_10, "2026-03-01"), (OXYCODONE_10, "2026-03-08"))
    )
    found = answer(*orders).mme
    assert (number(found.current), "stale_order" in found.flags) == (60, True)
