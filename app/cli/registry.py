"""`ltot registry`: what runs over whole exports found, loaded, listed, counted and written as files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.options import operator
from app.errors import LtotError

if TYPE_CHECKING:
    from app.jobs.registry import Listing
    from app.jobs.tenants import SetUp

registry_cli = typer.Typer(help="The clinic's list of people on opioids.", no_args_is_help=True)

TenantOption = Annotated[str | None, typer.Option("--tenant", help="needed where there are several tenants")]
RunOption = Annotated[str | None, typer.Option("--run", help="id of a run; the newest by default")]
Ltot = Annotated[str | None, typer.Option("--ltot", metavar="yes|no|cannot_tell")]
MmeBand = Annotated[str | None, typer.Option("--mme", metavar="0|1-49|50-89|90+|unknown", help="MME a day")]
GapOption = Annotated[str | None, typer.Option("--gap", help="a care gap that is open, such as G13")]
GapStatus = Annotated[
    str | None, typer.Option("--status", help="of the gap: overdue, due_soon, unknown, met ...")
]
Prescriber = Annotated[str | None, typer.Option("--prescriber", help="as the list shows the prescriber")]


@registry_cli.command("load")
def registry_load(
    folder: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="written by `ltot population evaluate`")],
    tenant: TenantOption = None,
) -> None:
    """Load a run, whole or not at all; loading it again changes nothing."""
    from app.jobs.registry import load_run
    from app.store.registry import Registry

    with _opened(tenant) as (set_up, tenant_id):
        run, loaded = load_run(Registry(set_up.store, tenant_id), folder, datetime.now(UTC))
    print(f"{run.id}  {run.as_of}  {run.status}  {'loaded' if loaded else 'was loaded before'}")


@registry_cli.command("list")
def registry_list(
    tenant: TenantOption = None,
    run: RunOption = None,
    ltot: Ltot = None,
    mme: MmeBand = None,
    gap: GapOption = None,
    status: GapStatus = None,
    prescriber: Prescriber = None,
) -> None:
    """List patients, most overdue care gaps first.  What the list is and its columns' names go to stderr."""
    from app.jobs.registry import COLUMNS, as_line

    asked = {"ltot": ltot, "mme": mme, "gap": gap, "status": status, "prescriber": prescriber}
    found = _listed("registry.list", tenant, run, asked)
    print(_what(found), file=sys.stderr)
    print("\t".join(COLUMNS), file=sys.stderr)
    for entry in found.entries:
        print(as_line(entry))


@registry_cli.command("export")
def registry_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="ends in .csv, .xlsx or .parquet")],
    tenant: TenantOption = None,
    run: RunOption = None,
    ltot: Ltot = None,
    mme: MmeBand = None,
    gap: GapOption = None,
    status: GapStatus = None,
    prescriber: Prescriber = None,
) -> None:
    """Write a list as a file."""
    from app.jobs.registry_files import write_list

    asked = {"ltot": ltot, "mme": mme, "gap": gap, "status": status, "prescriber": prescriber}
    found = _listed("registry.export", tenant, run, asked)
    write_list(file, found.run, found.entries)
    print(_what(found))


@registry_cli.command("measures")
def registry_measures(tenant: TenantOption = None, run: RunOption = None) -> None:
    """Count a run: measure, value, count.  Counts from 1 to 10 are withheld."""
    from app.jobs.registry import measures, run_of
    from app.store.registry import Registry

    with _opened(tenant) as (set_up, tenant_id):
        registry = Registry(set_up.store, tenant_id)
        counted = measures(registry, run_of(registry, run))
    for row in counted:
        print("\t".join(row))


def _what(found: Listing) -> str:
    from app.clinical.words import counted

    run = found.run
    return f"{counted(len(found.entries), 'patient')} of run {run.id}, as of {run.as_of}, {run.status}"


@contextmanager
def _opened(tenant: str | None) -> Iterator[tuple[SetUp, str]]:
    """The set-up, and the tenant asked for or the only one.  Raises LT-601 and LT-607."""
    from app.jobs.tenants import SetUp

    with SetUp.opened(os.environ) as set_up:
        known = [one.id for one in set_up.tenants.all()]
        if tenant is None and len(known) != 1:
            raise LtotError("LT-601", f"tenant: write --tenant with one of {', '.join(known) or 'none yet'}.")
        if tenant is not None and tenant not in known:
            raise LtotError("LT-607", f"It was {tenant}.")
        yield set_up, tenant or known[0]


def _listed(action: str, tenant: str | None, run: str | None, asked: dict[str, str | None]) -> Listing:
    """Whom a run found, as asked for; the access log has it first under `action`."""
    from app.jobs.registry import filters_of, list_patients

    filters = filters_of(**asked)
    with _opened(tenant) as (set_up, tenant_id):
        return list_patients(
            set_up.store,
            tenant_id,
            run,
            filters,
            action=action,
            actor=operator(),
            now=datetime.now(UTC),
        )


def add_to(cli: typer.Typer) -> None:
    cli.add_typer(registry_cli, name="registry")
