"""The `ltot` command.  Verbs only: each calls one use case in app.jobs and prints what it returns."""

from __future__ import annotations

import sys

import typer

from app.cli import charts, export, inspect, population, registry, service, setup
from app.errors import LtotError

cli = typer.Typer(
    name="ltot",
    help="Long-term opioid therapy: one chart, a folder of charts, or a whole population.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
charts.add_to(cli)
export.add_to(cli)
population.add_to(cli)
registry.add_to(cli)
service.add_to(cli)
inspect.add_to(cli)
setup.add_to(cli)


def main() -> None:
    """Run one verb; a failure from the catalogue prints its sentence and next step, never a trace."""
    try:
        cli()
    except LtotError as error:
        entry = error.entry
        print(f"{entry.code}: {entry.sentence} {error.detail}".rstrip(), file=sys.stderr)
        print(f"Next step: {entry.next_step}", file=sys.stderr)
        sys.exit(entry.exit_code)
