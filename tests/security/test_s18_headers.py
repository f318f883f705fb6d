"""S-18: HSTS, nosniff, no-referrer, an opener policy where nothing is framed, and no caching of patient data."""

from tests.security.walk import visit
from tests.security.world import World

CACHEABLE = {"GET /jwks/{tenant_id}"}


async def test_every_answer_carries_the_headers(world: World) -> None:
    for name, answer in (await visit(world)).items():
        headers = answer.headers
        assert headers["strict-transport-security"].startswith("max-age="), name
        assert headers["x-content-type-options"] == "nosniff", name
        assert headers["referrer-policy"] == "no-referrer", name
        assert "server" not in headers, name
        if name not in CACHEABLE:
            assert headers["cache-control"] == "no-store", name
        if "frame-ancestors 'none'" in headers["content-security-policy"]:
            assert headers["cross-origin-opener-policy"] == "same-origin", name


async def test_an_unexpected_error_says_nothing_of_itself(world: World) -> None:
    answer = (await visit(world))["unexpected"]
    assert answer.status_code == 500
    assert "LT-900" in answer.text
    assert "canary" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["x-request-id"] in answer.text
