"""S-05: no parameter, path or Host header ever chooses where a redirect leads."""

from urllib.parse import urlencode

import pytest

from tests.security.world import World

EVIL = "https://evil.example.net/"
NAMES = (
    "next",
    "redirect",
    "redirect_uri",
    "redirect_url",
    "return",
    "return_to",
    "url",
    "iss",
    "goto",
    "dest",
    "continue",
)
PATHS = (
    "/live",
    "/ready",
    "/metrics",
    "/jwks/north",
    "/launch/north",
    "/callback",
    "/launch",
    "/p/x",
    "/p/x/content",
    "/nowhere",
)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", NAMES)
async def test_no_route_redirects_where_a_parameter_says(shared_world: World, path: str, name: str) -> None:
    answer = await shared_world.browser().get(f"{path}?{urlencode({name: EVIL})}")
    assert "evil.example.net" not in answer.headers.get("location", "")
    assert "evil.example.net" not in answer.headers.get("refresh", "")


@pytest.mark.parametrize(
    "path", ["/live/", "/launch/", "/jwks/north/", "/p/x/", "//evil.example.net/", "/%2f%2fevil.example.net"]
)
async def test_no_path_is_completed_by_a_redirect(shared_world: World, path: str) -> None:
    answer = await shared_world.browser().get(f"https://ltot.example.org{path}", host="evil.example.net")
    assert answer.status_code >= 400
    assert "location" not in answer.headers


async def test_the_session_redirect_is_a_path_of_ours(world: World) -> None:
    address = await world.browser().open()
    assert address.startswith("/p/")
