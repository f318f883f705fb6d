"""A launch that must come to nothing, and the means to spoil what its EHR answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
from sqlalchemy import text

from tests.security.world import World

NORTH, SOUTH = "https://north.example.org", "https://south.example.org"
ISSUER = f"{NORTH}/fhir"
EVIL = "https://evil.example.net"


def refused(answer: httpx2.Response) -> None:
    """An error page of ours: no redirect, no cookie but a removed one, nothing to run, a code to report."""
    assert 400 <= answer.status_code < 600, answer.status_code
    assert "location" not in answer.headers
    assert "LT-" in answer.text
    for header in answer.headers.get_list("set-cookie"):
        assert "Max-Age=0" in header
    assert "frame-ancestors" in answer.headers["content-security-policy"]


async def failing_launch(world: World) -> None:
    """Launch from a clean start; it must end in an error page without a session."""
    browser, before = world.browser(), world.launches()
    answer = await browser.get(browser.link())
    if answer.status_code == 302:
        answer = await browser.get(await browser.authorize(answer.headers["location"]))
    refused(answer)
    assert world.launches() == before


def forget_discovery(world: World) -> None:
    """A new day: documents are read again."""
    with world.service.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM discovery_cache"))
    world.service._server_keys.clear()
    world.network.changes.clear()
    world.outbound()


def instead(world: World, ending: str, answer: Callable[[httpx2.Request], httpx2.Response]) -> None:
    world.network.changes.append(
        lambda request: answer(request) if request.url.path.endswith(ending) else None
    )


def token_answer(world: World, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Replace the members of what the token endpoint grants by what `change` makes of them; None leaves one out."""
    honest = world.network.hosts["north.example.org"]

    class Between(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            answer = await honest.handle_async_request(request)
            await answer.aread()
            if not request.url.path.endswith("/auth/token") or answer.status_code != 200:
                return answer
            members = change(json.loads(answer.content))
            return httpx2.Response(200, json={name: v for name, v in members.items() if v is not None})

    world.network.hosts["north.example.org"] = Between()
