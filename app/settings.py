"""The environment, read once into one frozen object.

Every setting is named LTOT_*; a name that is not known, or a value that does not fit, stops the start
with the name and what to write instead.  Values are never echoed, since some are secrets.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_KNOWN_DEFAULT_SECRETS = frozenset({bytes(32), b"0" * 32, b"changeme" * 4, b"secret__" * 4})


class SettingsError(ValueError):
    """A setting is unknown, missing or does not fit; `name` is the variable, `fix` what to do."""

    def __init__(self, name: str, why: str, fix: str) -> None:
        super().__init__(f"{name}: {why}. {fix}")
        self.name, self.why, self.fix = name, why, fix


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decided for this process.

    base_url: the address clinicians' browsers use, without a trailing slash; https unless it is loopback.
    master_key: 32 bytes that seal tokens, identifiers and private keys at rest.
    further_master_keys: keys of other times or processes: they open what was sealed under them, and seal nothing.
    panel_budget: seconds all chart searches together may take before the panel shows what it has.
    idle_minutes, session_hours: a launch ends after this long without use, and at the latest after this long.
    trusted_private_hosts: host names the service may call although they resolve to private addresses.
    """

    base_url: str
    master_key: bytes = field(repr=False)
    further_master_keys: tuple[bytes, ...] = field(default=(), repr=False)
    database_url: str = "sqlite:///ltot.db"
    environment: str = "production"
    policy: str = "default"
    site_codes: Path | None = None
    snomed: bool = True
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    panel_budget: float = 8.0
    idle_minutes: int = 15
    session_hours: int = 8
    trusted_private_hosts: frozenset[str] = frozenset()
    log_level: str = "INFO"
    telemetry: bool = False

    @property
    def is_loopback(self) -> bool:
        return (urlsplit(self.base_url).hostname or "") in LOOPBACK_HOSTS

    @property
    def is_demo(self) -> bool:
        return self.environment == "demo"


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise SettingsError("LTOT_BASE_URL", "is not an address", "Write it as https://ltot.example.org")
    if parts.scheme != "https" and parts.hostname not in LOOPBACK_HOSTS:
        raise SettingsError("LTOT_BASE_URL", "is not https", "Serve the panel over https, or use localhost")
    return value.rstrip("/")


def _environment(value: str) -> str:
    if value not in {"production", "demo"}:
        raise SettingsError("LTOT_ENVIRONMENT", "is neither production nor demo", "Write one of the two")
    return value


def _positive(name: str, kind: Callable[[str], float]) -> Callable[[str], float]:
    def read(value: str) -> float:
        try:
            number = kind(value)
        except ValueError:
            number = 0
        if not 0 < number < math.inf:
            raise SettingsError(name, "is not a number above zero", "Write for instance 15")
        return number

    return read


def _switch(name: str) -> Callable[[str], bool]:
    def read(value: str) -> bool:
        if value not in {"on", "off"}:
            raise SettingsError(name, "is neither on nor off", "Write on or off")
        return value == "on"

    return read


def _time_zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(
            "LTOT_TIME_ZONE", "is not a known time zone", "Write for instance America/Los_Angeles"
        ) from None


def _log_level(value: str) -> str:
    if value not in {"INFO", "WARNING", "ERROR"}:
        raise SettingsError("LTOT_LOG_LEVEL", "is not INFO, WARNING or ERROR", "Write one of the three")
    return value


def _existing_file(name: str) -> Callable[[str], Path]:
    def read(value: str) -> Path:
        path = Path(value)
        if not path.is_file():
            raise SettingsError(name, "names a file that does not exist", "Check the path")
        return path

    return read


def _hosts(value: str) -> frozenset[str]:
    return frozenset(host.strip().lower() for host in value.split(",") if host.strip())


_READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "LTOT_BASE_URL": ("base_url", _base_url),
    "LTOT_DATABASE_URL": ("database_url", str),
    "LTOT_ENVIRONMENT": ("environment", _environment),
    "LTOT_POLICY": ("policy", str),
    "LTOT_SITE_CODES": ("site_codes", _existing_file("LTOT_SITE_CODES")),
    "LTOT_SNOMED": ("snomed", _switch("LTOT_SNOMED")),
    "LTOT_TIME_ZONE": ("time_zone", _time_zone),
    "LTOT_PANEL_BUDGET": ("panel_budget", _positive("LTOT_PANEL_BUDGET", float)),
    "LTOT_IDLE_MINUTES": ("idle_minutes", _positive("LTOT_IDLE_MINUTES", int)),
    "LTOT_SESSION_HOURS": ("session_hours", _positive("LTOT_SESSION_HOURS", int)),
    "LTOT_TRUSTED_PRIVATE_HOSTS": ("trusted_private_hosts", _hosts),
    "LTOT_LOG_LEVEL": ("log_level", _log_level),
    "LTOT_TELEMETRY": ("telemetry", _switch("LTOT_TELEMETRY")),
}
_MASTER_KEY, _FURTHER_KEYS = "LTOT_MASTER_KEY", "LTOT_FURTHER_MASTER_KEYS"
SETTING_NAMES = frozenset(
    {*_READERS, _MASTER_KEY, f"{_MASTER_KEY}_FILE", _FURTHER_KEYS, f"{_FURTHER_KEYS}_FILE"}
)
_KEY_FIX = 'Make one with: python3 -c "import base64,os;print(base64.b64encode(os.urandom(32)).decode())"'


def _secret_text(environment: Mapping[str, str], variable: str) -> tuple[str, str]:
    """The name that gave a secret and its text, from the variable itself or from the file it names."""
    text, name = environment.get(variable, ""), variable
    if file := environment.get(f"{variable}_FILE"):
        name = f"{variable}_FILE"
        if text:
            raise SettingsError(name, f"is set beside {variable}", "Set only one of them")
        text = _existing_file(name)(file).read_text(encoding="ascii", errors="replace")
    return name, text


def _key(name: str, text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SettingsError(name, "is not base64", _KEY_FIX) from None
    if len(key) != 32:
        raise SettingsError(name, "does not hold 32 bytes", _KEY_FIX)
    if key in _KNOWN_DEFAULT_SECRETS or len(set(key)) < 8:
        raise SettingsError(name, "is a default or guessable secret", _KEY_FIX)
    return key


def _master_keys(environment: Mapping[str, str]) -> dict[str, object]:
    name, text = _secret_text(environment, _MASTER_KEY)
    if not text.strip():
        raise SettingsError(_MASTER_KEY, "is not set", _KEY_FIX)
    key = _key(name, text.strip())
    name, text = _secret_text(environment, _FURTHER_KEYS)
    further = tuple(_key(name, one) for one in text.replace(",", " ").split())
    if key in further:
        raise SettingsError(name, f"repeats {_MASTER_KEY}", "List only the other keys")
    return {"master_key": key, "further_master_keys": further}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in `environment`; raises SettingsError naming the first one that does not fit."""
    for name in environment:
        if name.startswith("LTOT_") and name not in SETTING_NAMES:
            raise SettingsError(name, "is not a setting", f"Known are {', '.join(sorted(SETTING_NAMES))}")
    if "LTOT_BASE_URL" not in environment:
        raise SettingsError("LTOT_BASE_URL", "is not set", "Write the address browsers use")
    values = {
        field_: read(environment[name]) for name, (field_, read) in _READERS.items() if name in environment
    }
    settings = Settings(**values, **_master_keys(environment))  # type: ignore[arg-type]
    if settings.is_demo and not settings.is_loopback:
        raise SettingsError(
            "LTOT_ENVIRONMENT", "is demo on a public address", "The demo serves loopback only"
        )
    return settings
