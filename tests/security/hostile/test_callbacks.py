"""What may come back to the callback, in which browser, and how often."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.security.hostile.failing import (
    ISSUER,
    SOUTH,
    refused,
)
from tests.security.world import World, changed, query_of

CALLBACKS: dict[str, dict[str, str | None]] = {
    "no state": {"state": None},
    "empty state": {"state": ""},
    "made-up state": {"state": "x" * 32},
    "state too long": {"state": "x" * 5000},
    "state with markup": {"state": "<script>"},
    "no code": {"code": None},
    "empty code": {"code": ""},
    "made-up code": {"code": "made-up"},
    "code too long": {"code": "x" * 9000},
    "issuer of another hospital": {"iss": f"{SOUTH}/fhir"},
    "issuer made up": {"iss": "https://evil.example.net"},
    "issuer with a slash": {"iss": f"{ISSUER}/"},
    "issuer empty": {"iss": ""},
    "issuer missing although promised": {"iss": None},
    "error": {"error": "access_denied", "code": None},
    "error and code": {"error": "access_denied"},
    "error with markup": {"error": "<script>alert(1)</script>", "code": None},
    "error description with markup": {
        "error": "server_error",
        "error_description": "<img src=x onerror=alert(1)>",
    },
    "error uri": {"error": "server_error", "error_uri": "https://evil.example.net/"},
}


@pytest.mark.parametrize("case", CALLBACKS)
async def test_a_changed_callback_opens_nothing(shared_world: World, case: str) -> None:
    world, before, browser = shared_world, shared_world.launches(), shared_world.browser()
    callback = await browser.authorize(await browser.begin())
    world.outbound()
    answer = await browser.get(changed(callback, **CALLBACKS[case]))
    refused(answer)
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert world.launches() == before
    asked = {url.split("/")[2] for url in world.outbound()}
    assert asked <= ({"north.example.org"} if "code" in case else set()), asked


@pytest.mark.parametrize("error", ["access_denied", "invalid_scope", "temporarily_unavailable", "made-up"])
async def test_a_refusal_of_the_ehr_ends_in_a_page_and_in_the_access_log(world: World, error: str) -> None:
    browser = world.browser()
    callback = await browser.authorize(await browser.begin())
    world.outbound()
    answer = await browser.get(changed(callback, error=error, error_description="words", code=None))
    refused(answer)
    assert "LT-106" in answer.text
    assert world.audited() == [("launch_open", "LT-106")]
    assert world.outbound() == []


@pytest.mark.parametrize("name", ["state", "code", "iss"])
async def test_a_parameter_of_the_callback_sent_twice_opens_nothing(shared_world: World, name: str) -> None:
    world, before, browser = shared_world, shared_world.launches(), shared_world.browser()
    callback = await browser.authorize(await browser.begin())
    world.outbound()
    refused(await browser.get(f"{callback}&{urlencode({name: query_of(callback)[name]})}"))
    assert world.outbound() == []
    assert world.launches() == before


async def test_a_callback_answered_twice_opens_one_session(shared_world: World) -> None:
    browser = shared_world.browser()
    callback = await browser.authorize(await browser.begin())
    kept = dict(browser.cookies)
    assert (await browser.get(callback)).status_code == 303
    before = shared_world.launches()
    for cookies in (dict(browser.cookies), kept):
        browser.cookies = cookies
        refused(await browser.get(callback))
    assert shared_world.launches() == before


async def test_a_code_replayed_under_a_new_state_opens_nothing(shared_world: World) -> None:
    browser = shared_world.browser()
    used = await browser.authorize(await browser.begin())
    await browser.get(used)
    before = shared_world.launches()
    fresh = await browser.authorize(await browser.begin())
    refused(await browser.get(changed(fresh, code=query_of(used)["code"])))
    assert shared_world.launches() == before


async def test_a_launch_value_replayed_opens_one_session(shared_world: World) -> None:
    browser = shared_world.browser()
    link = browser.link()
    first = await browser.get(link)
    await browser.get(await browser.authorize(first.headers["location"]))
    before = shared_world.launches()
    second = await browser.get(link)
    refused(await browser.get(await browser.authorize(second.headers["location"])))
    assert shared_world.launches() == before


def _other_letter(value: str) -> str:
    return value[:-1] + ("A" if value[-1] != "A" else "B")


COOKIES: dict[str, Callable[[dict[str, str], dict[str, str]], dict[str, str]]] = {
    "none": lambda own, other: {},
    "another browser's": lambda own, other: other,
    "own name, other value": lambda own, other: dict(zip(own, other.values(), strict=True)),
    "other name, own value": lambda own, other: dict(zip(other, own.values(), strict=True)),
    "changed by one letter": lambda own, other: {
        name: value[:-1] + ("A" if value[-1] != "A" else "B") for name, value in own.items()
    },
    "cut": lambda own, other: {name: value[:-1] for name, value in own.items()},
    "empty": lambda own, other: dict.fromkeys(own, ""),
    "too long": lambda own, other: dict.fromkeys(own, "x" * 3000),
    "without the prefix": lambda own, other: {
        name.removeprefix("__Host-"): value for name, value in own.items()
    },
    "with another prefix": lambda own, other: {
        name.replace("__Host-", "__Secure-"): value for name, value in own.items()
    },
    "quoted": lambda own, other: {name: f'"{value}"' for name, value in own.items()},
}


@pytest.mark.parametrize("case", COOKIES)
async def test_a_callback_in_a_browser_that_did_not_start_it_opens_nothing(
    shared_world: World, case: str
) -> None:
    world, before = shared_world, shared_world.launches()
    victim, attacker = world.browser(), world.browser()
    callback = await victim.authorize(await victim.begin())
    await attacker.begin(patient=world.patient(number=1))
    thief = world.browser()
    thief.cookies = COOKIES[case](dict(victim.cookies), dict(attacker.cookies))
    world.outbound()
    refused(await thief.get(callback))
    assert world.outbound() == []
    assert world.launches() == before
    assert (await victim.get(callback)).status_code == 303


async def test_an_attackers_own_callback_sent_to_a_victim_opens_nothing_there(shared_world: World) -> None:
    """Login CSRF: the victim would work in the attacker's session."""
    attacker, victim = shared_world.browser(), shared_world.browser()
    callback = await attacker.authorize(await attacker.begin())
    await victim.begin()
    before = shared_world.launches()
    shared_world.outbound()
    refused(await victim.get(callback))
    assert shared_world.outbound() == []
    assert shared_world.launches() == before


