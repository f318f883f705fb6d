"""S-07: PKCE S256 on every authorisation; the verifier stays on the server."""

import base64
import hashlib
from urllib.parse import parse_qs

from tests.security.world import World, changed, query_of


async def test_every_authorisation_carries_a_fresh_challenge(world: World) -> None:
    addresses = [await world.browser().begin() for _ in range(5)]
    addresses.append((await world.browser().get("/launch/south")).headers["location"])
    challenges = {query_of(address)["code_challenge"] for address in addresses}
    assert len(challenges) == len(addresses)
    for address in addresses:
        asked = query_of(address)
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) == 43
        assert "code_verifier" not in asked


async def test_the_verifier_is_sent_once_to_the_token_endpoint_and_nowhere_else(world: World) -> None:
    browser = world.browser()
    authorize = await browser.begin()
    finished = await browser.get(await browser.authorize(authorize))
    posts = [request for request in world.network.requests if request.method == "POST"]
    assert len(posts) == 1
    verifier = parse_qs(posts[0].content.decode())["code_verifier"][0]
    assert len(verifier) == 64
    digest = hashlib.sha256(verifier.encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == query_of(authorize)["code_challenge"]
    for seen in (
        authorize,
        str(finished.headers),
        finished.text,
        *(str(r.url) for r in world.network.requests),
    ):
        assert verifier not in seen
    database = world.service.store.engine.url.database
    assert database is not None
    with open(database, "rb") as file:  # noqa: PTH123, ASYNC230 - the database's own bytes
        assert verifier.encode() not in file.read()


async def test_the_sandbox_would_refuse_a_launch_without_it(world: World) -> None:
    browser = world.browser()
    callback = await browser.authorize(changed(await browser.begin(), code_challenge=None))
    assert query_of(callback)["error"] == "invalid_request"
    assert (await browser.get(callback)).status_code == 403
