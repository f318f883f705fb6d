"""Backend Services tokens in the shape the FHIR and export clients ask for."""

from __future__ import annotations

from smart_launch.backend import BackendTokens


class BackendTokenProvider:
    """Gives the backend client's token and replaces one the EHR refused.  Raises TokenError."""

    def __init__(self, tokens: BackendTokens) -> None:
        self._tokens = tokens

    async def __call__(self, *, rejected: str | None = None) -> str:
        token = await self._tokens.current()
        if rejected is not None and token.access_token.matches(rejected):
            token = await self._tokens.replace(token)
        return token.access_token.reveal()
