"""`make kills`: exports and evaluations killed without warning at random instants, gone on with, and compared.

Every run is the real command in a process of its own, against a sandbox EHR that really listens.  An instant is drawn
evenly between the moment the command first touches its folder and the time an undisturbed run takes.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from app.jobs.demo import (
    BACKEND_CLIENT_ID,
    CLIENT_ID,
    DEMO_TENANT,
    DemoAddresses,
    RunningDemo,
    demo_settings,
    free_port,
    register_demo_tenant,
)
from app.jobs.service import Service
from app.main import create_app
from app.population.outputs import RUN, checksum
from app.sandbox.bulk_jobs import BulkOptions
from app.sandbox.config import SandboxClient
from app.sandbox.server import create_sandbox

ROOT = Path(__file__).resolve().parents[1]
GENERATOR = ROOT.parent / "shared/tools/population_generator.py"
AS_OF = "2026-06-30"
MOST_KILLS_OF_ONE_RUN = 3
LINES_OF_A_FILE = 250
TIMEOUT = 300
OWN_FILES = frozenset({"export.json", "log.ndjson", "manifest.json", ".lock"})


class BrokenPromiseError(AssertionError):
    """A run that was killed did not end as one that was not."""


@dataclass(frozen=True, slots=True)
class Ehr:
    """A sandbox EHR, what it was asked for, and how `ltot` is told of it."""

    group: str
    environment: dict[str, str]
    fetched: Counter[str]


class Listening:
    """Counts the files an EHR is asked for, by their address."""

    def __init__(self, app: ASGIApp, fetched: Counter[str]) -> None:
        self._app, self._fetched = app, fetched

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"].count("/") == 3:
            self._fetched[scope["path"]] += 1
        await self._app(scope, receive, send)


@contextmanager
def running_ehr(folder: Path, data: Path) -> Iterator[Ehr]:
    """The sandbox with `data` in many small files, and the service whose key set it reads."""
    addresses, fetched = DemoAddresses(free_port(), free_port()), Counter[str]()
    settings = demo_settings(addresses, folder=folder)
    service = Service.of(settings)
    register_demo_tenant(service, addresses)
    sandbox = create_sandbox(
        base_url=addresses.ehr,
        clients=[
            SandboxClient(CLIENT_ID, (service.redirect_uri,), jwks_url=addresses.jwks),
            SandboxClient(BACKEND_CLIENT_ID, jwks_url=addresses.jwks, backend=True),
        ],
        data=data,
        panel_launch_url=f"{addresses.panel}/launch",
        bulk=BulkOptions(file_lines=LINES_OF_A_FILE),
    )
    group = next(route for route in sandbox.routes if getattr(route, "path", "") == "/groups.json")
    demo = RunningDemo(
        tuple(
            uvicorn.Server(
                uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
            )
            for app, port in (
                (Listening(sandbox, fetched), addresses.ehr_port),
                (create_app(service), addresses.panel_port),
            )
        )
    )
    demo.start()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LTOT_BASE_URL": addresses.panel,
        "LTOT_ENVIRONMENT": "demo",
        "LTOT_DATABASE_URL": settings.database_url,
        "LTOT_MASTER_KEY": base64.b64encode(settings.master_key).decode(),
    }
    try:
        yield Ehr(group.endpoint.__self__.group, environment, fetched)  # type: ignore[attr-defined]
    finally:
        demo.stop()


@dataclass(slots=True)
class Command:
    """One verb of `ltot` in processes of its own.  Seconds from its start: when its folder is there, and its end."""

    words: Callable[[Path], Sequence[object]]
    environment: dict[str, str]
    begin: float = 0.0
    end: float = 0.0

    def start(self, out: Path) -> subprocess.Popen[str]:
        script = "from app.cli import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", script, *map(str, self.words(out))],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def measure(self, out: Path) -> None:
        """Run it undisturbed into `out`, and note when it begins and ends; a first run has warmed the caches."""
        started = time.perf_counter()
        process = self.start(out)
        while not out.exists() and process.poll() is None:
            time.sleep(0.002)
        self.begin = time.perf_counter() - started
        ended(process)
        self.end = time.perf_counter() - started

    def killed(self, out: Path, instant: float) -> bool:
        """Start it and kill it at this instant; False when it was over before, which tells how long it takes now."""
        fresh, started = not out.exists(), time.perf_counter()
        process = self.start(out)
        try:
            process.wait(instant)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        _, said = process.communicate(timeout=TIMEOUT)
        if process.returncode not in {0, -signal.SIGKILL}:
            raise BrokenPromiseError(f"{out.name}: exit code {process.returncode}: {said.strip()}")
        if fresh and process.returncode == 0:
            self.end = max(self.begin, time.perf_counter() - started)
        return process.returncode != 0

    def finish(self, out: Path) -> None:
        ended(self.start(out))


def ended(process: subprocess.Popen[str]) -> None:
    _, said = process.communicate(timeout=TIMEOUT)
    if process.returncode:
        raise BrokenPromiseError(f"exit code {process.returncode}: {said.strip()}")


@dataclass(slots=True)
class Trials:
    """One command, killed again and again.

    honest: called after every kill with the folder, raises BrokenPromiseError.  result: what must be as undisturbed.
    """

    name: str
    command: Command
    honest: Callable[[Path], None]
    result: Callable[[Path], dict[str, str]]
    kills: int = 0
    runs: int = 0
    instants: list[float] = field(default_factory=list[float])

    def go(self, folder: Path, kills: int, chance: random.Random) -> None:
        """Kill until there were this many kills; every run is finished and compared."""
        whole = folder / "undisturbed"
        self.command.finish(whole)
        self.command.measure(folder / "measured")
        expected = self.result(whole)
        while self.kills < kills:
            out = folder / f"run-{self.runs:04}"
            for _ in range(min(chance.randint(1, MOST_KILLS_OF_ONE_RUN), kills - self.kills)):
                instant = chance.uniform(self.command.begin, self.command.end)
                if not self.command.killed(out, instant):
                    break
                self.kills += 1
                self.instants.append(instant)
                self.honest(out)
            self.command.finish(out)
            self.honest(out)
            if (found := self.result(out)) != expected:
                differing = sorted(name for name, _ in set(found.items()) ^ set(expected.items()))
                raise BrokenPromiseError(
                    f"{self.name} {out.name} differs: {', '.join(dict.fromkeys(differing))}"
                )
            self.runs += 1

    def line(self) -> str:
        return (
            f"{self.name}: {self.kills} kills in {self.runs} runs, {min(self.instants, default=0):.2f} to "
            f"{max(self.instants, default=0):.2f} s after their start; every result is the undisturbed one's"
        )


class Fetches:
    """Holds an export to fetching nothing again that it had verified."""

    def __init__(self, fetched: Counter[str]) -> None:
        self._fetched = fetched
        self._verified: dict[str, int] = {}

    def check(self, out: Path) -> None:
        """What the state on disk calls done is whole, and is fetched no more from now on."""
        for address, times in self._verified.items():
            if self._fetched[address] != times:
                raise BrokenPromiseError(f"{out.name}: {address} was verified and fetched again")
        if not (out / "export.json").exists():
            return
        for file in json.loads((out / "export.json").read_text())["files"]:
            if file["done"] and file["url"]:
                if checksum(out / file["name"]) != file["sha256"]:
                    raise BrokenPromiseError(f"{out.name}: {file['name']} is not what was verified")
                address = "/" + file["url"].split("/", 3)[3]
                if address not in self._verified:
                    self._verified[address] = self._fetched[address]

    @property
    def addresses(self) -> int:
        return len(self._verified)


def exported_files(out: Path) -> dict[str, str]:
    """SHA-256 by name of everything an export delivers.  The state, log and manifest name the job and the times."""
    return {
        path.relative_to(out).as_posix(): checksum(path)
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in OWN_FILES
    }


def run_files(out: Path) -> dict[str, str]:
    """SHA-256 by name of everything in the folder of a run; of its record without the times."""
    record = json.loads((out / RUN).read_text())
    found = {path.name: checksum(path) for path in out.iterdir() if path.name not in {RUN, ".work-lock"}}
    return {**found, RUN: json.dumps({**record, "started": "", "finished": ""}, sort_keys=True)}


def honest_run(out: Path) -> None:
    """Where there is a record, there are the files it names."""
    if not (out / RUN).exists():
        return
    for name, expected in json.loads((out / RUN).read_text())["outputs"].items():
        if checksum(out / name) != expected:
            raise BrokenPromiseError(f"{out.name}: {name} is not what the record names")


def export_trials(ehr: Ehr, fetches: Fetches) -> Trials:
    def words(out: Path) -> Sequence[object]:
        if (out / "export.json").exists():
            return ("export", "resume", DEMO_TENANT, "--out", out)
        return ("export", "start", DEMO_TENANT, "--group", ehr.group, "--out", out)

    return Trials("export", Command(words, ehr.environment), fetches.check, exported_files)


def evaluation_trials(export: Path, environment: dict[str, str]) -> Trials:
    def words(out: Path) -> Sequence[object]:
        return ("population", "evaluate", export, "--out", out, "--as-of", AS_OF, "--workers", 2)

    return Trials("evaluation", Command(words, environment), honest_run, run_files)


def generate(folder: Path, patients: int, seed: int) -> Path:
    """People, most of them with opioids, without the truth about them."""
    command = [
        sys.executable, str(GENERATOR), "--patients", str(patients), "--seed", str(seed), "--as-of", AS_OF,
        "--out", str(folder), "--background", "20", "--opioid-fraction", "0.5", "--defects", "0",
    ]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for path in [*(folder / "truth").iterdir(), folder / "manifest.json"]:
        path.unlink()
    return folder


def run(kills: int, patients: int, seed: int) -> list[str]:
    """Kill exports, then evaluations of what was exported; the lines to print.  Raises BrokenPromiseError."""
    with tempfile.TemporaryDirectory(prefix="ltot-kills-") as name:
        folder = Path(name)
        data = generate(folder / "data", patients, seed)
        (folder / "exports").mkdir()
        (folder / "runs").mkdir()
        with running_ehr(folder, data) as ehr:
            fetches = Fetches(ehr.fetched)
            exports = export_trials(ehr, fetches)
            exports.go(folder / "exports", kills, random.Random(seed))
        evaluations = evaluation_trials(folder / "exports/undisturbed", ehr.environment)
        evaluations.go(folder / "runs", kills, random.Random(seed + 1))
        again = sum(ehr.fetched.values()) - len(ehr.fetched)
        files = (
            f"{fetches.addresses} files verified, none of them fetched again; {again} fetches repeated what a kill "
            "broke off"
        )
        return [exports.line(), files, evaluations.line()]


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of exports, and as many of evaluations")
    parser.add_argument("--patients", type=int, default=400, help="people in the EHR")
    parser.add_argument("--seed", type=int, default=1, help="decides the people and the instants")
    asked = parser.parse_args(list(arguments))
    if not GENERATOR.is_file():
        raise SystemExit("The generator is not there: this needs the folder `shared` beside the project.")
    try:
        for line in run(asked.kills, asked.patients, asked.seed):
            print(line, flush=True)
    except BrokenPromiseError as broken:
        raise SystemExit(f"A promise was broken: {broken}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