async def test_an_attempt_answered_too_late_opens_nothing(world: World) -> None:
    browser = world.browser()
    callback = await browser.authorize(await browser.begin())
    world.clock.pass_by(minutes=10, seconds=1)
    refused(await browser.get(callback))
    assert world.launches() == 0


@pytest.mark.parametrize(("asked", "answering"), [("north", "south"), ("south", "north")])
async def test_a_code_of_one_hospital_is_never_shown_to_another(
    shared_world: World, asked: str, answering: str
) -> None:
    """Mix-up: the state belongs to one hospital, code and issuer come from the other."""
    world, browser, before = shared_world, shared_world.browser(), shared_world.launches()
    mine = await browser.authorize(await browser.begin(asked))
    other = await browser.authorize(await browser.begin(answering))
    world.outbound()
    stolen = query_of(other)
    refused(await browser.get(changed(mine, code=stolen["code"], iss=stolen["iss"])))
    assert world.outbound() == []
    assert world.launches() == before


async def test_a_session_of_one_hospital_is_useless_under_the_others_cookie(shared_world: World) -> None:
    browser = shared_world.browser()
    north, south = await browser.open("north"), await browser.open("south")
    names = [f"__Host-ltot.{address.rpartition('/')[2]}" for address in (north, south)]
    browser.cookies[names[0]], browser.cookies[names[1]] = (
        browser.cookies[names[1]],
        browser.cookies[names[0]],
    )
    for address in (north, south):
        assert (await browser.get(address)).status_code == 403
