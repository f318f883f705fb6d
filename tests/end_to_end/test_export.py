"""From the EHR to the clinic's list, verb by verb, as the data lead runs them."""

import base64
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI

from app.jobs.demo import DEMO_TENANT, DemoAddresses, free_port, run_demo
from app.jobs.service import Service
from app.main import create_app
from app.store.audit import AuditLog

MAIN = "from app.cli import main; main()"


@dataclass(frozen=True)
class Office:
    """The data lead's terminal beside a running EHR."""

    service: Service
    addresses: DemoAddresses
    environment: dict[str, str]

    def ltot(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", MAIN, *map(str, words)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


@pytest.fixture(params=["generic", "epic", "oracle"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    services: list[Service] = []

    def create(service: Service) -> FastAPI:
        services.append(service)
        return create_app(service)

    addresses = DemoAddresses(free_port(), free_port())
    with run_demo(addresses, create, flavour=request.param, folder=tmp_path):
        service = services[0]
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "LTOT_BASE_URL": addresses.panel,
            "LTOT_ENVIRONMENT": "demo",
            "LTOT_DATABASE_URL": service.settings.database_url,
            "LTOT_MASTER_KEY": base64.b64encode(service.settings.master_key).decode(),
        }
        yield Office(service, addresses, environment)


def _at_the_ehr(office: Office, page: str) -> list[str]:
    with urllib.request.urlopen(f"{office.addresses.ehr}/{page}", timeout=120) as answer:
        return [str(one["id"]) for one in json.load(answer)]


def test_an_export_becomes_the_clinics_list(office: Office, tmp_path: Path) -> None:
    folder, run, listed = tmp_path / "export", tmp_path / "run", tmp_path / "list.csv"
    (group,) = _at_the_ehr(office, "groups.json")
    exported = office.ltot("export", "start", DEMO_TENANT, "--group", group, "--out", folder)
    assert exported.returncode == 0, exported.stderr
    assert "are here and verified" in exported.stdout
    stands = office.ltot("export", "status", DEMO_TENANT, "--out", folder)
    assert stands.stdout.startswith("complete"), stands
    evaluated = office.ltot("population", "evaluate", folder, "--out", run, "--as-of", "2026-11-25")
    assert evaluated.returncode == 0, evaluated.stderr
    loaded = office.ltot("registry", "load", run, "--tenant", DEMO_TENANT)
    assert loaded.returncode == 0, loaded.stderr
    rows = office.ltot("registry", "list", "--tenant", DEMO_TENANT)
    listed_ids = {line.split("\t")[0] for line in rows.stdout.splitlines()}
    assert len(listed_ids) > 8
    assert listed_ids <= set(_at_the_ehr(office, "patients.json"))
    written = office.ltot("registry", "export", listed, "--tenant", DEMO_TENANT)
    assert written.returncode == 0, written.stderr
    text = listed.read_text()
    assert all(patient in text for patient in listed_ids)
    actions = {entry.event.action for entry in AuditLog(office.service.store).entries(DEMO_TENANT)}
    assert {"export.start", "registry.list"} <= actions


def test_a_folder_is_refused_with_its_reason(office: Office, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for verb in ("status", "resume", "cancel"):
        refused = office.ltot("export", verb, DEMO_TENANT, "--out", empty)
        assert refused.returncode == 2
        assert "LT-510" in refused.stderr
        assert "Traceback" not in refused.stderr
    no_time_zone = office.ltot("export", "start", DEMO_TENANT, "--out", empty, "--since", "2026-01-01")
    assert no_time_zone.returncode == 2
    assert "since" in no_time_zone.stderr
