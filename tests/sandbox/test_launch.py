"""The sandbox EHR grants a correct launch and refuses every incorrect one."""

import secrets
from collections.abc import Callable

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.sandbox.conftest import CALLBACK, SCOPES, Ehr, matched

VERIFIER = "v" * 64


async def redeem(ehr: Ehr, code: str, /, **changes: str):
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": "panel",
        **changes,
    }
    return await ehr.exchange(**form)


@pytest.mark.parametrize("flavour", ["generic", "epic", "oracle"])
async def test_an_ehr_launch_gives_a_token_for_the_patient_in_the_chart(
    start: Callable[..., Ehr], flavour: str
):
    ehr = start(flavour=flavour)
    patient = ehr.patient("Clean")
    scope = "launch openid fhirUser patient/Patient.rs patient/MedicationRequest.rs"
    token = await ehr.launch(patient, scope, nonce="n-1")
    assert token["patient"] == patient
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == {"generic": 900, "epic": 3600, "oracle": 570}[flavour]
    assert token["need_patient_banner"] == ("true" if flavour == "epic" else True)
    answer = await ehr.get(f"MedicationRequest?patient={patient}", token["access_token"])
    assert {r["subject"]["reference"] for r in matched(answer.json())} == {f"Patient/{patient}"}


@pytest.mark.parametrize("flavour", ["generic", "epic", "oracle"])
async def test_the_id_token_verifies_with_the_published_keys(start: Callable[..., Ehr], flavour: str):
    ehr = start(flavour=flavour)
    token = await ehr.launch(ehr.patient("Clean"), "launch openid fhirUser patient/Patient.rs", nonce="n-1")
    discovered = (await ehr.http.get(f"{ehr.site.issuer}/.well-known/openid-configuration")).json()
    keys = KeySet.import_key_set((await ehr.http.get(discovered["jwks_uri"])).json())
    decoded = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
    assert decoded.header["kid"] == ehr.site.signing_key.kid
    assert decoded.claims["iss"] == discovered["issuer"]
    assert (decoded.claims["iss"] == ehr.fhir) == (flavour == "generic")
    assert decoded.claims["aud"] == "panel"
    assert decoded.claims["nonce"] == "n-1"
    assert decoded.claims["exp"] == int(ehr.clock.now) + 300
    assert decoded.claims["fhirUser"].startswith(f"{ehr.fhir}/Practitioner/")


async def test_the_signed_in_user_is_the_one_in_the_id_token(ehr: Ehr):
    launch = ehr.site.new_launch(None, "lead")
    params = ehr.request_parameters(VERIFIER, launch=launch, scope="launch openid fhirUser user/Patient.rs")
    token = (await redeem(ehr, (await ehr.authorize(params))["code"])).json()
    claims = jwt.decode(token["id_token"], ehr.site.signing_key, algorithms=["RS256"]).claims
    assert claims["fhirUser"] == f"{ehr.fhir}/Practitioner/lead"
    assert "patient" not in token


async def test_authorize_answers_with_state_and_its_issuer(start: Callable[..., Ehr]):
    ehr = start(flavour="epic")
    params = ehr.request_parameters(
        VERIFIER, launch=ehr.site.new_launch(ehr.patient("Clean")), scope="launch patient/Patient.rs"
    )
    back = await ehr.authorize(params, "POST")
    assert back["state"] == params["state"]
    assert back["iss"] == "http://ehr.test/oauth2"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": "backend"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "?a=b"},
        {"redirect_uri": "http://panel.test/"},
        {"redirect_uri": None},
    ],
)
async def test_an_untrusted_client_or_redirect_uri_is_never_redirected(
    ehr: Ehr, changes: dict[str, str | None]
):
    params = ehr.request_parameters(VERIFIER, launch=ehr.site.new_launch(ehr.patient("Clean")), **changes)
    answer = await ehr.http.get(ehr.site.authorize_url, params=params)
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"state": None}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"aud": "http://ehr.test/fhir/"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "launch-me nonsense/x"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "patient/Patient.rs"}, "invalid_request"),
        ({"launch": "made-up"}, "invalid_request"),
        ({"launch": None}, "invalid_request"),
    ],
)
async def test_a_faulty_authorization_request_is_refused(
    ehr: Ehr, changes: dict[str, str | None], error: str
):
    values = {"launch": ehr.site.new_launch(ehr.patient("Clean")), **changes}
    back = await ehr.authorize(ehr.request_parameters(VERIFIER, **values))
    assert back["error"] == error
    assert "code" not in back


