"""Hostile launches: none of them opens a session, and none makes a request it should not.

Each case says what an attacker sends; afterwards no session was opened, the answer leads nowhere, and only the
named hosts were asked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.security.world import CLIENT, PANEL, World, changed, query_of

NORTH, SOUTH = "https://north.example.org", "https://south.example.org"
ISSUER = f"{NORTH}/fhir"


def refused(answer: httpx2.Response) -> None:
    """An error page of ours: no redirect, no cookie but a removed one, nothing to run, a code to report."""
    assert 400 <= answer.status_code < 600, answer.status_code
    assert "location" not in answer.headers
    assert "LT-" in answer.text
    for header in answer.headers.get_list("set-cookie"):
        assert "Max-Age=0" in header
    assert "frame-ancestors" in answer.headers["content-security-policy"]


LEGITIMATE = {
    "test_a_callback_answered_twice_opens_one_session": {1},
    "test_a_code_replayed_under_a_new_state_opens_nothing": {1},
    "test_a_launch_value_replayed_opens_one_session": {1},
    "test_a_callback_in_a_browser_that_did_not_start_it_opens_nothing": {1},
    "test_a_session_of_one_hospital_is_useless_under_the_others_cookie": {2},
    "test_a_doubtful_user_reference_is_not_taken_over": {0, 1},
}
"""How many sessions the victims of these cases open themselves; in all other cases nobody opens one."""


@pytest.fixture(autouse=True)
def nothing_else_happens(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of every case: no host but the two hospitals is asked anything, and no further session is there."""
    if "shared_world" not in request.fixturenames and "world" not in request.fixturenames:
        yield
        return
    world: World = request.getfixturevalue("world" if "world" in request.fixturenames else "shared_world")
    asked, before, ask = set[str](), world.launches(), world.network.handle_async_request

    async def noted(outgoing: httpx2.Request) -> httpx2.Response:
        asked.add(outgoing.url.host)
        return await ask(outgoing)

    monkeypatch.setattr(world.network, "handle_async_request", noted)
    yield
    assert asked <= {"north.example.org", "south.example.org"}
    opened = world.launches() - before
    assert opened in LEGITIMATE.get(request.node.originalname, {0})


# --- the launch link -------------------------------------------------------------------------------------------

