"""The clinic's list in the EHR's own frame: who may see it, what it says, and that no address says it too."""

import csv
import html
import io
import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, FrameLocator, Page, expect

from app.clinical.entries import Entry, EntryKind
from app.jobs.demo import DEMO_TENANT, DemoAddresses, free_port, run_demo
from app.jobs.evaluate_population import Request, evaluate_population
from app.jobs.registry import load_run
from app.jobs.service import Service
from app.main import create_app
from app.store.audit import AuditLog
from app.store.records import Records
from app.store.registry import Registry
from tests.population.conftest import LISINOPRIL, order, person, write
from tests.population.visits import launch_of

pytestmark = pytest.mark.browser
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
STRONG = {"text": "oxycodone hydrochloride 20 MG Oral Tablet"}


@dataclass(frozen=True)
class Clinic:
    service: Service
    addresses: DemoAddresses

    def open(self, page: Page, user: str = "lead") -> FrameLocator:
        page.goto(f"{self.addresses.ehr}/population?user={user}")
        return page.frame_locator("iframe")

    def alone(self, page: Page) -> None:
        """Open the list in a window of its own."""
        with urllib.request.urlopen(f"{self.addresses.ehr}/population?user=lead", timeout=30) as answer:
            found = re.search(r'<iframe[^>]* src="([^"]+)"', answer.read().decode())
        assert found is not None
        page.goto(html.unescape(found[1]))
        expect(page.get_by_role("heading", level=1)).to_contain_text("Opioid therapy list")

    def audited(self, action: str) -> list[str]:
        entries = AuditLog(self.service.store).entries(DEMO_TENANT, limit=1000)
        return [one.event.outcome for one in entries if one.event.action == action]


def _named(id_: str, family: str) -> dict[str, object]:
    name = [{"use": "official", "family": family, "given": ["Test"]}]
    number = [{"type": {"coding": [{"code": "MR"}]}, "value": f"mrn-{id_}"}]
    return {**person(id_), "name": name, "identifier": number}


def _export(folder: Path) -> Path:
    """60 people: 30 MME a day, the first two 120, the third a dose that cannot be known; one without an opioid."""
    people = [f"p{number:03}" for number in range(60)]
    lines: list[Any] = []
    for number, one in enumerate(people):
        drug = {"drug": STRONG} if number < 2 else {}
        prescriber = {"requester": {"display": "Dr. Ada" if number % 2 else "Dr. Bo"}}
        lines += [
            order(f"{one}-{month}", one, authoredOn=f"2026-{month:02}-15", **drug, **prescriber)
            for month in (3, 4, 5, 6)
        ]
    vague = order("vague", people[2], {"text": "oxycodone"}, dosageInstruction=[{"text": "as directed"}])
    del vague["dispenseRequest"]
    write(folder / "MedicationRequest.ndjson", [*lines, vague, order("other", "healthy", LISINOPRIL), b"{"])
    write(folder / "Patient.ndjson", [_named(one, f"Family-{one}") for one in [*people, "healthy"]])
    output = [{"type": "MedicationRequest", "url": "MedicationRequest.ndjson"},
              {"type": "Patient", "url": "Patient.ndjson"},
              {"type": "Condition", "url": "Condition.ndjson"}]  # fmt: skip
    said = {"transactionTime": "2026-06-30T00:00:00Z", "request": "Group/1/$export", "output": output}
    (folder / "manifest.json").write_text(json.dumps(said))
    return folder


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """A loaded run of the demo's tenant, and one of another tenant that must never be seen."""
    folder, services = tmp_path_factory.mktemp("clinic"), list[Service]()

    def create(service: Service) -> FastAPI:
        services.append(service)
        return create_app(service)

    addresses = DemoAddresses(free_port(), free_port())
    with run_demo(addresses, create, folder=folder):
        service = services[0]
        evaluate_population(Request(_export(folder / "in"), folder / "run", date(2026, 6, 30), workers=1))
        load_run(Registry(service.store, DEMO_TENANT), folder / "run", service.now())
        done = Entry(EntryKind.PDMP, date(2026, 6, 29), outcome="expected")
        Records(service.store).add(launch_of(DEMO_TENANT, "p000"), done, service.now())
        yield Clinic(service, addresses)


