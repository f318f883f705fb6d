"""The sandbox's charts as NDJSON files, and `ltot evaluate` over them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from app.sandbox.patients import synthetic_patients
from tests.named import ROOT

AS_OF = date(2026, 3, 2)


def lines_by_type(patients: int = 4) -> dict[str, list[str]]:
    """Lines of the first sandbox patients, by resource type."""
    resources, cards = synthetic_patients("generic", AS_OF)
    kept = {card.id for card in cards[:patients]}
    found: dict[str, list[str]] = {}
    for resource in resources:
        owner = resource["id"] if resource["resourceType"] == "Patient" else _owner(resource)
        if owner in kept:
            found.setdefault(resource["resourceType"], []).append(json.dumps(resource))
    return found


def _owner(resource: dict[str, Any]) -> str:
    for name in ("subject", "patient"):
        if name in resource:
            return str(resource[name]["reference"]).rpartition("/")[2]
    for participant in resource.get("participant", ()):
        reference = str(participant.get("actor", {}).get("reference", ""))
        if "Patient/" in reference:
            return reference.rpartition("/")[2]
    return ""


def write(folder: Path, lines: dict[str, list[str]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for kind, content in lines.items():
        (folder / f"{kind}.ndjson").write_text("".join(f"{line}\n" for line in content))
    return folder


@dataclass(frozen=True)
class Run:
    """What `ltot evaluate` printed."""

    exit_code: int
    out: str
    err: str

    @property
    def charts(self) -> dict[str, dict[str, Any]]:
        read = [json.loads(line) for line in self.out.splitlines()]
        return {chart["patient"]: chart for chart in read}


def evaluate(*paths: Path) -> Run:
    """`ltot evaluate` in a process of its own."""
    words = ["evaluate", *map(str, paths), "--as-of", AS_OF.isoformat()]
    done = subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    return Run(done.returncode, done.stdout, done.stderr)
