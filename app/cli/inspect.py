"""`ltot policy` and `ltot valuesets`: what is in force, and is it intact."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from app.cli.options import PolicyFile, SiteCodes, Snomed, SnomedCodes

policy_cli = typer.Typer(help="The clinic policy in force.", no_args_is_help=True)
valuesets_cli = typer.Typer(help="The terminology that came with this version.", no_args_is_help=True)


@policy_cli.command("show")
def policy_show(
    policy: PolicyFile = None,
    name: Annotated[str, typer.Option(help="a policy that comes with the product")] = "default",
) -> None:
    """Print the effective policy with the source of each number."""
    from app.clinical.policy import policy_text
    from app.jobs.policies import load_policy

    print(policy_text(load_policy(policy or name)))


@valuesets_cli.command("check")
def valuesets_check() -> None:
    """Compare every terminology file with its checksum and row count; exit 2 when one differs."""
    from valuesets.check import check

    problems = check()
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        raise typer.Exit(2)
    print("All terminology files are intact.")


@valuesets_cli.command("info")
def valuesets_info(site_codes: SiteCodes = None, snomed: SnomedCodes = Snomed.ON) -> None:
    """List the terminology files with version, rows, source and licence."""
    from app.jobs.policies import load_site_terms
    from valuesets.check import info

    for row in info():
        print(row)
    for name, version in load_site_terms(site_codes, snomed=snomed is Snomed.ON).versions.items():
        print(f"{name}: {version}")


def add_to(cli: typer.Typer) -> None:
    cli.add_typer(policy_cli, name="policy")
    cli.add_typer(valuesets_cli, name="valuesets")
