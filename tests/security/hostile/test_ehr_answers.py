"""What an EHR that was taken over may answer in place of its discovery document, its keys and its tokens."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.security.hostile.failing import (
    EVIL,
    NORTH,
    SOUTH,
    failing_launch,
    forget_discovery,
    instead,
    token_answer,
)
from tests.security.world import World

DISCOVERY: dict[str, dict[str, Any]] = {
    "token endpoint elsewhere": {"token_endpoint": f"{EVIL}/token"},
    "token endpoint at the other hospital": {"token_endpoint": f"{SOUTH}/auth/token"},
    "token endpoint over http": {"token_endpoint": "http://north.example.org/auth/token"},
    "token endpoint with a user name": {"token_endpoint": "https://north.example.org@evil.example.net/token"},
    "token endpoint on another port": {"token_endpoint": "https://north.example.org:8443/token"},
    "token endpoint on a private address": {"token_endpoint": "https://10.0.0.1/token"},
    "token endpoint at cloud metadata": {"token_endpoint": "http://169.254.169.254/token"},
    "token endpoint relative to another host": {"token_endpoint": "//evil.example.net/token"},
    "token endpoint missing": {"token_endpoint": None},
    "token endpoint a number": {"token_endpoint": 7},
    "token endpoint a list": {"token_endpoint": [f"{NORTH}/auth/token"]},
    "token endpoint too long": {"token_endpoint": f"{NORTH}/" + "a" * 5000},
    "token endpoint with a line break": {"token_endpoint": f"{NORTH}/auth\r\nX: 1"},
    "authorization elsewhere": {"authorization_endpoint": f"{EVIL}/auth"},
    "authorization over http": {"authorization_endpoint": "http://north.example.org/auth/authorize"},
    "authorization a script": {"authorization_endpoint": "javascript:alert(1)"},
    "authorization missing": {"authorization_endpoint": None},
    "keys elsewhere": {"jwks_uri": f"{EVIL}/jwks"},
    "keys over http": {"jwks_uri": "http://north.example.org/jwks"},
    "keys in a data address": {"jwks_uri": "data:application/json,{}"},
    "revocation elsewhere": {"revocation_endpoint": f"{EVIL}/revoke"},
    "only plain PKCE": {"code_challenge_methods_supported": ["plain"]},
    "no issuer and no keys": {"issuer": None, "jwks_uri": None},
    "issuer elsewhere without keys": {"issuer": EVIL, "jwks_uri": None},
}  # fmt: skip


@pytest.mark.parametrize("case", DISCOVERY)
async def test_an_evil_discovery_document_opens_nothing_and_leads_nowhere(
    shared_world: World, case: str
) -> None:
    from app.sandbox.capability import smart_configuration

    world = shared_world
    forget_discovery(world)
    document = {**smart_configuration(world.sites["north"]), **DISCOVERY[case]}
    body = {name: value for name, value in document.items() if value is not None}
    instead(world, "/.well-known/smart-configuration", lambda _: httpx2.Response(200, json=body))
    await failing_launch(world)
    assert {url.split("/")[2] for url in world.outbound()} <= {"north.example.org"}
    forget_discovery(world)


PATHS = ("/.well-known/smart-configuration", "/auth/token", "/jwks")
BODIES: dict[str, httpx2.Response] = {
    "redirect elsewhere": httpx2.Response(
        302, headers={"location": f"{EVIL}/.well-known/smart-configuration"}
    ),
    "permanent redirect": httpx2.Response(308, headers={"location": f"{EVIL}/"}),
    "a web page": httpx2.Response(200, text="<html>"),
    "a list": httpx2.Response(200, json=[1]),
    "a text": httpx2.Response(200, json="x"),
    "nothing": httpx2.Response(200, text=""),
    "not found": httpx2.Response(404, text="no"),
    "an error": httpx2.Response(500, text="no"),
    "too much": httpx2.Response(200, text='{"a": "' + "x" * 600_000 + '"}'),
    "deep nesting": httpx2.Response(200, text="[" * 100_000),
    "broken text": httpx2.Response(200, content=b"\xff\xfe{"),
}


@pytest.mark.parametrize("case", BODIES)
@pytest.mark.parametrize("path", PATHS)
async def test_an_answer_that_is_none_opens_nothing_and_is_not_followed(
    shared_world: World, path: str, case: str
) -> None:
    world, answer = shared_world, BODIES[case]
    forget_discovery(world)
    instead(
        world,
        path,
        lambda _: httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content),
    )
    await failing_launch(world)
    assert {url.split("/")[2] for url in world.outbound()} <= {"north.example.org"}
    forget_discovery(world)


TOKEN_ANSWERS: dict[str, dict[str, Any]] = {
    "no access token": {"access_token": None},
    "access token a list": {"access_token": ["x"]},
    "not a bearer token": {"token_type": "mac"},
    "no token type": {"token_type": None},
    "no patient": {"patient": None},
    "patient a list": {"patient": ["a", "b"]},
    "patient empty": {"patient": ""},
    "patient a path": {"patient": "../Patient/other"},
    "patient with a query": {"patient": "a?_id=b"},
    "patient too long": {"patient": "a" * 300},
}


@pytest.mark.usefixtures("honest_afterwards")
@pytest.mark.parametrize("case", TOKEN_ANSWERS)
async def test_a_token_answer_that_does_not_fit_opens_nothing(shared_world: World, case: str) -> None:
    token_answer(shared_world, lambda members: {**members, **TOKEN_ANSWERS[case]})
    await failing_launch(shared_world)
