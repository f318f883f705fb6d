"""The authorization request binds the answer to this browser; any answer that does not fit is refused."""

import base64
import hashlib
from urllib.parse import parse_qsl, urlsplit

import pytest

from smart_launch.errors import DiscoveryError, LaunchError, Reason
from smart_launch.launch import (
    AuthorizationRequest,
    build_authorization_request,
    callback_state,
    parse_callback,
    parse_launch_request,
)
from smart_launch.secret import Secret
from tests.smart_launch.conftest import BASE, ISSUER, configured

SCOPES = ("openid", "fhirUser", "patient/Patient.rs")
REDIRECT = "https://ltot.example.org/callback"


def build(launch: str | None = "xyz 1/2+3", **changes: object) -> AuthorizationRequest:
    return build_authorization_request(
        configured(**changes),
        client_id="client-1",
        redirect_uri=REDIRECT,
        scopes=SCOPES,
        launch=Secret(launch) if launch else None,
    )


def query_of(request: AuthorizationRequest) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(request.url).query, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_an_ehr_launch_asks_for_everything_smart_demands() -> None:
    request = build()
    query = query_of(request)
    assert request.url.startswith("https://auth.example.org/authorize?")
    assert query["response_type"] == "code"
    assert query["client_id"] == "client-1"
    assert query["redirect_uri"] == REDIRECT
    assert query["aud"] == BASE
    assert query["launch"] == "xyz 1/2+3"
    assert query["scope"] == "launch openid fhirUser patient/Patient.rs"
    assert query["state"] == request.state.reveal()
    assert query["nonce"] == request.nonce.reveal()
    assert query["code_challenge_method"] == "S256"
    digest = hashlib.sha256(request.verifier.reveal().encode()).digest()
    assert query["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert "max_age" not in query


def test_a_standalone_launch_asks_for_a_patient_instead() -> None:
    query = query_of(build(launch=None))
    assert "launch" not in query
    assert query["scope"].split()[0] == "launch/patient"


def test_a_launch_of_a_list_asks_for_no_patient() -> None:
    request = build_authorization_request(
        configured(), client_id="c", redirect_uri=REDIRECT, scopes=SCOPES, launch=None, patient=False
    )
    assert query_of(request)["scope"].split() == list(SCOPES)
    assert "launch" not in query_of(request)


def test_the_endpoints_own_parameters_are_kept() -> None:
    query = query_of(build(authorization_endpoint="https://auth.example.org/authorize?tenant=7"))
    assert query["tenant"] == "7"
    assert query["aud"] == BASE


def test_without_an_authorization_endpoint_there_is_no_launch() -> None:
    with pytest.raises(DiscoveryError, match="authorization_endpoint"):
        build(authorization_endpoint=None)


def test_state_nonce_and_verifier_are_new_long_and_hidden() -> None:
    requests = [build() for _ in range(50)]
    values = [s.reveal() for r in requests for s in (r.state, r.nonce, r.verifier)]
    assert len(set(values)) == 150
    for request in requests:
        assert len(base64.urlsafe_b64decode(request.state.reveal() + "==")) >= 16
        assert 43 <= len(request.verifier.reveal()) <= 128
        assert request.verifier.reveal() not in request.url
        assert not any(value in repr(request) for value in values)


@pytest.mark.parametrize(
    "query",
    [
        [],
        [("iss", BASE)],
        [("launch", "1")],
        [("iss", ""), ("launch", "1")],
        [("iss", BASE), ("launch", "")],
        [("iss", BASE), ("iss", BASE), ("launch", "1")],
        [("iss", BASE), ("launch", "1"), ("launch", "2")],
        [("iss", "https://" + "a" * 2048), ("launch", "1")],
        [("iss", BASE), ("launch", "x" * 8193)],
    ],
)
def test_a_launch_link_that_is_not_whole_is_refused(query: list[tuple[str, str]]) -> None:
    with pytest.raises(LaunchError) as caught:
        parse_launch_request(query)
    assert caught.value.reason is Reason.LAUNCH_REQUEST_INVALID


def test_a_launch_value_is_passed_on_as_it_is() -> None:
    request = parse_launch_request([("iss", BASE), ("launch", "eyJ.a b=="), ("other", "x"), ("other", "y")])
    assert (request.issuer, request.launch.reveal()) == (BASE, "eyJ.a b==")


STATE = Secret("state-1")
GOOD = [("state", "state-1"), ("code", "code-canary")]


def refused(query: list[tuple[str, str]], **changes: object) -> LaunchError:
    with pytest.raises(LaunchError) as caught:
        parse_callback(query, expected_state=STATE, configuration=configured(**changes))
    assert "canary" not in str(caught.value)
    return caught.value


def test_a_fitting_answer_gives_the_code() -> None:
    code = parse_callback(GOOD, expected_state=STATE, configuration=configured())
    assert code.reveal() == "code-canary"
    assert "canary" not in repr(code)
    assert callback_state(GOOD) == STATE


@pytest.mark.parametrize(
    "state", [[], [("state", "")], [("state", "state-2")], [("state", "Ω")], [("state", "\udc80")]]
)
def test_an_answer_of_another_browser_is_refused(state: list[tuple[str, str]]) -> None:
    assert refused([*state, ("code", "code-canary")]).reason is Reason.STATE_MISMATCH


def test_an_error_of_another_browser_is_refused_as_such() -> None:
    assert refused([("state", "x"), ("error", "access_denied")]).reason is Reason.STATE_MISMATCH


@pytest.mark.parametrize("state", ["", "s" * 257])
def test_a_state_that_cannot_be_ours_is_not_looked_up(state: str) -> None:
    with pytest.raises(LaunchError) as caught:
        callback_state([("state", state)])
    assert caught.value.reason is Reason.STATE_MISMATCH


@pytest.mark.parametrize("name", ["state", "code", "iss", "error"])
def test_a_repeated_parameter_is_refused(name: str) -> None:
    query = [*GOOD, (name, "a"), (name, "b")]
    assert refused(query).reason is Reason.CALLBACK_INVALID


@pytest.mark.parametrize("code", [[], [("code", "")], [("code", "x" * 8193)]])
def test_an_answer_without_a_code_is_refused(code: list[tuple[str, str]]) -> None:
    assert refused([("state", "state-1"), *code]).reason is Reason.CALLBACK_INVALID


def test_the_issuer_in_the_answer_must_be_the_one_asked() -> None:
    accepted = [*GOOD, ("iss", ISSUER)]
    assert parse_callback(accepted, expected_state=STATE, configuration=configured()).reveal()
    for other in ("https://evil.example.org", ISSUER + "/", BASE, ""):
        assert refused([*GOOD, ("iss", other)]).reason is Reason.CALLBACK_ISSUER_MISMATCH
    assert refused(accepted, issuer=None).reason is Reason.CALLBACK_ISSUER_MISMATCH


def test_a_server_that_promises_its_issuer_must_send_it() -> None:
    error = refused(GOOD, authorization_response_iss_parameter_supported=True)
    assert error.reason is Reason.CALLBACK_ISSUER_MISMATCH


def test_a_known_issuer_can_replace_the_discovered_one() -> None:
    code = parse_callback(
        [*GOOD, ("iss", "https://idp.example.org")],
        expected_state=STATE,
        configuration=configured(issuer=None),
        issuer="https://idp.example.org",
    )
    assert code.reveal() == "code-canary"


@pytest.mark.parametrize(
    ("error", "reason", "code", "retryable"),
    [
        ("access_denied", Reason.AUTHORIZATION_DENIED, "access_denied", False),
        ("invalid_scope", Reason.AUTHORIZATION_FAILED, "invalid_scope", False),
        ("temporarily_unavailable", Reason.AUTHORIZATION_FAILED, "temporarily_unavailable", True),
        ("<script>alert(1)</script>", Reason.AUTHORIZATION_FAILED, None, False),
        ("", Reason.AUTHORIZATION_FAILED, None, False),
    ],
)
def test_the_servers_refusal_is_named_without_repeating_its_words(
    error: str, reason: Reason, code: str | None, retryable: bool
) -> None:
    caught = refused([("state", "state-1"), ("error", error), ("error_description", "canary <b>")])
    assert (caught.reason, caught.oauth_error, caught.retryable) == (reason, code, retryable)
    assert "<" not in str(caught)
