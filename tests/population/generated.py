"""Generated populations and the right answers that come with them."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

from app.clinical.evaluation import Evaluation
from app.jobs.evaluate_files import read_files
from app.jobs.policies import load_policy, load_site_terms

SHARED = Path(__file__).resolve().parents[3] / "shared"
GENERATOR = SHARED / "tools/population_generator.py"
AS_OF = date(2026, 6, 30)


def generate(out: Path, *, flavour: str, defects: float, patients: int, seed: int) -> Path:
    """Write a population and its truth into `out`; returns the folder to evaluate (without the truth)."""
    subprocess.run(
        [
            sys.executable, str(GENERATOR), "--patients", str(patients), "--seed", str(seed),
            "--as-of", AS_OF.isoformat(), "--out", str(out), "--flavour", flavour,
            "--defects", str(defects), "--opioid-fraction", "0.6", "--background", "0",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    (out / "truth").rename(out.with_name(f"{out.name}-truth"))
    return out


@dataclass
class Score:
    """How a population was answered: right, wrong, or declined, with the differences by patient."""

    patients: int = 0
    ltot_right: int = 0
    mme_right: int = 0
    differences: list[tuple[str, str, object, object]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, truth: dict[str, object], found: Evaluation) -> None:
        self.patients += 1
        expected = "yes" if truth["ltot_D0"] else "cannot_tell" if truth["possible_ltot"] else "no"
        self._note("ltot", truth, expected, found.ltot.status.value)
        self._note("mme", truth, _expected_mme(truth), _found_mme(found))

    def _note(self, kind: str, truth: dict[str, object], expected: object, found: object) -> None:
        if expected == found:
            setattr(self, f"{kind}_right", getattr(self, f"{kind}_right") + 1)
        else:
            self.differences.append((str(truth["patient"]), kind, expected, found))
            self.kinds[f"{kind} {expected} -> {found}" if kind == "ltot" else kind] += 1


def _expected_mme(truth: dict[str, object]) -> object:
    value = truth["headline_mme"]
    return None if value is None else round(float(str(value)), 3)


def _found_mme(found: Evaluation) -> object:
    """Declined (None) when the engine says its number is only a lower bound, as the truth does."""
    value: Fraction | None = found.mme.current
    return None if value is None or not found.mme.complete else round(float(value), 3)


def score(folder: Path) -> Score:
    """Evaluate a generated folder and compare with its truth."""
    truth_file = folder.with_name(f"{folder.name}-truth") / "truth.ndjson"
    truths = {row["patient"]: row for row in map(json.loads, truth_file.read_text().splitlines())}
    run = read_files(
        [folder], policy=load_policy(), terms=load_site_terms(), as_of=AS_OF, zone=ZoneInfo("UTC")
    )
    result = Score()
    for _, evaluation in run.evaluations():
        result.add(truths[evaluation.patient], evaluation)
    assert result.patients == len(truths), "every generated patient gets an evaluation"
    return result
