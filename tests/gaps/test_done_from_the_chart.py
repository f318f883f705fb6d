"""From FHIR to a care gap: what looks done and is not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mapping.chart import (
    PATIENT,
    observation,
)
from tests.spec.from_fhir import (
    MONTH,
    QID,
    Json,
    answer,
    by,
)

RESCUE = {"medicationCodeableConcept": {"text": "naloxone 4 mg/actuation nasal spray"}}


def naloxone(kind: str, status: str, **members: Any) -> Json:
    link = {"subject": {"reference": f"Patient/{PATIENT}"}}
    return {"resourceType": kind, "id": "n", "status": status} | link | RESCUE | members


@pytest.mark.parametrize(
    ("rescue", "status"),
    [(naloxone("MedicationDispense", "completed", whenHandedOver="2026-02-01"), "met"),
     (naloxone("MedicationDispense", "on-hold", whenPrepared="2026-02-01"), "overdue"),
     (naloxone("MedicationDispense", "stopped", whenPrepared="2026-02-01"), "overdue"),
     (naloxone("MedicationStatement", "active", dateAsserted="2026-02-01"), "met"),
     (naloxone("MedicationStatement", "stopped", dateAsserted="2026-02-01"), "overdue"),
     (naloxone("MedicationStatement", "intended", dateAsserted="2026-02-01"), "overdue")],
)  # fmt: skip
def test_rescue_naloxone_counts_when_it_can_be_at_hand(rescue: Json, status: str) -> None:
    found = answer(by(dosageInstruction=QID, dispenseRequest=MONTH), rescue)
    assert next(gap.status for gap in found.gaps if gap.id == "G13") == status


def test_rescue_naloxone_stopped_as_declined_was_not_supplied() -> None:
    order = naloxone("MedicationRequest", "stopped", authoredOn="2026-02-01", intent="order")
    order["statusReason"] = {"text": "Patient declined"}
    found = answer(by(dosageInstruction=QID, dispenseRequest=MONTH), order)
    assert next(gap.text for gap in found.gaps if gap.id == "G13") == "Declined on 1 Feb 2026"


def rule_status(number: str, *resources: Json) -> str:
    months = by(
        authoredOn="2025-12-01",
        dosageInstruction=QID,
        dispenseRequest=MONTH | {"numberOfRepeatsAllowed": 5},
    )
    return next(gap.status.value for gap in answer(months, *resources).gaps if gap.id == number)


def oxycodone_in_urine(said: str) -> Json:
    return observation("10998-3", valueString=said, effectiveDateTime="2026-02-01")


@pytest.mark.parametrize(
    ("said", "counts"),
    [("Cancelled", False), ("TNP", False), ("test not performed", False), ("No specimen received", False),
     ("Specimen not received", False), ("Not detected", True), ("Detected", True),
     ("Presumptive positive; confirmation not performed", True)],
)  # fmt: skip
def test_what_was_not_tested_is_no_urine_drug_test(said: str, counts: bool) -> None:
    assert (rule_status("G03", oxycodone_in_urine(said)) == "met") is counts


@pytest.mark.parametrize(
    ("said", "met"), [("Detected", True), ("Detected (inconsistent)", False), ("Detected - consistent", True)]
)
def test_a_result_the_laboratory_calls_inconsistent_is_not_as_expected(said: str, met: bool) -> None:
    assert (rule_status("G04", oxycodone_in_urine(said)) == "met") is met


@pytest.mark.parametrize(
    ("said", "met"),
    [("Multiple prescribers found", False), ("abnormal", False), ("Reviewed, inconsistent", False),
     ("Not consistent with therapy", False), ("Early refills; call pharmacy", False), ("Unexpected", False),
     ("Appropriate", True), ("as expected", True), ("No concerns", True), ("consistent", True),
     ("No multiple prescribers", True)],
)  # fmt: skip
def test_a_monitoring_report_with_a_concern_is_not_settled(said: str, met: bool) -> None:
    link = {"subject": {"reference": f"Patient/{PATIENT}"}}
    check = {"resourceType": "Procedure", "id": "p", "status": "completed", "code": {"text": "PDMP review"}}
    done = check | link | {"performedDateTime": "2026-03-01", "outcome": {"text": said}}
    assert (rule_status("G02", done) == "met") is met
