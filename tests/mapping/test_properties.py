"""Promises over all charts: order and repetition change nothing, and no damage makes the mapping fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_mappings.chart import map_chart
from fhir_mappings.facts import Facts, Source
from tests.examples import examples
from tests.mapping.chart import (
    FENTANYL_25,
    LOINC,
    OXYCODONE_5,
    PATIENT,
    RXNORM,
    SNOMED,
    TERMS,
    ZONE,
    concept,
    observation,
    quantity,
    request,
)

SUBJECT = {"reference": f"Patient/{PATIENT}"}
DOSAGE = {
    "text": "Take 1 tablet by mouth every 4 to 6 hours as needed for pain. Max 6 tablets per day",
    "timing": {
        "repeat": {
            "frequency": 1,
            "period": 4,
            "periodMax": 6,
            "periodUnit": "h",
            "boundsPeriod": {"start": "2026-03-02", "end": "2026-03-30"},
        },
        "code": concept("http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "Q4H"),
    },
    "asNeededBoolean": True,
    "route": concept(SNOMED, "26643006", "Oral route"),
    "doseAndRate": [
        {"type": {"coding": [{"code": "ordered"}]}, "doseQuantity": quantity(1, "tablet", "{tbl}")},
        {"type": {"coding": [{"code": "calculated"}]}, "doseQuantity": quantity(5, "mg", "mg")},
    ],
    "maxDosePerPeriod": {"numerator": quantity(6, "tablet"), "denominator": quantity(1, "d", "d")},
}
CHART: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": PATIENT, "birthDate": "1961-07-09", "name": [{"family": "Testcase"}]},
    request(
        OXYCODONE_5,
        category=[{"coding": [{"code": "community"}]}],
        dosageInstruction=[DOSAGE],
        dispenseRequest={
            "quantity": quantity(120, "tablet"),
            "expectedSupplyDuration": quantity(30, "d", "d"),
            "numberOfRepeatsAllowed": 2,
            "validityPeriod": {"start": "2026-03-02"},
        },
        encounter={"reference": "Encounter/e1"},
        reasonReference=[{"reference": "Condition/c1"}],
    ),
    request(None, id="m2", medicationReference={"reference": "Medication/med1"}),
    {"resourceType": "Medication", "id": "med1", "code": concept(RXNORM, *FENTANYL_25)},
    {
        "resourceType": "MedicationDispense",
        "id": "d1",
        "status": "completed",
        "subject": SUBJECT,
        "medicationReference": {"reference": "Medication/med1"},
        "authorizingPrescription": [{"reference": "MedicationRequest/m2"}],
        "whenHandedOver": "2026-03-03",
        "quantity": quantity(10, "patch"),
        "daysSupply": quantity(30, "d", "d"),
    },
    observation("91147-9", valueQuantity=quantity(6.3)),
    observation("44249-1", id="o2", hasMember=[{"reference": "Observation/o3"}]),
    observation("44261-6", id="o3", component=[{"code": concept(LOINC, "44260-8"), "valueInteger": 1}]),
    {"resourceType": "Condition", "id": "c1", "subject": SUBJECT, "code": concept(SNOMED, "363346000")},
    {
        "resourceType": "Procedure",
        "id": "pr1",
        "status": "completed",
        "subject": SUBJECT,
        "code": concept(SNOMED, "461621000124108"),
        "performedPeriod": {"start": "2026-03-02"},
        "performer": [{"actor": {"display": "Pat"}}],
    },
    {
        "resourceType": "DocumentReference",
        "id": "dr1",
        "status": "current",
        "subject": SUBJECT,
        "type": concept(LOINC, "94136-9"),
        "date": "2026-03-02T10:00:00Z",
        "content": [{"attachment": {"title": "Opioid agreement"}}],
    },
    {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": SUBJECT,
        "period": {"start": "2026-03-02"},
    },
    {
        "resourceType": "QuestionnaireResponse",
        "id": "q1",
        "status": "completed",
        "subject": SUBJECT,
        "authored": "2026-03-02",
        "item": [{"linkId": "/44261-6", "answer": [{"valueDecimal": 12}]}],
    },
]


def mapped(resources: list[Any]) -> Facts:
    raw = [json.dumps(resource).encode() for resource in resources]
    return map_chart(PATIENT, raw, terms=TERMS, sources={}, zone=ZONE)


WHOLE = mapped(CHART)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [found for key, member in steps for found in paths(member, (*path, key))]


PLACES = [path for path in paths(CHART) if len(path) > 1]
WRONG = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(10**18), max_value=10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.sampled_from(
        ["9999-99-99", "2026-02-30T25:61:00Z", "-1", "1e99", "#", "Patient/", "urn:uuid:", "\u0000", "½"]
    ),
)


@pytest.mark.parametrize("index", [i for i, one in enumerate(CHART) if one["resourceType"] != "Patient"])
def test_a_resource_with_a_modifier_extension_is_not_used_named_and_missed(index: int) -> None:
    chart: Any = json.loads(json.dumps(CHART))
    ref = f"{chart[index]['resourceType']}/{chart[index]['id']}"
    chart[index]["modifierExtension"] = [{"url": "https://example.org/not-done", "valueBoolean": True}]
    kind = chart[index]["resourceType"]
    raw = [json.dumps(resource).encode() for resource in chart]
    found = map_chart(PATIENT, raw, terms=TERMS, sources={kind: Source(kind, read=1)}, zone=ZONE)
    assert [(one.ref, one.where) for one in found.issues if one.ref == ref] == [(ref, "modifierExtension")]
    assert all(one.ref != ref for one in (*found.orders, *found.fills, *found.results, *found.events))
    assert not found.sources[kind].complete


@pytest.mark.parametrize(
    "words", ["modifierExtension", '"modifierExtension": none', 'no "modifierExtension"']
)
def test_a_value_that_reads_like_a_modifier_extension_is_only_a_value(words: str) -> None:
    chart: Any = json.loads(json.dumps(CHART))
    chart[1]["note"] = [{"text": words}]
    assert mapped(chart) == WHOLE


def test_the_chart_maps_without_a_word() -> None:
    assert WHOLE.issues == ()
    assert [len(part) for part in (WHOLE.orders, WHOLE.fills, WHOLE.results, WHOLE.events)] == [2, 1, 5, 1]


@given(st.permutations(CHART))
@settings(max_examples=examples(40))
def test_the_order_of_the_input_changes_nothing(resources: list[Any]) -> None:
    assert mapped(resources) == WHOLE


@given(st.lists(st.sampled_from(range(len(CHART))), max_size=6))
@settings(max_examples=examples(40))
def test_repetition_changes_nothing(again: list[int]) -> None:
    assert mapped([*CHART, *(CHART[index] for index in again)]) == WHOLE


@given(st.sampled_from(PLACES), WRONG)
@settings(max_examples=examples(400))
def test_a_wrong_value_anywhere_never_fails_and_never_hides_the_other_resources(
    path: tuple[Any, ...], value: Any
) -> None:
    damaged: Any = json.loads(json.dumps(CHART))
    holder = damaged
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    found = mapped(damaged)
    untouched = {f"{one['resourceType']}/{one['id']}" for index, one in enumerate(CHART) if index != path[0]}
    expected = {one.ref for one in (*WHOLE.orders, *WHOLE.fills) if one.ref in untouched}
    assert expected <= {one.ref for one in (*found.orders, *found.fills)}


@given(
    st.sampled_from(
        [path for path in PLACES if path[0] == 1 and path[1] not in {"resourceType", "id", "subject"}]
    ),
    WRONG,
)
@settings(max_examples=examples(400))
def test_an_opioid_order_with_a_wrong_value_stays_an_order_or_is_named(
    path: tuple[Any, ...], value: Any
) -> None:
    damaged: Any = json.loads(json.dumps(CHART))
    holder = damaged
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    found = mapped(damaged)
    order = next((one for one in found.orders if one.ref == "MedicationRequest/m1"), None)
    assert order is not None
    if not order.drug.is_opioid:
        assert any(issue.ref == "MedicationRequest/m1" for issue in found.issues) or path[1].startswith(
            "medication"
        )


@given(
    st.integers(min_value=0, max_value=len(CHART) - 1),
    st.integers(min_value=0, max_value=4000),
    st.binary(max_size=3),
)
@settings(max_examples=examples(300))
def test_damaged_bytes_never_fail(index: int, place: int, junk: bytes) -> None:
    raw = [json.dumps(resource).encode() for resource in CHART]
    place = place % len(raw[index])
    raw[index] = raw[index][:place] + junk + raw[index][place + 1 :]
    found = map_chart(PATIENT, raw, terms=TERMS, sources={}, zone=ZONE)
    refs = {one.ref for one in found.orders}
    assert {f"MedicationRequest/m{n}" for n in (1, 2) if n != index} <= refs


@given(st.binary(max_size=200))
@settings(max_examples=examples(200))
def test_arbitrary_bytes_are_named_as_unreadable(junk: bytes) -> None:
    found = map_chart(PATIENT, [junk], terms=TERMS, sources={}, zone=ZONE)
    assert [issue.code.value for issue in found.issues] == ["unreadable"]
