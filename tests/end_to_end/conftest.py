"""The sandbox EHR and the service, both really listening, on two host names."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.jobs.demo import DemoAddresses, free_port, run_demo
from app.jobs.demo_check import Chart
from app.main import create_app
from tests.chromium import browser, context, page

__all__ = ["browser", "context", "page"]

UNHURRIED = "120"
"""Seconds for a chart: a busy machine leaves nothing out."""


@dataclass(frozen=True)
class Demo:
    """A running pair of servers and what tests do to it."""

    addresses: DemoAddresses
    folder: Path

    def open(self, patient: str) -> Chart:
        return Chart(self.addresses, patient)

    def fault(self, kind: str, **more: object) -> None:
        """Put a fault in force at the EHR."""
        self._faults("POST", {"kind": kind, **more})

    def heal(self) -> None:
        self._faults("DELETE", None)

    def _faults(self, method: str, body: dict[str, object] | None) -> None:
        request = urllib.request.Request(
            self.addresses.ehr + "/faults",
            json.dumps(body).encode() if body else None,
            {"Content-Type": "application/json"},
            method=method,
        )
        urllib.request.urlopen(request, timeout=120).close()


@contextmanager
def running(folder: Path, flavour: str, **more: Any) -> Iterator[Demo]:
    """Both servers of one flavour; `more` goes to run_demo."""
    addresses = DemoAddresses(free_port(), free_port())
    settings = {"LTOT_PANEL_BUDGET": UNHURRIED}
    with run_demo(addresses, create_app, flavour=flavour, folder=folder, settings=settings, **more):
        yield Demo(addresses, folder)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The generic flavour, shared by the tests of one file."""
    with running(tmp_path_factory.mktemp("demo"), "generic") as shown:
        yield shown


@pytest.fixture(scope="module", params=["generic", "epic", "oracle"])
def demo_of_each_flavour(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("demo"), request.param) as shown:
        yield shown


@pytest.fixture(autouse=True)
def _healthy(request: pytest.FixtureRequest) -> Iterator[None]:
    """Faults end with the test that asked for them."""
    yield
    for name in ("demo", "demo_of_each_flavour"):
        if name in request.fixturenames:
            request.getfixturevalue(name).heal()
