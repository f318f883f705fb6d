"""The public keys a server signs id_tokens with, cached, and fetched again when an unknown one appears."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import httpx2
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from smart_launch.endpoints import EndpointPolicy, UnreachableError, get_json, require_allowed
from smart_launch.errors import IdTokenError, Reason

MAX_AGE = timedelta(hours=1)
MIN_REFETCH_INTERVAL = timedelta(seconds=30)
MAX_KEYS = 100
_MEMBERS = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}


@dataclass(frozen=True, slots=True)
class ServerKey:
    """One public key, rebuilt from its bare members: certificates and addresses inside a JWK are ignored."""

    kid: str | None
    algorithm: str | None
    jose: RSAKey | ECKey


class ServerKeys:
    """The key set at one address. One instance per server, shared by all launches from it.

    Keys are kept for an hour. A refetch for an unknown key happens at most once in 30 s, so that forged
    tokens cannot make this service hammer the server.
    """

    def __init__(self, client: httpx2.AsyncClient, url: str, policy: EndpointPolicy) -> None:
        require_allowed(policy, url, "jwks_uri", IdTokenError)
        self._client = client
        self._url = url
        self._keys: tuple[ServerKey, ...] = ()
        self._fetched_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def current(self, now: datetime) -> tuple[ServerKey, ...]:
        """The cached keys, fetched when there are none or they are too old. Raises IdTokenError."""
        async with self._lock:
            if self._fetched_at is None or not timedelta(0) <= now - self._fetched_at < MAX_AGE:
                await self._fetch(now)
            return self._keys

    async def refreshed(self, now: datetime) -> tuple[ServerKey, ...] | None:
        """The keys fetched anew; None when they were fetched a moment ago. Raises IdTokenError."""
        async with self._lock:
            if self._fetched_at is not None and now - self._fetched_at < MIN_REFETCH_INTERVAL:
                return None
            await self._fetch(now)
            return self._keys

    async def _fetch(self, now: datetime) -> None:
        try:
            answer = await get_json(self._client, self._url)
        except UnreachableError as failure:
            raise _unreachable(str(failure)) from None
        if answer.status != 200:
            raise _unreachable(f"it answered with status {answer.status}")
        self._keys = read_key_set(answer.members)
        self._fetched_at = now


def read_key_set(members: Mapping[str, object]) -> tuple[ServerKey, ...]:
    """The usable signing keys of a JWKS; keys of other kinds or uses, and broken ones, are left out."""
    keys = members.get("keys")
    if not isinstance(keys, list):
        return ()
    found = [_read_key(item) for item in cast("list[object]", keys)[:MAX_KEYS]]
    return tuple(key for key in found if key is not None)


def _read_key(item: object) -> ServerKey | None:
    if not isinstance(item, dict):
        return None
    members = cast("dict[str, object]", item)
    kind = members.get("kty")
    if not isinstance(kind, str) or kind not in _MEMBERS or members.get("use", "sig") != "sig":
        return None
    bare = {name: members[name] for name in _MEMBERS[kind] if isinstance(members.get(name), str)}
    kid, algorithm = members.get("kid"), members.get("alg")
    importer = RSAKey if kind == "RSA" else ECKey
    try:
        jose = importer.import_key(cast("dict[str, str | list[str]]", bare))
        if isinstance(jose, RSAKey) and jose.public_key.key_size < 2048:
            return None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return ServerKey(
        kid if isinstance(kid, str) else None, algorithm if isinstance(algorithm, str) else None, jose
    )


def _unreachable(why: str) -> IdTokenError:
    return IdTokenError(
        Reason.SERVER_KEYS_UNREACHABLE, f"The EHR's signing keys cannot be read: {why}.", retryable=True
    )
