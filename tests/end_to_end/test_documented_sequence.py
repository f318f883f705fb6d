"""The page about the clinic's list runs as written, over every public population at once."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openpyxl
import pytest

from app.jobs.demo import free_port

PROJECT = Path(__file__).resolve().parents[2]
POPULATION = PROJECT.parent / "shared/data/population"
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def _blocks(panel: int, ehr: int) -> list[str]:
    """The page's commands, at ports of this run."""
    page = (PROJECT / "docs/population.md").read_text(encoding="utf-8")
    moved = page.replace("127.0.0.1:8000", f"127.0.0.1:{panel}").replace("localhost:9001", f"localhost:{ehr}")
    moved = moved.replace("--port 8000", f"--port {panel}").replace("--port 9001", f"--port {ehr}")
    return _BLOCK.findall(moved)


def _shell(commands: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _answers(address: str, servers: list[subprocess.Popen[bytes]]) -> None:
    while True:
        assert all(server.poll() is None for server in servers), "a server ended"
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


@contextmanager
def _servers(commands: str, environment: dict[str, str], addresses: list[str]) -> Iterator[None]:
    """What the page starts in the background, until the end."""
    lines = [line.strip() for line in commands.replace("\\\n", " ").split("&\n") if line.strip()]
    started = [
        subprocess.Popen(["bash", "-c", f"exec {line}"], cwd=PROJECT, env=environment) for line in lines
    ]
    try:
        for address in addresses:
            _answers(address, started)
        yield
    finally:
        for server in started:
            server.terminate()
        for server in started:
            server.wait(60)


@pytest.mark.shared
@pytest.mark.skipif(not POPULATION.is_dir(), reason="the folder shared beside the project is absent")
def test_the_documented_sequence_ends_with_the_clinics_file(tmp_path: Path) -> None:
    panel, ehr = free_port(), free_port()
    once, servers, monthly = _blocks(panel, ehr)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, words in (("ltot", '-c "from app.cli import main; main()"'), ("python", "")):
        (tools / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (tools / name).chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LTOT_")},
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "TMPDIR": str(tmp_path),
    }
    told = _shell(f"{once}\nprintf '\\0'; env -0", environment)
    exported = dict(pair.split("=", 1) for pair in told.split("\0")[1:] if pair)
    environment |= {name: exported[name] for name in exported if name.startswith("LTOT_") or name == "WORK"}
    with _servers(
        servers, environment, [f"http://127.0.0.1:{panel}/ready", f"http://localhost:{ehr}/groups.json"]
    ):
        said = _shell(monthly, environment)
    listed = openpyxl.load_workbook(Path(environment["WORK"]) / "list.xlsx")["list"]
    patients = {str(row[3]) for row in listed.iter_rows(min_row=2, max_col=4, values_only=True) if row[3]}
    assert len(patients) > 100
    assert f"{len(patients)} patients of run" in said
