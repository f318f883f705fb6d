"""S-25: idle logoff, an absolute end, a warning that can be answered, and tokens that end with the session."""

from datetime import datetime
from urllib.parse import parse_qs

import pytest
from sqlalchemy import text

from app.jobs.tidy import tidy
from app.store.launch import Launch
from tests.named import missing
from tests.security.world import World

OURS = {"sec_fetch_site": "same-origin"}


def tokens_left(world: World) -> int:
    with world.service.store.engine.connect() as connection:
        query = "SELECT count(*) FROM launches WHERE sealed_tokens IS NOT NULL OR sealed_patient IS NOT NULL"
        return int(connection.execute(text(query)).scalar_one())


async def test_an_unused_session_ends_after_the_idle_time(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    world.clock.pass_by(minutes=14, seconds=59)
    assert (await browser.get(address)).status_code == 200
    world.clock.pass_by(minutes=15)
    for path in ("", "/content", "?whole=1"):
        answer = await browser.get(f"{address}{path}")
        assert answer.status_code == 401
        assert "LT-401" in answer.text


async def test_the_warning_can_be_answered_until_the_absolute_end(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    for _ in range(34):
        world.clock.pass_by(minutes=14)
        assert (await browser.send("POST", f"{address}/keep", **OURS)).status_code == 204
    world.clock.pass_by(minutes=4)
    assert (await browser.send("POST", f"{address}/keep", **OURS)).status_code == 401


async def test_what_is_over_is_forgotten_here_and_revoked_at_the_ehr(world: World) -> None:
    browser = world.browser()
    await browser.open()
    kept = await world.browser().open("south")
    assert tokens_left(world) == 2
    world.clock.pass_by(minutes=10)
    other = world.browser()
    await other.open("south")
    world.clock.pass_by(minutes=6)
    world.network.requests.clear()
    assert await tidy(world.service) == 2
    assert tokens_left(world) == 1
    revoked = [request for request in world.network.requests if request.url.path.endswith("/revoke")]
    hints = [parse_qs(request.content.decode())["token_type_hint"] for request in revoked]
    assert hints == [["refresh_token"], ["access_token"]] * 2
    assert await tidy(world.service) == 0
    assert kept


async def test_any_number_that_is_over_is_ended_in_one_round_read_in_batches(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    overdue = world.service.sessions.overdue

    def counted(tenant_id: str, now: datetime, *, limit: int) -> tuple[Launch, ...]:
        found = overdue(tenant_id, now, limit=limit)
        read.append(len(found))
        return found

    monkeypatch.setattr("app.jobs.tidy.BATCH", 2)
    monkeypatch.setattr(world.service.sessions, "overdue", counted)
    for _ in range(5):
        await world.browser().open()
    world.clock.pass_by(minutes=16)
    assert await tidy(world.service) == 5
    assert tokens_left(world) == 0
    assert max(read) == 2


async def test_ending_it_oneself_revokes_and_forgets_at_once(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    world.outbound()
    assert (await browser.send("POST", f"{address}/end", **OURS)).status_code == 200
    assert tokens_left(world) == 0
    assert [url for url in world.outbound() if url.endswith("/revoke")]
    assert (await browser.get(address)).status_code == 401


async def test_an_ehr_that_is_down_does_not_keep_a_session_alive(world: World) -> None:
    browser = world.browser()
    await browser.open()
    world.network.hosts.clear()
    world.clock.pass_by(minutes=16)
    assert await tidy(world.service) == 1
    assert tokens_left(world) == 0


async def test_expired_attempts_are_removed(world: World) -> None:
    await world.browser().begin()
    world.clock.pass_by(minutes=11)
    await tidy(world.service)
    with world.service.store.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM launch_attempts")).scalar_one() == 0


def test_the_page_itself_warns_and_clears_in_a_real_browser() -> None:
    assert (
        missing(
            "tests/browser/test_panel_in_a_browser.py::test_wrong_chart_and_ended_session_leave_nothing_of_the_patient"
        )
        == []
    )
