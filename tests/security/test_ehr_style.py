"""The EHR's own colours (A7.8): asked of its own hosts only, read as data, used where everything stays readable."""

import json
from collections.abc import Callable

import httpx2
import pytest

from tests.security.world import World

Change = Callable[[httpx2.Request], httpx2.Response | None]


def answering(path: str, body: object, status: int = 200) -> Change:
    def change(request: httpx2.Request) -> httpx2.Response | None:
        if not request.url.path.endswith(path):
            return None
        return httpx2.Response(status, content=body if isinstance(body, bytes) else json.dumps(body).encode())

    return change


class Restyled(httpx2.AsyncBaseTransport):
    """An EHR whose launches name another address for its style."""

    def __init__(self, ehr: httpx2.AsyncBaseTransport, address: str) -> None:
        self.ehr, self.address = ehr, address

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self.ehr.handle_async_request(request)
        if not request.url.path.endswith("/token"):
            return answer
        members = json.loads(await answer.aread())
        assert "smart_style_url" in members
        return httpx2.Response(answer.status_code, json={**members, "smart_style_url": self.address})


async def styled(world: World, body: object, status: int = 200) -> tuple[str, list[str]]:
    """The stylesheet of a new launch, and what was asked for it."""
    browser = world.browser()
    address = await browser.open()
    assert f'href="{address}/style.css"' in (await browser.get(address)).text
    world.network.changes.append(answering("/smart-style.json", body, status))
    world.outbound()
    answer = await browser.get(f"{address}/style.css")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css")
    return answer.text, world.outbound()


async def test_a_readable_style_colours_the_panel(world: World) -> None:
    css, asked = await styled(world, {"color_text": "#303030", "color_background": "#edeae3"})
    assert "--ground:#edeae3" in css
    assert asked == ["https://north.example.org/smart-style.json"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"color_text": "#999999", "color_background": "#aaaaaa"}, 200),
        ({"color_text": "#000000}*{display:none}", "color_background": "#ffffff"}, 200),
        ({"color_text": "#303030", "color_background": "#edeae3"}, 404),
        (b"body { background: url(https://evil.example.net/) }", 200),
        (b"[" * 100_000, 200),
        (b" " * 5_000_000, 200),
    ],
    ids=["unreadable", "markup", "absent", "stylesheet", "nested", "huge"],
)
async def test_any_other_style_leaves_the_panels_own(world: World, body: object, status: int) -> None:
    css, _ = await styled(world, body, status)
    assert css == ""


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example.net/style.json",
        "https://south.example.org/smart-style.json",
        "https://north.example.org:8443/smart-style.json",
        "http://localhost/smart-style.json",
    ],
    ids=["elsewhere", "another hospital", "another port", "inside"],
)
async def test_a_style_that_may_not_be_asked_for_is_not(world: World, address: str) -> None:
    north = world.network.hosts["north.example.org"]
    world.network.hosts["north.example.org"] = Restyled(north, address)
    browser = world.browser()
    opened = await browser.open()
    world.outbound()
    assert (await browser.get(f"{opened}/style.css")).text == ""
    assert world.outbound() == []


async def test_the_style_belongs_to_the_launch(world: World) -> None:
    address = await world.browser().open()
    assert (await world.browser().get(f"{address}/style.css")).status_code == 403
