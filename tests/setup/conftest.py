"""`ltot` as an engineer runs it: a fresh database, a key in the environment, output caught."""

import base64
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.cli import main
from app.store.db import create_store_engine
from app.store.migrate import upgrade

BASE = "https://ltot.example.org"


@dataclass(frozen=True)
class Ran:
    """What a run of `ltot` left behind."""

    exit_code: int
    out: str
    err: str


Ltot = Callable[..., Ran]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """LTOT_ settings with a migrated database in the returned folder."""
    for name in [name for name in os.environ if name.startswith("LTOT_")]:
        monkeypatch.delenv(name)
    url = f"sqlite:///{tmp_path / 'ltot.db'}"
    engine = create_store_engine(url)
    upgrade(engine)
    engine.dispose()
    monkeypatch.setenv("LTOT_BASE_URL", BASE)
    monkeypatch.setenv("LTOT_DATABASE_URL", url)
    monkeypatch.setenv("LTOT_MASTER_KEY", base64.b64encode(bytes(range(32))).decode())
    return tmp_path


@pytest.fixture
def ltot(environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ltot:
    """Run one verb with its words."""

    def run(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["ltot", *words])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        caught = capsys.readouterr()
        return Ran(code, caught.out, caught.err)

    return run


ADD = (
    "tenant", "add", "--id", "north", "--name", "North Clinic", "--issuer", "https://ehr.example.org/fhir/r4",
    "--client-id", "ltot-north",
)  # fmt: skip
