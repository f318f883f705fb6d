"""Guessed addresses of sessions."""

from __future__ import annotations

import pytest

from tests.security.world import World

SESSION_PATHS = (
    "/p/", "/p/x", "/p/" + "a" * 32, "/p/" + "a" * 5000, "/p/..%2f..%2fmetrics", "/p/%00", "/p/*", "/p/' OR 1=1 --",
    "/p/<script>", "/p/J-v3afoEYm8KaHhoaxK-XjHvrkbq17Vk", "/p/" + "a" * 32 + "/content", "/p/" + "a" * 32 + "?whole=1",
)  # fmt: skip


@pytest.mark.parametrize("path", SESSION_PATHS)
async def test_a_guessed_session_address_shows_nothing(shared_world: World, path: str) -> None:
    world = shared_world
    world.outbound()
    browser = world.browser()
    browser.cookies[f"__Host-ltot.{'a' * 32}"] = "guessed"
    answer = await browser.get(path)
    assert answer.status_code in {403, 404}
    assert "<script>" not in answer.text.replace('<script src="', "")
    assert world.outbound() == []