UNKNOWN_ISSUERS = {
    "another site": "https://evil.example.net/fhir",
    "plain http": "http://north.example.org/fhir",
    "other scheme": "ftp://north.example.org/fhir",
    "javascript": "javascript:alert(1)",
    "data": "data:text/html,x",
    "file": "file:///etc/passwd",
    "no scheme": "north.example.org/fhir",
    "scheme-relative": "//north.example.org/fhir",
    "upper-case host": "https://NORTH.example.org/fhir",
    "upper-case scheme": "HTTPS://north.example.org/fhir",
    "upper-case path": "https://north.example.org/FHIR",
    "default port": "https://north.example.org:443/fhir",
    "other port": "https://north.example.org:8443/fhir",
    "port zero": "https://north.example.org:0/fhir",
    "port too large": "https://north.example.org:99999/fhir",
    "port not a number": "https://north.example.org:x/fhir",
    "user name": "https://user@north.example.org/fhir",
    "user and password": "https://user:pw@north.example.org/fhir",
    "host as user name": "https://north.example.org@evil.example.net/fhir",
    "host as user name, encoded": "https://north.example.org%40evil.example.net/fhir",
    "dot at the end of the host": "https://north.example.org./fhir",
    "subdomain": "https://x.north.example.org/fhir",
    "suffix": "https://north.example.org.evil.example.net/fhir",
    "prefix": "https://evilnorth.example.org/fhir",
    "path above": "https://north.example.org/fhir/../fhir",
    "path tricks": "https://north.example.org/./fhir",
    "path encoded": "https://north.example.org/%66hir",
    "path below": "https://north.example.org/fhir/evil",
    "path prefix": "https://north.example.org/fhirx",
    "two slashes": "https://north.example.org//fhir",
    "two slashes at the end": "https://north.example.org/fhir//",
    "semicolon": "https://north.example.org/fhir;x",
    "query": "https://north.example.org/fhir?x=1",
    "empty query": "https://north.example.org/fhir?",
    "fragment": "https://north.example.org/fhir#x",
    "empty fragment": "https://north.example.org/fhir#",
    "backslash": "https://north.example.org\\fhir",
    "backslash host": "https://evil.example.net\\@north.example.org/fhir",
    "space before": " https://north.example.org/fhir",
    "space after": "https://north.example.org/fhir ",
    "tab inside": "https://north.exa\tmple.org/fhir",
    "line break": "https://north.example.org/fhir\nHost: evil",
    "carriage return": "https://north.example.org/fhir\r\nSet-Cookie: x=1",
    "null byte": "https://north.example.org/fhir\x00",
    "null byte and suffix": "https://north.example.org/fhir\x00.evil.example.net",
    "cyrillic o": "https://n\u043erth.example.org/fhir",
    "full-width dot": "https://north\uff0eexample.org/fhir",
    "ideographic full stop": "https://north\u3002example.org/fhir",
    "zero-width space": "https://north.example.org/fhir\u200b",
    "right-to-left mark": "https://north.example.org/fhir\u202e",
    "soft hyphen": "https://nor\u00adth.example.org/fhir",
    "punycode": "https://xn--nrth-5na.example.org/fhir",
    "lone surrogate": "https://north.example.org/fhir%ED%A0%80",
    "loopback": "http://127.0.0.1/fhir",
    "loopback name": "http://localhost/fhir",
    "loopback v6": "http://[::1]/fhir",
    "loopback as one number": "http://2130706433/fhir",
    "loopback in octal": "http://0177.0.0.1/fhir",
    "any address": "http://0.0.0.0/fhir",
    "private 10": "https://10.0.0.1/fhir",
    "private 172": "https://172.16.0.1/fhir",
    "private 192": "https://192.168.0.1/fhir",
    "carrier network": "https://100.64.0.1/fhir",
    "cloud metadata": "http://169.254.169.254/latest/meta-data",
    "cloud metadata v6": "http://[fd00:ec2::254]/latest",
    "mapped v4": "https://[::ffff:127.0.0.1]/fhir",
    "unique local v6": "https://[fc00::1]/fhir",
    "broken v6": "https://[::1/fhir",
    "own address": PANEL,
    "own address with path": f"{PANEL}/fhir",
    "other tenant's path": "https://south.example.org/fhir/north",
    "markup": "https://north.example.org/fhir<script>alert(1)</script>",
    "quote": 'https://north.example.org/fhir"onload="x',
    "braces": "https://north.example.org/{fhir}",
    "only a slash": "/",
    "only a dot": ".",
    "a wildcard": "*",
    "null": "null",
    "a number": "0",
    "host only": "https://north.example.org",
    "too long": "https://north.example.org/fhir/" + "a" * 5000,
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN_ISSUERS)
async def test_an_issuer_that_is_not_registered_is_refused_before_any_request(
    shared_world: World, case: str
) -> None:
    world, before = shared_world, shared_world.launches()
    world.outbound()
    answer = await world.browser().get(
        "/launch?" + urlencode({"iss": UNKNOWN_ISSUERS[case], "launch": "x"}, errors="replace")
    )
    refused(answer)
    assert answer.status_code in {400, 403}
    assert "<script>alert" not in answer.text
    assert world.outbound() == []
    assert world.launches() == before


LAUNCH_QUERIES = {
    "nothing": "",
    "no issuer": "launch=x",
    "no launch": f"iss={quote(ISSUER)}",
    "empty issuer": "iss=&launch=x",
    "empty launch": f"iss={quote(ISSUER)}&launch=",
    "issuer twice, same": f"iss={quote(ISSUER)}&iss={quote(ISSUER)}&launch=x",
    "issuer twice, other": f"iss={quote(ISSUER)}&iss=https://evil.example.net&launch=x",
    "other issuer first": f"iss=https://evil.example.net&iss={quote(ISSUER)}&launch=x",
    "launch twice": f"iss={quote(ISSUER)}&launch=x&launch=y",
    "launch too long": f"iss={quote(ISSUER)}&launch=" + "x" * 9000,
    "upper-case names": f"ISS={quote(ISSUER)}&LAUNCH=x",
    "array names": f"iss[]={quote(ISSUER)}&launch[]=x",
    "broken percent": "iss=%zz&launch=%zz",
    "semicolons": f"iss={quote(ISSUER)};launch=x",
}


