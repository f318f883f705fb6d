"""S-32: of many requests at once one refreshes; the new token is stored before use; a 401 is tried again once."""

import asyncio
from urllib.parse import parse_qs

import httpx2

from tests.named import missing
from tests.security.world import World


def refreshes(world: World) -> int:
    forms = [parse_qs(r.content.decode()) for r in world.network.requests if r.method == "POST"]
    return sum(form.get("grant_type") == ["refresh_token"] for form in forms)


async def test_twenty_requests_at_once_share_one_refresh(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    world.clock.pass_by(minutes=14, seconds=30)
    statuses = await asyncio.gather(*(browser.get(f"{address}/content") for _ in range(20)))
    assert {answer.status_code for answer in statuses} == {200}
    assert refreshes(world) == 1


async def test_a_rotated_token_is_used_for_the_next_refresh(world: World) -> None:
    """The sandbox ends the grant when a spent refresh token comes back."""
    browser = world.browser()
    address = await browser.open()
    for _ in range(4):
        world.clock.pass_by(minutes=14, seconds=30)
        assert (await browser.get(f"{address}/content")).status_code == 200
    assert refreshes(world) == 4


async def test_a_token_the_ehr_refuses_is_renewed_once(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    refused = False

    def refuse_once(request: httpx2.Request) -> httpx2.Response | None:
        nonlocal refused
        if refused or "/fhir/Patient" not in request.url.path:
            return None
        refused = True
        return httpx2.Response(401)

    world.network.changes.append(refuse_once)
    assert (await browser.get(f"{address}/content")).status_code == 200
    assert refreshes(world) == 1


async def test_an_ehr_that_refuses_every_token_ends_in_a_clear_page(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    world.network.changes.append(lambda r: httpx2.Response(401) if "/fhir/" in r.url.path else None)
    answer = await browser.get(f"{address}/content")
    assert answer.status_code == 401
    assert "LT-203" in answer.text
    assert refreshes(world) == 1


async def test_a_token_that_cannot_be_renewed_just_now_is_used_while_it_lasts(world: World) -> None:
    """Renewed 45 s early: a short outage of the token endpoint alone takes no panel away."""
    browser = world.browser()
    address = await browser.open()
    world.network.changes.append(
        lambda r: httpx2.Response(503) if b"grant_type=refresh_token" in r.content else None
    )
    world.clock.pass_by(minutes=14, seconds=30)
    assert (await browser.get(f"{address}/content")).status_code == 200
    world.clock.pass_by(minutes=1)
    answer = await browser.get(f"{address}/content")
    assert (answer.status_code, "LT-201" in answer.text) == (504, True)
    assert "token endpoint is not available" in answer.text
    world.network.changes.clear()
    assert (await browser.get(f"{address}/content")).status_code == 200


def test_several_processes_are_tested_in_the_store() -> None:
    assert (
        missing(
            "tests/store/test_sessions.py::test_of_twenty_at_once_one_refreshes",
            "tests/store/test_sessions.py::test_a_late_answer_does_not_overwrite_newer_tokens",
        )
        == []
    )
