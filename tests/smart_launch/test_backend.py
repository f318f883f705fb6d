"""A long job keeps one system token fresh, without asking more often than needed."""

import asyncio
from datetime import datetime, timedelta

import httpx2
import pytest
from joserfc import jwt

from smart_launch.backend import BackendTokens, request_backend_token
from smart_launch.client_auth import PrivateKeyJwt, Registration
from smart_launch.errors import Reason, TokenError
from smart_launch.keys import SigningKey
from tests.smart_launch.conftest import NOW, Server, configured

SCOPES = ("system/Patient.rs", "system/Observation.rs")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def counting(server: Server, lifetime: int = 300) -> None:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        number = len(server.requests)
        body = {"access_token": f"token-{number}", "token_type": "bearer", "scope": "system/*.rs"}
        return httpx2.Response(200, json=body | {"expires_in": lifetime})

    server.routes["/token"] = answer


@pytest.fixture
def registration(ec_key: SigningKey) -> Registration:
    return Registration("backend-1", PrivateKeyJwt(ec_key))


async def test_client_credentials_are_asked_with_scopes_and_an_assertion(
    client: httpx2.AsyncClient, server: Server, registration: Registration, ec_key: SigningKey
) -> None:
    counting(server)
    token = await request_backend_token(client, configured(), registration, SCOPES, NOW)
    assert server.form["grant_type"] == "client_credentials"
    assert server.form["scope"] == "system/Patient.rs system/Observation.rs"
    claims = jwt.decode(server.form["client_assertion"], ec_key.jose_key(), algorithms=["ES384"]).claims
    assert claims["sub"] == "backend-1"
    assert token.comparison.complete
    assert token.expires_at == NOW + timedelta(seconds=300)
    assert "token-1" not in repr(token)


async def test_types_that_were_not_granted_are_named(
    client: httpx2.AsyncClient, server: Server, registration: Registration
) -> None:
    body = {"access_token": "t", "token_type": "bearer", "scope": "system/Patient.rs"}
    server.answer("/token", body)
    token = await request_backend_token(client, configured(), registration, SCOPES, NOW)
    assert token.comparison.missing == ("system/Observation.rs",)


async def test_a_refused_scope_can_be_told_from_a_refused_client(
    client: httpx2.AsyncClient, server: Server, registration: Registration
) -> None:
    server.answer("/token", {"error": "invalid_scope"}, 400)
    with pytest.raises(TokenError) as caught:
        await request_backend_token(client, configured(), registration, SCOPES, NOW)
    assert caught.value.reason is Reason.SCOPE_REFUSED


async def test_a_token_is_kept_until_shortly_before_it_expires(
    client: httpx2.AsyncClient, server: Server, registration: Registration
) -> None:
    counting(server)
    clock = Clock()
    tokens = BackendTokens(client, configured(), registration, SCOPES, clock)
    first = await tokens.current()
    clock.now = NOW + timedelta(seconds=269)
    assert await tokens.current() is first
    clock.now = NOW + timedelta(seconds=270)
    assert (await tokens.current()).access_token.reveal() == "token-2"


async def test_parallel_callers_share_one_renewal(
    client: httpx2.AsyncClient, server: Server, registration: Registration
) -> None:
    counting(server)
    tokens = BackendTokens(client, configured(), registration, SCOPES, Clock())
    first = set(await asyncio.gather(*(tokens.current() for _ in range(10))))
    assert len(first) == len(server.requests) == 1
    refused = first.pop()
    second = set(await asyncio.gather(*(tokens.replace(refused) for _ in range(10))))
    assert len(second) == 1
    assert len(server.requests) == 2
    assert refused not in second


async def test_each_request_carries_its_own_assertion(
    client: httpx2.AsyncClient, server: Server, registration: Registration
) -> None:
    counting(server)
    seen = set()
    for _ in range(3):
        await request_backend_token(client, configured(), registration, SCOPES, NOW)
        seen.add(server.form["client_assertion"])
    assert len(seen) == 3