@pytest.mark.parametrize("case", LAUNCH_QUERIES)
async def test_a_malformed_launch_link_is_refused_before_any_request(shared_world: World, case: str) -> None:
    world, before = shared_world, shared_world.launches()
    world.outbound()
    refused(await world.browser().get(f"/launch?{LAUNCH_QUERIES[case]}"))
    assert world.outbound() == []
    assert world.launches() == before


STEERING = (
    "next",
    "redirect",
    "redirect_uri",
    "url",
    "return_to",
    "aud",
    "authorize",
    "token_endpoint",
    "client_id",
    "scope",
    "state",
    "nonce",
)


@pytest.mark.parametrize("name", STEERING)
async def test_no_parameter_of_the_link_steers_where_the_browser_goes(shared_world: World, name: str) -> None:
    world = shared_world
    answer = await world.browser().get(
        world.browser().link() + "&" + urlencode({name: "https://evil.example.net/"})
    )
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{NORTH}/auth/authorize?")
    assert "evil.example.net" not in answer.headers["location"]
    assert {url.split("/")[2] for url in world.outbound()} <= {"north.example.org"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/launch", "/callback", "/launch/north"])
async def test_launch_and_callback_take_no_other_method(shared_world: World, path: str, method: str) -> None:
    world = shared_world
    world.outbound()
    answer = await world.browser().send(method, f"{path}?iss={quote(ISSUER)}&launch=x")
    assert answer.status_code in {403, 405}
    assert world.outbound() == []


@pytest.mark.parametrize(
    "tenant", ["", "nobody", "..", "%2e%2e", "north%00", "NORTH", "north/..", "-", "*", "a" * 300]
)
async def test_a_standalone_launch_of_an_unknown_tenant_goes_nowhere(
    shared_world: World, tenant: str
) -> None:
    world = shared_world
    world.outbound()
    refused(await world.browser().get(f"/launch/{tenant}"))
    assert world.outbound() == []


# --- the callback ----------------------------------------------------------------------------------------------

CALLBACKS: dict[str, dict[str, str | None]] = {
    "no state": {"state": None},
    "empty state": {"state": ""},
    "made-up state": {"state": "x" * 32},
    "state too long": {"state": "x" * 5000},
    "state with markup": {"state": "<script>"},
    "no code": {"code": None},
    "empty code": {"code": ""},
    "made-up code": {"code": "made-up"},
    "code too long": {"code": "x" * 9000},
    "issuer of another hospital": {"iss": f"{SOUTH}/fhir"},
    "issuer made up": {"iss": "https://evil.example.net"},
    "issuer with a slash": {"iss": f"{ISSUER}/"},
    "issuer empty": {"iss": ""},
    "issuer missing although promised": {"iss": None},
    "error": {"error": "access_denied", "code": None},
    "error and code": {"error": "access_denied"},
    "error with markup": {"error": "<script>alert(1)</script>", "code": None},
    "error description with markup": {
        "error": "server_error",
        "error_description": "<img src=x onerror=alert(1)>",
    },
    "error uri": {"error": "server_error", "error_uri": "https://evil.example.net/"},
}


@pytest.mark.parametrize("case", CALLBACKS)
async def test_a_changed_callback_opens_nothing(shared_world: World, case: str) -> None:
    world, before, browser = shared_world, shared_world.launches(), shared_world.browser()
    callback = await browser.authorize(await browser.begin())
    world.outbound()
    answer = await browser.get(changed(callback, **CALLBACKS[case]))
    refused(answer)
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert world.launches() == before
    asked = {url.split("/")[2] for url in world.outbound()}
    assert asked <= ({"north.example.org"} if "code" in case else set()), asked


@pytest.mark.parametrize("error", ["access_denied", "invalid_scope", "temporarily_unavailable", "made-up"])
async def test_a_refusal_of_the_ehr_ends_in_a_page_and_in_the_access_log(world: World, error: str) -> None:
    browser = world.browser()
    callback = await browser.authorize(await browser.begin())
    world.outbound()
    answer = await browser.get(changed(callback, error=error, error_description="words", code=None))
    refused(answer)
    assert "LT-106" in answer.text
    assert world.audited() == [("launch_open", "LT-106")]
    assert world.outbound() == []


@pytest.mark.parametrize("name", ["state", "code", "iss"])
async def test_a_parameter_of_the_callback_sent_twice_opens_nothing(shared_world: World, name: str) -> None:
    world, before, browser = shared_world, shared_world.launches(), shared_world.browser()
    callback = await browser.authorize(await browser.begin())
    world.outbound()
    refused(await browser.get(f"{callback}&{urlencode({name: query_of(callback)[name]})}"))
    assert world.outbound() == []
    assert world.launches() == before


async def test_a_callback_answered_twice_opens_one_session(shared_world: World) -> None:
    browser = shared_world.browser()
    callback = await browser.authorize(await browser.begin())
    kept = dict(browser.cookies)
    assert (await browser.get(callback)).status_code == 303
    before = shared_world.launches()
    for cookies in (dict(browser.cookies), kept):
        browser.cookies = cookies
        refused(await browser.get(callback))
    assert shared_world.launches() == before


async def test_a_code_replayed_under_a_new_state_opens_nothing(shared_world: World) -> None:
    browser = shared_world.browser()
    used = await browser.authorize(await browser.begin())
    await browser.get(used)
    before = shared_world.launches()
    fresh = await browser.authorize(await browser.begin())
    refused(await browser.get(changed(fresh, code=query_of(used)["code"])))
    assert shared_world.launches() == before


async def test_a_launch_value_replayed_opens_one_session(shared_world: World) -> None:
    browser = shared_world.browser()
    link = browser.link()
    first = await browser.get(link)
    await browser.get(await browser.authorize(first.headers["location"]))
    before = shared_world.launches()
    second = await browser.get(link)
    refused(await browser.get(await browser.authorize(second.headers["location"])))
    assert shared_world.launches() == before


def _other_letter(value: str) -> str:
    return value[:-1] + ("A" if value[-1] != "A" else "B")


COOKIES: dict[str, Callable[[dict[str, str], dict[str, str]], dict[str, str]]] = {
    "none": lambda own, other: {},
    "another browser's": lambda own, other: other,
    "own name, other value": lambda own, other: dict(zip(own, other.values(), strict=True)),
    "other name, own value": lambda own, other: dict(zip(other, own.values(), strict=True)),
    "changed by one letter": lambda own, other: {
        name: value[:-1] + ("A" if value[-1] != "A" else "B") for name, value in own.items()
    },
    "cut": lambda own, other: {name: value[:-1] for name, value in own.items()},
    "empty": lambda own, other: dict.fromkeys(own, ""),
    "too long": lambda own, other: dict.fromkeys(own, "x" * 3000),
    "without the prefix": lambda own, other: {
        name.removeprefix("__Host-"): value for name, value in own.items()
    },
    "with another prefix": lambda own, other: {
        name.replace("__Host-", "__Secure-"): value for name, value in own.items()
    },
    "quoted": lambda own, other: {name: f'"{value}"' for name, value in own.items()},
}


@pytest.mark.parametrize("case", COOKIES)
async def test_a_callback_in_a_browser_that_did_not_start_it_opens_nothing(
    shared_world: World, case: str
) -> None:
    world, before = shared_world, shared_world.launches()
    victim, attacker = world.browser(), world.browser()
    callback = await victim.authorize(await victim.begin())
    await attacker.begin(patient=world.patient(number=1))
    thief = world.browser()
    thief.cookies = COOKIES[case](dict(victim.cookies), dict(attacker.cookies))
    world.outbound()
    refused(await thief.get(callback))
    assert world.outbound() == []
    assert world.launches() == before
    assert (await victim.get(callback)).status_code == 303


async def test_an_attackers_own_callback_sent_to_a_victim_opens_nothing_there(shared_world: World) -> None:
    """Login CSRF: the victim would work in the attacker's session."""
    attacker, victim = shared_world.browser(), shared_world.browser()
    callback = await attacker.authorize(await attacker.begin())
    await victim.begin()
    before = shared_world.launches()
    shared_world.outbound()
    refused(await victim.get(callback))
    assert shared_world.outbound() == []
    assert shared_world.launches() == before


async def test_an_attempt_answered_too_late_opens_nothing(world: World) -> None:
    browser = world.browser()
    callback = await browser.authorize(await browser.begin())
    world.clock.pass_by(minutes=10, seconds=1)
    refused(await browser.get(callback))
    assert world.launches() == 0


@pytest.mark.parametrize(("asked", "answering"), [("north", "south"), ("south", "north")])
async def test_a_code_of_one_hospital_is_never_shown_to_another(
    shared_world: World, asked: str, answering: str
) -> None:
    """Mix-up: the state belongs to one hospital, code and issuer come from the other."""
    world, browser, before = shared_world, shared_world.browser(), shared_world.launches()
    mine = await browser.authorize(await browser.begin(asked))
    other = await browser.authorize(await browser.begin(answering))
    world.outbound()
    stolen = query_of(other)
    refused(await browser.get(changed(mine, code=stolen["code"], iss=stolen["iss"])))
    assert world.outbound() == []
    assert world.launches() == before


async def test_a_session_of_one_hospital_is_useless_under_the_others_cookie(shared_world: World) -> None:
    browser = shared_world.browser()
    north, south = await browser.open("north"), await browser.open("south")
    names = [f"__Host-ltot.{address.rpartition('/')[2]}" for address in (north, south)]
    browser.cookies[names[0]], browser.cookies[names[1]] = (
        browser.cookies[names[1]],
        browser.cookies[names[0]],
    )
    for address in (north, south):
        assert (await browser.get(address)).status_code == 403


# --- evil answers of the authorization server --------------------------------------------------------------------


async def failing_launch(world: World) -> None:
    """Launch from a clean start; it must end in an error page without a session."""
    browser, before = world.browser(), world.launches()
    answer = await browser.get(browser.link())
    if answer.status_code == 302:
        answer = await browser.get(await browser.authorize(answer.headers["location"]))
    refused(answer)
    assert world.launches() == before


def forget_discovery(world: World) -> None:
    """A new day: documents are read again."""
    from sqlalchemy import text

    with world.service.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM discovery_cache"))
    world.service._server_keys.clear()
    world.network.changes.clear()
    world.outbound()


def instead(world: World, ending: str, answer: Callable[[httpx2.Request], httpx2.Response]) -> None:
    world.network.changes.append(
        lambda request: answer(request) if request.url.path.endswith(ending) else None
    )


EVIL = "https://evil.example.net"
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
@pytest.mark.parametrize("path", ["/.well-known/smart-configuration", "/auth/token", "/jwks"])
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


# --- evil tokens -------------------------------------------------------------------------------------------------

STRANGER = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
Claims = dict[str, Any]
CLAIMS: dict[str, Claims] = {
    "issuer elsewhere": {"iss": EVIL},
    "issuer of the other hospital": {"iss": f"{SOUTH}/fhir"},
    "issuer with a slash": {"iss": f"{ISSUER}/"},
    "issuer missing": {"iss": None},
    "issuer a list": {"iss": [ISSUER]},
    "audience elsewhere": {"aud": "another-app"},
    "audience missing": {"aud": None},
    "audience empty": {"aud": []},
    "audience a substring": {"aud": "ltot"},
    "several audiences without azp": {"aud": [CLIENT, "another-app"]},
    "azp elsewhere": {"aud": [CLIENT, "another-app"], "azp": "another-app"},
    "azp elsewhere, one audience": {"azp": "another-app"},
    "expired": {"exp": -120},
    "expired long ago": {"exp": -86400 * 365},
    "expiry missing": {"exp": None},
    "expiry a text": {"exp": "tomorrow"},
    "expiry true": {"exp": True},
    "issued in the future": {"iat": 3600, "exp": 7200},
    "issue time missing": {"iat": None},
    "issue time a text": {"iat": "now"},
    "not valid yet": {"nbf": 3600},
    "expires before issue": {"iat": 0, "exp": -30},
    "nonce missing": {"nonce": None},
    "nonce of another launch": {"nonce": "another"},
    "nonce empty": {"nonce": ""},
    "nonce a list": {"nonce": ["x"]},
    "nonce a number": {"nonce": 1},
    "subject missing": {"sub": None},
    "subject empty": {"sub": ""},
    "subject too long": {"sub": "x" * 300},
    "subject a number": {"sub": 1},
    "user elsewhere": {"fhirUser": f"{EVIL}/fhir/Practitioner/1"},
    "user at the other hospital": {"fhirUser": f"{SOUTH}/fhir/Practitioner/1"},
    "user a device": {"fhirUser": f"{ISSUER}/Device/1"},
    "user with markup": {"fhirUser": "Practitioner/<script>"},
    "user a path": {"fhirUser": "Practitioner/../Patient/1"},
}  # fmt: skip
HARMLESS = {
    "user elsewhere",
    "user at the other hospital",
    "user a device",
    "user with markup",
    "user a path",
}
"""The user is still proven by issuer and subject; only the doubtful reference must not be taken over."""


def forged(world: World, make: Callable[[dict[str, Any]], str | None]) -> None:
    """Replace the id token of the next token answer by what `make` makes of its claims."""

    async def handle(request: httpx2.Request) -> httpx2.Response:
        real = await original.handle_async_request(request)
        await real.aread()
        if not request.url.path.endswith("/auth/token") or real.status_code != 200:
            return real
        members = json.loads(real.content)
        payload = members["id_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        members["id_token"] = make(claims)
        return httpx2.Response(200, json={name: v for name, v in members.items() if v is not None})

    original = world.network.hosts["north.example.org"]

    class Between(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            return await handle(request)

    world.network.hosts["north.example.org"] = Between()


def signed(world: World, claims: Claims, *, key: Any = None, **header: Any) -> str:
    key = key or world.sites["north"].signing_key
    head = {"alg": "RS256", "typ": "JWT", "kid": world.sites["north"].signing_key.kid, **header}
    kept = {name: value for name, value in head.items() if value is not None}
    return jwt.encode(kept, claims, key, algorithms=[head["alg"]])


@pytest.fixture
def honest_afterwards(shared_world: World) -> Any:
    """The north hospital is itself again after the test."""
    host = shared_world.network.hosts["north.example.org"]
    forget_discovery(shared_world)
    yield
    shared_world.network.hosts["north.example.org"] = host
    forget_discovery(shared_world)


def with_changes(world: World, claims: Claims, changes: Claims) -> Claims:
    now = int(world.clock().timestamp())
    made = dict(claims)
    for name, value in changes.items():
        relative = name in {"exp", "iat", "nbf"} and type(value) is int
        made[name] = now + value if relative else value
    return {name: value for name, value in made.items() if value is not None}


@pytest.mark.usefixtures("honest_afterwards")
@pytest.mark.parametrize("case", sorted(set(CLAIMS) - HARMLESS))
async def test_an_id_token_with_a_changed_claim_opens_nothing(shared_world: World, case: str) -> None:
    world = shared_world
    forged(world, lambda claims: signed(world, with_changes(world, claims, CLAIMS[case])))
    await failing_launch(world)


@pytest.mark.usefixtures("honest_afterwards")
@pytest.mark.parametrize("case", sorted(HARMLESS))
async def test_a_doubtful_user_reference_is_not_taken_over(shared_world: World, case: str) -> None:
    world, browser, before = shared_world, shared_world.browser(), shared_world.launches()
    forged(world, lambda claims: signed(world, with_changes(world, claims, CLAIMS[case])))
    answer = await browser.get(await browser.authorize(await browser.begin()))
    if answer.status_code == 303:
        address = answer.headers["location"].rpartition("/")[2]
        launch = world.service.sessions.load(
            address, browser.cookies[f"__Host-ltot.{address}"], world.clock()
        )
        assert launch.user.fhir_user == CLAIMS[case]["fhirUser"]
        assert launch.roles == ()
    else:
        refused(answer)
        assert world.launches() == before
    assert {url.split("/")[2] for url in world.outbound()} <= {"north.example.org"}


def _part(members: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()


def unsigned(algorithm: str) -> Callable[[World, Claims], str]:
    return lambda world, claims: f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{_part(claims)}."


def with_public_key_as_secret(world: World, claims: Claims) -> str:
    """HS256 keyed with the published public key."""
    public = world.sites["north"].signing_key.as_pem(private=False)
    signing = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    mac = hmac.new(public, signing.encode(), hashlib.sha256).digest()
    return f"{signing}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def altered(world: World, claims: Claims) -> str:
    head, _, tail = signed(world, claims).split(".")
    return f"{head}.{_part({**claims, 'sub': 'somebody-else'})}.{tail}"


SIGNATURES: dict[str, Callable[[World, Claims], str | None]] = {
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg NONE": unsigned("NONE"),
    "alg empty": unsigned(""),
    "alg unknown": unsigned("XX256"),
    "alg a number": lambda w, c: f"{_part({'alg': 1})}.{_part(c)}.x",
    "no alg": lambda w, c: f"{_part({'typ': 'JWT'})}.{_part(c)}.x",
    "signature removed": lambda w, c: signed(w, c).rpartition(".")[0] + ".",
    "signature of other claims": altered,
    "signature cut": lambda w, c: signed(w, c)[:-8],
    "a stranger's key, own kid": lambda w, c: signed(w, c, key=STRANGER, kid=STRANGER.kid),
    "a stranger's key, known kid": lambda w, c: signed(w, c, key=STRANGER),
    "a stranger's key, no kid": lambda w, c: signed(w, c, key=STRANGER, kid=None),
    "a stranger's key in the header": lambda w, c: signed(
        w, c, key=STRANGER, kid=STRANGER.kid, jwk=STRANGER.as_dict(private=False)),
    "a stranger's key by address": lambda w, c: signed(w, c, key=STRANGER, kid=STRANGER.kid, jku=f"{EVIL}/jwks"),
    "a kid that is a path": lambda w, c: signed(w, c, key=STRANGER, kid="../../etc/passwd"),
    "public key as secret": with_public_key_as_secret,
    "HS256 with an empty secret": lambda w, c: jwt.encode(
        {"alg": "HS256", "typ": "JWT"}, c, OctKey.import_key(b"\0" * 32), algorithms=["HS256"]),
    "the other hospital's key": lambda w, c: signed(
        w, c, key=w.sites["south"].signing_key, kid=w.sites["south"].signing_key.kid),
    "two parts": lambda w, c: f"{_part({'alg': 'RS256'})}.{_part(c)}",
    "five parts": lambda w, c: signed(w, c) + ".x.y",
    "no token": lambda w, c: None,
    "empty": lambda w, c: "",
    "spaces": lambda w, c: "   ",
    "not base64": lambda w, c: "%%%.%%%.%%%",
    "a JSON object": lambda w, c: json.dumps(c),
    "very long": lambda w, c: "x" * 200_000,
    "claims a list": lambda w, c: f"{_part({'alg': 'RS256'})}.{_part([1])}.x",
}  # fmt: skip


@pytest.mark.usefixtures("honest_afterwards")
@pytest.mark.parametrize("case", SIGNATURES)
async def test_an_id_token_without_a_genuine_signature_opens_nothing(shared_world: World, case: str) -> None:
    world = shared_world
    forged(world, lambda claims: SIGNATURES[case](world, claims))
    await failing_launch(world)
    assert {url.split("/")[2] for url in world.outbound()} <= {"north.example.org"}


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
    world, original = shared_world, shared_world.network.hosts["north.example.org"]

    class Between(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            real = await original.handle_async_request(request)
            if not request.url.path.endswith("/auth/token"):
                return real
            await real.aread()
            members = {**json.loads(real.content), **TOKEN_ANSWERS[case]}
            return httpx2.Response(200, json={name: v for name, v in members.items() if v is not None})

    world.network.hosts["north.example.org"] = Between()
    await failing_launch(world)


# --- addresses of sessions ----------------------------------------------------------------------------------------

SESSION_PATHS = (
    "/p/", "/p/x", "/p/" + "a" * 32, "/p/" + "a" * 5000, "/p/..%2f..%2fmetrics", "/p/%00", "/p/*", "/p/' OR 1=1 --",
    "/p/<script>", "/p/J-v3afoEYm8KaHhoaxK-XjHvrkbq17Vk", "/p/" + "a" * 32 + "/content", "/p/" + "a" * 32 + "?whole=1",
)  # fmt: skip


@pytest.mark.parametrize("path", SESSION_PATHS)
async def test_a_guessed_session_address_shows_nothing(shared_world: World, path: str) -> None:
    world = shared_world
    world.outbound()
    browser = world.browser()
    browser.cookies[f"__Host-ltot.{'a' * 32}"] = "guessed"
    answer = await browser.get(path)
    assert answer.status_code in {403, 404}
    assert "<script>" not in answer.text.replace('<script src="', "")
    assert world.outbound() == []


def test_there_are_more_than_two_hundred_cases() -> None:
    counted = (
        len(UNKNOWN_ISSUERS) + len(LAUNCH_QUERIES) + len(STEERING) + len(CALLBACKS) + len(COOKIES) + len(DISCOVERY)
        + 3 * len(BODIES) + len(CLAIMS) + len(SIGNATURES) + len(TOKEN_ANSWERS) + len(SESSION_PATHS)
    )  # fmt: skip
    assert counted > 200
