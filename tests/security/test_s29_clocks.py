"""S-29: a minute of clock difference is tolerated, more has a clear code; our assertions live at most five minutes."""

import base64
import json
from urllib.parse import parse_qs

import pytest

from tests.security.world import World


@pytest.mark.parametrize(("seconds", "status"), [(-59, 303), (59, 303), (-61, 502), (400, 502)])
async def test_the_tolerance_is_a_minute(world: World, seconds: int, status: int) -> None:
    """`seconds`: how far the panel's clock is ahead of the EHR's when the id token arrives (it lives 300 s)."""
    browser = world.browser()
    callback = await browser.authorize(await browser.begin())
    at_the_ehr = world.clock()
    world.sites["north"].authenticator._clock = lambda: at_the_ehr.timestamp() + seconds
    object.__setattr__(world.sites["north"], "clock", at_the_ehr.timestamp)
    world.sites["north"].grants._clock = at_the_ehr.timestamp
    world.clock.pass_by(seconds=seconds)
    answer = await browser.get(callback)
    assert answer.status_code == status, answer.text
    if status == 502:
        assert "LT-108" in answer.text
        assert "clock" in answer.text


async def test_client_assertions_live_at_most_five_minutes_and_are_used_once(world: World) -> None:
    for _ in range(3):
        await world.browser().open()
    forms = [parse_qs(r.content.decode()) for r in world.network.requests if r.method == "POST"]
    claims = []
    for form in forms:
        payload = form["client_assertion"][0].split(".")[1]
        claims.append(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
    assert len({claim["jti"] for claim in claims}) == len(claims) == 3
    for claim in claims:
        assert 0 < claim["exp"] - claim["iat"] <= 300
        assert claim["exp"] - world.clock().timestamp() <= 300
        assert claim["aud"] == "https://north.example.org/auth/token"
        assert claim["iss"] == claim["sub"] == "ltot-panel"
