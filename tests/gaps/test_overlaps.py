"""Overlaps count days on which both drugs were in supply, and say when days are not known."""

from dataclasses import replace
from datetime import date

from app.clinical.overlaps import Overlap, overlaps
from app.clinical.policy import Policy
from fhir_mappings.facts import Facts
from tests.gaps.build import (
    ALPRAZOLAM,
    AS_OF,
    BUPRENORPHINE_NALOXONE,
    GABAPENTIN,
    LORAZEPAM,
    OXYCODONE,
    chart,
    drug,
    fill,
    order,
)  # fmt: skip

OPIOID = order(OXYCODONE, "2025-05-01", 60)


def found(facts: Facts) -> dict[str, Overlap]:
    return {one.kind: one for one in overlaps(facts, Policy(), AS_OF)}


def test_days_are_counted_once_and_only_where_both_are_in_supply() -> None:
    one = found(chart(OPIOID, order(LORAZEPAM, "2025-04-25", 20), order(ALPRAZOLAM, "2025-05-05", 30)))
    benzodiazepine = one["benzodiazepine"]
    assert benzodiazepine.days == 34
    assert (benzodiazepine.first, benzodiazepine.last) == (date(2025, 5, 1), date(2025, 6, 3))
    assert benzodiazepine.drugs == ("alprazolam", "lorazepam")
    assert not benzodiazepine.now
    assert benzodiazepine.text == "alprazolam and lorazepam on 34 of the last 90 days"


def test_each_class_stands_alone_and_sedatives_are_told_from_milder_drugs() -> None:
    carisoprodol = drug("carisoprodol 350 mg tab", "muscle_relaxant")
    cyclobenzaprine = drug("cyclobenzaprine 5 mg tab", "muscle_relaxant")
    zolpidem = drug("zolpidem 5 mg tab", "z_drug")
    drugs = (carisoprodol, cyclobenzaprine, zolpidem, GABAPENTIN)
    one = found(chart(OPIOID, *(order(each, "2025-06-01") for each in drugs)))
    assert {kind: each.sedative for kind, each in one.items()} == {
        "z_drug": True,
        "carisoprodol": True,
        "gabapentinoid": False,
        "muscle_relaxant": False,
    }
    assert all(each.now for each in one.values())


def test_treatment_of_use_disorder_is_an_opioid_here_too() -> None:
    one = found(chart(order(BUPRENORPHINE_NALOXONE, "2025-06-01"), order(LORAZEPAM, "2025-06-01")))
    assert one["benzodiazepine"].now


def test_fills_of_others_count_and_are_named_as_such() -> None:
    one = found(chart(OPIOID, fill(LORAZEPAM, "2025-06-01", outside=True)))
    assert "prescribed elsewhere" in one["benzodiazepine"].text


def test_days_that_are_not_known_are_never_zero() -> None:
    one = found(chart(OPIOID, order(LORAZEPAM, "2025-06-01", None)))["benzodiazepine"]
    assert one.days is None
    assert one.now
    assert "days of supply not known" in one.text


def test_without_an_opioid_there_is_no_overlap() -> None:
    assert found(chart(order(LORAZEPAM, "2025-06-01"))) == {}
    assert found(chart(order(OXYCODONE, "2024-01-01"), order(LORAZEPAM, "2025-06-01"))) == {}


def test_hospital_drugs_and_cancelled_orders_do_not_overlap() -> None:
    inpatient = order(LORAZEPAM, "2025-06-01", setting="inpatient")
    cancelled = order(LORAZEPAM, "2025-06-02", status="cancelled")
    assert found(chart(OPIOID, inpatient, cancelled)) == {}


def test_a_fill_of_unknown_length_may_be_in_use() -> None:
    lately = fill(LORAZEPAM, "2025-06-05", supply_days=None, quantity=None)
    assert found(chart(OPIOID, lately))["benzodiazepine"].now
    by_its_order = order(LORAZEPAM, "2025-06-05", None)
    assert found(chart(OPIOID, by_its_order, replace(lately, order=by_its_order.ref)))["benzodiazepine"].now
    assert not found(chart(OPIOID, fill(LORAZEPAM, "2024-06-05", supply_days=None, quantity=None)))


def test_the_opioid_too_may_be_known_from_such_a_fill_alone() -> None:
    opioid = fill(OXYCODONE, "2025-06-05", supply_days=None, quantity=None)
    assert found(chart(opioid, order(LORAZEPAM, "2025-06-01")))["benzodiazepine"].now
    ended = found(chart(opioid, order(LORAZEPAM, "2025-04-01", 10)))["benzodiazepine"]
    assert not ended.now
    assert ended.last == date(2025, 4, 10)


def test_an_order_completed_lately_without_quantity_or_days_leaves_it_open() -> None:
    one = found(chart(OPIOID, order(LORAZEPAM, "2025-06-05", None, status="completed")))["benzodiazepine"]
    assert one.doubtful
    assert not one.now
    assert not found(chart(OPIOID, order(LORAZEPAM, "2025-05-05", None, status="completed")))


def test_a_home_medication_put_on_hold_or_of_unknown_status_may_be_taken() -> None:
    for status in ("active", "unknown", "on-hold"):
        told = order(LORAZEPAM, "2025-01-01", None, reported=True, status=status)
        assert found(chart(OPIOID, told))["benzodiazepine"].now


def test_a_fill_without_a_date_leaves_it_open() -> None:
    one = found(chart(OPIOID, replace(fill(LORAZEPAM, "2025-06-05"), when=None)))["benzodiazepine"]
    assert one.doubtful
    assert not one.now