async def test_a_repeated_parameter_is_refused(ehr: Ehr):
    params = ehr.request_parameters(VERIFIER, launch=ehr.site.new_launch(ehr.patient("Clean")))
    answer = await ehr.http.get(ehr.site.authorize_url, params=[*params.items(), ("aud", ehr.fhir)])
    assert answer.status_code == 400


async def test_a_launch_value_works_once_and_for_five_minutes(ehr: Ehr):
    launch = ehr.site.new_launch(ehr.patient("Clean"))
    assert "code" in await ehr.authorize(ehr.request_parameters(VERIFIER, launch=launch))
    assert "error" in await ehr.authorize(ehr.request_parameters(VERIFIER, launch=launch))
    stale = ehr.site.new_launch(ehr.patient("Clean"))
    ehr.clock.now += 301
    assert "error" in await ehr.authorize(ehr.request_parameters(VERIFIER, launch=stale))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 64}, "invalid_grant"),
        ({"code_verifier": "v" * 10}, "invalid_request"),
        ({"redirect_uri": "http://panel.test/"}, "invalid_grant"),
        ({"client_id": "other"}, "invalid_grant"),
        ({"code": "made-up"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_a_code_is_bound_to_client_redirect_and_verifier(ehr: Ehr, changes: dict[str, str], error: str):
    code = await ehr.code(ehr.patient("Clean"), VERIFIER)
    refused = await redeem(ehr, code, **changes)
    assert refused.status_code == 400
    assert refused.json()["error"] == error


async def test_a_failed_exchange_burns_the_code(ehr: Ehr):
    code = await ehr.code(ehr.patient("Clean"), VERIFIER)
    await redeem(ehr, code, code_verifier="w" * 64)
    assert (await redeem(ehr, code)).json()["error"] == "invalid_grant"


async def test_a_code_expires_after_a_minute(ehr: Ehr):
    code = await ehr.code(ehr.patient("Clean"), VERIFIER)
    ehr.clock.now += 61
    assert (await redeem(ehr, code)).json()["error"] == "invalid_grant"


async def test_a_replayed_code_revokes_the_tokens_it_gave(ehr: Ehr):
    patient = ehr.patient("Clean")
    code = await ehr.code(patient, VERIFIER)
    token = (await redeem(ehr, code)).json()["access_token"]
    assert (await ehr.get(f"Patient/{patient}", token)).status_code == 200
    assert (await redeem(ehr, code)).json()["error"] == "invalid_grant"
    assert (await ehr.get(f"Patient/{patient}", token)).status_code == 401


async def test_an_access_token_expires(start: Callable[..., Ehr]):
    ehr = start(token_lifetime=3)
    patient = ehr.patient("Clean")
    token = (await ehr.launch(patient))["access_token"]
    ehr.clock.now += 3
    refused = await ehr.get(f"Patient/{patient}", token)
    assert refused.status_code == 401
    assert "invalid_token" in refused.headers["www-authenticate"]


async def refresh(ehr: Ehr, token: str, **changes: str):
    return await ehr.exchange(grant_type="refresh_token", refresh_token=token, client_id="panel", **changes)


async def test_refresh_tokens_rotate_and_reuse_ends_the_grant(ehr: Ehr):
    patient = ehr.patient("Clean")
    first = await ehr.launch(patient, f"{SCOPES} offline_access")
    second = (await refresh(ehr, first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["patient"] == patient
    assert (await refresh(ehr, first["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await refresh(ehr, second["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await ehr.get(f"Patient/{patient}", second["access_token"])).status_code == 401


@pytest.mark.parametrize("flavour", ["epic", "oracle"])
async def test_vendor_flavours_keep_the_refresh_token(start: Callable[..., Ehr], flavour: str):
    ehr = start(flavour=flavour)
    first = await ehr.launch(ehr.patient("Clean"), "launch online_access patient/Patient.rs")
    second = (await refresh(ehr, first["refresh_token"])).json()
    assert "refresh_token" not in second
    assert (await refresh(ehr, first["refresh_token"])).status_code == 200


async def test_a_refresh_may_narrow_but_not_widen(ehr: Ehr):
    token = await ehr.launch(
        ehr.patient("Clean"), "launch offline_access patient/Patient.rs patient/Condition.rs"
    )
    narrowed = (await refresh(ehr, token["refresh_token"], scope="patient/Patient.rs")).json()
    assert narrowed["scope"] == "patient/Patient.rs"
    answer = await ehr.get(f"Condition?patient={ehr.patient('Clean')}", narrowed["access_token"])
    assert answer.status_code == 403
    widened = await refresh(ehr, narrowed["refresh_token"], scope="patient/Observation.rs")
    assert widened.json()["error"] == "invalid_scope"


async def test_without_an_access_scope_for_later_there_is_no_refresh_token(ehr: Ehr):
    assert "refresh_token" not in await ehr.launch(ehr.patient("Clean"))


async def test_a_standalone_launch_asks_for_the_patient(ehr: Ehr):
    params = ehr.request_parameters(VERIFIER, scope="launch/patient openid patient/Patient.rs")
    page = await ehr.http.get(ehr.site.authorize_url, params=params)
    assert page.status_code == 200
    assert "Testcase-Hospice" in page.text
    assert "frame-ancestors" not in page.headers["content-security-policy"]
    hidden = page.text.split('name="request" value="')[1].split('"')[0].replace("&amp;", "&")
    chosen = await ehr.http.post(
        ehr.site.authorize_url + "/choose",
        data={"request": hidden, "patient": ehr.patient("Hospice"), "user": "ma"},
    )
    assert chosen.status_code == 302
    code = chosen.headers["location"].split("code=")[1].split("&")[0]
    assert (await redeem(ehr, code)).json()["patient"] == ehr.patient("Hospice")


async def test_the_picker_checks_the_request_again(ehr: Ehr):
    answer = await ehr.http.post(
        ehr.site.authorize_url + "/choose",
        data={
            "request": "client_id=panel&redirect_uri=http%3A%2F%2Fevil.test%2F",
            "patient": ehr.patient("Clean"),
        },
    )
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_revocation_and_introspection(ehr: Ehr):
    patient = ehr.patient("Clean")
    token = await ehr.launch(patient, f"{SCOPES} offline_access")
    ask = {"token": token["access_token"], "client_id": "panel"}
    seen = (await ehr.http.post(f"{ehr.site.token_url}/introspect", data=ask)).json()
    assert (seen["active"], seen["patient"]) == (True, patient)
    stranger = await ehr.http.post(f"{ehr.site.token_url}/introspect", data={**ask, "client_id": "other"})
    assert stranger.json() == {"active": False}
    await ehr.http.post(f"{ehr.site.token_url}/revoke", data={**ask, "client_id": "other"})
    assert (await ehr.get(f"Patient/{patient}", token["access_token"])).status_code == 200
    form = {"token": token["refresh_token"], "client_id": "panel"}
    assert (await ehr.http.post(f"{ehr.site.token_url}/revoke", data=form)).status_code == 200
    assert (await ehr.get(f"Patient/{patient}", token["access_token"])).status_code == 401
    unknown = {"token": secrets.token_urlsafe(), "client_id": "panel"}
    assert (await ehr.http.post(f"{ehr.site.token_url}/revoke", data=unknown)).status_code == 200


async def test_discovery_names_the_endpoints_and_the_promises(ehr: Ehr):
    found = (await ehr.http.get(f"{ehr.fhir}/.well-known/smart-configuration")).json()
    assert found["token_endpoint"] == ehr.site.token_url
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert "launch-ehr" in found["capabilities"]


async def test_a_visit_in_progress_is_part_of_the_launch(ehr: Ehr):
    during = await ehr.launch(ehr.patient("Partial"))
    visit = (await ehr.get(f"Encounter/{during['encounter']}", during["access_token"])).json()
    assert (visit["status"], visit["subject"]["reference"]) == (
        "in-progress",
        f"Patient/{ehr.patient('Partial')}",
    )
    assert "encounter" not in await ehr.launch(ehr.patient("Clean"))