def _violations(page: Page) -> list[tuple[str, str]]:
    found: Any = Axe().run(page, options={**RULES, "resultTypes": ["violations"]}).response
    return [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]]


@pytest.fixture(params=["light", "dark"])
def scheme_page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(color_scheme=request.param, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def test_a_lead_sees_whom_the_run_found_and_how_far_to_trust_it(clinic: Clinic, page: Page) -> None:
    shown = clinic.open(page)
    expect(shown.get_by_role("heading", level=1)).to_have_text("Opioid therapy list: 60 patients")
    text = shown.locator("main").inner_text()
    assert "As of 30 Jun 2026" in text
    assert "export taken 30 Jun 2026" in text
    assert "61 people in the export, 60 with an opioid" in text
    assert "1 line of the export could not be used" in text
    assert "The export was not complete: Condition: 1 of its files are missing" in text
    assert "not proven to be without opioids" in text
    assert "Family-healthy" not in text
    first = shown.get_by_role("row").nth(1)
    expect(first).to_contain_text("Family-p000, Test")
    expect(first).to_contain_text("MRN mrn-p000")
    expect(first).to_contain_text("120")
    expect(first).to_contain_text("1 recorded in visits, not counted here")
    assert clinic.audited("population_view")[-1] == "50 patients"


def test_a_dose_from_50_on_stands_out_by_shape_and_colour(clinic: Clinic, page: Page) -> None:
    cells = clinic.open(page).locator("td[data-label='MME a day']")
    high = cells.filter(has_text="120").locator(".mark")
    expect(high).to_have_count(2)
    for found in high.all():
        expect(found).to_have_class("mark warning")
        expect(found.locator(".shape")).to_have_text("◆")
    below = cells.filter(has_text="30", has_not_text="At least")
    expect(below.first.locator(".mark")).to_have_class("mark info")


def test_filters_sorting_and_pages_leave_nothing_in_the_address(clinic: Clinic, page: Page) -> None:
    shown = clinic.open(page)
    expect(shown.get_by_text("1 to 50 of 60")).to_be_visible()
    address = page.frames[1].url
    shown.get_by_role("button", name="Next page").click()
    expect(shown.get_by_text("51 to 60 of 60")).to_be_visible()
    expect(shown.get_by_role("row")).to_have_count(11)
    shown.get_by_label("MME a day", exact=True).select_option("90+")
    shown.get_by_role("button", name="Show").click()
    expect(shown.get_by_text("1 to 2 of 2")).to_be_visible()
    shown.get_by_label("MME a day", exact=True).select_option("unknown")
    shown.get_by_role("button", name="Show").click()
    expect(shown.get_by_role("heading", level=1)).to_have_text("Opioid therapy list: 0 patients")
    shown.get_by_label("MME a day", exact=True).select_option("")
    shown.get_by_label("Prescriber", exact=True).select_option("Dr. Ada")
    shown.get_by_label("Care gap", exact=True).select_option("G13")
    shown.get_by_label("Sorted", exact=True).select_option("patient")
    shown.get_by_role("button", name="Show").click()
    expect(shown.get_by_text("1 to 30 of 30")).to_be_visible()
    expect(shown.get_by_role("row").nth(1)).to_contain_text("Family-p001")
    assert page.frames[1].url == address
    assert "?" not in address
    shown.get_by_role("link", name="Clear").click()
    expect(shown.get_by_text("1 to 50 of 60")).to_be_visible()


def test_the_whole_filtered_list_comes_as_csv(clinic: Clinic, page: Page) -> None:
    shown = clinic.open(page)
    shown.get_by_label("Prescriber", exact=True).select_option("Dr. Ada")
    shown.get_by_role("button", name="Show").click()
    expect(shown.get_by_text("1 to 30 of 30")).to_be_visible()
    with page.expect_download() as download:
        shown.get_by_role("button", name="Whole list as CSV").click()
    assert download.value.suggested_filename == "opioid-list-2026-06-30.csv"
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 30
    assert {row["prescriber"] for row in rows} == {"Dr. Ada"}
    assert rows[0]["name"].startswith("Family-")
    assert clinic.audited("population_csv")[-1] == "30 patients"


def test_without_the_role_nothing_is_shown(clinic: Clinic, page: Page) -> None:
    seen = len(clinic.audited("population_view"))
    shown = clinic.open(page, user="clinician")
    expect(shown.locator("main")).to_contain_text("LT-405")
    assert "Family-" not in shown.locator("body").inner_text()
    assert len(clinic.audited("population_view")) == seen


def test_a_bookmark_opens_the_list_without_a_patient(clinic: Clinic, page: Page) -> None:
    page.goto(f"{clinic.addresses.panel}/population/launch/{DEMO_TENANT}?login_hint=lead")
    expect(page.locator("main")).to_contain_text("LT-405")
    assert "/callback" in page.url


def test_axe_finds_nothing_at_any_width_and_in_either_scheme(clinic: Clinic, scheme_page: Page) -> None:
    clinic.alone(scheme_page)
    for width in (400, 1280):
        scheme_page.set_viewport_size({"width": width, "height": 900})
        expect(scheme_page.get_by_role("table")).to_be_visible()
        assert _violations(scheme_page) == []
        assert scheme_page.evaluate(OVERFLOW) <= 0
    scheme_page.set_viewport_size({"width": 320, "height": 700})
    assert scheme_page.evaluate(OVERFLOW) <= 0
    scheme_page.evaluate("document.getElementById('idle').hidden = false")
    assert _violations(scheme_page) == []
    scheme_page.get_by_label("MME a day", exact=True).select_option("0")
    scheme_page.get_by_role("button", name="Show").click()
    expect(scheme_page.get_by_text("Nobody fits")).to_be_visible()
    assert _violations(scheme_page) == []


def test_the_keyboard_reaches_everything_in_reading_order(clinic: Clinic, page: Page) -> None:
    clinic.alone(page)
    count = page.locator("main a, main button, main select").filter(visible=True).count()
    names: list[str] = []
    for _ in range(count):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()")
        )
    assert names == [
        "ltot", "mme", "gap", "status", "prescriber", "run", "order", "Show", "Clear",
        "page", "Whole list as CSV", "Print this page", "Close the list",
    ]  # fmt: skip
    page.get_by_label("MME a day", exact=True).focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Opioid therapy list: 0 patients")


