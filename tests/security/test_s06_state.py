"""S-06: the state is unguessable, used once, within ten minutes, by the browser that started, for one tenant."""

import math
from collections import Counter

from tests.named import missing
from tests.security.world import World, changed, query_of


async def test_states_hold_at_least_128_bits_and_never_repeat(world: World) -> None:
    states = [query_of(await world.browser().begin())["state"] for _ in range(60)]
    assert len(set(states)) == len(states)
    assert {len(state) for state in states} == {32}
    letters = Counter("".join(states))
    assert len(letters) == 64
    per_letter = -sum(n / 1920 * math.log2(n / 1920) for n in letters.values())
    assert per_letter * 32 > 128


async def test_a_state_is_good_for_nine_minutes_and_not_for_ten(world: World) -> None:
    """The EHR's own code lives shorter; what counts here is who refuses first."""
    early, late = world.browser(), world.browser()
    callbacks = [await browser.authorize(await browser.begin()) for browser in (early, late)]
    world.clock.pass_by(minutes=9, seconds=59)
    world.outbound()
    assert "LT-105" not in (await early.get(callbacks[0])).text
    assert any(url.endswith("/auth/token") for url in world.outbound())
    world.clock.pass_by(seconds=1)
    assert "LT-105" in (await late.get(callbacks[1])).text
    assert world.outbound() == []


async def test_what_does_not_match_is_refused_and_recorded(world: World) -> None:
    browser, other = world.browser(), world.browser()
    callback = await browser.authorize(await browser.begin())
    assert (await other.get(callback)).status_code == 400
    assert (await browser.get(changed(callback, state="x" * 32))).status_code == 400
    assert (await browser.get(callback)).status_code == 303
    assert (await browser.get(callback)).status_code == 400
    assert world.audited("-") == [("launch_open", "LT-104")] * 3
    assert world.audited("north") == [("launch_open", "ok")]


async def test_a_browser_that_lost_its_cookie_is_offered_a_window_of_its_own(world: World) -> None:
    """Blocked cookies look like this; a state nobody knows says nothing of any organisation."""
    browser, without = world.browser(), world.browser()
    callback = await browser.authorize(await browser.begin())
    refused = await without.get(callback)
    assert "LT-104" in refused.text
    assert 'href="/launch/north"' in refused.text
    started = await without.get("/launch/north")
    assert (started.status_code, started.headers["location"].split("?")[0]) == (
        302,
        "https://north.example.org/auth/authorize",
    )
    made_up = await without.get(changed(callback, state="x" * 32))
    assert "LT-104" in made_up.text
    assert "/launch/" not in made_up.text


def test_swaps_and_replays_are_among_the_hostile_launches() -> None:
    path = "tests/security/hostile/test_callbacks.py"
    assert (
        missing(
            f"{path}::test_a_callback_in_a_browser_that_did_not_start_it_opens_nothing",
            f"{path}::test_a_code_of_one_hospital_is_never_shown_to_another",
            f"{path}::test_an_attackers_own_callback_sent_to_a_victim_opens_nothing_there",
        )
        == []
    )
