"""Tokens are exchanged once, refreshed without losing the grant, and never let another patient in."""

from datetime import timedelta

import httpx2
import pytest

from smart_launch.context import ContextItem
from smart_launch.errors import Reason, TokenError
from smart_launch.secret import Secret
from smart_launch.tokens import TokenResponse, exchange_code, read_token_response, refresh, revoke
from tests.smart_launch.conftest import GRANT, NOW, PUBLIC, Server, configured


def read(**changes: object) -> TokenResponse:
    members = {name: value for name, value in (GRANT | changes).items() if value is not None}
    return read_token_response(members, NOW)


async def exchange(client: httpx2.AsyncClient) -> TokenResponse:
    return await exchange_code(
        client,
        configured(),
        PUBLIC,
        code=Secret("code-canary"),
        verifier=Secret("verifier-canary"),
        redirect_uri="https://ltot.example.org/callback",
        now=NOW,
    )


async def renew(client: httpx2.AsyncClient) -> TokenResponse:
    return await refresh(
        client,
        configured(),
        PUBLIC,
        refresh_token=Secret("refresh-canary"),
        granted=("launch", "patient/Patient.rs"),
        patient="pat-1",
        now=NOW,
    )


async def test_a_code_is_exchanged_for_a_typed_grant(client: httpx2.AsyncClient, server: Server) -> None:
    server.answer("/token", GRANT | {"refresh_token": "refresh-1", "id_token": "a.b.c", "unknown": {"x": 1}})
    token = await exchange(client)
    assert token.access_token.reveal() == "access-canary"
    assert token.expires_at == NOW + timedelta(hours=1)
    assert token.require_patient() == "pat-1"
    assert (token.refresh_token, token.id_token) == (Secret("refresh-1"), Secret("a.b.c"))
    assert token.compare(["launch", "patient/Condition.rs"]).missing == ("patient/Condition.rs",)


def test_a_shown_grant_hides_tokens_and_patient() -> None:
    shown = repr(read(patient="pat-canary", refresh_token="refresh-canary", encounter="enc-canary"))
    assert "canary" not in shown


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER"])
def test_the_token_type_is_read_without_regard_to_case(token_type: str) -> None:
    assert read(token_type=token_type).access_token


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 7},
        {"token_type": None},
        {"token_type": "mac"},
        {"token_type": ["Bearer"]},
        {"scope": None},
        {"scope": ["launch"]},
        {"patient": "../Patient/2"},
        {"patient": "a" * 65},
        {"patient": 12},
        {"encounter": "a b"},
    ],
)
def test_an_unusable_grant_is_refused_without_repeating_it(changes: dict[str, object]) -> None:
    with pytest.raises(TokenError) as caught:
        read(**changes)
    assert caught.value.reason is Reason.TOKEN_RESPONSE_INVALID
    assert "canary" not in str(caught.value)
    assert "../Patient" not in str(caught.value)


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [(570, 570), ("570", 570), (59.5, 59.5), (None, 300), ("soon", 300), (0, 300), (-5, 300), ("nan", 300),
     ([], 300), (10**12, 86400), ("inf", 86400)],
)  # fmt: skip
def test_lifetimes_are_read_kindly_and_bounded(sent: object, seconds: float) -> None:
    assert read(expires_in=sent).expires_at - NOW == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("sent", "needed"),
    [(True, True), (False, False), ("true", True), ("false", False), ("False", False), (None, True),
     ("", True), (0, True), ("no", True)],
)  # fmt: skip
def test_the_patient_banner_is_left_out_only_on_a_clear_no(sent: object, needed: bool) -> None:
    assert read(need_patient_banner=sent).context.need_patient_banner is needed


def test_further_context_is_read_where_it_is_well_formed() -> None:
    context = read(
        encounter="enc-1",
        smart_style_url="https://ehr.example.org/style.json",
        intent="panel",
        tenant="t1",
        fhirContext=[
            {"reference": "ImagingStudy/1"},
            {"reference": "Task/2", "role": "https://example.org/role", "extra": 1},
            {"reference": "Task/3", "role": ""},
            {"canonical": "https://example.org/q"},
            "odd",
        ],
    ).context
    assert (context.encounter, context.intent, context.tenant) == ("enc-1", "panel", "t1")
    assert context.items == (
        ContextItem("ImagingStudy/1", "launch"),
        ContextItem("Task/2", "https://example.org/role"),
    )
    for url in ("http://ehr.example.org/s.json", "javascript:x", "https://user@x.org/", 7):
        assert read(smart_style_url=url).context.style_url is None


async def test_patient_scopes_without_a_patient_are_an_error(
    client: httpx2.AsyncClient, server: Server
) -> None:
    for patient in ({}, {"patient": ""}, {"patient": None}):
        server.answer("/token", {k: v for k, v in GRANT.items() if k != "patient"} | patient)
        with pytest.raises(TokenError) as caught:
            await exchange(client)
        assert caught.value.reason is Reason.PATIENT_MISSING


async def test_a_user_grant_without_a_patient_says_so_when_one_is_needed(
    client: httpx2.AsyncClient, server: Server
) -> None:
    server.answer("/token", GRANT | {"scope": "user/Patient.rs", "patient": None})
    token = await exchange(client)
    with pytest.raises(TokenError, match="without a patient"):
        token.require_patient()


