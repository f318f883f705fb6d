"""S-11: the session gets a new id and a new cookie at the callback; the attempt's cookie is dead afterwards."""

from tests.security.world import World


async def test_nothing_known_before_the_callback_opens_the_session(world: World) -> None:
    browser = world.browser()
    callback = await browser.authorize(await browser.begin())
    before = dict(browser.cookies)
    address = (await browser.get(callback)).headers["location"]
    launch = address.rpartition("/")[2]
    assert set(browser.cookies) == {f"__Host-ltot.{launch}"}
    assert not set(before) & set(browser.cookies)
    assert not set(before.values()) & set(browser.cookies.values())
    fixed = world.browser()
    for value in before.values():
        fixed.cookies = {**before, f"__Host-ltot.{launch}": value}
        assert (await fixed.get(address)).status_code == 403


async def test_a_cookie_planted_under_the_sessions_name_is_refused(world: World) -> None:
    address = await world.browser().open()
    planted = world.browser()
    planted.cookies = {f"__Host-ltot.{address.rpartition('/')[2]}": "planted-by-somebody"}
    assert (await planted.get(address)).status_code == 403


async def test_session_ids_hold_at_least_128_bits(world: World) -> None:
    ids = {(await world.browser().open()).rpartition("/")[2] for _ in range(4)}
    assert {len(id_) for id_ in ids} == {32}
    assert len(ids) == 4
