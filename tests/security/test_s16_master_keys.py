"""S-16: the master key is replaced while processes run: what was sealed before still opens, the new key seals."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli import cli
from app.jobs.policies import load_site_terms
from app.jobs.service import Service
from app.main import create_app
from app.settings import SettingsError, read_settings
from app.store.audit import Damage
from app.store.crypto import KeyRing
from app.store.db import Store, create_store_engine
from app.store.errors import LaunchReplayedError
from smart_launch.secret import Secret
from tests.security.world import Browser, World, build_world
from tests.store.conftest import USER, make_request, make_response

OLD, NEW = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))


def process(world: World, key: str, further: str = "") -> World:
    """A second process of the service on the same database, with other master keys."""
    settings = {
        "LTOT_BASE_URL": world.service.settings.base_url,
        "LTOT_DATABASE_URL": world.service.settings.database_url,
        "LTOT_MASTER_KEY": key,
        **({"LTOT_FURTHER_MASTER_KEYS": further} if further else {}),
    }
    read = read_settings(settings)
    ring = KeyRing.from_settings(read.master_key, read.further_master_keys)
    store = Store(create_store_engine(read.database_url), ring)
    service = Service(read, store, load_site_terms(), world.clock, world.service.http)
    return World(create_app(service), service, world.network, world.clock, world.sites)


@pytest.fixture
def before(tmp_path: Path) -> Iterator[World]:
    """A process that seals under the old key and opens what the new one sealed."""
    built = build_world(
        tmp_path, settings={"LTOT_MASTER_KEY": OLD, "LTOT_FURTHER_MASTER_KEYS": NEW}, token_lifetime=600
    )
    yield built
    built.close()


@pytest.fixture
def after(before: World) -> Iterator[World]:
    """A process that seals under the new key and opens what the old one sealed."""
    built = process(before, NEW, OLD)
    yield built
    built.close()


def at(world: World, browser: Browser) -> Browser:
    """The same browser, answered by another process."""
    return Browser(world, browser.cookies)


@pytest.mark.parametrize("begun_before", [True, False])
async def test_processes_with_either_key_work_on_the_same_launch(
    before: World, after: World, begun_before: bool
) -> None:
    first, second = (before, after) if begun_before else (after, before)
    browser = first.browser()
    callback = await browser.authorize(await browser.begin())
    opened = await at(second, browser).get(callback)
    assert opened.status_code == 303
    address = opened.headers["location"]
    for _ in range(2):  # the second time with renewed tokens
        for world in (first, second):
            shown = await at(world, browser).get(f"{address}/content", accept="application/json")
            assert (shown.status_code, shown.json()["patient"]) == (200, world.patient())
        before.clock.pass_by(minutes=10)
    for world in (first, second):
        assert (await at(world, browser).get("/jwks/north")).json()["keys"]
        assert all(world.service.audit.verify(t).intact for t in world.service.audit.tenants())
    ended = await at(first, browser).send("POST", f"{address}/end", sec_fetch_site="same-origin")
    assert ended.status_code == 200
    over = await at(second, browser).get(f"{address}/content", accept="application/json")
    assert over.json()["code"] in {"LT-401", "LT-402"}


@pytest.mark.parametrize(("launches", "codes"), [("aa", "bc"), ("ab", "cc")], ids=["launch", "code"])
def test_what_opened_a_launch_under_one_key_opens_none_under_the_other(
    before: World, after: World, launches: str, codes: str
) -> None:
    open_with(before, launches[0], codes[0])
    with pytest.raises(LaunchReplayedError):
        open_with(after, launches[1], codes[1])
    assert before.launches() == 1


def open_with(world: World, launch: str, code: str) -> None:
    now = world.clock()
    request = make_request(os.urandom(8).hex())
    cookie = world.service.attempts.create("north", request, Secret(launch), now)
    attempt = world.service.attempts.consume(request.state, cookie.reveal(), now)
    world.service.sessions.open(attempt, Secret(code), USER, make_response(), now)


async def test_what_is_sealed_after_the_change_is_under_the_new_key(before: World, after: World) -> None:
    await before.browser().open()
    held = process(after, NEW)
    try:
        await after.browser().open(patient=after.patient(number=1))
        with after.service.store.engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT sealed_tokens, sealed_patient, sealed_user FROM launches ORDER BY created_at, id"
                )
            ).all()
        ids = {value.split(".")[1] for row in rows for value in row}
        assert ids == set(after.service.store.ring.ids)
        found = held.service.audit.verify("north")
        assert {finding.damage for finding in found.findings} == {Damage.UNKNOWN_KEY}
    finally:
        held.close()


async def test_the_command_says_which_keys_are_still_needed(
    before: World, after: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await before.browser().open()
    old, new = before.service.store.ring.ids

    def said(key: str, further: str) -> tuple[int, list[str]]:
        for name, value in (("LTOT_MASTER_KEY", key), ("LTOT_FURTHER_MASTER_KEYS", further)):
            monkeypatch.setenv(name, value)
        done = CliRunner().invoke(cli, ["keys", "master"])
        return done.exit_code, done.stdout.splitlines()

    monkeypatch.setenv("LTOT_BASE_URL", before.service.settings.base_url)
    monkeypatch.setenv("LTOT_DATABASE_URL", before.service.settings.database_url)
    code, lines = said(NEW, OLD)
    assert code == 0
    assert lines[0] == f"{new}  seals  0 values"
    assert lines[1].startswith(f"{old}  opens  ")
    needed = int(lines[1].split()[2])
    assert needed > 5
    await after.browser().open(patient=after.patient(number=1))
    assert int(said(NEW, OLD)[1][0].split()[2]) > 2
    code, lines = said(NEW, "")
    assert (code, lines[1]) == (1, f"{old}  NOT HERE  {needed} values")


@pytest.mark.parametrize(
    "value",
    ["x", base64.b64encode(b"short").decode(), OLD + "," + NEW[:-4]],
    ids=["no key", "short", "cut"],
)
def test_a_further_key_that_does_not_fit_stops_the_start_by_name(value: str) -> None:
    settings = {"LTOT_BASE_URL": "https://ltot.example.org", "LTOT_MASTER_KEY": NEW}
    with pytest.raises(SettingsError, match="LTOT_FURTHER_MASTER_KEYS") as caught:
        read_settings({**settings, "LTOT_FURTHER_MASTER_KEYS": value})
    assert value not in str(caught.value)
    with pytest.raises(SettingsError, match="repeats LTOT_MASTER_KEY"):
        read_settings({**settings, "LTOT_FURTHER_MASTER_KEYS": f"{OLD}\n{NEW}"})


def test_further_keys_come_from_a_file_as_well(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{OLD}\n")
    settings = {
        "LTOT_BASE_URL": "https://ltot.example.org",
        "LTOT_MASTER_KEY": NEW,
        "LTOT_FURTHER_MASTER_KEYS_FILE": str(file),
    }
    assert read_settings(settings).further_master_keys == (base64.b64decode(OLD),)
    assert OLD not in repr(read_settings(settings))
