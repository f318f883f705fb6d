"""From FHIR to the number: charts in which one element is easily misread, and what must come out."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.clinical.evaluate import evaluate
from app.clinical.evaluation import Evaluation
from app.clinical.policy import Policy
from fhir_mappings.facts import Source
from tests.mapping.chart import FENTANYL_25, OXYCODONE_10, TERMS, facts, quantity, request
from tests.spec.charts import number

Json = dict[str, Any]
AS_OF = date(2026, 3, 12)
FOUR_TIMES = {"repeat": {"frequency": 4, "period": 1, "periodUnit": "d"}}
ONE_TABLET = [{"doseQuantity": quantity(1, "tablet")}]
QID = [{"timing": FOUR_TIMES, "doseAndRate": ONE_TABLET}]
MONTH = {"quantity": quantity(120, "tablet"), "expectedSupplyDuration": quantity(30, "days", "d")}


def answer(*resources: Json, partial: tuple[str, ...] = ()) -> Evaluation:
    kinds = ("MedicationRequest", "MedicationDispense", "MedicationStatement", "Condition")
    sources = {kind: Source(kind, complete=kind not in partial) for kind in kinds}
    return evaluate(facts(*resources, sources=sources), Policy(), TERMS, AS_OF)


@pytest.mark.parametrize("unit", ["bottle", "box", "{Package}", "kit", "bottle of 120"])
def test_packages_are_no_count_of_tablets(unit: str) -> None:
    """One bottle for 30 days is not a thirtieth of a tablet a day: the directions tell the dose."""
    supply = MONTH | {"quantity": quantity(1, unit)}
    mme = answer(request(OXYCODONE_10, dosageInstruction=QID, dispenseRequest=supply)).mme
    assert (number(mme.current), mme.contributions[0].method) == (60, "sig")


def test_a_package_named_by_its_code_alone_is_no_count_of_tablets() -> None:
    supply = MONTH | {
        "quantity": {"value": 1, "code": "C48473", "system": "urn:oid:2.16.840.1.113883.3.26.1.1"}
    }
    mme = answer(request(OXYCODONE_10, dosageInstruction=QID, dispenseRequest=supply)).mme
    assert number(mme.current) == 60


def test_boxes_of_patches_do_not_say_how_long_they_last() -> None:
    patch = [{"timing": {"repeat": {"frequency": 1, "period": 72, "periodUnit": "h"}},
              "doseAndRate": [{"doseQuantity": quantity(1, "patch")}]}]  # fmt: skip
    found = answer(
        request(FENTANYL_25, dosageInstruction=patch, dispenseRequest={"quantity": quantity(2, "box")})
    )
    assert (number(found.mme.current), found.ltot.status) == (60, "cannot_tell")


def test_a_maximum_per_24_of_nothing_is_no_maximum() -> None:
    """Read as 24 days it would cap four tablets a day at a sixth of one."""
    dosage = QID[0] | {"maxDosePerPeriod": {"numerator": quantity(4, "tablet"), "denominator": {"value": 24}}}
    assert number(answer(request(OXYCODONE_10, dosageInstruction=[dosage])).mme.current) == 60


@pytest.mark.parametrize("code", ["mo_j", "{month}", "min"])
def test_a_duration_in_an_unknown_unit_is_not_read_as_days(code: str) -> None:
    supply = {"quantity": quantity(120, "tablet"), "expectedSupplyDuration": {"value": 1, "code": code}}
    mme = answer(request(OXYCODONE_10, dosageInstruction=QID, dispenseRequest=supply)).mme
    assert (number(mme.current), mme.contributions[0].end) == (60, date(2026, 3, 31))
