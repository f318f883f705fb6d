"""S-19: an unsafe method is answered only when the browser says it comes from our own page; GET changes nothing."""

import pytest
from sqlalchemy import text

from tests.security.world import World

OURS = "https://ltot.example.org"
MATRIX: list[tuple[dict[str, str], bool]] = [
    ({"sec_fetch_site": "same-origin"}, True),
    ({"sec_fetch_site": "same-origin", "origin": OURS}, True),
    ({"sec_fetch_site": "same-origin", "origin": "null"}, True),
    ({"origin": OURS}, True),
    ({"sec_fetch_site": "same-site"}, False),
    ({"sec_fetch_site": "cross-site"}, False),
    ({"sec_fetch_site": "none"}, False),
    ({"sec_fetch_site": ""}, False),
    ({"sec_fetch_site": "same-origin, cross-site"}, False),
    ({"sec_fetch_site": "cross-site", "origin": OURS}, False),
    ({"origin": "null"}, False),
    ({"origin": "https://north.example.org"}, False),
    ({"origin": "http://ltot.example.org"}, False),
    ({"origin": "https://ltot.example.org:8443"}, False),
    ({"origin": "https://ltot.example.org.evil.example.net"}, False),
    ({"referer": f"{OURS}/p/x"}, False),
    ({}, False),
]


@pytest.mark.parametrize(("headers", "allowed"), MATRIX)
@pytest.mark.parametrize("path", ["keep", "end"])
async def test_the_matrix_of_origins(
    shared_world: World, headers: dict[str, str], path: str, allowed: bool
) -> None:
    browser = shared_world.browser()
    address = await browser.open()
    answer = await browser.send("POST", f"{address}/{path}", **headers)
    assert (answer.status_code < 300) is allowed
    assert ((await browser.get(address)).status_code == 401) is (allowed and path == "end")
    if not allowed:
        assert "LT-403" in answer.text


async def test_reading_changes_nothing_but_the_access_log_and_the_idle_time(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    ignored = ("audit", "alembic_version")

    def state() -> dict[str, list[object]]:
        with world.service.store.engine.connect() as connection:
            tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars()
            return {
                name: list(connection.execute(text(f'SELECT * FROM "{name}"')).all())
                for name in tables
                if name not in ignored
            }

    before = state()
    for path in (address, f"{address}/content", f"{address}?whole=1", "/jwks/north", "/metrics", "/ready"):
        assert (await browser.get(path)).status_code == 200
    assert state() == before
    for path in ("keep", "end"):
        assert (await browser.get(f"{address}/{path}")).status_code == 405
