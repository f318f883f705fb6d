"""Each token request proves who we are in the way the registration says, and only in that way."""

import base64

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from smart_launch.client_auth import (
    ASSERTION_TYPE,
    ClientAuth,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    PublicClient,
    Registration,
    client_assertion,
)
from smart_launch.keys import SigningKey, public_jwk
from smart_launch.secret import Secret
from smart_launch.tokens import exchange_code
from tests.smart_launch.conftest import CLIENT_ID, GRANT, NOW, TOKEN_URL, Server, configured


async def exchange(client: httpx2.AsyncClient, server: Server, auth: ClientAuth) -> httpx2.Request:
    server.answer("/token", GRANT)
    await exchange_code(
        client,
        configured(),
        Registration(CLIENT_ID, auth),
        code=Secret("code-1"),
        verifier=Secret("verifier-1"),
        redirect_uri="https://ltot.example.org/callback",
        now=NOW,
    )
    return server.requests[-1]


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
async def test_private_key_jwt_signs_a_short_lived_assertion_for_this_endpoint(
    client: httpx2.AsyncClient, server: Server, rsa_key: SigningKey, ec_key: SigningKey, algorithm: str
) -> None:
    key = rsa_key if algorithm == "RS384" else ec_key
    request = await exchange(client, server, PrivateKeyJwt(key))
    form = server.form
    assert form["client_assertion_type"] == ASSERTION_TYPE
    assert "client_id" not in form
    assert "authorization" not in request.headers
    public = (RSAKey if algorithm == "RS384" else ECKey).import_key(public_jwk(key))
    token = jwt.decode(form["client_assertion"], public, algorithms=[algorithm])
    assert token.header == {"typ": "JWT", "alg": algorithm, "kid": key.kid}
    assert token.claims["iss"] == token.claims["sub"] == CLIENT_ID
    assert token.claims["aud"] == TOKEN_URL
    assert token.claims["iat"] == int(NOW.timestamp())
    assert 0 < token.claims["exp"] - NOW.timestamp() <= 300
    assert "nbf" not in token.claims


def test_every_assertion_has_its_own_id(ec_key: SigningKey) -> None:
    ids = set()
    for _ in range(50):
        assertion = client_assertion("c", TOKEN_URL, ec_key, NOW)
        jti = jwt.decode(assertion.reveal(), ec_key.jose_key(), algorithms=["ES384"]).claims["jti"]
        assert 22 <= len(jti) <= 151
        ids.add(jti)
    assert len(ids) == 50


async def test_basic_encodes_both_parts_and_sends_no_secret_in_the_form(
    client: httpx2.AsyncClient, server: Server
) -> None:
    request = await exchange(client, server, ClientSecretBasic(Secret("s:e/c+r=t ü")))
    scheme, _, value = request.headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(value).decode() == "ltot+client%3A1:s%3Ae%2Fc%2Br%3Dt+%C3%BC"
    assert not {"client_id", "client_secret", "client_assertion"} & set(server.form)


async def test_post_sends_id_and_secret_in_the_form(client: httpx2.AsyncClient, server: Server) -> None:
    request = await exchange(client, server, ClientSecretPost(Secret("s3cret")))
    assert (server.form["client_id"], server.form["client_secret"]) == (CLIENT_ID, "s3cret")
    assert "authorization" not in request.headers


async def test_a_public_client_sends_its_id_only(client: httpx2.AsyncClient, server: Server) -> None:
    request = await exchange(client, server, PublicClient())
    assert server.form == {
        "grant_type": "authorization_code",
        "code": "code-1",
        "redirect_uri": "https://ltot.example.org/callback",
        "code_verifier": "verifier-1",
        "client_id": CLIENT_ID,
    }
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in request.headers


def test_no_way_of_authentication_shows_its_secret(ec_key: SigningKey) -> None:
    assert "s3cret" not in repr(Registration("c", ClientSecretBasic(Secret("s3cret"))))
    private = ec_key.private_jwk.reveal()
    shown = repr(Registration("c", PrivateKeyJwt(ec_key)))
    assert private.split('"d": "')[1].split('"')[0] not in shown
