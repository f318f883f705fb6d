"""Problems, events, documents, visits and the person."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.mapping.chart import LOINC, PATIENT, SNOMED, concept, facts

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
PDMP_REVIEW = "461621000124108"


def of_patient(kind: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": "x1", "subject": {"reference": f"Patient/{PATIENT}"}} | members


def condition(**members: Any) -> dict[str, Any]:
    return of_patient("Condition", code=concept(ICD10, "C50.911", "Breast cancer")) | members


def test_a_problem_and_its_groups() -> None:
    (found,) = facts(
        condition(
            clinicalStatus=concept(CLINICAL, "active"),
            verificationStatus=concept(VERIFICATION, "confirmed"),
            category=[
                concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")
            ],
            onsetDateTime="2025-05-01",
            recordedDate="2025-05-02",
        )
    ).problems
    assert "active_cancer" in found.groups
    assert (found.active, found.confirmed, found.category) == (True, True, "problem-list-item")
    assert (found.onset, found.recorded) == (date(2025, 5, 1), date(2025, 5, 2))


@pytest.mark.parametrize(
    "system", [ICD10, "urn:oid:2.16.840.1.113883.6.90", "http://hl7.org/fhir/sid/icd-10-cm/", f" {ICD10}"]
)
def test_code_systems_under_other_names(system: str) -> None:
    (found,) = facts(condition(code=concept(system, "C50.911"))).problems
    assert "active_cancer" in found.groups


@pytest.mark.parametrize(
    ("members", "active"),
    [
        ({}, None),
        ({"clinicalStatus": concept(CLINICAL, "active")}, True),
        ({"clinicalStatus": concept(CLINICAL, "relapse")}, True),
        ({"clinicalStatus": {"text": "Active"}}, True),
        ({"clinicalStatus": concept(CLINICAL, "resolved")}, False),
        ({"clinicalStatus": concept(CLINICAL, "remission")}, False),
        ({"clinicalStatus": concept(CLINICAL, "INACTIVE")}, False),
        ({"abatementDateTime": "2024-01-01"}, False),
        ({"abatementAge": {"value": 40, "unit": "a"}}, False),
    ],
)
def test_a_diagnosis_of_a_visit_does_not_say_whether_it_is_active(
    members: dict[str, Any], active: bool | None
) -> None:
    (found,) = facts(condition(**members)).problems
    assert found.active is active


def test_refuted_problems_are_not_confirmed_and_errors_are_gone() -> None:
    (found,) = facts(condition(verificationStatus=concept(VERIFICATION, "refuted"))).problems
    assert found.confirmed is False
    assert facts(condition(verificationStatus=concept(VERIFICATION, "entered-in-error"))).problems == ()
    (found,) = facts(condition(verificationStatus=concept(VERIFICATION, "Refuted"))).problems
    assert found.confirmed is False
    assert facts(condition(verificationStatus={"text": "Entered in Error"})).problems == ()


def procedure(**members: Any) -> dict[str, Any]:
    written = of_patient("Procedure", status="completed", code=concept(SNOMED, PDMP_REVIEW))
    return written | {"performedDateTime": "2026-03-02"} | members


def test_a_pdmp_check_with_who_did_it_for_whom() -> None:
    performer = [{"actor": {"display": "Pat Delegate"}, "onBehalfOf": {"display": "Dr. Example"}}]
    (found,) = facts(procedure(performer=performer, outcome={"text": "as expected"})).events
    assert "pdmp_review" in found.elements
    assert (found.when, found.done, found.outcome) == (date(2026, 3, 2), True, "as expected")
    assert (found.performer, found.on_behalf_of) == ("Pat Delegate", "Dr. Example")


@pytest.mark.parametrize(
    "status", ["not-done", "preparation", "in-progress", "stopped", "entered-in-error", ""]
)
def test_what_was_not_completed_was_not_done(status: str) -> None:
    (found,) = facts(procedure(status=status, statusReason={"text": "patient declined"})).events
    assert (found.done, found.outcome) == (False, "patient declined")


def test_an_order_is_not_the_deed() -> None:
    asked = of_patient("ServiceRequest", status="active", intent="order", code=concept(SNOMED, PDMP_REVIEW))
    (found,) = facts(asked | {"authoredOn": "2026-03-02"}).events
    assert (found.done, found.when) == (False, date(2026, 3, 2))


def test_hospice_care_is_in_force_once_it_is_ordered() -> None:
    asked = of_patient("ServiceRequest", status="active", intent="order", code=concept(SNOMED, "183920000"))
    (found,) = facts(asked | {"authoredOn": "2026-03-02"}).events
    assert (found.done, "hospice" in found.elements) == (True, True)
    (proposed,) = facts(asked | {"intent": "proposal"}).events
    assert proposed.done is False


def test_counselling_in_a_message() -> None:
    sent = of_patient("Communication", status="completed", topic=concept(SNOMED, "460831000124102"))
    (found,) = facts(sent | {"sent": "2026-03-02T10:00:00Z", "sender": {"display": "Pat Nurse"}}).events
    assert (found.done, found.when, found.performer) == (True, date(2026, 3, 2), "Pat Nurse")


def test_a_pdmp_check_known_by_its_words_only() -> None:
    (found,) = facts(procedure(code={"text": "PDMP reviewed today"})).events
    assert "pdmp_review" in found.elements


def test_other_procedures_are_left_out() -> None:
    assert facts(procedure(code=concept(SNOMED, "80146002", "Appendectomy"))).events == ()


def document(**members: Any) -> dict[str, Any]:
    return of_patient("DocumentReference", status="current", date="2026-03-02T10:00:00Z") | members


@pytest.mark.parametrize(
    "members",
    [
        {"type": concept(LOINC, "94136-9")},
        {"description": "Opioid treatment agreement 2026"},
        {"type": {"text": "Controlled Substance Contract"}},
        {"content": [{"attachment": {"title": "Pain management agreement (signed)"}}]},
        {"description": "Consent for chronic opioid therapy"},
    ],
)
def test_agreements_by_code_or_title(members: dict[str, Any]) -> None:
    (found,) = facts(document(**members)).documents
    assert "opioid_treatment_agreement" in found.elements
    assert (found.when, found.current) == (date(2026, 3, 2), True)


@pytest.mark.parametrize("title", ["Pain clinic progress note", "Financial agreement", "Consent to surgery"])
def test_other_documents_are_left_out(title: str) -> None:
    assert facts(document(description=title)).documents == ()


def test_a_superseded_agreement_is_not_current() -> None:
    (found,) = facts(document(status="superseded", type=concept(LOINC, "94136-9"))).documents
    assert found.current is False


def test_a_consent_is_a_document() -> None:
    written = {"resourceType": "Consent", "id": "x1", "status": "active", "dateTime": "2026-03-02"}
    patient = {"patient": {"reference": f"Patient/{PATIENT}"}}
    (found,) = facts(written | patient | {"category": [concept(LOINC, "94136-9")]}).documents
    assert (found.current, found.when) == (True, date(2026, 3, 2))


@pytest.mark.parametrize(
    ("class_", "setting"),
    [
        ({"code": "AMB"}, "outpatient"),
        ({"code": "VR"}, "outpatient"),
        ({"code": "IMP"}, "inpatient"),
        ({"code": "EMER"}, "emergency"),
        (
            {
                "system": "urn:oid:1.2.840.114350.1.72.1.7.7.10.696784.13260",
                "code": "4",
                "display": "Inpatient",
            },
            "inpatient",
        ),
        (None, "outpatient"),
    ],
)
def test_visits(class_: dict[str, Any] | None, setting: str) -> None:
    members: dict[str, Any] = {"class": class_} if class_ else {}
    (found,) = facts(
        of_patient(
            "Encounter",
            status="finished",
            period={"start": "2026-03-02T10:00:00-08:00"},
            type=[{"text": "Office Visit"}],
            participant=[{"individual": {"display": "Dr. Example"}}],
            **members,
        )
    ).visits
    assert (found.kind, found.when, found.status, found.setting) == (
        "encounter",
        date(2026, 3, 2),
        "finished",
        setting,
    )
    assert (found.display, found.clinician) == ("Office Visit", "Dr. Example")


def test_an_appointment_of_several_participants() -> None:
    written = {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "booked",
        "start": "2026-04-02T10:00:00-07:00",
        "participant": [
            {"actor": {"reference": "Practitioner/1", "display": "Dr. Example"}},
            {"actor": {"reference": "Patient/other"}},
            {"actor": {"reference": f"Patient/{PATIENT}"}},
        ],
    }
    (found,) = facts(written).visits
    assert (found.kind, found.when, found.clinician) == ("appointment", date(2026, 4, 2), "Dr. Example")


def test_the_person() -> None:
    person = facts(
        {
            "resourceType": "Patient",
            "id": PATIENT,
            "birthDate": "1961-07-09",
            "gender": "female",
            "deceasedDateTime": "2026-01-01",
            "name": [
                {"use": "old", "family": "Former"},
                {"use": "official", "family": "Testcase", "given": ["Avery", "B"]},
            ],
            "identifier": [
                {"type": {"coding": [{"code": "SS"}]}, "value": "0"},
                {"type": {"coding": [{"code": "MR"}]}, "value": "1234"},
            ],
            "generalPractitioner": [{"reference": "Practitioner/1", "display": "Dr. Example"}],
        }
    ).person
    assert (person.birth_date, person.sex, person.deceased) == (date(1961, 7, 9), "female", True)
    assert (person.display, person.mrn, person.general_practitioner) == (
        "Testcase, Avery B",
        "1234",
        "Dr. Example",
    )


@pytest.mark.parametrize(
    "words", ["PDMP not reviewed", "PDMP query failed", "Unable to access PDMP", "PDMP review declined"]
)
def test_a_check_that_did_not_happen_is_none(words: str) -> None:
    told = of_patient("Procedure", status="completed", code={"text": words}, performedDateTime="2026-01-05")
    assert not facts(told).events


@pytest.mark.parametrize(
    "title",
    ["Opioid agreement - declined", "Controlled substance agreement (unsigned)", "Opioid agreement template",
     "Pain contract violation letter", "Opioid treatment agreement - blank form"],
)  # fmt: skip
def test_a_paper_about_an_agreement_is_none(title: str) -> None:
    paper = of_patient("DocumentReference", status="current", type={"text": title}, date="2026-02-01")
    assert not facts(paper).documents


@pytest.mark.parametrize(
    ("words", "groups"),
    [
        ("Opioid use disorder, severe", {"opioid_use_disorder"}),
        ("Opioid type dependence, continuous", {"opioid_use_disorder"}),
        ("OUD", {"opioid_use_disorder"}),
        ("Opioid use disorder in remission", {"opioid_use_disorder", "opioid_use_disorder:remission"}),
        ("History of alcohol abuse", {"alcohol_use_disorder", "alcohol_use_disorder:remission"}),
        ("Polysubstance abuse", {"other_substance_use_disorder"}),
        ("Accidental fentanyl overdose", {"opioid_overdose"}),
        ("Obstructive sleep apnea", {"sleep_apnea"}),
        ("COPD with emphysema", {"respiratory_disease"}),
        ("CKD stage 3", {"renal_impairment"}),
        ("Pregnancy, second trimester", {"pregnancy"}),
        ("At risk for suicide", {"suicide_risk"}),
        ("PTSD", {"ptsd"}),
        ("Family history of opioid use disorder", set()),
        ("Rule out sleep apnoea", set()),
        ("At risk of opioid overdose", set()),
        ("History of pregnancy", set()),
        ("Negative pregnancy test", set()),
        ("Long-term (current) use of opiate analgesic", {"ltot_designation:explicit"}),
        ("Chronic opioid therapy", {"ltot_designation:explicit"}),
        ("Chronic opioid use disorder", {"opioid_use_disorder"}),
        ("Breast cancer", set()),
    ],
)
def test_a_problem_without_a_code_is_read_by_its_words(words: str, groups: set[str]) -> None:
    (found,) = facts(condition(code={"text": words})).problems
    assert found.groups == groups


def test_words_beside_a_code_that_is_known_in_full_are_not_read() -> None:
    (found,) = facts(condition(code=concept(ICD10, "Z99.89", "Sleep apnea machine"))).problems
    assert found.groups == frozenset()
