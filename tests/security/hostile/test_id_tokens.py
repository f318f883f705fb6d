"""Forged id tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.security.hostile.failing import (
    EVIL,
    ISSUER,
    SOUTH,
    failing_launch,
    refused,
    token_answer,
)
from tests.security.world import CLIENT, World

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

    def with_forged(members: dict[str, Any]) -> dict[str, Any]:
        payload = members["id_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return {**members, "id_token": make(claims)}

    token_answer(world, with_forged)


def signed(world: World, claims: Claims, *, key: Any = None, **header: Any) -> str:
    key = key or world.sites["north"].signing_key
    head = {"alg": "RS256", "typ": "JWT", "kid": world.sites["north"].signing_key.kid, **header}
    kept = {name: value for name, value in head.items() if value is not None}
    return jwt.encode(kept, claims, key, algorithms=[head["alg"]])


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
