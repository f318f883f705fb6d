"""S-16: signing keys rotate under open sessions; a new key is published before it signs."""

import httpx2

from app.sandbox.config import SandboxClient
from smart_launch.keys import SigningAlgorithm
from tests.security.world import CLIENT, World


async def published(world: World) -> list[str]:
    return [key["kid"] for key in (await world.browser().get("/jwks/north")).json()["keys"]]


async def test_a_rotation_during_an_open_session_is_not_noticed(world: World) -> None:
    world.sites["north"].clients[CLIENT] = SandboxClient(
        CLIENT, (world.service.redirect_uri,), jwks_url="https://ltot.example.org/jwks/north"
    )
    fetched: list[list[str]] = []

    async def fetch(url: str) -> dict[str, object]:
        transport = httpx2.ASGITransport(app=world.app)
        async with httpx2.AsyncClient(transport=transport) as client:
            document = (await client.get(url)).json()
        fetched.append([key["kid"] for key in document["keys"]])
        return document

    world.sites["north"].authenticator._fetch = fetch
    keys = world.service.signing_keys("north")
    browser = world.browser()
    address = await browser.open()
    former = keys.active().kid
    world.clock.pass_by(minutes=1)
    following, _ = keys.create(SigningAlgorithm.RS384, world.clock())
    assert await published(world) == [former, following]
    assert keys.active().kid == former
    world.clock.pass_by(minutes=5)
    await browser.send("POST", f"{address}/keep", sec_fetch_site="same-origin")
    for _ in range(6):
        world.clock.pass_by(minutes=10)
        await browser.send("POST", f"{address}/keep", sec_fetch_site="same-origin")
    assert keys.rotate(world.clock()) == following
    assert set(await published(world)) == {former, following}
    shown = await browser.get(f"{address}/content", accept="application/json")
    assert shown.status_code == 200
    assert all(source["complete"] for source in shown.json()["sources"] if source["kind"] == "Patient")
    assert following in fetched[-1]
    world.clock.pass_by(hours=2)
    keys.remove_passive(world.clock())
    assert await published(world) == [following]


async def test_published_keys_hold_no_private_member_and_may_be_cached(world: World) -> None:
    answer = await world.browser().get("/jwks/north")
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["content-type"] == "application/jwk-set+json"
    for key in answer.json()["keys"]:
        assert not {"d", "p", "q", "dp", "dq", "qi"} & key.keys()
        assert key["use"] == "sig"
