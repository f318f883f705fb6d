"""S-34: a disk that takes no more stops export and evaluation, names itself, and leaves no half file as a whole one.

The system itself refuses: a process may write files up to a size, and one file is larger.
"""

import resource
import subprocess
import sys
from pathlib import Path

from tests.bulk.conftest import Export
from tests.named import ROOT
from tests.security.exported import fetched, finish, hospital
from tests.security.files import evaluate

_EXPORTS = """
import asyncio, pathlib, sys
from tests.bulk.conftest import Export
from tests.security.exported import hospital
result = asyncio.run(Export(hospital(), pathlib.Path(sys.argv[1])).run(parallel=1))
print(result.sentence)
sys.exit(result.exit_code)
"""


def within(size: int, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program that can write no file beyond `size` bytes."""
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip


async def test_an_export_stops_by_name_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    service = hospital()
    export = Export(service, tmp_path / "export")
    sizes = sorted(len(content) for content in service.contents.values())
    limit = sizes[-1] - 100
    assert limit > 3 * sizes[len(sizes) // 2]
    stopped = within(limit, "-c", _EXPORTS, str(export.folder))
    assert stopped.returncode == 3, stopped.stderr
    assert stopped.stdout.startswith("The export folder could not be written: ")
    assert "Traceback" not in stopped.stderr
    whole = {name.replace(".ndjson", ".001.ndjson"): content for name, content in service.contents.items()}
    here = export.data()
    assert here
    assert here.items() < whole.items()
    (aside,) = export.folder.glob("*.part")
    assert aside.name.partition(".")[0] not in {name.partition(".")[0] for name in here}
    assert await finish(export)
    assert export.data() == whole
    assert set(fetched(service)) & {name.replace(".001.", ".") for name in here} == set()
    assert list(export.folder.glob("*.part")) == []
    await service.http.aclose()


async def test_an_evaluation_stops_by_name_and_writes_no_half_table(tmp_path: Path) -> None:
    service = hospital()
    export = Export(service, tmp_path / "export")
    assert (await export.run()).complete
    await service.http.aclose()
    out = tmp_path / "out"
    command = ("-c", "from app.cli import main; main()", "population", "evaluate", str(export.folder))
    stopped = within(2_000, *command, "--out", str(out), "--as-of", "2026-03-02", "--workers", "1")
    assert stopped.returncode == 1
    assert "LT-509" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert [path.name for path in out.iterdir() if not path.name.startswith(".work-")] == []
    assert evaluate(export.folder).exit_code == 0
