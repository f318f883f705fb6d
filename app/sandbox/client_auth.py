"""Token-endpoint client authentication: public, Basic, post, and signed assertions (SMART, RFC 7523)."""

import base64
import binascii
import hmac
import http.client
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import anyio.to_thread
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.sandbox.config import SandboxClient
from app.sandbox.grants import OAuthError

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_ASSERTION_LIFETIME = 300
MAX_JTI = 151
FetchJwks = Callable[[str], Awaitable[Mapping[str, Any]]]


async def fetch_jwks(url: str) -> Mapping[str, Any]:
    """Read a registered JWKS URL; redirects are not followed."""
    return await anyio.to_thread.run_sync(_get_json, url)


def _get_json(url: str) -> Mapping[str, Any]:
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request(
            "GET", f"{parts.path}?{parts.query}".rstrip("?"), headers={"Accept": "application/json"}
        )
        with connection.getresponse() as answer:
            if answer.status != 200:
                raise OAuthError("invalid_client", f"JWKS URL answered {answer.status}", 401)
            return json.loads(answer.read(1_000_000))
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise OAuthError("invalid_client", "JWKS URL could not be read", 401) from error
    finally:
        connection.close()


class ClientAuthenticator:
    """Decides which registered client sent a token request. `clock` gives epoch seconds."""

    def __init__(
        self,
        clients: Mapping[str, SandboxClient],
        *,
        audience: str,
        algorithms: tuple[str, ...],
        clock: Callable[[], float],
        fetch: FetchJwks = fetch_jwks,
    ) -> None:
        self._clients = clients
        self._audience = audience
        self._algorithms = algorithms
        self._clock = clock
        self._fetch = fetch
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._seen_jti: dict[tuple[str, str], float] = {}

    async def authenticate(self, authorization: str | None, form: Mapping[str, str]) -> SandboxClient:
        """The client behind a request, or `invalid_client`. Only the one registered method may be used."""
        used = [
            name
            for name, present in (
                ("client_secret_basic", authorization is not None),
                ("client_secret_post", "client_secret" in form),
                ("private_key_jwt", "client_assertion" in form or "client_assertion_type" in form),
            )
            if present
        ]
        if len(used) > 1:
            raise OAuthError("invalid_request", "more than one client authentication method was used")
        method = used[0] if used else "public"
        client_id, secret = self._claimed(method, authorization, form)
        client = self._clients.get(client_id)
        if client is None:
            raise OAuthError("invalid_client", "client is not registered", 401)
        if client.auth != method:
            raise OAuthError("invalid_client", f"client is registered for {client.auth}", 401)
        if method == "private_key_jwt":
            await self._check_assertion(client, form)
        elif method != "public" and not hmac.compare_digest(
            secret.encode(), (client.secret or "").encode() or b"\0"
        ):
            raise OAuthError("invalid_client", "client secret is wrong", 401)
        if form.get("client_id", client_id) != client_id:
            raise OAuthError("invalid_client", "client_id differs from the authenticated client", 401)
        return client

    def _claimed(self, method: str, authorization: str | None, form: Mapping[str, str]) -> tuple[str, str]:
        if method == "client_secret_basic":
            return _basic(authorization or "")
        if method == "private_key_jwt":
            return _unverified_issuer(form.get("client_assertion", "")), ""
        return form.get("client_id", ""), form.get("client_secret", "")

    async def _check_assertion(self, client: SandboxClient, form: Mapping[str, str]) -> None:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise OAuthError("invalid_client", f"client_assertion_type must be {ASSERTION_TYPE}", 401)
        token = form.get("client_assertion", "")
        header = jws.extract_compact(token.encode()).headers()
        self._check_header(client, header)
        keys = await self._key_set(client, header["kid"])
        try:
            claims = jwt.decode(token, keys, algorithms=list(self._algorithms)).claims
        except (JoseError, ValueError) as error:
            raise OAuthError("invalid_client", "assertion signature does not verify", 401) from error
        self._check_claims(client, claims)

    def _check_header(self, client: SandboxClient, header: Mapping[str, Any]) -> None:
        if header.get("alg") not in self._algorithms:
            raise OAuthError("invalid_client", f"assertion alg must be one of {self._algorithms}", 401)
        if header.get("typ") != "JWT":
            raise OAuthError("invalid_client", "assertion typ must be JWT", 401)
        if not isinstance(header.get("kid"), str):
            raise OAuthError("invalid_client", "assertion kid is missing", 401)
        if "jku" in header and header["jku"] != client.jwks_url:
            raise OAuthError("invalid_client", "assertion jku is not the registered JWKS URL", 401)

    async def _key_set(self, client: SandboxClient, kid: str) -> KeySet:
        published: Mapping[str, Any] = client.jwks or self._keys.get(client.client_id, {"keys": []})
        matching = [key for key in published["keys"] if key.get("kid") == kid]
        if not matching and client.jwks_url and not client.jwks:
            published = self._keys[client.client_id] = await self._fetch(client.jwks_url)
            matching = [key for key in published["keys"] if key.get("kid") == kid]
        if len(matching) != 1:
            raise OAuthError("invalid_client", "no single key with this kid in the client's JWKS", 401)
        if {"d", "p", "q"} & matching[0].keys():
            raise OAuthError("invalid_client", "the client's JWKS publishes a private key", 401)
        return KeySet.import_key_set({"keys": matching})  # type: ignore[arg-type]

    def _check_claims(self, client: SandboxClient, claims: Mapping[str, Any]) -> None:
        now = self._clock()
        if not claims.get("iss") == claims.get("sub") == client.client_id:
            raise OAuthError("invalid_client", "assertion iss and sub must both be the client_id", 401)
        if claims.get("aud") not in (self._audience, [self._audience]):
            raise OAuthError("invalid_client", f"assertion aud must be {self._audience}", 401)
        expires = claims.get("exp")
        if not isinstance(expires, int | float) or expires <= now:
            raise OAuthError("invalid_client", "assertion exp is missing or past", 401)
        if expires > now + MAX_ASSERTION_LIFETIME:
            raise OAuthError("invalid_client", "assertion exp is more than 5 minutes ahead", 401)
        if any(
            isinstance(claims.get(name), int | float) and claims[name] > now + 5 for name in ("iat", "nbf")
        ):
            raise OAuthError("invalid_client", "assertion iat or nbf is in the future", 401)
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI:
            raise OAuthError("invalid_client", "assertion jti is missing or too long", 401)
        self._seen_jti = {key: until for key, until in self._seen_jti.items() if until > now}
        if (client.client_id, jti) in self._seen_jti:
            raise OAuthError("invalid_client", "assertion jti was used before", 401)
        self._seen_jti[client.client_id, jti] = float(expires)


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, value = authorization.partition(" ")
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise OAuthError("invalid_client", "Authorization header is not Basic", 401) from error
    if scheme.lower() != "basic":
        raise OAuthError("invalid_client", "Authorization header is not Basic", 401)
    return unquote_plus(client_id), unquote_plus(secret)


def _unverified_issuer(token: str) -> str:
    try:
        payload = jws.extract_compact(token.encode()).payload
        issuer = json.loads(payload).get("iss")
    except (JoseError, ValueError, AttributeError) as error:
        raise OAuthError("invalid_client", "client_assertion is not a signed JWT", 401) from error
    return issuer if isinstance(issuer, str) else ""
