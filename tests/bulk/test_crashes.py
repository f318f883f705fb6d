"""Killed at any instant, an export resumes to the same files, and nothing half-written has a final name."""

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.ehr.bulk import disk, status
from app.ehr.bulk.job_state import Stage, StateError
from tests.bulk.conftest import STATUS, Export, Service

ROOT = Path(__file__).resolve().parents[2]


class Killed(BaseException):
    """The process dies here."""


class Steps:
    """Counts everything that touches the disk or the network, and dies at the chosen step."""

    def __init__(self, die_at: int) -> None:
        self.die_at, self.taken = die_at, 0

    def step(self) -> None:
        self.taken += 1
        if self.taken == self.die_at:
            raise Killed


@contextmanager
def dying(steps: Steps, service: Service) -> Iterator[None]:
    """Dies before a rename, after it, in the middle of a write, before a sync, and around each answer."""
    with pytest.MonkeyPatch.context() as patch:
        replace, write, fsync, append = Path.replace, disk.PartFile.write, os.fsync, os.write
        answer = service._answer

        def dying_replace(self: Path, target: Path) -> Path:
            steps.step()
            done = replace(self, target)
            steps.step()
            return done

        def dying_write(self: disk.PartFile, data: bytes) -> None:
            write(self, data[: len(data) // 2])
            steps.step()
            write(self, data[len(data) // 2 :])

        def dying_fsync(handle: int) -> None:
            steps.step()
            fsync(handle)

        def dying_append(handle: int, data: bytes) -> int:
            append(handle, data[:10])
            steps.step()
            return append(handle, data[10:])

        def dying_answer(request: httpx2.Request) -> httpx2.Response:
            steps.step()
            reply = answer(request)
            steps.step()
            return reply

        patch.setattr(Path, "replace", dying_replace)
        patch.setattr(disk.PartFile, "write", dying_write)
        patch.setattr(disk.os, "fsync", dying_fsync)
        patch.setattr(disk.os, "write", dying_append)
        service.http._transport = httpx2.MockTransport(dying_answer)
        try:
            yield
        finally:
            service.http._transport = httpx2.MockTransport(answer)


async def go_on(export: Export, **options: Any) -> Any:
    """What a person does after a crash: resume, or start where nothing was noted yet."""
    try:
        return await export.resume()
    except StateError:
        return await export.run(**options)


def names_are_honest(export: Export) -> bool:
    """Whatever has a data file's name is whole."""
    expected = {
        "Patient.001.ndjson": export.service.contents["Patient.ndjson"],
        "Observation.001.ndjson": export.service.contents["Observation.ndjson"],
    }
    return all(content == expected[name] for name, content in export.data().items())


async def kill_everywhere(
    tmp_path: Path,
    work: Callable[[Export, Service], Awaitable[Any]],
    after: Callable[[Export, Service], None],
) -> int:
    die_at = 0
    while True:
        die_at += 1
        service = Service()
        export = Export(service, tmp_path / str(die_at))
        steps = Steps(die_at)
        with dying(steps, service):
            try:
                await work(export, service)
                died = False
            except Killed:
                died = True
        after(export, service)
        if not died:
            await service.http.aclose()
            return die_at
        result = await go_on(export)
        assert result.complete, (die_at, result)
        assert len(export.data()) == 2
        assert names_are_honest(export)
        assert not list(export.folder.glob("*.part"))
        await service.http.aclose()


async def test_killed_at_every_step_it_resumes_to_the_same_files(tmp_path: Path) -> None:
    def honest(export: Export, service: Service) -> None:
        assert names_are_honest(export)

    steps = await kill_everywhere(tmp_path, lambda export, _: export.run(parallel=1), honest)
    assert steps > 60


async def test_killed_while_resuming_it_resumes_again(tmp_path: Path) -> None:
    async def twice(export: Export, service: Service) -> Any:
        # The first run ends early by itself; the second one is killed.
        service.on_file(httpx2.Response(403), service.good)
        await export.run(parallel=1)
        return await export.resume()

    steps = await kill_everywhere(tmp_path, twice, lambda export, _: None)
    assert steps > 60


async def test_files_verified_before_a_crash_are_not_fetched_again(export: Export, service: Service) -> None:
    service.on_file(httpx2.Response(403))
    await export.run()
    service.requests.clear()
    service.on_file(service.good)
    assert (await export.resume()).complete
    fetched = [str(request.url) for request in service.requests if "/files/" in str(request.url)]
    assert len(fetched) == 1
    assert "Observation" in fetched[0]


async def test_a_file_changed_after_its_verification_is_fetched_again(
    export: Export, service: Service
) -> None:
    service.on_file(httpx2.Response(403))
    await export.run()
    (export.folder / "Patient.001.ndjson").write_bytes(b"short")
    service.on_file(service.good)
    assert (await export.resume()).complete
    assert names_are_honest(export)


async def test_a_complete_export_whose_files_are_gone_says_so(export: Export, service: Service) -> None:
    await export.run()
    service.on(f"GET {STATUS}", httpx2.Response(404))
    service.on_file(httpx2.Response(404))
    (export.folder / "Observation.001.ndjson").unlink()
    result = await export.resume()
    assert result.exit_code == 3
    assert "no longer knows this export" in result.sentence
    assert result.missing == ("Observation.001.ndjson (expired: the EHR answered with status 404)",)


async def test_the_status_address_is_on_disk_before_the_first_poll(export: Export, service: Service) -> None:
    seen: list[Stage] = []

    def look(_: httpx2.Request) -> httpx2.Response:
        seen.append(status(export.folder).stage)
        return service.manifest()

    service.on(f"GET {STATUS}", look)
    await export.run()
    assert seen == [Stage.WAITING]


async def test_the_kick_off_is_on_disk_before_it_is_sent(export: Export, service: Service) -> None:
    seen: list[Stage] = []

    def look(_: httpx2.Request) -> httpx2.Response:
        seen.append(status(export.folder).stage)
        return httpx2.Response(202, headers={"Content-Location": STATUS})

    service.on(next(key for key in service.answers if "$export" in key), look)
    await export.run()
    assert seen == [Stage.ASKED]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"config": {}, "export_id": "x", "stage": "odd"}'])
async def test_a_damaged_state_is_named_not_guessed(export: Export, content: bytes) -> None:
    export.folder.mkdir()
    (export.folder / "export.json").write_bytes(content)
    with pytest.raises(StateError, match="start again in a new folder"):
        await export.resume()


async def test_a_folder_without_an_export_is_said(export: Export) -> None:
    export.folder.mkdir()
    with pytest.raises(StateError, match="holds no export"):
        await export.resume()
    with pytest.raises(StateError, match="holds no export"):
        status(export.folder)


_DIES = """
import asyncio, os, pathlib, signal, sys
from tests.bulk.conftest import Export, Service
left = int(sys.argv[2])
replace = pathlib.Path.replace
def dying(self, target):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
pathlib.Path.replace = dying
service = Service()
asyncio.run(Export(service, pathlib.Path(sys.argv[1])).run())
"""


@pytest.mark.parametrize("rename", [1, 3, 5, 7, 9])
async def test_after_kill_9_the_next_process_completes(export: Export, rename: int) -> None:
    died = subprocess.run(  # noqa: ASYNC221 - the test waits for nothing else
        [sys.executable, "-c", _DIES, str(export.folder), str(rename)], cwd=ROOT, check=False
    )
    assert died.returncode == -signal.SIGKILL
    assert (await go_on(export)).complete
    assert len(export.data()) == 2
    assert names_are_honest(export)
