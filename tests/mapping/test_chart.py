"""A whole chart: only this patient's resources, the newest of each, and nothing lost without a word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir_mappings.chart import map_chart
from fhir_mappings.facts import Facts, Source
from tests.mapping.chart import (
    OXYCODONE_5,
    OXYCODONE_10,
    PATIENT,
    RXNORM,
    TERMS,
    ZONE,
    codes,
    concept,
    facts,
    observation,
    quantity,
    request,
)


def mapped(*raw: bytes, sources: dict[str, Source] | None = None) -> Facts:
    return map_chart(PATIENT, raw, terms=TERMS, sources=sources or {}, zone=ZONE)


@pytest.mark.parametrize(
    "reference",
    [
        f"Patient/{PATIENT}",
        f"https://ehr.example/api/FHIR/R4/Patient/{PATIENT}",
        f"urn:uuid:{PATIENT}",
        f"Patient/{PATIENT}/_history/3",
    ],
)
def test_the_launch_patients_resources_however_referenced(reference: str) -> None:
    found = facts(request(subject={"reference": reference}))
    assert len(found.orders) == 1
    assert found.issues == ()


@pytest.mark.parametrize(
    "reference", ["Patient/other", f"https://ehr.example/Patient/{PATIENT}x", "urn:uuid:other"]
)
def test_another_patients_resources_are_dropped_and_named(reference: str) -> None:
    found = facts(request(subject={"reference": reference}))
    assert found.orders == ()
    assert [(i.ref, i.code.value) for i in found.issues] == [("MedicationRequest/m1", "foreign_patient")]


@pytest.mark.parametrize(
    ("kind", "complete"), [("replaced-by", False), ("replaces", True), ("refer", True), ("seealso", True)]
)
def test_a_record_that_was_merged_into_another_proves_no_absence(kind: str, complete: bool) -> None:
    link = {"other": {"reference": "Patient/new"}, "type": kind}
    found = facts(
        {"resourceType": "Patient", "id": PATIENT, "link": [link]},
        sources={"MedicationRequest": Source("MedicationRequest", 0)},
    )
    source = found.sources["MedicationRequest"]
    assert source.complete is complete
    assert complete or source.problem == "this record was merged into another one"


def test_a_source_that_holds_another_patients_resources_proves_no_absence() -> None:
    found = facts(
        request(subject={"reference": "Patient/other"}),
        sources={"MedicationRequest": Source("MedicationRequest", 1)},
    )
    source = found.source("MedicationRequest")
    assert (source.complete, source.problem) == (False, "1 named another patient and were left out")


@pytest.mark.parametrize("subject", [{}, {"display": "somebody"}, {"reference": "Group/1"}])
def test_a_resource_of_nobody_is_not_used_and_makes_its_source_incomplete(subject: dict[str, Any]) -> None:
    source = {"MedicationRequest": Source("MedicationRequest", 1)}
    found = facts(request(subject=subject), sources=source)
    assert found.orders == ()
    assert codes(found.issues) == ["unreadable"]
    assert found.source("MedicationRequest").complete is False


def version(number: str, updated: str, drug: tuple[str, str]) -> dict[str, Any]:
    return request(drug, meta={"versionId": number, "lastUpdated": updated})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("1", "2026-01-01T00:00:00Z"), ("2", "2026-01-02T00:00:00Z")),
        (("9", ""), ("10", "")),
        (("1", "2026-01-01T23:00:00-08:00"), ("1", "2026-01-02T08:00:00Z")),
    ],
)
def test_the_newest_version_counts(old: tuple[str, str], new: tuple[str, str]) -> None:
    pair = [version(*old, OXYCODONE_5), version(*new, OXYCODONE_10)]
    for resources in (pair, pair[::-1]):
        found = facts(*resources)
        assert [one.drug.strength for one in found.orders] == [10]
        assert found.issues == ()


def test_versions_of_unknown_age_are_told_and_always_the_same_one_is_used() -> None:
    pair = [request(OXYCODONE_5), request(OXYCODONE_10)]
    one, other = facts(*pair), facts(*pair[::-1])
    assert one == other
    assert len(one.orders) == 1
    assert codes(one.issues) == ["duplicate"]


def test_the_same_content_twice_counts_once() -> None:
    again = {key: request()[key] for key in reversed(request())}
    found = facts(request(), request(), again)
    assert len(found.orders) == 1
    assert found.issues == ()


def test_an_order_without_an_id_has_a_name_that_does_not_change() -> None:
    written = request()
    del written["id"]
    (one,), (other,) = facts(written).orders, facts(written).orders
    assert one.ref == other.ref == "MedicationRequest/?" + one.ref.partition("?")[2]


def test_remarks_of_the_ehr_are_warnings_and_its_words_stay_there() -> None:
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "warning",
                "code": "suppressed",
                "diagnostics": "for Avery Testcase",
                "details": {"coding": [{"code": "59204"}], "text": "for Avery Testcase"},
            },
            {"severity": "warning", "code": "informational", "details": {"coding": [{"code": "4101"}]}},
        ],
    }
    (issue,) = facts(outcome).issues
    assert (issue.code.value, "59204" in issue.text) == ("source_warning", True)
    assert "Avery" not in issue.text


@pytest.mark.parametrize(
    ("raw", "ref"),
    [
        (b"", "unknown"),
        (b"<html>gateway</html>", "unknown"),
        (b"[]", "unknown"),
        (b"null", "unknown"),
        (b"{}", "unknown"),
        (b'{"resourceType":"MedicationRequest","id":"m1","status":"acti', "MedicationRequest"),
        (b'{"resourceType":"MedicationRequest","id":"m\xff1"}', "MedicationRequest"),
        (b'{"resourceType":"MedicationRequest","id":' + b"[" * 100_000, "MedicationRequest"),
        (b'{"resourceType":"MedicationRequest","id":"m1","subject":"Patient/p1"}', "MedicationRequest/m1"),
    ],
)
def test_what_cannot_be_read_is_named(raw: bytes, ref: str) -> None:
    source = {"MedicationRequest": Source("MedicationRequest", 1)}
    found = mapped(raw, sources=source)
    assert [(i.ref, i.code.value) for i in found.issues] == [(ref, "unreadable")]
    assert found.source("MedicationRequest").complete is (ref == "unknown")


def test_a_byte_order_mark_does_no_harm() -> None:
    assert len(mapped(b"\xef\xbb\xbf" + json.dumps(request()).encode()).orders) == 1


@pytest.mark.parametrize(
    ("member", "value", "where"),
    [
        ("status", 7, "$.status"),
        ("authoredOn", 20260302, "$.authoredOn"),
        ("category", {"text": "community"}, "$.category"),
        ("requester", "Dr. Example", "$.requester"),
        ("dispenseRequest", [], "$.dispenseRequest"),
        ("doNotPerform", "no", "$.doNotPerform"),
        ("dosageInstruction", {}, "$.dosageInstruction"),
        ("reasonCode", [{"coding": [{"display": None}]}], "$.reasonCode[0].coding[0].display"),
    ],
)
def test_a_wrong_element_never_hides_an_opioid_order(member: str, value: object, where: str) -> None:
    found = facts(request(**{member: value}))
    assert [one.drug.ingredient for one in found.orders] == ["oxycodone"]
    assert ("unreadable", where) in [(issue.code.value, issue.where) for issue in found.issues]


def test_a_wrong_display_leaves_the_code_beside_it() -> None:
    medication = {"coding": [{"system": RXNORM, "code": "1049621", "display": 5}]}
    found = facts(request(None, medicationCodeableConcept=medication))
    assert found.orders[0].drug.ingredient == "oxycodone"


def test_half_a_timing_is_no_timing() -> None:
    """Without its wrong unit a period would be read as another one."""
    timing = {"repeat": {"frequency": 3, "period": 1, "periodUnit": 5}}
    dosage = {"timing": timing, "doseAndRate": [{"doseQuantity": quantity(1, "tablet")}]}
    found = facts(request(dosageInstruction=[dosage]))
    (sig,) = found.orders[0].sigs
    assert (sig.dose is not None, sig.times_high) == (True, None)
    assert found.issues[0].where == "$.dosageInstruction[0].timing"


def test_no_issue_repeats_what_the_chart_says() -> None:
    found = facts(request(authoredOn=["Avery Testcase"], status={"Avery": "Testcase"}))
    assert found.issues
    assert not any("Avery" in issue.text or "Avery" in issue.where for issue in found.issues)


def test_an_order_whose_drug_is_unknown_makes_its_source_incomplete() -> None:
    sources = {kind: Source(kind, 1) for kind in ("MedicationRequest", "Observation")}
    found = facts(request(None, medicationReference={"reference": "Medication/gone"}), sources=sources)
    assert found.source("MedicationRequest").complete is False
    assert found.source("Observation").complete is True
    assert found.source("Procedure").connected is False


@pytest.mark.parametrize(
    ("focus", "read"),
    [
        ("Patient/newborn", 0),
        ("RelatedPerson/spouse", 0),
        ("https://ehr.example.org/fhir/Patient/newborn", 0),
        (f"Patient/{PATIENT}", 1),
        ("Condition/c1", 1),
    ],
)
def test_what_was_observed_of_another_person_is_not_this_patients(focus: str, read: int) -> None:
    found = facts(observation("91147-9", focus=[{"reference": focus}], valueInteger=5))
    assert len(found.results) == read
    assert [issue.code.value for issue in found.issues] == ["foreign_patient"] * (1 - read)


def test_other_kinds_of_resources_are_passed_over() -> None:
    found = facts({"resourceType": "AllergyIntolerance", "id": "a1", "code": {"text": "oxycodone"}})
    assert found == facts()


def test_numbers_that_no_dose_has_do_not_stall_the_reading() -> None:
    raw = json.dumps(observation("44261-6", valueString="1e999999999")).encode()
    assert mapped(raw).results[0].value is None
    huge = raw.replace(b'"valueString": "1e999999999"', b'"valueQuantity": {"value": 1e99999999}')
    assert mapped(huge).results[0].value is None


def test_endless_texts_do_not_stall_the_reading() -> None:
    endless = "pain opioid 1 tablet oxycodone " * 20_000
    document = {"resourceType": "DocumentReference", "id": "x1", "status": "current", "description": endless}
    order = request(None, medicationCodeableConcept={"text": endless}, dosageInstruction=[{"text": endless}])
    found = facts(order, document | {"subject": {"reference": f"Patient/{PATIENT}"}})
    assert found.orders[0].drug.is_opioid
    assert found.documents == ()


def test_facts_come_in_one_order_whatever_the_input() -> None:
    resources = [
        request(id=f"m{n}", medicationCodeableConcept=concept(RXNORM, *OXYCODONE_5)) for n in range(5)
    ]
    assert [one.ref for one in facts(*reversed(resources)).orders] == [
        f"MedicationRequest/m{n}" for n in range(5)
    ]
