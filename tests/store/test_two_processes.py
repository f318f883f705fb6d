"""Two processes of the service share one database without doing anything twice."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.store.attempts import Attempts
from app.store.audit import AuditLog
from app.store.db import Store
from app.store.sessions import Sessions
from tests.store.conftest import NOW, Database, open_launch, start_attempt

PROJECT = Path(__file__).parents[2]
ROUNDS = 8


def run_two(database: Database, task: str, items: list[object]) -> list[list[str]]:
    """Run the worker twice at once over the same items; each prints one line per item."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.store.worker", database.service_url, task],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=PROJECT,
                )
            )
            for _ in range(2)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write(json.dumps(items) + "\n")
            worker.stdin.flush()
        answers = [worker.communicate(timeout=300)[0].splitlines() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    return answers


def test_an_attempt_is_consumed_by_one_of_two_processes(
    attempts: Attempts, database: Database, store: Store
) -> None:
    started = [start_attempt(attempts, mark=f"m{n}", launch=f"l{n}") for n in range(ROUNDS)]
    items: list[object] = [[request.state.reveal(), cookie.reveal()] for request, cookie in started]
    first, second = run_two(database, "consume", items)
    assert [sorted(pair) for pair in zip(first, second, strict=True)] == [["spent", "taken"]] * ROUNDS


def test_a_token_is_refreshed_by_one_of_two_processes(
    attempts: Attempts, sessions: Sessions, database: Database
) -> None:
    opened = [open_launch(attempts, sessions, mark=f"m{n}") for n in range(ROUNDS)]
    items: list[object] = [[one.launch.id, one.cookie.reveal()] for one in opened]
    answers = run_two(database, "refresh", items)
    for index, one in enumerate(opened):
        # Each process reports the access token it would use next: both use the one stored by the winner.
        used = {lines[index].split()[1] for lines in answers}
        sent = [line for lines in answers if (line := lines[index].split()[0]) == "sent"]
        loaded = sessions.load(one.launch.id, one.cookie.reveal(), NOW)
        assert len(sent) == 1
        assert used == {loaded.tokens.access_token.reveal()}
        assert loaded.token_version == 2


@pytest.mark.parametrize("tenant", ["north"])
def test_two_processes_write_one_unbroken_access_log(database: Database, store: Store, tenant: str) -> None:
    run_two(database, "audit", [tenant] * ROUNDS)
    checked = AuditLog(store).verify(tenant)
    assert checked.intact
    assert checked.entries == 2 * ROUNDS
