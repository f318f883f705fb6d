"""Examine a tenant in stages, from this machine outwards; every finding names its fix."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from app.jobs.doctor.access import examine_access
from app.jobs.doctor.findings import Finding, Result, as_lines
from app.jobs.doctor.here import examine_here
from app.jobs.doctor.keys import examine_key_set
from app.jobs.doctor.server import examine_server
from app.jobs.doctor.subject import Subject
from app.jobs.service import client_of
from app.jobs.tenants import SetUp
from app.store.tenants import Tenant

__all__ = ["Finding", "Result", "Subject", "as_lines", "examine", "examine_from_environment"]


async def examine(subject: Subject) -> list[Finding]:
    """All findings, in the order of the stages.  Raises nothing the network or the EHR can cause."""
    findings = list(examine_here(subject))
    findings += await examine_server(subject)
    findings.append(await examine_key_set(subject))
    findings += await examine_access(subject)
    return findings


def examine_from_environment(
    environment: Mapping[str, str], tenant_id: str, *, patient: str | None = None
) -> list[Finding]:
    """The findings for one tenant of the settings in `environment`.  Raises LT-601, LT-602, LT-605, LT-607."""
    with SetUp.opened(environment) as set_up:
        tenant = set_up.tenants.get(tenant_id)
        return asyncio.run(_examine(set_up, tenant, patient))


async def _examine(set_up: SetUp, tenant: Tenant, patient: str | None) -> list[Finding]:
    async with client_of(set_up.settings) as http:
        return await examine(Subject(set_up, tenant, http, datetime.now(UTC), patient))
