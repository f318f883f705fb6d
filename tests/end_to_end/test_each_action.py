"""Each recording action ends with its item changed on screen, in the access log and, where written, at the EHR.

Every action is done in the Epic and in the Oracle flavour, with and without the permission to write, through the
panel's own forms; what the EHR holds is then read by another app.
"""

import html
import re
from collections.abc import Iterator
from datetime import date

import pytest
from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.procedure import Procedure
from playwright.sync_api import BrowserContext, expect

from app.clinical.words import day
from tests.end_to_end.actions import ACTIONS, Action
from tests.end_to_end.conftest import Demo, running
from tests.end_to_end.recording import READER, READING, Reader, Visit, audited, rows

MODELS = {"Procedure": Procedure, "DocumentReference": DocumentReference, "Observation": Observation}
OPEN = {"Overdue", "Due soon", "Needs a look", "Cannot tell"}
HERE_ONLY = "Kept in the registry only."
FLAVOURS = ("epic", "oracle")


@pytest.fixture(scope="module", params=FLAVOURS)
def writing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    with running(folder, request.param, write_back=True, others=(READER,)) as demo:
        yield demo


@pytest.fixture(scope="module", params=FLAVOURS)
def reading(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The clinic wants entries in the EHR, but the EHR grants reading alone."""
    folder = tmp_path_factory.mktemp("demo")
    with running(folder, request.param, write_back=True, scopes=READING, others=(READER,)) as demo:
        yield demo


def _done(demo: Demo, action: Action) -> tuple[Visit, str, list[tuple[str, str]], set[str]]:
    """The visit, the page after the action, what it left in the access log, and what was new at the EHR."""
    visit, reader = Visit.to(demo.addresses, action.patient), Reader(demo.addresses)
    before = visit.content()
    if action.item:
        assert rows(before).get(action.item, ("Up to date",))[0] in OPEN or action.key == "tier"
    form = visit.read(
        f"{visit.address}/records/{action.key}{'?review=1' if action.reviewed else ''}"
    ).decode()
    assert f'value="{action.fields["do"]}"' in form
    held, logged = reader.references(visit.patient), len(audited(demo.folder))
    status, page = visit.send("records", gap=action.key, **action.fields)
    assert status == 200
    return visit, page, audited(demo.folder)[logged:], reader.references(visit.patient) - held


def _shown(page: str, action: Action) -> str:
    """The entry as the panel lists it, once the item itself says what it has to."""
    word, text = action.ends
    if action.item:
        item = "Risk tier" if action.key == "tier" else action.item
        assert rows(page)[item][0] == word
        assert text in rows(page)[item][1]
    else:
        assert word in re.sub(r"<[^>]+>", "", page)
        assert text in html.unescape(page)
    listed = re.findall(r"<li><strong>(.*?)</li>", page, re.DOTALL)
    return next(html.unescape(one) for one in listed if action.entry in html.unescape(one))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_with_the_permission(writing: Demo, action: Action) -> None:
    visit, page, log, new = _done(writing, action)
    entry = _shown(page, action)
    assert log[0] == (action.audited, "ok")
    if not action.kind:
        assert HERE_ONLY in entry
        assert new == set()
        assert not any(one == "write_back" for one, _ in log)
        return
    (reference,) = new
    assert f"In the EHR as {reference};" in entry
    assert log[1:3] == [("write_back", "sent"), ("write_back", "ok")]
    resource = Reader(writing.addresses).get(reference)
    MODELS[action.kind].model_validate(resource)
    assert resource["resourceType"] == action.kind
    assert resource["subject"]["reference"] == f"Patient/{visit.patient}"
    for part, wanted in action.content:
        assert part(resource) == wanted
    today = date.fromisoformat(visit.evaluation()["as_of"])
    told = resource.get("performedDateTime") or resource.get("effectiveDateTime") or resource["description"]
    assert told in {today.isoformat(), f"Opioid agreement signed on {day(today)}."}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_without_the_permission(reading: Demo, action: Action) -> None:
    _, page, log, new = _done(reading, action)
    entry = _shown(page, action)
    assert log[0] == (action.audited, "ok")
    assert HERE_ONLY in entry
    assert new == set()
    assert ("write_back", "sent") not in log
    if action.kind:
        assert "Not written to the EHR: the EHR granted no permission to write it." in entry
        assert log[1] == ("write_back", "LT-414")


@pytest.mark.browser
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_in_a_browser(
    context: BrowserContext, tmp_path_factory: pytest.TempPathFactory, flavour: str
) -> None:
    with running(tmp_path_factory.mktemp("demo"), flavour, write_back=True, others=(READER,)) as demo:
        patient = Visit.to(demo.addresses, "-Partial").patient
        page = context.new_page()
        page.goto(f"{demo.addresses.ehr}/chart/{patient}")
        panel = page.frame_locator("iframe")
        panel.locator("a", has_text="Record: Depression screen").click()
        panel.get_by_label("PHQ-9 total").fill("6")
        panel.get_by_label("its item 9").fill("0")
        panel.get_by_role("button", name="Record PHQ-9").click()
        listed = panel.locator("section", has=panel.locator("h2", has_text="Recorded in visits"))
        expect(listed).to_contain_text("PHQ-9 6 of 27, item 9: 0")
        expect(listed).to_contain_text("In the EHR as Observation/")
        expect(panel.locator("li.row.ok", has_text="PHQ-9 6 of 27, mild")).to_have_count(1)
        panel.locator("a", has_text="Put off: Urine drug test").click()
        panel.get_by_label("because", exact=True).fill("stable for years")
        panel.get_by_label("For this person every").select_option("24")
        panel.get_by_role("button", name="Set own interval").click()
        expect(listed).to_contain_text("Urine drug test every 24 months until")
        expect(listed).to_contain_text(HERE_ONLY)
        expect(panel.locator("li.row.ok", has_text="Urine drug test on")).to_have_count(1)
