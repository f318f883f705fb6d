"""`ltot evaluate` and `ltot explain`: charts in files."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from app.cli.options import UTC, AsOf, PolicyFile, SiteCodes, Snomed, SnomedCodes, Zone
from app.errors import LtotError

Paths = Annotated[list[Path], typer.Argument(help="Bundles, folders of Bundles, or folders of NDJSON")]


class Format(StrEnum):
    JSON = "json"
    TEXT = "text"


def evaluate(
    paths: Paths,
    as_of: AsOf,
    policy: PolicyFile = None,
    output: Annotated[
        Format, typer.Option("--format", help="one JSON object per patient, or words")
    ] = Format.JSON,
    site_codes: SiteCodes = None,
    snomed: SnomedCodes = Snomed.ON,
    time_zone: Zone = UTC,
) -> None:
    """Evaluate every patient in the given files, ordered by patient id."""
    from app.clinical.as_json import as_json
    from app.clinical.explain import explain as words
    from app.jobs.evaluate_files import Tally, read_files
    from app.jobs.policies import load_policy, load_site_terms

    terms = load_site_terms(site_codes, snomed=snomed is Snomed.ON)
    run = read_files(paths, policy=load_policy(policy), terms=terms, as_of=as_of, zone=time_zone)
    tally = Tally(run.collected)
    write = sys.stdout.buffer.write
    for facts, evaluation in run.evaluations():
        tally.add(facts, evaluation)
        text = (
            msgspec.json.encode(as_json(evaluation))
            if output is Format.JSON
            else "\n".join((f"Patient {evaluation.patient}", *words(evaluation), "")).encode()
        )
        write(text + b"\n")
    sys.stdout.flush()
    for line in tally.lines():
        print(line, file=sys.stderr)


def explain(
    path: Annotated[Path, typer.Argument(help="a Bundle, a folder of Bundles, or a folder of NDJSON")],
    patient: Annotated[str, typer.Option("--patient", help="the patient's id")],
    as_of: AsOf,
    policy: PolicyFile = None,
    site_codes: SiteCodes = None,
    snomed: SnomedCodes = Snomed.ON,
    time_zone: Zone = UTC,
) -> None:
    """Print the words the panel shows under every Why, for one patient."""
    from app.clinical.explain import explain as words
    from app.jobs.evaluate_files import read_files
    from app.jobs.policies import load_policy, load_site_terms

    terms = load_site_terms(site_codes, snomed=snomed is Snomed.ON)
    run = read_files([path], policy=load_policy(policy), terms=terms, as_of=as_of, zone=time_zone)
    for _, evaluation in run.evaluations(patient):
        print("\n".join(words(evaluation)))
        return
    raise LtotError("LT-505", patient)


def add_to(cli: typer.Typer) -> None:
    cli.command()(evaluate)
    cli.command()(explain)
