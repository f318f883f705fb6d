"""A patient's name, numbers, id and notes, and every token, appear in no log, address, error, metric or clear column.

The patient is launched and shown, and everything that can fail does fail once.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from app.jobs.open_panel import open_panel
from app.sandbox.faults import Fault
from tests.security.canary import Listener, listening, put_canary, remember_tokens
from tests.security.test_s31_database_down import database_gone
from tests.security.world import Browser, World, changed

Failure = Callable[[World, Browser], Awaitable[None]]


async def visit(world: World, listener: Listener, browser: Browser) -> str:
    """One launch and one panel of the canary; returns the address."""
    link = browser.link(patient=put_canary(world))
    listener.learn(link)
    started = await browser.get(link)
    listener.learn(started.headers["location"])
    callback = await browser.authorize(started.headers["location"])
    listener.learn(callback)
    listener.learn_cookies(browser.cookies)
    address = (await browser.get(callback)).headers["location"]
    listener.learn_cookies(browser.cookies)
    page = await browser.get(f"{address}?whole=1")
    assert page.status_code == 200, page.text
    assert "Canaryfield" in page.text
    listener.learn_requests()
    return address


async def faulty(world: World, browser: Browser, kind: str) -> None:
    address = await browser.open(patient=put_canary(world))
    world.sites["north"].faults.add(Fault(kind))
    await browser.get(f"{address}/content")
    await browser.get(f"{address}?whole=1")


def fault(kind: str) -> Failure:
    async def fail(world: World, browser: Browser) -> None:
        await faulty(world, browser, kind)

    return fail


async def unexpected(world: World, browser: Browser) -> None:
    """An error of our own whose text holds everything."""
    address = await browser.open(patient=put_canary(world))

    def raises(request: httpx2.Request) -> None:
        raise RuntimeError(f"Canaryfield MRN-77412-CANARY {request.headers.get('authorization')}")

    world.network.changes.append(raises)
    await browser.get(f"{address}/content")
    await browser.get(browser.link(patient="canary-patient-4711"))


async def database(world: World, browser: Browser) -> None:
    address = await browser.open(patient=put_canary(world))
    with database_gone(world.service.store.engine):
        await browser.get(f"{address}/content")


async def access_log(world: World, browser: Browser) -> None:
    address = await browser.open(patient=put_canary(world))
    with world.service.store.engine.begin() as connection:
        connection.execute(
            text("CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'gone'); END")
        )
    await browser.get(f"{address}/content")


async def wrong_browser(world: World, browser: Browser) -> None:
    callback = await browser.authorize(await browser.begin(patient=put_canary(world)))
    await world.browser().get(callback)
    await browser.get(changed(callback, iss="https://south.example.org/fhir"))


async def refused_token(world: World, browser: Browser) -> None:
    callback = await browser.authorize(await browser.begin(patient=put_canary(world)))
    world.network.changes.append(
        lambda request: (
            httpx2.Response(
                400,
                json={
                    "error": "invalid_client",
                    "error_description": f"Canaryfield {request.content.decode()}",
                },
            )
            if request.url.path.endswith("/auth/token")
            else None
        )
    )
    await browser.get(callback)


async def ended(world: World, browser: Browser) -> None:
    address = await browser.open(patient=put_canary(world))
    world.clock.pass_by(minutes=20)
    await browser.get(f"{address}/content")


async def declined(world: World, browser: Browser) -> None:
    callback = await browser.authorize(await browser.begin(patient=put_canary(world)))
    said = "Canaryfield may not be opened; MRN-77412-CANARY"
    await browser.get(changed(callback, error="access_denied", error_description=said, code=None))


async def forged_page(world: World, browser: Browser) -> None:
    address = await browser.open(patient=put_canary(world))
    await browser.get(f"{address}/content", x_ltot_patient="canary-patient-4711")


FAILURES: dict[str, Failure] = {
    **{kind: fault(kind) for kind in (
        "429", "500", "empty_403", "html_404", "truncated_json", "broken_next", "paging_loop", "foreign_next",
        "foreign_resource",
    )},
    "an unexpected error": unexpected,
    "the database is down": database,
    "the access log is broken": access_log,
    "another browser": wrong_browser,
    "the token endpoint refuses": refused_token,
    "the session is over": ended,
    "the user declines": declined,
    "a page of another patient": forged_page,
}  # fmt: skip


def stored(world: World) -> bytes:
    file = Path(str(world.service.store.engine.url.database))
    return b"".join(path.read_bytes() for path in sorted(file.parent.glob(f"{file.name}*")))


async def test_a_visit_leaves_no_trace_of_the_patient(world: World) -> None:
    with listening(world) as listener:
        remember_tokens(world, listener)
        browser = world.browser()
        address = await visit(world, listener, browser)
        await browser.send("POST", f"{address}/end", sec_fetch_site="same-origin")
        metrics = (await browser.get("/metrics")).text
    assert len(listener.secrets) > 10
    assert listener.found_in(address) == []
    assert listener.found_in(metrics) == []
    assert listener.found_in(stored(world).decode("latin-1")) == []
    assert listener.found_in(listener.logged) == []
    assert address.rpartition("/")[2] not in listener.logged + metrics


@pytest.mark.parametrize("name", FAILURES)
async def test_no_failure_brings_them_to_light(world: World, name: str) -> None:
    with listening(world) as listener:
        remember_tokens(world, listener)
        browser = world.browser()
        await FAILURES[name](world, browser)
        listener.learn_requests()
        listener.learn_cookies(browser.cookies)
        world.network.changes.clear()
        metrics = (await world.browser().get("/metrics")).text
    assert listener.found_in(metrics) == []
    assert listener.found_in(stored(world).decode("latin-1")) == []
    assert listener.found_in(listener.logged) == []
    assert "Traceback" not in listener.logged


@pytest.mark.parametrize("kind", ["500", "truncated_json", "empty_403"])
async def test_an_exception_that_is_raised_holds_nothing_of_the_patient(world: World, kind: str) -> None:
    browser = world.browser()
    address = (await browser.open(patient=put_canary(world))).rpartition("/")[2]
    cookie = browser.cookies[f"__Host-ltot.{address}"]
    launch = world.service.sessions.load(address, cookie, world.clock())
    world.sites["north"].faults.add(Fault(kind, resource_type="Patient"))
    tenant = world.service.tenants.get("north")
    listener = Listener(world)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever is raised
        await open_panel(world.service, tenant, launch, cookie)
    listener.learn_requests()
    told = (
        "".join(traceback.format_exception_only(caught.value))
        + repr(caught.value)
        + repr(launch)
        + repr(tenant)
    )
    assert listener.found_in(told) == []


async def test_the_listener_hears_what_is_logged(world: World) -> None:
    """The tests above could not fail if nothing was heard."""
    with listening(world) as listener:
        answer = await world.browser().get("/launch?iss=https://evil.example.net&launch=x")
        import logging

        logging.getLogger("any.library").debug("Canaryfield")
    assert '"code": "LT-101"' in listener.logged
    assert f'"request": "{answer.headers["x-request-id"]}"' in listener.logged
    assert listener.found_in(listener.logged) == ["name"]
