"""Orders and fills: status, setting, dates, supply, and what they belong to."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from tests.mapping.chart import (
    NDC,
    OXYCODONE_5,
    PATIENT,
    RXNORM,
    SNOMED,
    codes,
    concept,
    facts,
    fill,
    order,
    quantity,
    request,
)

CATEGORY = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"


def category(*words: str) -> list[dict[str, Any]]:
    return [concept(CATEGORY, word) for word in words]


@pytest.mark.parametrize(
    ("members", "setting"),
    [
        ({}, "outpatient"),
        ({"category": category("community")}, "outpatient"),
        ({"category": category("discharge")}, "outpatient"),
        ({"category": category("community", "discharge")}, "outpatient"),
        ({"category": category("inpatient")}, "inpatient"),
        ({"category": [{"text": "Inpatient"}]}, "inpatient"),
        ({"dosageInstruction": [{"route": concept(SNOMED, "47625008", "Intravenous route")}]}, "inpatient"),
        ({"dosageInstruction": [{"route": {"text": "IV"}}], "category": category("outpatient")}, "inpatient"),
        ({"dosageInstruction": [{"route": {"text": "IV"}}], "category": category("community")}, "injected"),
        ({"dosageInstruction": [{"route": concept(SNOMED, "26643006", "Oral route")}]}, "outpatient"),
    ],
)
def test_setting(members: dict[str, Any], setting: str) -> None:
    assert order(request(**members)).setting == setting


@pytest.mark.parametrize(
    ("code", "display", "supply", "setting"),
    [("IMP", "", None, "inpatient"), ("IMP", "", 7, "outpatient"), ("AMB", "", None, "outpatient"),
     ("EMER", "", None, "outpatient"), ("3", "Hospital Encounter", None, "inpatient")],
)  # fmt: skip
def test_without_a_category_a_hospital_stay_tells_unless_the_order_is_to_be_dispensed(
    code: str, display: str, supply: int | None, setting: str
) -> None:
    stay = {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": code, "display": display},
        "subject": {"reference": f"Patient/{PATIENT}"},
    }
    members: dict[str, Any] = {"encounter": {"reference": "Encounter/e1"}}
    if supply is not None:
        members["dispenseRequest"] = {"expectedSupplyDuration": quantity(supply, "days", "d")}
    assert order(request(**members), stay).setting == setting


def test_an_injection_against_use_disorder_or_overdose_is_not_taken_for_hospital_care() -> None:
    under_skin = [{"route": concept(SNOMED, "34206005", "Subcutaneous route")}]
    monthly = request(
        None, medicationCodeableConcept={"text": "buprenorphine ER (SUBLOCADE) 300 MG injection"}
    )
    assert order(monthly | {"dosageInstruction": under_skin}).drug.is_opioid
    rescue = request(None, medicationCodeableConcept={"text": "naloxone 0.4 mg/mL injection"})
    assert order(rescue | {"dosageInstruction": under_skin}).setting == "outpatient"


@pytest.mark.parametrize(
    ("members", "reported"),
    [
        ({}, False),
        ({"reportedBoolean": False}, False),
        ({"reportedBoolean": True}, True),
        ({"intent": "plan"}, True),
        ({"intent": "proposal"}, True),
        ({"intent": "original-order"}, False),
        ({"category": category("community", "patientspecified")}, True),
        ({"reportedReference": {"reference": f"Patient/{PATIENT}"}}, True),
        ({"reportedReference": {"reference": "Practitioner/1"}}, False),
    ],
)
def test_home_medications_are_told_apart_from_prescriptions(members: dict[str, Any], reported: bool) -> None:
    assert order(request(**members)).reported is reported


def test_status_and_intent_are_kept_as_written() -> None:
    one = order(request(status="on-hold", intent="original-order", doNotPerform=True))
    assert (one.status, one.intent, one.do_not_perform) == ("on-hold", "original-order", True)
    assert order(request(status="")).status == "unknown"


def test_why_an_order_was_cancelled() -> None:
    one = order(request(status="cancelled", statusReason={"text": "patient declined"}))
    assert (one.status, one.status_reason) == ("cancelled", "patient declined")


@pytest.mark.parametrize(
    ("authored", "expected"),
    [
        ("2026-03-02", date(2026, 3, 2)),
        ("2026-03-02T05:00:00Z", date(2026, 3, 1)),
        ("2026-03-02T23:30:00-08:00", date(2026, 3, 2)),
        ("2026-03-02T23:30:00", date(2026, 3, 2)),
        ("2026-03-02T24:00:00Z", date(2026, 3, 2)),
        ("2026-03", date(2026, 3, 1)),
        ("2026", date(2026, 1, 1)),
        ("yesterday", None),
        ("2026-13-45", None),
        ("0001-01-01T00:00:00Z", None),
    ],
)
def test_dates_are_those_of_the_clinics_calendar(authored: str, expected: date | None) -> None:
    assert order(request(authoredOn=authored)).authored == expected


def test_an_opioid_without_a_date_is_told() -> None:
    assert codes(facts(request(authoredOn=None) | {"authoredOn": "soon"}).issues) == ["date_missing"]


@pytest.mark.parametrize(
    ("members", "start", "end", "basis"),
    [
        ({}, date(2026, 3, 2), None, ""),
        (
            {"dispenseRequest": {"validityPeriod": {"start": "2026-03-04", "end": "2026-06-01"}}},
            date(2026, 3, 4),
            date(2026, 6, 1),
            "validity",
        ),
        (
            {
                "dosageInstruction": [
                    {"timing": {"repeat": {"boundsPeriod": {"start": "2026-03-05", "end": "2026-03-20"}}}}
                ]
            },
            date(2026, 3, 5),
            date(2026, 3, 20),
            "bounds",
        ),
        (
            {
                "authoredOn": "2019-04-20",
                "dosageInstruction": [
                    {
                        "text": "Take 1 tablet by mouth daily., Starting Mon 4/29/2019, Until Sat 5/4/2019, Print"
                    }
                ],
            },
            date(2019, 4, 29),
            date(2019, 5, 4),
            "text",
        ),
    ],
)
def test_first_and_last_day(members: dict[str, Any], start: date, end: date | None, basis: str) -> None:
    one = order(request(**members))
    assert (one.start, one.end, one.end_basis) == (start, end, basis)


@pytest.mark.parametrize(
    ("duration", "days"),
    [
        (quantity(30, "Day", "d"), 30),
        (quantity(30, "days"), 30),
        (quantity(4, "weeks", "wk"), 28),
        (quantity(1, "month", "mo"), 30),
        (quantity(120, "d", "d"), 120),
    ],
)
def test_days_of_supply(duration: dict[str, Any], days: int) -> None:
    found = facts(request(dispenseRequest={"expectedSupplyDuration": duration}))
    assert (found.orders[0].supply_days, found.issues) == (days, ())


@pytest.mark.parametrize("days", [0, -3, 121, 0.5])
def test_an_impossible_supply_is_not_used_and_is_told(days: float) -> None:
    found = facts(request(dispenseRequest={"expectedSupplyDuration": quantity(days, "days", "d")}))
    assert found.orders[0].supply_days is None
    assert codes(found.issues) == ["supply_invalid"]


def test_quantity_and_refills() -> None:
    dispensing = {"quantity": quantity(120, "TAB"), "numberOfRepeatsAllowed": 0}
    one = order(request(dispenseRequest=dispensing))
    assert (one.quantity, one.quantity_unit, one.refills_allowed) == (120, "unit", 0)
    assert order(request()).refills_allowed is None


def test_replacement_and_prescriber() -> None:
    one = order(
        request(
            priorPrescription={"reference": "https://ehr.example/R4/MedicationRequest/m0"},
            requester={"reference": "Practitioner/9", "display": "Dr. Example"},
        )
    )
    assert (one.replaces, one.prescriber) == ("MedicationRequest/m0", "Dr. Example")


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, None),
        ({"reasonCode": [concept("http://hl7.org/fhir/sid/icd-10-cm", "F11.20")]}, True),
        ({"reasonCode": [{"text": "Opioid use disorder"}]}, True),
        ({"reasonCode": [{"text": "Chronic low back pain"}]}, False),
        ({"reasonReference": [{"reference": "Condition/c1"}]}, True),
        ({"dosageInstruction": [{"text": "Take 1 tablet daily for OUD"}]}, True),
    ],
)
def test_what_an_order_says_it_is_for(members: dict[str, Any], expected: bool | None) -> None:
    condition = {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "code": concept("http://hl7.org/fhir/sid/icd-10-cm", "F11.20"),
    }
    assert order(request(**members), condition).for_oud is expected


def test_a_reported_statement_is_an_order_that_was_told() -> None:
    statement = {
        "resourceType": "MedicationStatement",
        "id": "s1",
        "status": "active",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "medicationCodeableConcept": concept(RXNORM, *OXYCODONE_5),
        "effectivePeriod": {"start": "2026-01-05", "end": "2026-02-01"},
        "dosage": [{"text": "1 tablet twice a day"}],
    }
    one = order(statement)
    assert (one.reported, one.intent, one.start, one.end) == (
        True,
        "plan",
        date(2026, 1, 5),
        date(2026, 2, 1),
    )
    assert one.sigs[0].times_high == 2


def dispense(**members: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationDispense",
        "id": "d1",
        "status": "completed",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "medicationCodeableConcept": {
            "coding": [
                {"system": NDC, "code": "00406-5771-01"},
                {"system": RXNORM, "code": "1049621"},
            ]
        },
        "whenHandedOver": "2026-03-03T18:00:00Z",
    } | members


def test_a_fill() -> None:
    one = fill(
        dispense(
            authorizingPrescription=[{"reference": "MedicationRequest/m1"}],
            quantity=quantity(60, "tablet"),
            daysSupply=quantity(30, "days", "d"),
        ),
        request(requester={"display": "Dr. Example"}),
    )
    assert (one.when, one.order, one.quantity, one.supply_days) == (
        date(2026, 3, 3),
        "MedicationRequest/m1",
        Fraction(60),
        30,
    )
    assert (one.prescriber, one.ndc) == ("Dr. Example", "00406-5771-01")


def test_a_fill_prepared_and_not_yet_handed_over() -> None:
    one = fill(dispense(status="preparation", whenHandedOver=None) | {"whenPrepared": "2026-03-04"})
    assert (one.when, one.status) == (date(2026, 3, 4), "preparation")


@pytest.mark.parametrize("members", [{"category": {"coding": [{"code": "inpatient"}]}}])
def test_a_dose_handed_to_a_ward_is_no_supply(members: dict[str, Any]) -> None:
    assert facts(dispense(**members)).fills == ()