@pytest.mark.parametrize(
    ("status", "body", "reason", "retryable"),
    [
        (400, {"error": "invalid_grant"}, Reason.GRANT_ENDED, False),
        (401, {"error": "invalid_client"}, Reason.CLIENT_REFUSED, False),
        (400, {"error": "unauthorized_client"}, Reason.CLIENT_REFUSED, False),
        (400, {"error": "invalid_scope"}, Reason.SCOPE_REFUSED, False),
        (400, {"error": "<b>odd</b>"}, Reason.TOKEN_REFUSED, False),
        (401, "Unauthorized", Reason.TOKEN_REFUSED, False),
        (403, "<html></html>", Reason.TOKEN_REFUSED, False),
        (307, "", Reason.TOKEN_REFUSED, False),
        (429, {}, Reason.TOKEN_ENDPOINT_UNREACHABLE, True),
        (500, "", Reason.TOKEN_ENDPOINT_UNREACHABLE, True),
        (503, {"error": "invalid_grant"}, Reason.TOKEN_ENDPOINT_UNREACHABLE, True),
        (200, "<html>", Reason.TOKEN_RESPONSE_INVALID, False),
    ],
)
async def test_refusals_in_any_form_are_one_kind_of_error(
    client: httpx2.AsyncClient, server: Server, status: int, body: object, reason: Reason, retryable: bool
) -> None:
    server.answer("/token", body, status)
    with pytest.raises(TokenError) as caught:
        await exchange(client)
    assert (caught.value.reason, caught.value.retryable) == (reason, retryable)
    assert "canary" not in str(caught.value)
    assert "<" not in str(caught.value)


async def test_a_refused_client_learns_which_part_the_server_names(
    client: httpx2.AsyncClient, server: Server
) -> None:
    server.answer(
        "/token", {"error": "invalid_client", "error_description": "JWT 'exp' is wrong: secret-canary"}, 400
    )
    with pytest.raises(TokenError, match=r"it names: exp\. Compare this machine's clock\.") as caught:
        await exchange(client)
    assert "canary" not in str(caught.value)


async def test_a_code_is_sent_once_even_when_the_server_is_silent(
    client: httpx2.AsyncClient, server: Server
) -> None:
    def fail(_request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("verifier-canary")

    server.routes["/token"] = fail
    with pytest.raises(TokenError, match="did not answer in time") as caught:
        await exchange(client)
    assert len(server.requests) == 1
    assert caught.value.retryable


async def test_a_redirecting_token_endpoint_gets_no_second_request(server: Server) -> None:
    server.routes["/token"] = lambda _: httpx2.Response(307, headers={"Location": "https://evil.org/token"})
    transport = httpx2.MockTransport(server.handle)
    async with httpx2.AsyncClient(transport=transport, follow_redirects=True) as eager:
        with pytest.raises(TokenError):
            await exchange(eager)
    assert [str(request.url) for request in server.requests] == ["https://auth.example.org/token"]


async def test_a_refresh_keeps_the_old_refresh_token_when_no_new_one_comes(
    client: httpx2.AsyncClient, server: Server
) -> None:
    server.answer(
        "/token", {"access_token": "new", "token_type": "Bearer", "expires_in": "570", "id_token": "x"}
    )
    token = await renew(client)
    assert server.form["refresh_token"] == "refresh-canary"
    assert "scope" not in server.form
    assert token.access_token == Secret("new")
    assert token.refresh_token == Secret("refresh-canary")
    assert token.scopes == ("launch", "patient/Patient.rs")
    assert token.id_token is None


async def test_a_rotated_refresh_token_replaces_the_old_one(
    client: httpx2.AsyncClient, server: Server
) -> None:
    server.answer("/token", GRANT | {"refresh_token": "rotated", "scope": "launch"})
    token = await renew(client)
    assert token.refresh_token == Secret("rotated")
    assert token.scopes == ("launch",)


async def test_a_refresh_for_another_patient_stops(client: httpx2.AsyncClient, server: Server) -> None:
    server.answer("/token", GRANT | {"patient": "pat-2"})
    with pytest.raises(TokenError) as caught:
        await renew(client)
    assert caught.value.reason is Reason.PATIENT_CHANGED


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, {"error": "invalid_grant"}, Reason.GRANT_ENDED),
        (400, "", Reason.GRANT_ENDED),
        (401, "", Reason.GRANT_ENDED),
        (403, {"error": "odd"}, Reason.GRANT_ENDED),
        (401, {"error": "invalid_client"}, Reason.CLIENT_REFUSED),
        (503, "", Reason.TOKEN_ENDPOINT_UNREACHABLE),
    ],
)
async def test_a_refused_refresh_ends_the_grant_and_a_silent_server_does_not(
    client: httpx2.AsyncClient, server: Server, status: int, body: object, reason: Reason
) -> None:
    server.answer("/token", body, status)
    with pytest.raises(TokenError) as caught:
        await renew(client)
    assert caught.value.reason is reason


async def test_revocation_is_confirmed_or_not_and_never_stops_the_caller(
    client: httpx2.AsyncClient, server: Server
) -> None:
    async def ask(**changes: object) -> bool:
        configuration = configured(**changes)
        return await revoke(
            client, configuration, PUBLIC, token=Secret("refresh-1"), hint="refresh_token", now=NOW
        )

    server.answer("/revoke", "")
    assert await ask()
    assert server.form == {
        "token": "refresh-1",
        "token_type_hint": "refresh_token",
        "client_id": PUBLIC.client_id,
    }
    server.answer("/revoke", {"error": "unsupported_token_type"}, 400)
    assert not await ask()

    def fail(_request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("x")

    server.routes["/revoke"] = fail
    assert not await ask()
    sent = len(server.requests)
    assert not await ask(revocation_endpoint=None)
    assert len(server.requests) == sent
