"""Only a genuine, current id_token of this launch says who the user is."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from smart_launch.errors import IdTokenError, Reason
from smart_launch.id_token import Identity, verify_id_token
from smart_launch.secret import Secret
from smart_launch.server_keys import ServerKeys, read_key_set
from tests.smart_launch.conftest import BASE, ISSUER, NOW, POLICY, Server

RSA = RSAKey.generate_key(2048)
OTHER_RSA = RSAKey.generate_key(2048)
P256, P384 = ECKey.generate_key("P-256"), ECKey.generate_key("P-384")
SECONDS = int(NOW.timestamp())
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "client-1",
    "sub": "user-canary",
    "iat": SECONDS,
    "exp": SECONDS + 300,
    "nonce": "nonce-1",
    "fhirUser": f"{BASE}/Practitioner/7",
    "name": "Ada Canary",
}


def sign(key: Any = RSA, algorithm: str = "RS256", kid: str | None = "k1", **changes: object) -> Secret:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    header = {"alg": algorithm} | ({"kid": kid} if kid else {})
    return Secret(jwt.encode(header, claims, key, algorithms=[algorithm]))


def published(*keys: tuple[Any, str | None], **members: object) -> dict[str, object]:
    return {
        "keys": [key.as_dict(private=False) | ({"kid": kid} if kid else {}) | members for key, kid in keys]
    }


Verify = Callable[..., Any]


@pytest.fixture
def verify(client: httpx2.AsyncClient, server: Server) -> Verify:
    server.answer("/jwks", published((RSA, "k1")))
    keys = ServerKeys(client, "https://auth.example.org/jwks", POLICY)

    async def run(token: Secret, now: timedelta = timedelta(0), **changes: Any) -> Identity:
        asked: dict[str, Any] = {
            "client_id": "client-1",
            "issuer": ISSUER,
            "nonce": Secret("nonce-1"),
            "fhir_base": BASE,
            "now": NOW + now,
        }
        return await verify_id_token(token, keys, **(asked | changes))

    return run


async def refused(verify: Verify, token: Secret, reason: Reason, **changes: Any) -> None:
    with pytest.raises(IdTokenError) as caught:
        await verify(token, **changes)
    assert caught.value.reason is reason
    assert "canary" not in str(caught.value).lower()


async def test_a_genuine_token_names_the_user(verify: Verify) -> None:
    identity = await verify(sign())
    assert (identity.issuer, identity.subject, identity.name) == (ISSUER, "user-canary", "Ada Canary")
    assert identity.fhir_user is not None
    assert (identity.fhir_user.resource_type, identity.fhir_user.id) == ("Practitioner", "7")
    assert identity.fhir_user.same_server
    assert "canary" not in repr(identity).lower()


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA, "RS256"), (RSA, "RS384"), (RSA, "RS512"), (P256, "ES256"), (P384, "ES384")],
)
async def test_the_allowed_algorithms_are_accepted(
    verify: Verify, server: Server, key: Any, algorithm: str
) -> None:
    server.answer("/jwks", published((OTHER_RSA, "other"), (key, "k1")))
    assert (await verify(sign(key, algorithm))).subject == "user-canary"


def encode(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(algorithm: object, signature: str = "") -> Secret:
    return Secret(f"{encode({'alg': algorithm, 'kid': 'k1'})}.{encode(CLAIMS)}.{signature}")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 7, ["RS256"], "PS256", "EdDSA"])
async def test_unsigned_and_unlisted_algorithms_are_refused(verify: Verify, algorithm: object) -> None:
    await refused(verify, unsigned(algorithm), Reason.ID_TOKEN_ALGORITHM)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_a_public_key_is_never_taken_as_a_shared_secret(verify: Verify, algorithm: str) -> None:
    signed = unsigned(algorithm).reveal().rstrip(".")
    digest = hmac.digest(RSA.as_pem(private=False), signed.encode(), f"sha{algorithm[2:]}")
    await refused(verify, Secret(f"{signed}.{encode(digest)}"), Reason.ID_TOKEN_ALGORITHM)


@pytest.mark.parametrize("text", ["x", "a.b.c", "....", "é", base64.b64encode(b"[]").decode() + ".a.b"])
async def test_what_is_no_token_is_refused(verify: Verify, text: str) -> None:
    await refused(verify, Secret(text), Reason.ID_TOKEN_MALFORMED)


async def test_a_forged_signature_is_refused(verify: Verify) -> None:
    await refused(verify, sign(OTHER_RSA), Reason.ID_TOKEN_SIGNATURE)
    await refused(verify, unsigned("RS256", "AAAA"), Reason.ID_TOKEN_SIGNATURE)
    header, claims, signature = sign().reveal().split(".")
    other = sign(sub="someone-else").reveal().split(".")[1]
    assert other != claims
    await refused(verify, Secret(f"{header}.{other}.{signature}"), Reason.ID_TOKEN_SIGNATURE)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example.org"}, Reason.ID_TOKEN_ISSUER),
        ({"iss": ISSUER + "/"}, Reason.ID_TOKEN_ISSUER),
        ({"iss": BASE}, Reason.ID_TOKEN_ISSUER),
        ({"iss": None}, Reason.ID_TOKEN_ISSUER),
        ({"aud": "other"}, Reason.ID_TOKEN_AUDIENCE),
        ({"aud": None}, Reason.ID_TOKEN_AUDIENCE),
        ({"aud": ["client-1", "other"]}, Reason.ID_TOKEN_AUDIENCE),
        ({"aud": ["client-1", "other"], "azp": "other"}, Reason.ID_TOKEN_AUDIENCE),
        ({"azp": "other"}, Reason.ID_TOKEN_AUDIENCE),
        ({"nonce": "nonce-2"}, Reason.ID_TOKEN_NONCE),
        ({"nonce": None}, Reason.ID_TOKEN_NONCE),
        ({"nonce": ["nonce-1"]}, Reason.ID_TOKEN_NONCE),
        ({"sub": None}, Reason.ID_TOKEN_MALFORMED),
        ({"sub": ""}, Reason.ID_TOKEN_MALFORMED),
        ({"sub": 7}, Reason.ID_TOKEN_MALFORMED),
        ({"exp": None}, Reason.ID_TOKEN_MALFORMED),
        ({"exp": "never"}, Reason.ID_TOKEN_MALFORMED),
        ({"iat": None}, Reason.ID_TOKEN_MALFORMED),
        ({"iat": True}, Reason.ID_TOKEN_MALFORMED),
        ({"exp": SECONDS - 60}, Reason.ID_TOKEN_EXPIRED),
        ({"exp": SECONDS - 10, "iat": SECONDS}, Reason.ID_TOKEN_EXPIRED),
        ({"iat": SECONDS + 61}, Reason.ID_TOKEN_FROM_FUTURE),
        ({"nbf": SECONDS + 61}, Reason.ID_TOKEN_FROM_FUTURE),
        ({"nbf": "later"}, Reason.ID_TOKEN_MALFORMED),
        ({"fhirUser": "Device/1"}, Reason.FHIR_USER_INVALID),
        ({"fhirUser": 7}, Reason.FHIR_USER_INVALID),
        ({"fhirUser": ""}, Reason.FHIR_USER_INVALID),
        ({"fhirUser": "../Practitioner/1"}, Reason.FHIR_USER_INVALID),
        ({"fhirUser": "javascript:Practitioner/1"}, Reason.FHIR_USER_INVALID),
        ({"fhirUser": "https://x@evil.org/Practitioner/1"}, Reason.FHIR_USER_INVALID),
        ({"fhirUser": f"{BASE}/Practitioner/1?x=1"}, Reason.FHIR_USER_INVALID),
    ],
)
async def test_a_token_with_one_wrong_claim_is_refused(
    verify: Verify, changes: dict[str, object], reason: Reason
) -> None:
    await refused(verify, sign(**changes), reason)


async def test_several_audiences_need_us_as_the_authorized_party(verify: Verify) -> None:
    assert await verify(sign(aud=["client-1", "other"], azp="client-1"))
    assert await verify(sign(aud=["client-1"]))


async def test_a_minute_of_clock_difference_is_tolerated(verify: Verify) -> None:
    token = sign()
    assert await verify(token, now=timedelta(seconds=300 + 59))
    assert await verify(token, now=-timedelta(seconds=60))
    await refused(verify, token, Reason.ID_TOKEN_EXPIRED, now=timedelta(seconds=360))
    await refused(verify, token, Reason.ID_TOKEN_FROM_FUTURE, now=-timedelta(seconds=61))


async def test_without_a_nonce_sent_none_is_expected(verify: Verify) -> None:
    assert await verify(sign(nonce=None), nonce=None)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"fhirUser": "Practitioner/9"}, ("Practitioner", "9", True)),
        ({"fhirUser": "/PractitionerRole/9"}, ("PractitionerRole", "9", True)),
        ({"fhirUser": "https://other.example.org/r4/Person/9"}, ("Person", "9", False)),
        ({"fhirUser": None, "profile": "Practitioner/9"}, ("Practitioner", "9", True)),
        ({"fhirUser": None, "profile": "https://people.example.org/ada"}, None),
        ({"fhirUser": None}, None),
    ],
)
async def test_the_users_resource_may_be_relative_absolute_or_missing(
    verify: Verify, claims: dict[str, object], expected: tuple[str, str, bool] | None
) -> None:
    user = (await verify(sign(**claims))).fhir_user
    assert (user and (user.resource_type, user.id, user.same_server)) == expected


async def test_keys_are_fetched_once_and_again_for_an_unknown_key(verify: Verify, server: Server) -> None:
    await verify(sign())
    await verify(sign())
    assert len(server.requests) == 1
    server.answer("/jwks", published((RSA, "k1"), (P384, "k2")))
    assert await verify(sign(P384, "ES384", "k2"), now=timedelta(minutes=4))
    assert len(server.requests) == 2


async def test_unknown_keys_do_not_make_us_hammer_the_server(verify: Verify, server: Server) -> None:
    for _ in range(5):
        await refused(verify, sign(OTHER_RSA, kid="unknown"), Reason.ID_TOKEN_UNKNOWN_KEY)
    assert len(server.requests) == 1
    later = timedelta(minutes=1)
    await refused(verify, sign(OTHER_RSA, kid="unknown"), Reason.ID_TOKEN_UNKNOWN_KEY, now=later)
    assert len(server.requests) == 2


async def test_keys_are_fetched_anew_after_an_hour(verify: Verify, server: Server) -> None:
    await verify(sign())
    late = timedelta(hours=1)
    await verify(sign(iat=SECONDS + 3600, exp=SECONDS + 3900), now=late)
    assert len(server.requests) == 2


async def test_without_a_key_id_every_fitting_key_is_tried(verify: Verify, server: Server) -> None:
    server.answer("/jwks", published((P384, None), (OTHER_RSA, "a"), (RSA, "b")))
    assert await verify(sign(kid=None))


async def test_a_key_is_used_for_its_own_algorithm_and_use_only(verify: Verify, server: Server) -> None:
    server.answer("/jwks", published((RSA, "k1"), alg="RS512"))
    await refused(verify, sign(), Reason.ID_TOKEN_UNKNOWN_KEY)
    server.answer("/jwks", published((RSA, "k1"), use="enc"))
    await refused(verify, sign(), Reason.ID_TOKEN_UNKNOWN_KEY, now=timedelta(minutes=1))
    server.answer("/jwks", published((P384, "k1")))
    await refused(verify, sign(), Reason.ID_TOKEN_UNKNOWN_KEY, now=timedelta(minutes=2))


@pytest.mark.parametrize(("body", "status"), [("", 500), ("", 404), ("", 302)])
async def test_keys_that_cannot_be_read_are_a_retryable_error(
    verify: Verify, server: Server, body: str, status: int
) -> None:
    server.answer("/jwks", body, status)
    with pytest.raises(IdTokenError) as caught:
        await verify(sign())
    assert (caught.value.reason, caught.value.retryable) == (Reason.SERVER_KEYS_UNREACHABLE, True)


def test_broken_small_and_foreign_keys_in_a_set_are_left_out() -> None:
    good = RSA.as_dict(private=False)
    broken: list[object] = [
        7,
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "RSA", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "n": good["n"]},
        {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": ["RSA"]},
    ]
    usable = read_key_set({"keys": [*broken, dict(good) | {"kid": 7, "x5c": ["junk"]}]})
    assert [key.kid for key in usable] == [None]
    assert read_key_set({"keys": "none"}) == ()


def test_keys_are_never_fetched_from_an_unlisted_host(client: httpx2.AsyncClient) -> None:
    with pytest.raises(IdTokenError) as caught:
        ServerKeys(client, "https://evil.example.org/jwks", POLICY)
    assert caught.value.reason is Reason.ENDPOINT_NOT_ALLOWED
