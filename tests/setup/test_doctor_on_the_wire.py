"""`ltot doctor` against servers that really listen: the demo's EHR and panel."""

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI

from app.jobs.demo import DEMO_TENANT, DemoAddresses, free_port, run_demo
from app.jobs.doctor import Finding, Result, Subject, examine
from app.jobs.service import Service, client_of, utc_now
from app.jobs.tenants import SetUp
from app.main import create_app


def findings(service: Service, patient: str | None = None) -> dict[str, Finding]:
    """What the doctor finds at the demo's tenant, over the network client of the service."""
    set_up = SetUp(service.settings, service.store)

    async def run() -> list[Finding]:
        async with client_of(service.settings) as http:
            tenant = set_up.tenants.get(DEMO_TENANT)
            return await examine(Subject(set_up, tenant, http, utc_now(), patient))

    return {finding.what: finding for finding in asyncio.run(run())}


@pytest.mark.parametrize("flavour", ["generic", "epic", "oracle"])
def test_a_running_demo_is_healthy_and_a_stopped_one_is_not_reached(tmp_path: Path, flavour: str) -> None:
    services: list[Service] = []

    def create(service: Service) -> FastAPI:
        services.append(service)
        return create_app(service)

    addresses = DemoAddresses(free_port(), free_port())
    with run_demo(addresses, create, flavour=flavour, folder=tmp_path):
        found = findings(services[0])
        assert [finding for finding in found.values() if finding.failed] == []
        for what in ("own key set", "redirect URI at the EHR", "token endpoint", "clock"):
            assert found[what].result is Result.OK, found[what]
        assert found["backend token"].result in {Result.OK, Result.WARNING}
    gone = findings(services[0])
    assert gone["reaches the EHR"].result is Result.FAILED
    assert gone["own key set"].result is Result.FAILED
    services[0].store.engine.dispose()
