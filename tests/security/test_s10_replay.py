"""S-10: a launch value or a code opens one session ever, also when it is used many times at once."""

import asyncio

from tests.named import missing
from tests.security.world import World


async def test_twenty_simultaneous_callbacks_open_one_session(world: World) -> None:
    browser = world.browser()
    callback = await browser.authorize(await browser.begin())
    kept = dict(browser.cookies)

    async def answer() -> int:
        tab = world.browser()
        tab.cookies = dict(kept)
        return (await tab.get(callback)).status_code

    statuses = await asyncio.gather(*(answer() for _ in range(20)))
    assert sorted(statuses) == [303] + [400] * 19
    assert world.launches() == 1


def test_replays_one_after_the_other_are_among_the_hostile_launches() -> None:
    path = "tests/security/hostile/test_callbacks.py"
    assert (
        missing(
            f"{path}::test_a_code_replayed_under_a_new_state_opens_nothing",
            f"{path}::test_a_launch_value_replayed_opens_one_session",
            f"{path}::test_a_callback_answered_twice_opens_one_session",
        )
        == []
    )
