"""Results: scores, drug tests and questionnaires, each only as far as the chart vouches for it."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from fhir_mappings.facts import Result
from tests.mapping.chart import LOINC, PATIENT, concept, facts, observation, quantity

PEG_MEAN, PEG_PAIN, PHQ9, PHQ9_ITEM9 = "91147-9", "75893-8", "44261-6", "44260-8"
UDT_OXYCODONE, UDT_PANEL = "19642-8", "65750-2"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


def result(loinc: str, **members: Any) -> Result:
    (found,) = facts(observation(loinc) | members).results
    return found


def test_a_score_is_exact() -> None:
    found = result(PEG_MEAN, valueQuantity=quantity(6.3))
    assert "peg_mean_score" in found.elements
    assert (found.value, found.when, found.valid) == (Fraction("6.3"), date(2026, 3, 2), True)


@pytest.mark.parametrize(
    ("members", "value"),
    [
        ({"valueInteger": 14}, 14),
        ({"valueString": "14"}, 14),
        ({"valueString": "14 (moderate)"}, 14),
        ({"valueCodeableConcept": {"text": "14"}}, 14),
        ({"valueString": "3/10"}, None),
        ({"valueString": "refused"}, None),
        ({}, None),
    ],
)
def test_values_as_ehrs_write_them(members: dict[str, Any], value: int | None) -> None:
    assert result(PHQ9, **members).value == value


def test_a_bound_is_not_a_value() -> None:
    found = result(UDT_OXYCODONE, valueQuantity={"value": 20, "comparator": "<", "unit": "ng/mL"})
    assert (found.value, found.text) == (None, "<20 ng/mL")


@pytest.mark.parametrize(
    ("status", "valid"),
    [("final", True), ("amended", True), ("corrected", True), ("preliminary", False), ("registered", False),
     ("cancelled", False), ("entered-in-error", False), ("unknown", False)],
)  # fmt: skip
def test_only_results_the_laboratory_stands_by_are_valid(status: str, valid: bool) -> None:
    assert result(PHQ9, status=status, valueInteger=3).valid is valid


def test_a_test_that_was_not_done_is_no_result() -> None:
    found = result(UDT_OXYCODONE, dataAbsentReason={"text": "specimen rejected"})
    assert (found.valid, found.text) == (False, "no result: specimen rejected")


def test_a_coded_drug_test_result_with_its_interpretation() -> None:
    found = result(
        UDT_OXYCODONE,
        valueCodeableConcept={"text": "Positive"},
        interpretation=[concept(INTERPRETATION, "POS") | {"text": "Abnormal"}],
    )
    assert {"udt", "udt_result:oxycodone"} <= found.elements
    assert (found.text, found.interpretation) == ("Positive", "POS Abnormal")


def test_an_answer_of_the_phq_list_is_a_number() -> None:
    answer = concept(LOINC, "LA6569-3", "Several days")
    found = result(PHQ9_ITEM9, valueCodeableConcept=answer)
    assert (found.value, found.text) == (1, "Several days")


def test_any_coding_may_tell_what_it_is() -> None:
    """Local codes come beside LOINC, and LOINC also under an identifier of its own."""
    coding = [{"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.768282", "code": "12345"}]
    coding.append({"system": "urn:oid:2.16.840.1.113883.6.1", "code": PHQ9})
    assert result(PHQ9, code={"coding": coding}, valueInteger=3).elements == {"phq9_total"}


def test_what_we_do_not_track_is_left_out() -> None:
    assert facts(observation("8867-4", valueQuantity=quantity(72))).results == ()


def test_components_are_results_of_one_group() -> None:
    parts = [
        {"code": concept(LOINC, PEG_PAIN), "valueInteger": 7},
        {"code": concept(LOINC, PHQ9), "valueInteger": 9},
    ]
    found = facts(observation("91148-7", component=parts)).results
    assert {r.value for r in found if r.value is not None} == {7, 9}
    assert {r.group for r in found} == {"Observation/o1"}


def test_members_belong_to_their_panel() -> None:
    panel = observation("44249-1", id="panel", hasMember=[{"reference": "Observation/o1"}])
    found = facts(observation(PHQ9, valueInteger=9), panel).results
    assert {r.group for r in found} == {"Observation/panel"}


def test_results_of_a_report_belong_together() -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "code": concept(LOINC, UDT_PANEL),
        "effectiveDateTime": "2026-03-02",
        "result": [{"reference": "Observation/o1"}],
        "conclusion": "no unexpected finding",
    }
    found = facts(observation(UDT_OXYCODONE, valueString="negative"), report).results
    assert {r.group for r in found} == {"DiagnosticReport/r1"}
    assert next(r for r in found if r.ref == "DiagnosticReport/r1").text == "no unexpected finding"


def test_otherwise_a_specimen_or_a_day_keeps_results_together() -> None:
    assert result(UDT_OXYCODONE, specimen={"reference": "Specimen/9"}).group == "Specimen/9"
    assert result(UDT_OXYCODONE).group == "2026-03-02"


@pytest.mark.parametrize(
    "members",
    [
        {"effectiveDateTime": "2026-03-02"},
        {"effectiveInstant": "2026-03-02T12:00:00Z"},
        {"effectivePeriod": {"start": "2026-03-02T12:00:00Z", "end": "2026-03-04"}},
        {"effectivePeriod": {"end": "2026-03-02"}},
        {"issued": "2026-03-02T12:00:00Z"},
    ],
)
def test_dates_in_every_form(members: dict[str, Any]) -> None:
    written = observation(PHQ9, valueInteger=1)
    del written["effectiveDateTime"]
    assert facts(written | members).results[0].when == date(2026, 3, 2)


def questionnaire(**members: Any) -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "q1",
        "status": "completed",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "authored": "2026-03-02",
    } | members


def test_answers_of_a_questionnaire() -> None:
    inner = [
        {"linkId": "/44260-8", "text": "item 9", "answer": [{"valueCoding": {"code": "LA6570-1"}}]},
        {"linkId": "/44261-6", "text": "total", "answer": [{"valueDecimal": 17}]},
        {"linkId": "free", "answer": [{"valueString": "nothing tracked"}]},
    ]
    found = facts(questionnaire(item=[{"linkId": "group", "item": inner}])).results
    assert {(next(iter(r.elements)), r.value) for r in found} == {("phq9_item9", 2), ("phq9_total", 17)}
    assert {r.valid for r in found} == {True}


def test_an_unfinished_questionnaire_is_not_valid() -> None:
    item = {"linkId": "/44261-6", "answer": [{"valueInteger": 17}]}
    found = facts(questionnaire(status="in-progress", item=[item])).results
    assert [r.valid for r in found] == [False]


def test_the_day_a_result_became_known_is_kept_beside_the_day_of_its_specimen() -> None:
    (found,) = facts(observation("10998-3", valueString="Detected", issued="2026-03-05T18:00:00Z")).results
    assert (found.when, found.issued) == (date(2026, 3, 2), date(2026, 3, 5))


@pytest.mark.parametrize(
    ("said", "points"),
    [("Not at all", 0), ("Several days", 1), ("2 - More than half the days", 2), ("Nearly every day (3)", 3),
     ("Nearly every day, but less this week", None)],
)  # fmt: skip
def test_answers_in_words_count_as_their_points(said: str, points: int | None) -> None:
    local = {"coding": [{"system": "urn:oid:1.2.3", "code": "x", "display": said}]}
    for value in ({"valueString": said}, {"valueCodeableConcept": local}):
        (found,) = facts(observation("44260-8", **value)).results
        assert (found.value, found.text) == (points, said)
