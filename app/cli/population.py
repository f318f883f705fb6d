"""`ltot population`: a whole export at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import UTC, AsOf, PolicyFile, SiteCodes, Zone

population_cli = typer.Typer(help="Whole exports: everyone with an opioid.", no_args_is_help=True)


@population_cli.command("evaluate")
def population_evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="one export, or a folder of exports")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="where the tables go")],
    as_of: AsOf,
    engine: Annotated[str, typer.Option(metavar="embedded|spark", help="what does the work")] = "embedded",
    policy: PolicyFile = None,
    site_codes: SiteCodes = None,
    time_zone: Zone = UTC,
    workers: Annotated[
        int | None, typer.Option(min=1, help="processes of the embedded engine; all processors by default")
    ] = None,
) -> None:
    """Evaluate an export: tables, quarantine and a record of the run.  Exit code 1: too much was unusable."""
    from app.jobs.evaluate_population import EngineName, Request, evaluate_population, summary

    if engine not in {name.value for name in EngineName}:
        raise typer.BadParameter("write embedded or spark", param_hint="--engine")
    record = evaluate_population(
        Request(folder, out, as_of, EngineName(engine), policy, site_codes, time_zone, workers)
    )
    for line in summary(record):
        print(line, file=sys.stderr)
    print(record.id)
    if record.status == "failed":
        raise typer.Exit(1)


def add_to(cli: typer.Typer) -> None:
    cli.add_typer(population_cli, name="population")
