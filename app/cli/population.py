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
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="one export, or a folder of exports")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="where the tables go")],
    as_of: AsOf,
    engine: Annotated[str, typer.Option(metavar="embedded|spark", help="what does the work")] = "embedded",
    policy: PolicyFile = None,
    site_codes: SiteCodes = None,
    snomed: SnomedCodes = Snomed.ON,
    time_zone: Zone = UTC,
    tenant: Annotated[
        str | None,
        typer.Option(metavar="ID", help="by this tenant's policy, with what was recorded in its visits"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="processes of the embedded engine; all processors by default")
    ] = None,
) -> None:
    """Evaluate an export: tables, quarantine and a record of the run.  Exit code 1: too much was unusable."""
    from app.jobs.evaluate_population import EngineName, Request, evaluate_population, summary

    if engine not in {name.value for name in EngineName}:
        raise typer.BadParameter("write embedded or spark", param_hint="--engine")
    source = context.get_parameter_source("policy")
    given = source is not None and source.name == "COMMANDLINE"
    with _of_tenant(tenant, as_of) as (recorded, own_policy):
        record = evaluate_population(
            Request(
                folder,
                out,
                as_of,
                EngineName(engine),
                policy if given or own_policy is None else own_policy,
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
def _of_tenant(
    tenant: str | None, as_of: date
) -> Iterator[tuple[Callable[[Sequence[str]], Recorded] | None, Path | None]]:
    """What gives the entries of the tenant's visits, and its policy; None without a tenant."""
    if tenant is None:
        yield None, None
        return
    from app.jobs.entries import recorded_until
    from app.jobs.tenants import SetUp, policy_named

    with SetUp.opened(os.environ) as set_up:
        policy = Path(policy_named(set_up.tenants.get(tenant), set_up.settings))
        recorded = recorded_until(
            set_up.store,
            tenant,
            as_of,
            actor=operator(),
            clock=lambda: datetime.now(UNIVERSAL),
        )
        yield recorded, policy


def add_to(cli: typer.Typer) -> None:
    cli.add_typer(population_cli, name="population")
