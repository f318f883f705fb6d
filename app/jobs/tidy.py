"""End what is over: launches nobody uses any more, attempts nobody can answer, keys nothing needs."""

from __future__ import annotations

import asyncio

import structlog

from app.errors import LtotError
from app.jobs.service import Service, in_thread
from app.jobs.tokens import end_launch
from app.store.tenants import Tenant

EVERY_SECONDS = 60.0
BATCH = 100
"""How many launches are read at a time: after an outage any number may be over at once."""
log = structlog.get_logger()


async def tidy(service: Service) -> int:
    """One round over all tenants; returns how many launches were ended, their tokens revoked and forgotten.

    Several processes may do this at once: each launch is ended by one of them.  Raises LtotError LT-605.
    """
    tenants = await in_thread(service.tenants.all)
    return sum([await _tidy_tenant(service, tenant) for tenant in tenants])


async def _tidy_tenant(service: Service, tenant: Tenant) -> int:
    now, ended = service.now(), 0
    while overdue := await in_thread(service.sessions.overdue, tenant.id, now, limit=BATCH):
        for launch in overdue:
            await end_launch(service, tenant, launch, "overdue")
        ended += len(overdue)
    await in_thread(service.attempts.remove_expired, tenant.id, now)
    await in_thread(service.signing_keys(tenant.id).remove_passive, now)
    return ended


async def keep_tidy(service: Service) -> None:
    """Tidy again and again until cancelled; a database that is away is tried again in the next round."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await tidy(service)
        except LtotError as error:
            log.warning("tidy_failed", code=error.entry.code)
