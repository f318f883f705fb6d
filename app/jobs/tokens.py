"""The access token of a launch, refreshed by one process at a time and stored before it is used."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from app.errors import LtotError, from_smart
from app.jobs.service import Service, in_thread
from app.store.launch import Launch
from app.store.tenants import Tenant
from smart_launch.errors import SmartError
from smart_launch.secret import Secret
from smart_launch.tokens import refresh, revoke

REFRESH_BEFORE_END = timedelta(seconds=45)
_WAIT = 0.2
_PATIENCE = 40


class LaunchTokens:
    """Gives the FHIR client a token that is still good; one instance serves one pull."""

    def __init__(self, service: Service, tenant: Tenant, launch: Launch, cookie: str) -> None:
        self._service, self._tenant, self._launch, self._cookie = service, tenant, launch, cookie
        self._lock = asyncio.Lock()

    async def __call__(self, *, rejected: str | None = None) -> str:
        """The token's value.  `rejected`: a value the EHR answered 401 to, so that it is renewed.

        Raises LtotError LT-203 when there is nothing to renew it with.
        """
        async with self._lock:
            tokens = self._launch.tokens
            value = tokens.access_token.reveal()
            fresh = self._service.now() < tokens.expires_at - REFRESH_BEFORE_END
            if (fresh and value != rejected) or (tokens.refresh_token is None and rejected is None):
                return value
            if tokens.refresh_token is None:
                raise LtotError("LT-203")
            self._launch = await self._renewed(tokens.refresh_token, rejected=rejected is not None)
            return self._launch.tokens.access_token.reveal()

    async def _renewed(self, refresh_token: Secret, *, rejected: bool) -> Launch:
        service, launch = self._service, self._launch
        claim = await in_thread(service.sessions.claim_refresh, launch, service.now())
        if claim is None:
            return await self._renewed_elsewhere()
        try:
            configuration = await service.configuration_of(self._tenant)
            registration = await in_thread(service.registration_of, self._tenant)
            response = await refresh(
                service.http,
                configuration,
                registration,
                refresh_token=refresh_token,
                granted=launch.scopes,
                patient=launch.patient,
                now=service.now(),
            )
        except SmartError as error:
            await in_thread(service.sessions.release_refresh, claim)
            if error.retryable and not rejected and service.now() < launch.tokens.expires_at:
                # It is renewed early, so what is at hand may do until the EHR answers again.
                return launch
            if error.retryable:
                raise LtotError("LT-201", error.safe_text) from None
            raise from_smart(error) from None
        return await in_thread(service.sessions.save_rotated_tokens, claim, response, service.now())

    async def _renewed_elsewhere(self) -> Launch:
        """Another process refreshes right now: wait for what it stores."""
        for _ in range(_PATIENCE):
            await asyncio.sleep(_WAIT)
            launch = await in_thread(
                self._service.sessions.load, self._launch.id, self._cookie, self._service.now()
            )
            if launch.token_version != self._launch.token_version:
                return launch
        raise LtotError("LT-203")


async def end_launch(service: Service, tenant: Tenant, launch: Launch, reason: str) -> None:
    """End a launch here and, where the EHR offers it, revoke its tokens there."""
    ended = await in_thread(service.sessions.end, launch, reason, service.now())
    if not ended:
        return
    try:
        configuration = await service.configuration_of(tenant)
        registration = await in_thread(service.registration_of, tenant)
        tokens = {"refresh_token": launch.tokens.refresh_token, "access_token": launch.tokens.access_token}
        for hint, token in tokens.items():
            if token is not None:
                await revoke(
                    service.http, configuration, registration, token=token, hint=hint, now=service.now()
                )
    except (SmartError, LtotError):
        # Revocation is a courtesy to the EHR; the tokens are already forgotten here.
        return
