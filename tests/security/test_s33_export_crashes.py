"""S-33: killed anywhere, an export and its evaluation run again give the same evaluations, none twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.bulk.conftest import Export
from tests.bulk.test_crashes import Killed, Steps, dying
from tests.named import ROOT
from tests.population.conftest import evaluate as evaluate_all
from tests.security.exported import finish, hospital
from tests.security.files import evaluate, lines_by_type, write

EVERY = 7
"""Steps between two points of death; tests/bulk/test_crashes.py tries each step with smaller files."""


async def test_an_export_killed_anywhere_gives_the_same_evaluations(tmp_path: Path) -> None:
    service = hospital()
    whole = Export(service, tmp_path / "whole")
    assert (await whole.run()).complete
    await service.http.aclose()
    expected = evaluate(whole.folder)
    assert len(expected.charts) == len(expected.out.splitlines()) == 2
    died = 0
    for die_at in range(1, 10_000, EVERY):
        service = hospital()
        export = Export(service, tmp_path / str(die_at))
        try:
            with dying(Steps(die_at), service):
                await export.run(parallel=1)
            break
        except Killed:
            died += 1
        assert await finish(export)
        await service.http.aclose()
        assert export.data() == whole.data(), die_at
        if died % 10 == 1:
            assert evaluate(export.folder).out == expected.out
    await service.http.aclose()
    assert died > 20


def test_an_evaluation_killed_anywhere_gives_the_same_evaluations(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", lines_by_type(4))
    whole = evaluate_all(folder, tmp_path / "whole")
    out = tmp_path / "out"
    run = [sys.executable, "-m", "tests.population.dying", str(folder)]
    counted = subprocess.run(
        [*run, str(tmp_path / "counted"), "0", "1"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    last = int(counted.stdout)
    for die_at in (1, last // 2, last - 1):
        died = subprocess.run([*run, str(out), str(die_at), "1"], cwd=ROOT, env={**os.environ}, check=False)
        assert died.returncode == -signal.SIGKILL
    again = evaluate_all(folder, out)
    assert sorted(again.rows) == sorted(whole.rows)
    assert again.evaluations == whole.evaluations
    assert again.record.patients == whole.record.patients == 4
    assert again.record.id == whole.record.id
