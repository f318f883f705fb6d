"""One request to every route of the application, errors included."""

from __future__ import annotations

import re

import httpx2
from fastapi.routing import APIRoute

from tests.security.world import Browser, World


def routes(world: World) -> set[tuple[str, str]]:
    """Method and pattern of every route, however deep it is included."""
    found: set[tuple[str, str]] = set()

    def walk(items: list[object]) -> None:
        for route in items:
            if isinstance(route, APIRoute):
                found.update((method, route.path) for method in route.methods or ())
            walk(list(getattr(route, "routes", None) or ()))

    walk(list(world.app.routes))
    return found


async def visit(world: World) -> dict[str, httpx2.Response]:
    """Answers by what was asked: each route as it should be used, and each kind of error."""
    browser = world.browser()
    address = await browser.open()
    answers = {
        "GET /live": await browser.get("/live"),
        "GET /ready": await browser.get("/ready"),
        "GET /metrics": await browser.get("/metrics"),
        "GET /jwks/{tenant_id}": await browser.get("/jwks/north"),
        "GET /launch": await browser.get(browser.link()),
        "GET /launch/{tenant_id}": await browser.get("/launch/north"),
        "GET /callback": await _callback(world.browser()),
        "GET /p/{launch_id}": await browser.get(address),
        "GET /p/{launch_id}/content": await browser.get(f"{address}/content"),
        "POST /p/{launch_id}/keep": await browser.send(
            "POST", f"{address}/keep", sec_fetch_site="same-origin"
        ),
        "whole": await browser.get(f"{address}?whole=1"),
        "print": await browser.get(f"{address}?print=1"),
        "json": await browser.get(f"{address}/content", accept="application/json"),
    }
    answers |= await _others(world, browser, address, {*answers, "POST /p/{launch_id}/end"})
    answers |= {
        "POST /p/{launch_id}/end": await browser.send("POST", f"{address}/end", sec_fetch_site="same-origin"),
        "over": await browser.get(address),
        "no page": await browser.get("/nowhere"),
        "no tenant": await browser.get("/jwks/nobody"),
        "unknown issuer": await browser.get("/launch?iss=https://evil.example.net&launch=x"),
        "no state": await browser.get("/callback"),
        "foreign": await world.browser().get(address),
        "cross-site": await browser.send("POST", f"{address}/keep", sec_fetch_site="cross-site"),
        "method": await browser.send("DELETE", "/live", sec_fetch_site="same-origin"),
        "json error": await browser.get("/nowhere", accept="application/json"),
        "asset": await browser.get("/static/nowhere.js"),
    }
    world.network.changes.append(_raises)
    answers["unexpected"] = await world.browser().get(world.browser().link("south"))
    world.network.changes.remove(_raises)
    return answers


def _raises(request: httpx2.Request) -> None:
    raise RuntimeError("canary in an exception")


async def _others(
    world: World, browser: Browser, address: str, known: set[str]
) -> dict[str, httpx2.Response]:
    """Routes nobody listed above, asked with made-up parameters."""
    answers: dict[str, httpx2.Response] = {}
    for method, path in sorted(routes(world)):
        name = f"{method} {path}"
        if name not in known:
            asked = re.sub(r"\{[^}]+\}", "x", path.replace("/p/{launch_id}", address))
            answers[name] = await browser.send(method, asked, sec_fetch_site="same-origin")
    return answers


async def _callback(browser: Browser) -> httpx2.Response:
    return await browser.get(await browser.authorize(await browser.begin()))
