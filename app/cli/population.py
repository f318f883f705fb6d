"""`ltot population`: a whole export at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC as UNIVERSAL
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.options import UTC, AsOf, PolicyFile, SiteCodes, Snomed, SnomedCodes, Zone, operator

if TYPE_CHECKING:
    from app.population.keep import Recorded

population_cli = typer.Typer(help="Whole exports: everyone with an opioid.", no_args_is_help=True)


@population_cli.command("evaluate")
def population_evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="one export, or a folder of exports")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="where the tables go")],
    as_of: AsOf,
    engine: Annotated[str, typer.Option(metavar="embedded|spark", help="what does the work")] = "embedded",
    policy: PolicyFile = None,
    site_codes: SiteCodes = None,
    snomed: SnomedCodes = Snomed.ON,
    time_zone: Zone = UTC,
    tenant: Annotated[
        str | None, typer.Option(metavar="ID", help="count what was recorded in this tenant's visits as well")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="processes of the embedded engine; all processors by default")
    ] = None,
) -> None:
    """Evaluate an export: tables, quarantine and a record of the run.  Exit code 1: too much was unusable."""
    from app.jobs.evaluate_population import EngineName, Request, evaluate_population, summary

    if engine not in {name.value for name in EngineName}:
        raise typer.BadParameter("write embedded or spark", param_hint="--engine")
    with _recorded(tenant, as_of) as recorded:
        record = evaluate_population(
            Request(
                folder,
                out,
                as_of,
                EngineName(engine),
                policy,
                site_codes,
                time_zone,
                workers,
                snomed=snomed is Snomed.ON,
                recorded=recorded,
                tenant=tenant,
            )
        )
    for line in summary(record):
        print(line, file=sys.stderr)
    print(record.id)
    if record.status == "failed":
        raise typer.Exit(1)


@contextmanager
def _recorded(tenant: str | None, as_of: date) -> Iterator[Callable[[Sequence[str]], Recorded] | None]:
    """What gives the entries of the tenant's visits; None without a tenant."""
    if tenant is None:
        yield None
        return
    from app.jobs.entries import recorded_until
    from app.jobs.tenants import SetUp

    with SetUp.opened(os.environ) as set_up:
        yield recorded_until(
            set_up.store,
            tenant,
            as_of,
            actor=operator(),
            clock=lambda: datetime.now(UNIVERSAL),
        )


def add_to(cli: typer.Typer) -> None:
    cli.add_typer(population_cli, name="population")
