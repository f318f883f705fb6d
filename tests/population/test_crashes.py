"""A run killed at any instant leaves no half result, and run again gives what it would have given."""

import os
import resource
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.errors import LtotError
from app.jobs.evaluate_population import EngineName, evaluate_population
from app.population.embedded import Worker
from app.population.engine import Shards
from app.population.keep import Wanted
from app.population.parts import Part
from app.population.pipeline import Limits
from tests.population.conftest import DAY, LISINOPRIL, Request, condition, evaluate, order, person, write

PROJECT = Path(__file__).resolve().parents[2]
RESULTS = {"evaluations.parquet", "gaps.parquet", "contributions.parquet", "quarantine.ndjson", "run.json"}
LIMITS = Limits(part_bytes=20_000, shard_patients=5)


def _export(folder: Path) -> Path:
    people = [f"p{number:02}" for number in range(20)]
    drugs = [order(f"m{one}", one, LISINOPRIL if one.endswith("3") else _of_reference()) for one in people]
    write(folder / "MedicationRequest.ndjson", [*drugs, b"{broken"])
    write(folder / "Patient.ndjson", [person(one) for one in people])
    write(folder / "Condition.ndjson", [condition(f"c{n}", people[n % 20]) for n in range(400)])
    return folder


def _of_reference() -> dict[str, object]:
    return {"text": "oxycodone 5 mg tablet"}


def _run(folder: Path, out: Path, last: int, workers: int = 1) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.population.dying", str(folder), str(out), str(last), str(workers)],
        cwd=PROJECT, capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "MARK": str(folder.parent)},
    )  # fmt: skip


def _visible(out: Path) -> set[str]:
    return {path.name for path in out.iterdir() if not path.name.startswith(".work-")}


def test_nobody_else_can_read_what_a_run_wrote(tmp_path: Path) -> None:
    write(tmp_path / "in/m.ndjson", [order("m1", "p1")])
    (tmp_path / "there").mkdir(mode=0o755)
    for out in (tmp_path / "new", tmp_path / "there"):
        evaluate(tmp_path / "in", out)
        assert {stat.S_IMODE((out / name).stat().st_mode) for name in RESULTS} == {0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_killed_at_its_steps_it_leaves_nothing_half_done_and_ends_the_same(tmp_path: Path) -> None:
    folder = _export(tmp_path / "in")
    whole = evaluate(folder, tmp_path / "whole", limits=LIMITS)
    total = int(_run(folder, tmp_path / "counted", 0).stdout)
    assert total > 20
    out = tmp_path / "out"
    for last in sorted({1, total // 4, total // 2, *range(total - 6, total)}):
        assert _run(folder, out, last).returncode == -9
        if "run.json" in _visible(out):
            assert _visible(out) == RESULTS
    again = evaluate(folder, out, limits=LIMITS)
    assert again.files() == whole.files()
    assert again.record.id == whole.record.id
    assert _visible(out) == RESULTS
    assert [path.name for path in out.glob(".work-*")] == [".work-lock"]


def test_an_earlier_result_stays_whole_until_the_new_one_is(tmp_path: Path) -> None:
    folder, out = _export(tmp_path / "in"), tmp_path / "out"
    before = evaluate(folder, out, limits=LIMITS).files()
    write(folder / "more.ndjson", [order("new", "p03")])
    assert _run(folder, out, 8).returncode == -9
    assert _visible(out) == RESULTS
    assert {name: (out / name).read_bytes() for name in before} == before


def test_processes_of_a_killed_run_end_with_it(tmp_path: Path) -> None:
    mark = f"MARK={tmp_path}"
    killed = _run(_export(tmp_path / "in"), tmp_path / "out", 12, workers=2)
    assert killed.returncode == -9
    for _ in range(1_200):
        if not _processes_with(mark):
            return
        time.sleep(0.1)
    pytest.fail("processes of the killed run are still there")


def _processes_with(mark: str) -> list[str]:
    """Running processes that were started with this in their environment."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(entry.name)
        except OSError:
            continue
    return found


def test_two_runs_into_one_folder_do_not_mix(tmp_path: Path) -> None:
    import fcntl

    folder, out = _export(tmp_path / "in"), tmp_path / "out"
    out.mkdir()
    with (out / ".work-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LtotError, match=r"LT-509.*Another run"):
            evaluate_population(Request(folder, out, DAY, limits=LIMITS))


def test_a_full_disk_is_said_and_leaves_the_earlier_result(tmp_path: Path) -> None:
    folder, out = _export(tmp_path / "in"), tmp_path / "out"
    before = evaluate(folder, out, limits=LIMITS).files()
    script = "from app.cli import main; main()"
    arguments = ["population", "evaluate", str(folder), "--out", str(out), "--as-of", "2026-06-30"]
    said = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=PROJECT, capture_output=True, text=True, check=False, preexec_fn=_no_large_files,
    )  # fmt: skip
    assert said.returncode == 1
    assert "LT-509" in said.stderr
    assert "Traceback" not in said.stderr
    assert {name: (out / name).read_bytes() for name in before} == before


def _no_large_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))


def test_results_written_among_the_exports_are_not_read_as_one(tmp_path: Path) -> None:
    folder = _export(tmp_path / "in")
    first = evaluate(folder, folder / "run", limits=LIMITS)
    assert first.record.set_aside == 1
    assert evaluate(folder, folder / "run", limits=LIMITS).record.id == first.record.id


def test_a_process_that_is_ended_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Worker, "scan", _end_here)
    with pytest.raises(LtotError, match=r"LT-509.*memory"):
        evaluate(_export(tmp_path / "in"), tmp_path / "out", workers=2, limits=LIMITS)
    assert _visible(tmp_path / "out") == set()


def _end_here(*_: object) -> None:
    os._exit(9)


@pytest.mark.spark
def test_what_spark_gives_up_is_said_without_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.population.spark import SparkEngine

    folder = _export(tmp_path / "in")
    keep = SparkEngine.keep

    def after_a_loss(engine: SparkEngine, parts: Sequence[Part], wanted: Wanted) -> Shards:
        (folder / "MedicationRequest.ndjson").unlink()
        return keep(engine, parts, wanted)

    monkeypatch.setattr(SparkEngine, "keep", after_a_loss)
    with pytest.raises(LtotError, match=r"LT-509.*Spark gave up a job"):
        evaluate(folder, tmp_path / "out", engine=EngineName.SPARK)
    assert _visible(tmp_path / "out") == set()
