"""Both engines over the same exports, by the real command: every table equal after sorting, or it says which is not."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from app.population.outputs import QUARANTINE, RUN, TABLES

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
GENERATOR = SHARED / "tools/population_generator.py"
POPULATION = SHARED / "data/population"
AS_OF = "2026-06-30"
ENGINES = ("embedded", "spark")
TIMES = ("engine", "started", "finished", "outputs")


@dataclass(frozen=True, slots=True)
class Compared:
    """One export by both engines.  seconds: by engine, on the clock.  rows: by table.  differing: files not equal."""

    name: str
    seconds: dict[str, float]
    rows: dict[str, int]
    patients: int
    differing: list[str]
    same_bytes: bool

    def line(self) -> str:
        rows = ", ".join(f"{count} {name.removesuffix('.parquet')}" for name, count in self.rows.items())
        times = ", ".join(f"{engine} {seconds:.1f} s" for engine, seconds in self.seconds.items())
        answer = f"DIFFERENT: {', '.join(self.differing)}" if self.differing else "equal"
        bytes_ = ", byte for byte" if self.same_bytes else ""
        return f"{self.name}: {answer}{bytes_}; {self.patients} patients, {rows}; {times}"


def compare(export: Path, work: Path, as_of: str = AS_OF) -> Compared:
    """Evaluate an export with both engines into `work`, and compare what they wrote."""
    seconds = {engine: evaluate(export, work / engine, engine, as_of) for engine in ENGINES}
    first, second = (work / engine for engine in ENGINES)
    differing = [
        name for name in (*TABLES, QUARANTINE, RUN) if _sorted(first / name) != _sorted(second / name)
    ]
    files = (*TABLES, QUARANTINE)
    return Compared(
        export.name,
        seconds,
        {name: pq.read_metadata(first / name).num_rows for name in TABLES},
        json.loads((first / RUN).read_text())["patients"],
        differing,
        all((first / name).read_bytes() == (second / name).read_bytes() for name in files),
    )


def evaluate(export: Path, out: Path, engine: str, as_of: str) -> float:
    """Run `ltot population evaluate`; the seconds it took.  Raises SystemExit with what it said when it fails."""
    words = ["population", "evaluate", str(export), "--out", str(out), "--as-of", as_of, "--engine", engine]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", *words],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{engine} over {export.name} ended with {done.returncode}: {done.stderr}")
    return time.perf_counter() - started


def _sorted(path: Path) -> list[bytes]:
    """The rows of a file in an order of their own; of the run's record, what must be the same."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return sorted(repr(row).encode() for batch in table.to_batches(5000) for row in batch.to_pylist())
    if path.name == RUN:
        record = json.loads(path.read_text())
        return [json.dumps({name: record[name] for name in sorted(record.keys() - set(TIMES))}).encode()]
    return sorted(path.read_bytes().splitlines())


def generated(patients: int, seed: int) -> Path:
    """Generated people in every vendor's shapes with damage, about 6 in 100 with an opioid; kept for the next time."""
    folder = Path(tempfile.gettempdir()) / f"ltot-engines-{patients}-{seed}"
    if not (folder / "manifest.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        command = [
            sys.executable, str(GENERATOR), "--patients", str(patients), "--seed", str(seed), "--as-of", AS_OF,
            "--out", str(folder), "--flavour", "mixed", "--workers", "2", "--background", "5", "--defects", "0.05",
        ]  # fmt: skip
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder / "truth")
    return folder


def exports(asked: argparse.Namespace) -> Iterator[Path]:
    """What to compare: the named folders, else every public export, all of them as one, and generated people."""
    if asked.folders:
        yield from asked.folders
        return
    if not GENERATOR.is_file():
        raise SystemExit("Name a folder: without one this needs the folder `shared` beside the project.")
    yield from sorted(path for path in POPULATION.iterdir() if path.is_dir())
    yield POPULATION
    if asked.patients:
        yield generated(asked.patients, asked.seed)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="exports; public and generated ones by default")
    parser.add_argument("--patients", type=int, default=100_000, help="generated people; 0 for none")
    parser.add_argument("--seed", type=int, default=11)
    asked = parser.parse_args(list(arguments))
    equal = True
    for export in exports(asked):
        with tempfile.TemporaryDirectory(prefix="ltot-engines-") as name:
            compared = compare(export.resolve(), Path(name))
        print(compared.line(), flush=True)
        equal = equal and not compared.differing
    if not equal:
        raise SystemExit("The engines do not agree.")


if __name__ == "__main__":
    main(sys.argv[1:])
