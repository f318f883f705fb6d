"""A whole export: this program beside DuckDB, orjson, fhir.resources and PySpark, on the same files in one run.

Processor time (user and system, all processes) is the figure to compare; clocks suffer from neighbours.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

GENERATOR = Path(__file__).resolve().parents[2] / "shared/tools/population_generator.py"
ROOT = Path(__file__).resolve().parents[1]
OPIOID_FRACTION = 0.055
GOALS = {"duckdb": 1.0, "orjson": 2.0, "fhir_resources": 60.0, "pyspark": None}
MEMORY_GOAL, GROWTH_GOAL = 700, 1.2


@dataclass(frozen=True, slots=True)
class Measured:
    """One reader over one export: megabytes, seconds on the clock and of processors, and peak memory in MB."""

    read: float
    wall: float
    cpu: float
    memory: float

    @property
    def per_cpu(self) -> float:
        return self.read / self.cpu


def export(megabytes: int, background: int, fraction: float) -> Path:
    """A generated export of about this size, kept in the temporary folder for the next time."""
    patients = max(50, int(megabytes * 1000 / (background + 5)))
    name = f"ltot-bench-{patients}-{background}-{fraction:.5f}"
    folder = Path(tempfile.gettempdir()) / name
    if not (folder / "manifest.json").is_file():
        command = [
            sys.executable, str(GENERATOR), "--patients", str(patients), "--seed", "7", "--as-of", "2026-06-30",
            "--out", str(folder), "--flavour", "mixed", "--workers", "2", "--background", str(background),
            "--opioid-fraction", f"{fraction:.6f}",
        ]  # fmt: skip
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for left in (folder / "truth").glob("*"):
            left.unlink()
        (folder / "truth").rmdir()
    return folder


def measure(reader: str, folder: Path) -> Measured:
    """Run one reader in a process of its own."""
    start, peak, used = time.perf_counter(), 0.0, dict[int, float]()
    command = [sys.executable, "-m", "benchmarks.population_readers", reader, str(folder)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        while child.poll() is None:
            family = list(_family(child.pid))
            used |= {pid: seconds for pid in family if (seconds := _seconds(pid))}
            peak = max(peak, sum(_memory(pid) for pid in family))
            time.sleep(0.05)
        said = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise SystemExit(f"{reader} ended with {child.returncode}")
    return Measured(float(said.split()[-1]), time.perf_counter() - start, sum(used.values()), peak)


def _family(pid: int) -> Iterator[int]:
    """A process and those it started, which are still there."""
    yield pid
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _family(int(child))
    except OSError:
        return


def _seconds(pid: int) -> float:
    """Processor time of one process, without its children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    """Memory of one process in MB; pages shared with others count in part."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.population", description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="megabytes of NDJSON; 64 for a short run")
    parser.add_argument(
        "--background", type=int, default=250, help="megabytes of other data per 1,000 patients"
    )
    parser.add_argument("--skip", nargs="*", default=[], help=f"of {', '.join(GOALS)}")
    asked = parser.parse_args(list(arguments))
    if not GENERATOR.is_file():
        raise SystemExit("The generator is not there: this needs the folder `shared` beside the project.")
    folder = export(asked.size, asked.background, OPIOID_FRACTION)
    size = sum(path.stat().st_size for path in folder.glob("*.ndjson")) / 1e6
    load = os.getloadavg()[0]
    print(f"{size:.0f} MB, {len(os.sched_getaffinity(0))} processors, load {load:.1f} before")
    ours = {name: measure(name, folder) for name in ("scan", "run")}
    for name, one in ours.items():
        print(_line(f"ltot {name}", one))
    for name, goal in GOALS.items():
        if name in asked.skip or find_spec(name.replace("fhir_resources", "fhir")) is None:
            print(f"{name}: left out")
            continue
        other = measure(name, folder)
        ratios = ", ".join(f"{kind} {one.per_cpu / other.per_cpu:.2f}x" for kind, one in ours.items())
        clock = other.wall / other.read / (ours["run"].wall / ours["run"].read)
        goal_text = f", goal {goal:.0f}x" if goal else ""
        print(
            f"{_line(name, other)}; ltot per processor second: {ratios}; run by the clock {clock:.2f}x{goal_text}"
        )
    if "pyspark" not in asked.skip and find_spec("pyspark") is not None:
        print(_line("ltot on Spark", measure("run_on_spark", folder)))
    _growth(asked.size, asked.background, ours["run"])


def _line(name: str, one: Measured) -> str:
    return (
        f"{name:15} {one.read:7.0f} MB {one.wall:7.1f} s {one.cpu:7.1f} cpu-s "
        f"{one.per_cpu:6.0f} MB/cpu-s {one.memory:5.0f} MB memory"
    )


def _growth(size: int, background: int, whole: Measured) -> None:
    """Memory over an export a tenth as large with as many people on opioids."""
    tenth = measure("run", export(size // 10, background, min(0.6, OPIOID_FRACTION * 10)))
    growth = whole.memory / tenth.memory
    print(
        f"memory {whole.memory:.0f} MB (goal below {MEMORY_GOAL}), {growth:.2f} times that of an export a tenth as "
        f"large with as many people on opioids (goal below {GROWTH_GOAL})"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
