"""The canary patient on the further paths: recorded, written to the EHR, exported, evaluated, kept in the registry.

Nothing of the patient is in a log, an address, an error, a metric or a clear column, whatever fails on the way.
The files of an export and the tables of a run are the clinic's own; their logs and messages are not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from app.errors import LtotError
from app.jobs.evaluate_population import Request, evaluate_population, summary
from app.jobs.export import Wanted, start_export
from app.jobs.registry import load_run
from app.jobs.write_back import OPTION
from app.sandbox.config import SandboxClient
from app.store.registry import Registry
from smart_launch.keys import jwks_document
from tests.security.canary import PATIENT, WORDS, Listener, listening, put_canary, remember_tokens
from tests.security.files import evaluate
from tests.security.test_canary import stored
from tests.security.test_s39_population import _lists as list_of
from tests.security.world import Browser, World

SAID = f"{WORDS['note']} {WORDS['name']} {WORDS['number']}"
Change = Callable[[httpx2.Request], httpx2.Response | None]


@pytest.fixture
def clinic(world: World) -> World:
    """A hospital whose clinicians record, whose entries are written back, and whose population is exported."""
    service, site = world.service, world.sites["north"]
    keys = jwks_document(service.signing_keys("north").published())
    site.clients["backend"] = SandboxClient("backend", jwks=keys, backend=True)
    tenant = replace(
        service.tenants.get("north"),
        backend_client_id="backend",
        roles={"clinician": ("*",)},
        options={OPTION: True},
    )
    service.tenants.save(tenant, service.now())
    put_canary(world)
    object.__setattr__(site, "cards", [*site.cards, replace(site.cards[0], id=PATIENT)])
    return world


def answering(path: str, status: int, body: object = None, method: str = "") -> Change:
    """An EHR that answers this path so, with the patient in its words."""
    said = body if body is not None else outcome()

    def change(request: httpx2.Request) -> httpx2.Response | None:
        here = path in request.url.path and method in {"", request.method}
        return httpx2.Response(status, json=said) if here else None

    return change


def outcome() -> dict[str, object]:
    issue = {"severity": "fatal", "code": "exception", "diagnostics": SAID, "details": {"text": SAID}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def dies(request: httpx2.Request) -> httpx2.Response | None:
    if request.method == "POST" and "/fhir/" in request.url.path:
        raise httpx2.ReadTimeout(SAID)
    return None


def breaks(request: httpx2.Request) -> httpx2.Response | None:
    if request.method == "POST" and "/fhir/" in request.url.path:
        raise RuntimeError(SAID)
    return None


def nothing_told(world: World, listener: Listener, *told: str) -> None:
    """Neither here nor in the logs nor in a clear column is anything of the patient."""
    listener.learn_requests()
    for text_ in (*told, listener.logged, stored(world).decode("latin-1")):
        assert listener.found_in(text_) == []
    assert "Traceback" not in listener.logged


WRITING: dict[str, Change | None] = {
    "the EHR takes it": None,
    "the EHR refuses it": answering("/fhir/", 422, method="POST"),
    "the EHR forbids it": answering("/fhir/", 403, method="POST"),
    "the EHR fails": answering("/fhir/", 500, method="POST"),
    "the EHR is silent": dies,
    "we fail": breaks,
}


@pytest.mark.parametrize("name", WRITING)
async def test_what_is_recorded_and_written_back_is_told_nowhere(clinic: World, name: str) -> None:
    with listening(clinic) as listener:
        remember_tokens(clinic, listener)
        browser = clinic.browser()
        address = await browser.open(patient=PATIENT)
        listener.learn_cookies(browser.cookies)
        change = WRITING[name]
        if change is not None:
            clinic.network.changes.append(change)
        addresses = [address]
        for form in (
            {"do": "tier:high", "text": SAID},
            {"do": "pdmp:expected", "text": SAID, "for": WORDS["name"]},
            {"do": "agreement", "text": SAID},
            {"do": "peg", "pain": "7", "enjoyment": "6", "activity": "5", "text": SAID},
            {"do": "ltot:yes", "text": SAID},
            {"do": SAID, "text": SAID},
            {"do": "pdmp:expected", "on": SAID},
            {"do": "pdmp:expected", "text": SAID * 1000},
        ):
            sent = await post(browser, f"{address}/records", form)
            addresses.append(sent.headers.get("location", ""))
        kept = clinic.service.records.of_patient("north", PATIENT)
        assert len(kept) >= (4 if name != "we fail" else 1)
        for number in (kept[0].entry.id, WORDS["name"], PATIENT):
            await post(browser, f"{address}/records/{number}/retry", {})
            await post(browser, f"{address}/records/{number}/withdraw", {})
        clinic.network.changes.clear()
        page = await browser.get(f"{address}?whole=1")
        metrics = (await browser.get("/metrics")).text
    assert WORDS["note"] in page.text
    nothing_told(clinic, listener, metrics, *addresses)


async def post(browser: Browser, address: str, form: dict[str, str]) -> httpx2.Response:
    return await browser.send("POST", address, form, sec_fetch_site="same-origin")


def file_of_orders(answer: Callable[[], httpx2.Response]) -> Change:
    def change(request: httpx2.Request) -> httpx2.Response | None:
        return answer() if "/bulk/" in request.url.path and "Medication" in request.url.path else None

    return change


EXPORTS: dict[str, Change | None] = {
    "all goes well": None,
    "the kick-off is refused": answering("$export", 400),
    "the job fails": answering("/bulk", 500),
    "a file is forbidden": file_of_orders(lambda: httpx2.Response(403, json=outcome())),
    "a file is broken": file_of_orders(
        lambda: httpx2.Response(
            200, stream=httpx2.ByteStream(f'{{"resourceType": "MedicationRequest", "id": "{SAID}'.encode())
        )
    ),
    "the token is refused": answering(
        "/auth/token", 400, {"error": "invalid_client", "error_description": SAID}
    ),
}


@pytest.mark.parametrize("name", EXPORTS)
async def test_an_export_tells_nothing_but_its_own_files(clinic: World, tmp_path: Path, name: str) -> None:
    said: list[str] = []
    folder = tmp_path / "export"
    change = EXPORTS[name]
    with listening(clinic) as listener:
        remember_tokens(clinic, listener)
        if change is not None:
            clinic.network.changes.append(change)
        tenant = clinic.service.tenants.get("north")
        try:
            result = await start_export(clinic.service, tenant, Wanted(folder), "operator", said.append)
            said += [result.sentence, *result.missing, *result.warnings]
            assert result.complete == (change is None), result
        except LtotError as error:
            assert change is not None
            said.append(str(error))
    exported = "".join(path.read_text() for path in folder.glob("*.ndjson") if path.name != "log.ndjson")
    assert WORDS["number"] in exported or change is not None
    log = folder / "log.ndjson"
    nothing_told(clinic, listener, *said, log.read_text() if log.exists() else "")


async def test_evaluation_and_registry_tell_nothing_but_their_tables(clinic: World, tmp_path: Path) -> None:
    folder, out = tmp_path / "export", tmp_path / "out"
    with listening(clinic) as listener:
        service, tenant = clinic.service, clinic.service.tenants.get("north")
        assert (await start_export(service, tenant, Wanted(folder), "operator", lambda _: None)).complete
        with (folder / "MedicationRequest.001.ndjson").open("a") as file:
            for line in (f"{{{SAID}", json.dumps({"resourceType": "MedicationRequest", "id": [SAID]})):
                file.write(f"{line}\n")
        record = evaluate_population(Request(folder, out, date(2026, 3, 2), workers=1))
        registry = Registry(service.store, "north")
        _, new = load_run(registry, out, service.now())
        assert new
        charts = evaluate(folder)
    assert PATIENT in charts.charts
    told = [
        *summary(record),
        (out / "run.json").read_text(),
        (out / "quarantine.ndjson").read_text(),
        charts.err,
    ]
    assert record.set_aside == 2
    nothing_told(clinic, listener, *told)


async def test_the_registry_does_hold_the_canary_sealed(clinic: World, tmp_path: Path) -> None:
    """The test above could not fail if the patient had not come as far as the registry."""
    folder, out = tmp_path / "export", tmp_path / "out"
    service, tenant = clinic.service, clinic.service.tenants.get("north")
    await start_export(service, tenant, Wanted(folder), "operator", lambda _: None)
    evaluate_population(Request(folder, out, date(2026, 3, 2), workers=1))
    registry = Registry(service.store, "north")
    load_run(registry, out, service.now())
    found: Any = registry.of_patient(PATIENT)
    assert found is not None
    with service.store.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM registry_evaluations")).scalar_one() > 5


async def broken_access_log(world: World) -> None:
    with world.service.store.engine.begin() as connection:
        connection.execute(
            text("CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'gone'); END")
        )


async def nothing_wrong(world: World) -> None:
    """The list is shown."""


@pytest.mark.parametrize("wrong", [nothing_wrong, broken_access_log])
async def test_the_clinics_list_is_told_to_its_reader_alone(
    clinic: World, tmp_path: Path, wrong: Callable[[World], Any]
) -> None:
    """The canary stands on the list; whoever may open it reads the name, and nothing else holds it."""
    service, folder, out = clinic.service, tmp_path / "export", tmp_path / "out"
    tenant = replace(service.tenants.get("north"), roles={"population": ("*",)})
    service.tenants.save(tenant, service.now())
    with listening(clinic) as listener:
        remember_tokens(clinic, listener)
        await start_export(service, tenant, Wanted(folder), "operator", lambda _: None)
        evaluate_population(Request(folder, out, date(2026, 3, 2), workers=1))
        load_run(Registry(service.store, "north"), out, service.now())
        browser = clinic.browser()
        address = await list_of(browser)
        listener.learn_cookies(browser.cookies)
        await wrong(clinic)
        shown = await browser.get(address)
        forms = ({}, {"run": SAID}, {"sort": SAID, "page": SAID}, {"ltot": WORDS["name"], SAID: SAID})
        answers = [
            await post(browser, f"{address}{path}", form) for path in ("", "/list.csv") for form in forms
        ]
        answers += [await browser.get(f"{address}/{PATIENT}"), await clinic.browser().get(address)]
        metrics = (await browser.get("/metrics")).text
    assert (WORDS["name"] in shown.text) == (wrong is nothing_wrong)
    assert any(WORDS["name"] in answer.text for answer in answers[:1]) == (wrong is nothing_wrong)
    headers = [str(answer.headers) for answer in (shown, *answers)]
    refused = [answer.text for answer in answers if answer.status_code >= 400]
    assert len(refused) >= 2
    nothing_told(clinic, listener, metrics, address, *headers, *refused)
