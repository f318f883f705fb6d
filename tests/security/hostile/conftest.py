from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.security.hostile.failing import forget_discovery
from tests.security.world import World

LEGITIMATE = {
    "test_a_callback_answered_twice_opens_one_session": {1},
    "test_a_code_replayed_under_a_new_state_opens_nothing": {1},
    "test_a_launch_value_replayed_opens_one_session": {1},
    "test_a_callback_in_a_browser_that_did_not_start_it_opens_nothing": {1},
    "test_a_session_of_one_hospital_is_useless_under_the_others_cookie": {2},
    "test_a_doubtful_user_reference_is_not_taken_over": {0, 1},
}
"""How many sessions the victims of these cases open themselves; in all other cases nobody opens one."""


@pytest.fixture(autouse=True)
def nothing_else_happens(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of every case: no host but the two hospitals is asked anything, and no further session is there."""
    if "shared_world" not in request.fixturenames and "world" not in request.fixturenames:
        yield
        return
    world: World = request.getfixturevalue("world" if "world" in request.fixturenames else "shared_world")
    asked, before, ask = set[str](), world.launches(), world.network.handle_async_request

    async def noted(outgoing: httpx2.Request) -> httpx2.Response:
        asked.add(outgoing.url.host)
        return await ask(outgoing)

    monkeypatch.setattr(world.network, "handle_async_request", noted)
    yield
    assert asked <= {"north.example.org", "south.example.org"}
    opened = world.launches() - before
    assert opened in LEGITIMATE.get(request.node.originalname, {0})


@pytest.fixture
def honest_afterwards(shared_world: World) -> Any:
    """The north hospital is itself again after the test."""
    host = shared_world.network.hosts["north.example.org"]
    forget_discovery(shared_world)
    yield
    shared_world.network.hosts["north.example.org"] = host
    forget_discovery(shared_world)
