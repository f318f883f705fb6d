"""What was granted decides what can be read, searched and written."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sandbox.config import PROFILES, SandboxClient
from app.sandbox.faults import Fault
from app.sandbox.scopes import grant, parse
from tests.sandbox.conftest import CALLBACK, Ehr, matched

OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "91147-9"}]},
}


@pytest.mark.parametrize(
    ("scope", "read", "search"),
    [
        ("patient/Condition.rs", 200, 200),
        ("patient/Condition.read", 200, 200),
        ("patient/*.read", 200, 200),
        ("user/Condition.rs", 200, 200),
        ("patient/Condition.r", 200, 403),
        ("patient/Condition.s", 403, 200),
        ("patient/Condition.cud", 403, 403),
        ("patient/Observation.rs", 403, 403),
    ],
)
async def test_reads_and_searches_need_their_letter(ehr: Ehr, scope: str, read: int, search: int):
    patient = ehr.patient("Clean")
    token = (await ehr.launch(patient, f"launch {scope}"))["access_token"]
    one = ehr.site.records.of("Condition", patient)[0]["id"]
    assert (await ehr.get(f"Condition/{one}", token)).status_code == read
    assert (await ehr.get(f"Condition?patient={patient}", token)).status_code == search


async def test_a_patient_scope_never_reaches_another_patient(ehr: Ehr):
    mine, theirs = ehr.patient("Clean"), ehr.patient("High")
    token = (await ehr.launch(mine))["access_token"]
    other = ehr.site.records.of("MedicationRequest", theirs)[0]["id"]
    assert (await ehr.get(f"Patient/{theirs}", token)).status_code == 403
    assert (await ehr.get(f"MedicationRequest/{other}", token)).status_code == 403
    assert (await ehr.get(f"MedicationRequest?patient={theirs}", token)).status_code == 403
    assert (await ehr.get(f"MedicationRequest?patient={mine},{theirs}", token)).status_code == 403
    everyone = (await ehr.get("MedicationRequest?_count=500", token)).json()
    assert {r["subject"]["reference"] for r in matched(everyone)} == {f"Patient/{mine}"}
    assert matched((await ehr.get("Patient", token)).json())[0]["id"] == mine


async def test_a_user_scope_reaches_all_patients(ehr: Ehr):
    token = (await ehr.launch(ehr.patient("Clean"), "launch user/Patient.rs"))["access_token"]
    assert (await ehr.get("Patient", token)).json()["total"] == 16


async def test_a_patient_scope_without_a_patient_gives_nothing(ehr: Ehr):
    launch = ehr.site.new_launch(None)
    verifier = "v" * 64
    back = await ehr.authorize(
        ehr.request_parameters(verifier, launch=launch, scope="launch patient/Patient.rs")
    )
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "client_id": "panel"}
    token = (await ehr.exchange(code=back["code"], code_verifier=verifier, **form)).json()
    assert "patient" not in token
    assert (await ehr.get("Patient", token["access_token"])).status_code == 403


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic abc", "Bearer "])
async def test_no_valid_token_no_data(ehr: Ehr, header: str | None):
    headers = {"Authorization": header} if header else {}
    answer = await ehr.http.get(f"{ehr.fhir}/Patient/{ehr.patient('Clean')}", headers=headers)
    assert answer.status_code == 401
    assert "Testcase" not in answer.text


async def test_a_token_in_the_query_is_refused(ehr: Ehr):
    token = (await ehr.launch(ehr.patient("Clean")))["access_token"]
    answer = await ehr.get(f"Condition?patient={ehr.patient('Clean')}&access_token={token}", token)
    assert answer.status_code == 400


async def test_a_granular_scope_narrows_the_results(ehr: Ehr):
    patient = ehr.patient("Clean")
    category = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
    token = (await ehr.launch(patient, f"launch patient/Observation.rs?category={category}"))["access_token"]
    found = matched((await ehr.get(f"Observation?patient={patient}", token)).json())
    assert found
    assert {r["category"][0]["coding"][0]["code"] for r in found} == {"laboratory"}


async def test_the_site_may_withhold_a_type(start: Callable[..., Ehr]):
    ehr = start(withheld=["MedicationDispense"])
    patient = ehr.patient("Clean")
    token = await ehr.launch(patient)
    assert "patient/MedicationDispense.rs" not in token["scope"].split()
    assert "patient/MedicationRequest.rs" in token["scope"].split()
    assert (await ehr.get(f"MedicationDispense?patient={patient}", token["access_token"])).status_code == 403


async def test_unregistered_scopes_are_dropped(start: Callable[..., Ehr]):
    client = SandboxClient("panel", (CALLBACK,), auth="public", scopes=("launch", "patient/*.rs"))
    ehr = start(clients=[client])
    asked = "launch openid patient/Patient.rs patient/Observation.c user/Patient.rs"
    assert (await ehr.launch(ehr.patient("Clean"), asked))["scope"] == "launch patient/Patient.rs"


def test_epic_grants_reading_and_searching_apart():
    client = SandboxClient("panel", (CALLBACK,))
    granted = grant("patient/Patient.rs patient/*.rs patient/Binary.rs", client, PROFILES["epic"])
    assert granted == ("patient/Patient.r", "patient/Patient.s")


def test_oracle_knows_no_medication_and_no_wildcard():
    client = SandboxClient("panel", (CALLBACK,))
    asked = "patient/Medication.rs patient/*.rs patient/MedicationRequest.rs"
    assert grant(asked, client, PROFILES["oracle"]) == ("patient/MedicationRequest.rs",)


@given(st.text(alphabet="cruds", min_size=1, max_size=6))
def test_letters_out_of_order_are_no_scope(letters: str):
    ordered = "".join(letter for letter in "cruds" if letter in letters)
    assert (parse(f"patient/Observation.{letters}") is not None) == (letters == ordered)


async def write(ehr: Ehr, method: str, path: str, token: str, body: object, **headers: str):
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json", **headers}
    return await ehr.http.request(method, f"{ehr.fhir}/{path}", json=body, headers=sent)


async def test_writing_needs_a_write_scope_and_the_patient_in_context(ehr: Ehr):
    patient = ehr.patient("Clean")
    body = {**OBSERVATION, "subject": {"reference": f"Patient/{patient}"}}
    reader = (await ehr.launch(patient))["access_token"]
    writer = (await ehr.launch(patient, "launch patient/Observation.crus"))["access_token"]
    assert (await write(ehr, "POST", "Observation", reader, body)).status_code == 403
    created = await write(ehr, "POST", "Observation", writer, body)
    assert created.status_code == 201
    kept = (await ehr.get(created.headers["location"], writer)).json()
    assert kept["subject"] == body["subject"]
    assert kept["meta"]["versionId"] == "1"
    foreign = {**OBSERVATION, "subject": {"reference": f"Patient/{ehr.patient('High')}"}}
    assert (await write(ehr, "POST", "Observation", writer, foreign)).status_code == 403


async def test_an_update_respects_the_version(ehr: Ehr):
    patient = ehr.patient("Clean")
    body = {**OBSERVATION, "subject": {"reference": f"Patient/{patient}"}}
    token = (await ehr.launch(patient, "launch patient/Observation.write patient/Observation.read"))[
        "access_token"
    ]
    created = (await write(ehr, "POST", "Observation", token, body)).json()
    path, changed = f"Observation/{created['id']}", {**created, "status": "amended"}
    stale = await write(ehr, "PUT", path, token, changed, **{"If-Match": 'W/"7"'})
    assert stale.status_code == 412
    done = await write(ehr, "PUT", path, token, changed, **{"If-Match": 'W/"1"'})
    assert (done.status_code, done.headers["etag"]) == (200, 'W/"2"')
    moved = {**changed, "subject": {"reference": f"Patient/{ehr.patient('High')}"}}
    assert (await write(ehr, "PUT", path, token, moved)).status_code == 403
    assert (await write(ehr, "PUT", "Observation/none", token, {**changed, "id": "none"})).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("Observation", {"resourceType": "Procedure"}, 400),
        ("Observation", {"resourceType": "Observation", "status": "final"}, 422),
        ("Observation", OBSERVATION, 422),
        ("Observation", {**OBSERVATION, "id": "x", "subject": {"reference": "Patient/sandbox-clean"}}, 400),
        ("Condition", {"resourceType": "Condition"}, 405),
    ],
)
async def test_a_faulty_write_is_refused(ehr: Ehr, path: str, body: dict[str, object], status: int):
    token = (await ehr.launch(ehr.patient("Clean"), "launch user/*.cruds"))["access_token"]
    answer = await write(ehr, "POST", path, token, body)
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_a_fault_of_creating_spoils_that_alone(ehr: Ehr):
    patient = ehr.patient("Clean")
    body = {**OBSERVATION, "subject": {"reference": f"Patient/{patient}"}}
    token = (await ehr.launch(patient, "launch patient/Observation.crus"))["access_token"]
    for kind in ("422", "lost_answer"):
        ehr.site.faults.add(Fault(kind, "$create", times=1))
    held = len(ehr.site.records.of("Observation", patient))
    refused = await write(ehr, "POST", "Observation", token, body)
    assert refused.status_code == 422
    assert "the site's own rule refuses it" in refused.text
    assert len(ehr.site.records.of("Observation", patient)) == held
    assert (await write(ehr, "POST", "Observation", token, body)).status_code == 500
    assert len(ehr.site.records.of("Observation", patient)) == held + 1
    assert (await write(ehr, "POST", "Observation", token, body)).status_code == 201


async def test_creating_unless_it_is_there_finds_it(ehr: Ehr):
    patient = ehr.patient("Clean")
    identifier = {"system": "https://panel.test/records", "value": "e1"}
    body = {**OBSERVATION, "subject": {"reference": f"Patient/{patient}"}, "identifier": [identifier]}
    token = (await ehr.launch(patient, "launch patient/Observation.crus"))["access_token"]
    condition = {"If-None-Exist": "identifier=https://panel.test/records|e1"}
    first = await write(ehr, "POST", "Observation", token, body, **condition)
    again = await write(ehr, "POST", "Observation", token, body, **condition)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["location"] == first.headers["location"]
