"""Searches and pages behave as each vendor's do, quirks included."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.conftest import Ehr, matched

TYPES = ["Patient", "MedicationRequest", "Observation", "Condition", "Encounter", "Appointment", "Procedure"]
VENDOR_SCOPES = "launch " + " ".join(
    f"patient/{name}.rs" for name in [*TYPES, "DocumentReference", "Medication"]
)


async def opened(
    start: Callable[..., Ehr], flavour: str, state: str = "Clean", **options: Any
) -> tuple[Ehr, str, str]:
    ehr = start(flavour=flavour, **options)
    patient = ehr.patient(state)
    return ehr, patient, (await ehr.launch(patient, VENDOR_SCOPES))["access_token"]


def issues(body: dict[str, Any]) -> set[str]:
    return {
        coding["code"]
        for issue in body["issue"]
        for coding in issue["details"].get("coding", [{"code": issue["code"]}])
    }


@pytest.mark.parametrize("flavour", ["generic", "epic", "oracle"])
async def test_pages_together_hold_every_order_once(start: Callable[..., Ehr], flavour: str):
    ehr, patient, token = await opened(start, flavour)
    pages = await ehr.pages(f"MedicationRequest?patient={patient}&_count=4", token)
    ids = [resource["id"] for page in pages for resource in matched(page)]
    assert len(pages) == 4
    assert sorted(ids) == sorted(r["id"] for r in ehr.site.records.of("MedicationRequest", patient))


async def test_totals_differ_by_flavour(start: Callable[..., Ehr]):
    totals = {}
    for flavour in ("generic", "epic", "oracle"):
        ehr, patient, token = await opened(start, flavour)
        totals[flavour] = (
            (await ehr.get(f"MedicationRequest?patient={patient}&_count=4", token)).json().get("total")
        )
    assert totals == {"generic": 15, "epic": 4, "oracle": None}


async def test_next_links_have_the_vendor_shape(start: Callable[..., Ehr]):
    expected = {"generic": "?_page=", "epic": "?sessionID=", "oracle": "&-pageDirection=NEXT"}
    for flavour, part in expected.items():
        ehr, patient, token = await opened(start, flavour)
        bundle = (await ehr.get(f"MedicationRequest?patient={patient}&_count=4", token)).json()
        link = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
        assert link.startswith(f"{ehr.fhir}/MedicationRequest?")
        assert part in link


async def test_a_page_belongs_to_its_launch(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "generic")
    bundle = (await ehr.get(f"MedicationRequest?patient={patient}&_count=4", token)).json()
    link = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
    stranger = (await ehr.launch(ehr.patient("High")))["access_token"]
    assert (await ehr.get(link, stranger)).status_code == 404
    assert (await ehr.get(link, token)).status_code == 200
    assert (await ehr.get(f"{ehr.fhir}/MedicationRequest?_page=made-up", token)).status_code == 404


async def test_the_site_can_cap_pages(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "generic", page_size=2)
    assert len(matched((await ehr.get(f"Condition?patient={patient}", token)).json())) == 2
    assert len(await ehr.pages(f"MedicationRequest?patient={patient}", token)) == 8


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=active", 2),
        ("status=active,completed", 15),
        ("authoredon=ge2026-02-01", 1),
        ("authoredon=lt2026-02-01", 14),
        ("authoredon=2026-03-01", 1),
        ("authoredon=2026-03", 1),
        ("intent=plan", 0),
        ("_id=sandbox-clean-order-1,sandbox-clean-order-2,unknown", 2),
    ],
)
async def test_generic_search_parameters(start: Callable[..., Ehr], query: str, expected: int):
    ehr, patient, token = await opened(start, "generic")
    assert (await ehr.get(f"MedicationRequest?patient={patient}&{query}", token)).json()["total"] == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Observation?category=survey", 7),
        ("Observation?category=http://terminology.hl7.org/CodeSystem/observation-category|survey", 7),
        ("Observation?category=urn:wrong|survey", 0),
        ("Observation?code=http://loinc.org|91147-9", 1),
        ("Observation?code=91147-9,44261-6", 2),
        ("Observation?date=ge2026-01-01&date=lt2026-02-01", 4),
        ("Procedure?code=461621000124108", 2),
        ("Encounter?date=ge2025-12-01", 2),
        ("DocumentReference?type=94136-9", 1),
        ("Appointment?date=gt2026-03-10", 1),
        ("Condition?clinical-status=active", 2),
        ("Patient?family=testcase", 1),
        ("Patient?name=avery", 1),
        ("Patient?birthdate=1964-12-31", 1),
    ],
)
async def test_generic_search_by_type(start: Callable[..., Ehr], query: str, expected: int):
    ehr, _, token = await opened(start, "generic")
    assert (await ehr.get(query, token)).json()["total"] == expected


async def test_generic_search_by_post(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "generic")
    answer = await ehr.http.post(
        f"{ehr.fhir}/Condition/_search",
        data={"patient": patient},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.json()["total"] == 2


async def test_unknown_parameters_are_ignored_unless_handling_is_strict(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "generic")
    lax = (await ehr.get(f"Condition?patient={patient}&nonsense=1", token)).json()
    assert lax["total"] == 2
    assert "nonsense" not in lax["link"][0]["url"]
    strict = await ehr.get(f"Condition?patient={patient}&nonsense=1", token, Prefer="handling=strict")
    assert strict.status_code == 400


@pytest.mark.parametrize("count", ["0", "-1", "many"])
async def test_a_senseless_count_is_refused(start: Callable[..., Ehr], count: str):
    ehr, patient, token = await opened(start, "generic")
    assert (await ehr.get(f"Condition?patient={patient}&_count={count}", token)).status_code == 400


async def test_external_medications_come_with_include(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "generic", "Patch")
    path = f"MedicationRequest?patient={patient}&status=active"
    plain = (await ehr.get(path, token)).json()
    included = (await ehr.get(f"{path}&_include=MedicationRequest:medication", token)).json()
    assert {e["search"]["mode"] for e in plain["entry"]} == {"match"}
    products = [e["resource"] for e in included["entry"] if e["search"]["mode"] == "include"]
    wanted = {r["medicationReference"]["reference"] for r in matched(included)}
    assert {f"Medication/{product['id']}" for product in products} == wanted


async def test_a_missing_resource_and_an_unknown_type(start: Callable[..., Ehr]):
    for flavour, kind in (("generic", "application/fhir+json"), ("oracle", "application/fhir+json")):
        ehr, _, token = await opened(start, flavour)
        unknown = await ehr.get("Provenance?patient=1", token)
        assert (unknown.status_code, unknown.headers["content-type"]) == (404, kind)
    ehr, _, token = await opened(start, "epic")
    unknown = await ehr.get("Provenance?patient=1", token)
    assert (unknown.status_code, unknown.headers["content-type"].split(";")[0]) == (404, "text/html")
    missing = await ehr.get("Patient/nobody", token)
    assert missing.status_code == 404
    assert issues(missing.json()) == {"59008"}


async def test_epic_wants_category_or_code_for_observations(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "epic")
    bare = await ehr.get(f"Observation?patient={patient}", token)
    assert bare.status_code == 400
    assert issues(bare.json()) == {"59108"}
    assert bare.json()["issue"][0]["code"] == "required"
    wrong = await ehr.get(f"Observation?patient={patient}&category=symptom", token)
    assert issues(wrong.json()) == {"59109", "59111"}
    assert len(matched((await ehr.get(f"Observation?patient={patient}&category=survey", token)).json())) == 7
    by_code = await ehr.get(f"Observation?patient={patient}&code=http://loinc.org|91147-9", token)
    assert len(matched(by_code.json())) == 1


async def test_epic_says_nothing_was_found_in_an_outcome_entry(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "epic", "Hospice")
    bundle = (await ehr.get(f"Observation?patient={patient}&category=laboratory", token)).json()
    assert bundle["total"] == 0
    assert [entry["search"]["mode"] for entry in bundle["entry"]] == ["outcome"]
    assert issues(bundle["entry"][0]["resource"]) == {"4101"}


async def test_epic_refuses_with_an_empty_body(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "epic")
    refused = await ehr.get(f"QuestionnaireResponse?patient={patient}", token)
    assert (refused.status_code, refused.content) == (403, b"")
    assert "insufficient_scope" in refused.headers["www-authenticate"]


async def test_epic_withholds_single_apis(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "epic", withheld=["Observation.survey"])
    alone = await ehr.get(f"Observation?patient={patient}&category=survey", token)
    assert alone.status_code == 400
    assert issues(alone.json()) == {"59204", "59022"}
    both = (await ehr.get(f"Observation?patient={patient}&category=survey,laboratory", token)).json()
    assert {r["category"][0]["coding"][0]["code"] for r in matched(both)} == {"laboratory"}
    assert "Assessments" in both["entry"][-1]["resource"]["issue"][0]["diagnostics"]


async def test_epic_filters_some_parameters_after_cutting_the_page(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "epic")
    pages = await ehr.pages(f"MedicationRequest?patient={patient}&_count=5&authoredon=ge2026-02-01", token)
    assert [len(matched(page)) for page in pages] == [0, 0, 1]


async def test_epic_ignores_unknown_parameters_but_not_on_patient(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "epic")
    ignored = await ehr.get(f"Condition?patient={patient}&nonsense=1", token)
    assert len(matched(ignored.json())) == 2
    refused = await ehr.get("Patient?nonsense=1", token)
    assert issues(refused.json()) == {"59100", "59159"}
    assert len(matched((await ehr.get(f"Patient?_id={patient}", token)).json())) == 1


@pytest.mark.parametrize("accept", ["*/*", "text/plain"])
async def test_epic_answers_xml_when_json_was_not_asked_for(start: Callable[..., Ehr], accept: str):
    ehr, patient, token = await opened(start, "epic")
    answer = await ehr.get(f"Patient/{patient}", token, Accept=accept)
    assert answer.headers["content-type"].startswith("application/fhir+xml")
    assert '<Patient xmlns="http://hl7.org/fhir">' in answer.text


async def test_epic_keeps_the_time_of_change_to_itself(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "epic")
    bundle = (await ehr.get(f"MedicationRequest?patient={patient}", token)).json()
    assert not any("meta" in resource for resource in matched(bundle))


async def test_oracle_refuses_other_formats_with_an_empty_body(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "oracle")
    refused = await ehr.get(f"Patient/{patient}", token, Accept="application/xml")
    assert (refused.status_code, refused.content) == (406, b"")


@pytest.mark.parametrize(
    "query",
    [
        "Patient",
        "Patient?totally-bogus=1",
        "MedicationRequest?status=active",
        "MedicationRequest?patient={p}&authoredon=ge2026-01-01",
        "MedicationRequest?patient={p}&_include=MedicationRequest:medication",
        "MedicationRequest?patient={p}&_id=1",
        "Appointment?patient={p}",
        "Condition?patient={p}&_count=5",
        "Encounter?patient={p}&date=ge2025-01-01",
    ],
)
async def test_oracle_refuses_what_it_does_not_support(start: Callable[..., Ehr], query: str):
    ehr, patient, token = await opened(start, "oracle")
    refused = await ehr.get(query.format(p=patient), token)
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["code"] == "invalid"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Appointment?patient={p}&date=ge2026-03-10", 1),
        ("Encounter?patient={p}&date=ge2025-12-01&date=lt2027-01-01", 2),
        ("Observation?patient={p}", 15),
        ("MedicationRequest?patient={p}&-timing-boundsPeriod=ge2026-02-25", 14),
        ("Condition?patient={p}&category=problem-list-item", 2),
    ],
)
async def test_oracle_searches_that_work(start: Callable[..., Ehr], query: str, expected: int):
    ehr, patient, token = await opened(start, "oracle")
    answer = await ehr.get(query.format(p=patient), token)
    assert answer.status_code == 200, answer.text
    assert len(matched(answer.json())) == expected


async def test_oracle_has_no_medication_and_no_empty_entry(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "oracle", "Hospice")
    assert (await ehr.get("Medication/1", token)).status_code == 404
    bundle = (await ehr.get(f"Procedure?patient={patient}", token)).json()
    assert "entry" not in bundle


async def test_oracle_gives_the_newest_first(start: Callable[..., Ehr]):
    ehr, patient, token = await opened(start, "oracle")
    dates = [
        r["effectiveDateTime"]
        for r in matched((await ehr.get(f"Observation?patient={patient}", token)).json())
    ]
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize("flavour", ["generic", "epic", "oracle"])
async def test_the_capability_statement_tells_the_flavours_apart(start: Callable[..., Ehr], flavour: str):
    ehr = start(flavour=flavour)
    statement = (
        await ehr.http.get(f"{ehr.fhir}/metadata", headers={"Accept": "application/fhir+json"})
    ).json()
    assert (statement.get("software", {}).get("name") == "Epic") == (flavour == "epic")
    assert (statement.get("publisher") == "Oracle Health") == (flavour == "oracle")
    served = {resource["type"] for resource in statement["rest"][0]["resource"]}
    assert ("Medication" in served) == (flavour != "oracle")
