"""Exports of a tenant's population: started, gone on with and dropped with its backend client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from app.ehr.backend import BackendTokenProvider
from app.ehr.bulk import ExportConfig, ExportResult, ExportStatus, Level, cancel, resume, run_export, status
from app.ehr.bulk.job_state import StateError, load
from app.ehr.vendors import system_scopes
from app.errors import LtotError, from_smart
from app.jobs.service import Service, in_thread
from app.store.audit import AuditEvent
from app.store.tenants import Tenant
from smart_launch.backend import BackendTokens
from smart_launch.errors import SmartError

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export.  group: the Group's id; None for all patients.  since: a FHIR instant.  crawl: patient by
    patient, where the EHR allows no export."""

    folder: Path
    group: str | None = None
    types: tuple[str, ...] = ()
    since: str | None = None
    crawl: bool = False


async def start_export(
    service: Service, tenant: Tenant, wanted: Wanted, actor: str, progress: Progress
) -> ExportResult:
    """Export into a new folder and stay until it is complete or cannot go on.

    Raises LtotError: LT-601 naming what does not fit, LT-510 for the folder, LT-1xx when there is no token, LT-606
    when the access cannot be recorded; then nothing is asked for.
    """
    level = Level.GROUP if wanted.group and not wanted.crawl else Level.PATIENT
    try:
        config = ExportConfig(
            base_url=tenant.issuer,
            folder=wanted.folder,
            level=level,
            group=wanted.group,
            types=wanted.types,
            since=wanted.since,
            crawl=wanted.crawl,
            vendor=tenant.vendor,
            client_id=tenant.backend_client_id or "",
        )
    except ValueError as error:
        raise LtotError("LT-601", str(error)) from None
    async with _backend(service, tenant, "export.start", actor) as tokens:
        return await run_export(
            config, http=service.http, token_provider=tokens, clock=service.now, progress=progress
        )


async def resume_export(
    service: Service, tenant: Tenant, folder: Path, actor: str, progress: Progress
) -> ExportResult:
    """Go on with the export in `folder`, wherever it ended.  Raises like `start_export`."""
    export_status(tenant, folder)
    async with _backend(service, tenant, "export.resume", actor) as tokens:
        return await resume(
            folder, http=service.http, token_provider=tokens, clock=service.now, progress=progress
        )


async def cancel_export(service: Service, tenant: Tenant, folder: Path, actor: str) -> ExportResult:
    """Tell the EHR to drop the export; files already here stay.  Raises like `start_export`."""
    export_status(tenant, folder)
    async with _backend(service, tenant, "export.cancel", actor) as tokens:
        return await cancel(folder, http=service.http, token_provider=tokens, clock=service.now)


def export_status(tenant: Tenant, folder: Path) -> ExportStatus:
    """Where the export in `folder` stands, from disk alone.  Raises LT-510, also for another tenant's export."""
    try:
        belongs_to = load(folder).config.get("base_url")
        found = status(folder)
    except StateError as error:
        raise LtotError("LT-510", str(error)) from None
    if belongs_to != tenant.issuer:
        raise LtotError("LT-510", f"It was exported from another EHR than that of {tenant.id}.")
    return found


@asynccontextmanager
async def _backend(
    service: Service, tenant: Tenant, action: str, actor: str
) -> AsyncIterator[BackendTokenProvider]:
    if not tenant.backend_client_id:
        raise LtotError("LT-601", f"{tenant.id} has no backend client: give --backend-client-id to it.")
    registered = replace(service.registration_of(tenant), client_id=tenant.backend_client_id)
    event = AuditEvent(tenant.id, action, "asked", actor=actor)
    await in_thread(service.audit.append, event, service.now())
    scopes = system_scopes(service.profile_of(tenant), tenant.scope_style)
    try:
        configuration = await service.configuration_of(tenant)
        yield BackendTokenProvider(
            BackendTokens(service.http, configuration, registered, scopes, service.now)
        )
    except SmartError as error:
        raise from_smart(error) from None
    except StateError as error:
        raise LtotError("LT-510", str(error)) from None
