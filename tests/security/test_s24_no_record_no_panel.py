"""S-24: when the access cannot be recorded, nothing is shown."""

from sqlalchemy import text

from tests.security.world import World


def break_the_log(world: World) -> None:
    with world.service.store.engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER audit_is_broken BEFORE INSERT ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END"
            )
        )


async def test_a_panel_that_cannot_be_recorded_is_not_shown(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    assert (await browser.get(f"{address}/content")).status_code == 200
    break_the_log(world)
    for path in ("/content", "?whole=1", "?print=1"):
        answer = await browser.get(f"{address}{path}")
        assert answer.status_code == 503
        assert "LT-606" in answer.text
        assert "the EHR chart itself is not affected" in answer.text
        assert "MME" not in answer.text


async def test_a_launch_that_cannot_be_recorded_gives_no_session(world: World) -> None:
    browser = world.browser()
    callback = await browser.authorize(await browser.begin())
    break_the_log(world)
    answer = await browser.get(callback)
    assert answer.status_code == 503
    assert "LT-606" in answer.text
    assert "location" not in answer.headers
    assert [h for h in answer.headers.get_list("set-cookie") if "Max-Age=0" not in h] == []
