"""S-01: every cookie is named `__Host-ltot.<launch>` and Secure, HttpOnly, SameSite=None, Partitioned, Path=/."""

import re

import httpx2

from tests.security.world import World

NAME = re.compile(r"__Host-ltot\.[A-Za-z0-9_-]{1,64}")
FLAGS = {"Path=/", "HttpOnly", "Secure", "SameSite=None", "Partitioned"}


def lifetimes(answer: httpx2.Response) -> list[int]:
    """Lifetimes in seconds of an answer's cookies, whose names and flags are checked on the way."""
    found = []
    for header in answer.headers.get_list("set-cookie"):
        pair, *attributes = header.split("; ")
        assert NAME.fullmatch(pair.partition("=")[0]), pair
        age = next(a for a in attributes if a.startswith("Max-Age="))
        assert set(attributes) - {age} == FLAGS
        found.append(int(age.partition("=")[2]))
    return found


async def test_cookies_of_a_launch_from_link_to_end(world: World) -> None:
    browser = world.browser()
    started = await browser.get(browser.link())
    assert lifetimes(started) == [600]
    finished = await browser.get(await browser.authorize(started.headers["location"]))
    assert lifetimes(finished) == [0, 8 * 3600]
    address = finished.headers["location"]
    for path in (address, f"{address}/content", f"{address}?whole=1", "/live", "/metrics", "/jwks/north"):
        assert lifetimes(await browser.get(path)) == []


async def test_a_standalone_launch_and_a_failed_one(world: World) -> None:
    assert lifetimes(await world.browser().get("/launch/north")) == [600]
    assert lifetimes(await world.browser().get("/callback?state=x&code=y")) == []
    assert lifetimes(await world.browser().get("/launch?iss=x&launch=y")) == []


async def test_the_cookie_ends_no_later_than_the_session(world: World) -> None:
    browser = world.browser()
    callback = await browser.authorize(await browser.begin())
    answer = await browser.get(callback)
    launch = answer.headers["location"].rpartition("/")[2]
    value = browser.cookies[f"__Host-ltot.{launch}"]
    left = world.service.sessions.load(launch, value, world.clock()).expires_at - world.clock()
    assert max(lifetimes(answer)) <= left.total_seconds()
