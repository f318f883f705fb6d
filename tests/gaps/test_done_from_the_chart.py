"""From FHIR to a care gap: what looks done and is not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mapping.chart import (
    LOINC,
    PATIENT,
    SNOMED,
    concept,
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
     ("Specimen not received", False), ("Specimen rejected", False), ("Not detected", True), ("Detected", True),
     ("Presumptive positive; confirmation not performed", True)],
)  # fmt: skip
def test_what_was_not_tested_is_no_urine_drug_test(said: str, counts: bool) -> None:
    assert (rule_status("G03", oxycodone_in_urine(said)) == "met") is counts


@pytest.mark.parametrize(
    ("said", "met"),
    [
        ("Detected", True),
        ("Detected (inconsistent)", False),
        ("Detected; not expected with prescribed drugs", False),
        ("Detected - consistent", True),
    ],
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


PDMP = concept(SNOMED, "461621000124108", "Review of prescription drug monitoring program record")


@pytest.mark.parametrize(
    ("answered", "status"),
    [({"valueBoolean": False}, "overdue"), ({"valueBoolean": True}, "met"),
     ({"valueString": "No"}, "overdue"), ({"valueCodeableConcept": {"text": "Unable to access"}}, "overdue"),
     ({"valueString": "Not reviewed"}, "overdue"), ({"valueString": "No concerns"}, "met")],
)  # fmt: skip
def test_an_answer_of_no_is_no_monitoring_check(answered: Json, status: str) -> None:
    asked = pdmp_answer(**answered)
    assert rule_status("G01", asked) == status


def test_that_it_was_looked_at_is_no_result_of_it() -> None:
    asked = pdmp_answer(valueBoolean=True)
    assert rule_status("G02", asked) == "due_soon"


@pytest.mark.parametrize(("outcome", "status"), [("Unsuccessful", "overdue"), ("Reviewed", "met")])
def test_a_check_without_success_is_none(outcome: str, status: str) -> None:
    link = {"subject": {"reference": f"Patient/{PATIENT}"}, "performedDateTime": "2026-03-01"}
    check = {"resourceType": "Procedure", "id": "p", "status": "completed", "code": PDMP}
    assert rule_status("G01", check | link | {"outcome": {"text": outcome}}) == status


@pytest.mark.parametrize(
    ("title", "status"),
    [("Opioid treatment agreement", "met"), ("Pain Medication Agreement 2026", "met"),
     ("Informed consent for chronic opioid therapy", "met"), ("Pain Management Procedure Consent", "overdue"),
     ("Chronic Pain Epidural Steroid Injection Consent", "overdue"), ("Opioid agreement - expired", "overdue"),
     ("Controlled substance agreement needs signature", "overdue"), ("No opioid agreement on file", "overdue"),
     ("Opioid agreement reminder", "overdue"), ("Narcotic contract broken", "overdue"),
     ("Opioid agreement pending", "overdue")],
)  # fmt: skip
def test_only_an_agreement_in_force_is_one(title: str, status: str) -> None:
    assert rule_status("G05", document(title)) == status


def test_a_refused_agreement_is_none_whatever_its_code() -> None:
    coded = {"type": concept(LOINC, "94136-9", "Controlled substance agreement")}
    assert rule_status("G05", document("", **coded)) == "met"
    assert rule_status("G05", document("Opioid agreement - patient declined to sign", **coded)) == "overdue"
    asked = observation("94136-9", valueString="No", effectiveDateTime="2026-03-01")
    assert rule_status("G05", asked) == "overdue"


def document(title: str, **members: Any) -> Json:
    link = {"subject": {"reference": f"Patient/{PATIENT}"}, "date": "2026-02-01T10:00:00Z"}
    return (
        {"resourceType": "DocumentReference", "id": "d", "status": "current", "description": title}
        | link
        | members
    )


def pdmp_answer(**value: Any) -> Json:
    return observation("", effectiveDateTime="2026-03-01", **value) | {"code": PDMP}


def visit_diagnosis(code: str) -> tuple[Json, Json]:
    """As Epic sends it: no status and no date; the visit has both."""
    link = {"subject": {"reference": f"Patient/{PATIENT}"}}
    category = concept("http://terminology.hl7.org/CodeSystem/condition-category", "encounter-diagnosis")
    coded = {"code": concept("http://hl7.org/fhir/sid/icd-10-cm", code), "category": [category]}
    visit = {"resourceType": "Encounter", "id": "e", "status": "finished", "period": {"start": "2019-05-01"}}
    at = {"encounter": {"reference": "Encounter/e"}}
    return {"resourceType": "Condition", "id": "c"} | coded | at | link, visit | link


def test_a_diagnosis_of_a_visit_years_ago_is_as_old_as_the_visit() -> None:
    assert rule_status("G25", *visit_diagnosis("Z33.1")) == "not_applicable"
    assert rule_status("G01", *visit_diagnosis("Z51.5")) == "overdue"


@pytest.mark.parametrize(
    "conclusion", ["POSITIVE for cocaine metabolite and fentanyl", "See scanned report", ""]
)
def test_a_urine_report_in_words_is_not_passed_over(conclusion: str) -> None:
    link = {"subject": {"reference": f"Patient/{PATIENT}"}, "effectiveDateTime": "2026-02-01"}
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "conclusion": conclusion}
    code = {"code": concept(LOINC, "65750-2", "Drugs of abuse panel - Urine by Screen method")}
    assert rule_status("G04", report | code | link) == "unknown"


def test_item_nine_in_words_is_not_passed_over() -> None:
    total = observation("44261-6", valueInteger=6) | {"id": "t"}
    assert rule_status("G09", total, observation("44260-8", valueString="Nearly every day")) == "overdue"
    assert rule_status("G09", total, observation("44260-8", valueString="Not at all")) == "met"


@pytest.mark.parametrize(
    ("kind", "status"),
    [("Office Visit", "met"), ("Outpatient", "met"), ("Telemedicine", "met"), ("Telephone Visit", "met"),
     ("Refill", "overdue"), ("Orders Only", "overdue"), ("Telephone", "overdue"), ("Patient Message", "overdue"),
     ("Between Visit", "overdue"), ("Documentation", "overdue")],
)  # fmt: skip
def test_an_encounter_without_the_person_is_no_visit(kind: str, status: str) -> None:
    link = {"subject": {"reference": f"Patient/{PATIENT}"}, "period": {"start": "2026-03-01"}}
    filed = {"class": {"system": "urn:oid:1.2.840", "code": "13", "display": "Support OP Encounter"}}
    visit = {"resourceType": "Encounter", "id": "e", "status": "finished", "type": [{"text": kind}]}
    assert rule_status("G19", visit | filed | link) == status


def test_naloxone_ordered_and_on_hold_is_not_at_hand() -> None:
    held = naloxone("MedicationRequest", "on-hold", authoredOn="2026-02-01", intent="order")
    assert rule_status("G13", held) == "overdue"


def test_a_report_with_an_addition_is_a_result() -> None:
    link = {"subject": {"reference": f"Patient/{PATIENT}"}, "effectiveDateTime": "2026-02-01"}
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "appended"}
    assert rule_status("G03", report | link | {"code": concept(LOINC, "65750-2")}) == "met"
