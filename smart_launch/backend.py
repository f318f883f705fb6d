"""Backend Services: access without a user, for population exports.

Source: SMART App Launch 2.2, "Backend Services".
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx2

from smart_launch.client_auth import Registration
from smart_launch.discovery import SmartConfiguration
from smart_launch.scopes import ScopeComparison, compare_scopes
from smart_launch.secret import Secret
from smart_launch.tokens import read_token_response, request_token

RENEWAL_MARGIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class BackendToken:
    """A system token. ``comparison`` names what was asked and not granted: those types will be missing."""

    access_token: Secret
    expires_at: datetime
    scopes: tuple[str, ...]
    comparison: ScopeComparison


async def request_backend_token(
    client: httpx2.AsyncClient,
    configuration: SmartConfiguration,
    registration: Registration,
    scopes: tuple[str, ...],
    now: datetime,
) -> BackendToken:
    """A token by the client_credentials grant. Raises TokenError (SCOPE_REFUSED: ask for fewer types)."""
    form = {"grant_type": "client_credentials", "scope": " ".join(scopes)}
    answer = await request_token(client, configuration, registration, form, now)
    token = read_token_response(answer, now)
    return BackendToken(
        token.access_token, token.expires_at, token.scopes, compare_scopes(scopes, token.scopes)
    )


class BackendTokens:
    """Keeps one token fresh for a long job: renewed before it expires, or on demand after a 401."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        configuration: SmartConfiguration,
        registration: Registration,
        scopes: tuple[str, ...],
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._configuration = configuration
        self._registration = registration
        self._scopes = scopes
        self._clock = clock
        self._token: BackendToken | None = None
        self._lock = asyncio.Lock()

    async def current(self) -> BackendToken:
        """A token good for at least 30 s more (or as long as the server allows). Raises TokenError."""
        async with self._lock:
            if self._token is None or self._clock() >= self._token.expires_at - RENEWAL_MARGIN:
                self._token = await self._request()
            return self._token

    async def replace(self, refused: BackendToken) -> BackendToken:
        """A token other than the one a server just refused; parallel callers share one renewal."""
        async with self._lock:
            if self._token is None or self._token is refused:
                self._token = await self._request()
            return self._token

    async def _request(self) -> BackendToken:
        return await request_backend_token(
            self._client, self._configuration, self._registration, self._scopes, self._clock()
        )