def test_on_paper_there_is_the_list_and_when_it_was_printed(clinic: Clinic, page: Page) -> None:
    clinic.alone(page)
    page.emulate_media(media="print")
    expect(page.get_by_text("Not the legal record")).to_be_visible()
    expect(page.get_by_role("button", name="Show")).to_be_hidden()
    expect(page.get_by_text("MME a day: all.")).to_be_visible()


def test_a_closed_list_stays_closed(clinic: Clinic, page: Page) -> None:
    clinic.alone(page)
    address = page.url
    page.get_by_role("button", name="Close the list").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Session over")
    page.goto(address)
    expect(page.locator("main")).to_contain_text("LT-401")


@pytest.mark.parametrize("flavour", ["generic", "epic", "oracle"])
def test_every_flavour_opens_a_list_and_an_empty_one_says_what_to_do(
    flavour: str, tmp_path: Path, page: Page
) -> None:
    addresses = DemoAddresses(free_port(), free_port())
    services: list[Service] = []

    def create(service: Service) -> FastAPI:
        services.append(service)
        return create_app(service)

    with run_demo(addresses, create, flavour=flavour, folder=tmp_path):
        Clinic(services[0], addresses).alone(page)
        assert "Nothing can be said about anybody yet" in page.locator("main").inner_text()
        assert _violations(page) == []
