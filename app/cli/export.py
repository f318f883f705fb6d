"""`ltot export`: a tenant's population into a folder of verified files."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.options import operator
from app.errors import LtotError

if TYPE_CHECKING:
    from app.ehr.bulk import ExportResult
    from app.jobs.service import Service
    from app.store.tenants import Tenant

export_cli = typer.Typer(
    help="Bulk Data export: complete and verified, or what is missing.", no_args_is_help=True
)

TenantId = Annotated[str, typer.Argument(metavar="TENANT", help="whose EHR")]
Folder = Annotated[Path, typer.Option("--out", metavar="DIR", help="the export's folder")]


@export_cli.command("start")
def export_start(
    tenant: TenantId,
    out: Folder,
    group: Annotated[
        str | None, typer.Option(metavar="ID", help="the Group to export; all patients when left out")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="only what changed after it, such as 2026-01-31T00:00:00Z"),
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="a resource type; repeat for more")
    ] = None,
    crawl: Annotated[
        bool, typer.Option("--crawl", help="search patient by patient, where the EHR allows no export")
    ] = False,
) -> None:
    """Start an export into a new folder and stay until it ends.  Exit code 3: it is not complete."""
    from app.jobs.export import Wanted, start_export

    wanted = Wanted(out, group, tuple(kind or ()), since, crawl)
    _run(tenant, lambda service, found: start_export(service, found, wanted, operator(), _say))


@export_cli.command("resume")
def export_resume(tenant: TenantId, out: Folder) -> None:
    """Go on with an export, wherever it ended; nothing that was verified is fetched again."""
    from app.jobs.export import resume_export

    _run(tenant, lambda service, found: resume_export(service, found, out, operator(), _say))


@export_cli.command("cancel")
def export_cancel(tenant: TenantId, out: Folder) -> None:
    """Tell the EHR to drop an export; files already here stay."""
    from app.jobs.export import cancel_export

    _run(tenant, lambda service, found: cancel_export(service, found, out, operator()))


@export_cli.command("status")
def export_status_verb(tenant: TenantId, out: Folder) -> None:
    """Say where an export stands, from its folder alone."""
    from app.jobs.export import export_status
    from app.jobs.tenants import SetUp

    with SetUp.opened(os.environ) as set_up:
        found = export_status(set_up.tenants.get(tenant), out)
    print(f"{found.stage}: {found.done} of {found.total} done, {found.resources} resources")
    if found.problem:
        print(found.problem)


def _run(tenant_id: str, work: Callable[[Service, Tenant], Awaitable[ExportResult]]) -> None:
    from app.jobs.service import Service
    from app.jobs.tenants import SetUp

    async def run(settings: SetUp) -> ExportResult:
        service = Service.of(settings.settings)
        try:
            return await work(service, settings.tenants.get(tenant_id))
        finally:
            await service.close()

    with SetUp.opened(os.environ) as set_up:
        result = asyncio.run(run(set_up))
    for line in (*result.warnings, *(f"missing: {text}" for text in result.missing)):
        _say(line)
    print(result.sentence)
    if result.exit_code:
        raise LtotError("LT-506")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def add_to(cli: typer.Typer) -> None:
    cli.add_typer(export_cli, name="export")
