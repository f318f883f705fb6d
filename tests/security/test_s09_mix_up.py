"""S-09: the issuer of the callback is compared with the hospital asked, and never used as an address."""

import pytest

from tests.security.world import World, changed, query_of


@pytest.mark.parametrize(
    "issuer", ["https://south.example.org/fhir", "https://evil.example.net/fhir", "http://127.0.0.1/"]
)
async def test_another_issuer_stops_the_launch_without_a_request(world: World, issuer: str) -> None:
    browser = world.browser()
    callback = await browser.authorize(await browser.begin())
    world.outbound()
    answer = await browser.get(changed(callback, iss=issuer))
    assert answer.status_code == 400
    assert "LT-110" in answer.text
    assert world.outbound() == []
    assert world.audited() == [("launch_open", "LT-110")]


async def test_a_missing_issuer_is_refused_where_the_server_promised_one(world: World) -> None:
    browser = world.browser()
    callback = await browser.authorize(await browser.begin())
    assert "iss" in query_of(callback)
    assert "LT-110" in (await browser.get(changed(callback, iss=None))).text


async def test_charts_are_read_from_the_registered_address_only(world: World) -> None:
    browser = world.browser()
    address = await browser.open("south")
    world.outbound()
    assert (await browser.get(f"{address}/content")).status_code == 200
    assert all(url.startswith("https://south.example.org/fhir/") for url in world.outbound())
