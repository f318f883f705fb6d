"""S-40: the service does not start with default secrets, plain http, debug, open frames, damaged data or old tables."""

import base64
import shutil
from pathlib import Path

import pytest

from app.errors import LtotError
from app.jobs.service import Service
from app.main import create_app, from_environment
from app.settings import SettingsError, read_settings
from app.store.db import create_store_engine
from app.store.errors import TenantInvalidError
from app.store.migrate import upgrade
from app.store.tenants import AuthMethod, Tenant
from tests.security.world import World
from valuesets.check import check
from valuesets.loader import DATA

KEY = base64.b64encode(bytes(range(32))).decode()
GOOD = {"LTOT_BASE_URL": "https://ltot.example.org", "LTOT_MASTER_KEY": KEY}


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


REFUSED: dict[str, tuple[dict[str, str | None], str]] = {
    "no base address": ({"LTOT_BASE_URL": None}, "LTOT_BASE_URL"),
    "plain http": ({"LTOT_BASE_URL": "http://ltot.example.org"}, "LTOT_BASE_URL"),
    "base address with a user": ({"LTOT_BASE_URL": "https://user@ltot.example.org"}, "LTOT_BASE_URL"),
    "base address with a query": ({"LTOT_BASE_URL": "https://ltot.example.org?x=1"}, "LTOT_BASE_URL"),
    "base address is no address": ({"LTOT_BASE_URL": "ltot"}, "LTOT_BASE_URL"),
    "no key": ({"LTOT_MASTER_KEY": None}, "LTOT_MASTER_KEY"),
    "empty key": ({"LTOT_MASTER_KEY": ""}, "LTOT_MASTER_KEY"),
    "key of zeros": ({"LTOT_MASTER_KEY": encoded(bytes(32))}, "LTOT_MASTER_KEY"),
    "key changeme": ({"LTOT_MASTER_KEY": encoded(b"changeme" * 4)}, "LTOT_MASTER_KEY"),
    "key of one letter": ({"LTOT_MASTER_KEY": encoded(b"a" * 32)}, "LTOT_MASTER_KEY"),
    "key of few letters": ({"LTOT_MASTER_KEY": encoded(b"abcdefg" * 4 + b"abcd")}, "LTOT_MASTER_KEY"),
    "short key": ({"LTOT_MASTER_KEY": encoded(bytes(range(16)))}, "LTOT_MASTER_KEY"),
    "key that is not base64": ({"LTOT_MASTER_KEY": "not base64 at all"}, "LTOT_MASTER_KEY"),
    "two keys": ({"LTOT_MASTER_KEY_FILE": "/dev/null"}, "LTOT_MASTER_KEY_FILE"),
    "demo on a public address": ({"LTOT_ENVIRONMENT": "demo"}, "LTOT_ENVIRONMENT"),
    "debug": ({"LTOT_LOG_LEVEL": "DEBUG"}, "LTOT_LOG_LEVEL"),
    "a debug switch": ({"LTOT_DEBUG": "1"}, "LTOT_DEBUG"),
    "a misspelt setting": ({"LTOT_BASEURL": "https://ltot.example.org"}, "LTOT_BASEURL"),
    "an unknown environment": ({"LTOT_ENVIRONMENT": "staging"}, "LTOT_ENVIRONMENT"),
    "an unknown zone": ({"LTOT_TIME_ZONE": "Mars/Olympus"}, "LTOT_TIME_ZONE"),
    "a zone outside the list": ({"LTOT_TIME_ZONE": "../../etc/passwd"}, "LTOT_TIME_ZONE"),
    "no time at all": ({"LTOT_PANEL_BUDGET": "0"}, "LTOT_PANEL_BUDGET"),
    "endless time": ({"LTOT_PANEL_BUDGET": "nan"}, "LTOT_PANEL_BUDGET"),
    "infinite time": ({"LTOT_PANEL_BUDGET": "inf"}, "LTOT_PANEL_BUDGET"),
    "negative idle time": ({"LTOT_IDLE_MINUTES": "-1"}, "LTOT_IDLE_MINUTES"),
    "a session in words": ({"LTOT_SESSION_HOURS": "eight"}, "LTOT_SESSION_HOURS"),
    "a switch in between": ({"LTOT_TELEMETRY": "maybe"}, "LTOT_TELEMETRY"),
    "a missing file of site codes": ({"LTOT_SITE_CODES": "/nowhere/codes.toml"}, "LTOT_SITE_CODES"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_setting_that_does_not_fit_stops_the_start_by_name(case: str) -> None:
    changes, name = REFUSED[case]
    environment = {key: value for key, value in (GOOD | changes).items() if value is not None}
    with pytest.raises(SettingsError) as refused:
        read_settings(environment)
    assert refused.value.name == name
    assert refused.value.fix
    for value in changes.values():
        assert not value or len(value) < 9 or value not in str(refused.value)


def test_settings_that_fit_are_taken() -> None:
    assert read_settings(GOOD).base_url == "https://ltot.example.org"


@pytest.mark.parametrize(
    "origin", ["*", "https://*", "https://*.example.org", "http://ehr.example.org", "'self'", "https:"]
)
def test_open_frames_cannot_be_registered(world: World, origin: str) -> None:
    tenant = Tenant(
        "east", "East", "https://east.example.org/fhir", "c", AuthMethod.NONE, frame_ancestors=(origin,)
    )
    with pytest.raises(TenantInvalidError, match="frame_ancestors"):
        world.service.tenants.save(tenant, world.clock())


def test_old_tables_stop_the_start(tmp_path: Path) -> None:
    service = Service.of(read_settings({**GOOD, "LTOT_DATABASE_URL": f"sqlite:///{tmp_path / 'x.db'}"}))
    with pytest.raises(LtotError) as refused:
        create_app(service)
    assert refused.value.entry.code == "LT-602"
    upgrade(service.store.engine)
    assert create_app(service).debug is False
    service.store.engine.dispose()


def test_what_stops_the_start_is_an_error_of_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LTOT_ENVIRONMENT", "demo")
    with pytest.raises(LtotError) as refused:
        from_environment()
    assert refused.value.entry.code == "LT-601"


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.csv")))
def test_a_damaged_terminology_file_is_named(tmp_path: Path, name: str) -> None:
    copy = tmp_path / "data"
    shutil.copytree(DATA, copy)
    file = copy / name
    content = file.read_bytes()
    file.write_bytes(content[:-2] + (b"1" if content[-2:-1] != b"1" else b"2") + content[-1:])
    assert any(name in problem for problem in check(copy))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Settings a start would accept, on a migrated database."""
    url = f"sqlite:///{tmp_path / 'ready.db'}"
    for name, value in {**GOOD, "LTOT_DATABASE_URL": url}.items():
        monkeypatch.setenv(name, value)
    engine = create_store_engine(url)
    upgrade(engine)
    engine.dispose()
    monkeypatch.setattr("app.main.configure_logs", lambda level: None)
    return monkeypatch


def test_damaged_terminology_stops_the_start(environment: pytest.MonkeyPatch) -> None:
    environment.setattr("app.main.check", lambda: ["factors.csv: checksum differs."])
    with pytest.raises(LtotError, match=r"LT-603.*factors\.csv"):
        from_environment()


def test_a_policy_that_does_not_fit_stops_the_start(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LTOT_POLICY", "nowhere.toml")
    with pytest.raises(LtotError, match=r"LT-604.*nowhere\.toml"):
        from_environment()


def test_settings_that_fit_start_the_service(environment: pytest.MonkeyPatch) -> None:
    app = from_environment()
    assert app.debug is False
    app.state.service.store.engine.dispose()


async def test_no_page_describes_the_application_itself(world: World) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert (await world.browser().get(path)).status_code == 404
