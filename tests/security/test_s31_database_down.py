"""S-31: without its database the panel refuses cleanly; it lives, is not ready, and recovers without a restart."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from tests.named import missing
from tests.security.world import World


@contextmanager
def database_gone(engine: Engine) -> Iterator[None]:
    """Every statement fails, as with a server that was stopped."""

    def gone(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("canary: server closed the connection"))

    event.listen(engine, "before_cursor_execute", gone)
    event.listen(engine, "begin", gone, insert=True)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", gone)
        event.remove(engine, "begin", gone)


@pytest.mark.parametrize("path", ["/content", "", "?whole=1"])
async def test_panels_are_refused_and_come_back(world: World, path: str) -> None:
    browser = world.browser()
    address = await browser.open()
    with database_gone(world.service.store.engine):
        answer = await browser.get(f"{address}{path}")
        assert answer.status_code == 503
        assert "LT-605" in answer.text
        assert "canary" not in answer.text
        assert (await browser.get(browser.link())).status_code == 503
        assert (await browser.get("/live")).status_code == 200
        ready = await browser.get("/ready")
        assert (ready.status_code, ready.json()["code"]) == (503, "LT-605")
    assert (await browser.get("/ready")).status_code == 200
    assert (await browser.get(f"{address}{path}")).status_code == 200


def test_a_real_server_that_is_stopped_is_tested_in_the_store() -> None:
    assert (
        missing(
            "tests/store/test_outage.py::test_a_store_recovers_from_lost_connections",
            "tests/store/test_outage.py::test_a_database_that_does_not_answer_is_named_as_such",
        )
        == []
    )
