"""The panel's tasks take as few clicks and keystrokes as the documentation says, and the forms are accessible."""

import re

import pytest
from playwright.sync_api import BrowserContext, FrameLocator, Locator, Page, expect

from tests.browser.test_accessibility import OVERFLOW, violations
from tests.end_to_end.clinician_tasks import TASKS, Task
from tests.end_to_end.conftest import Demo

pytestmark = pytest.mark.browser
NAMES = [task.name for task in TASKS]


def opened(context: BrowserContext, demo: Demo, patient: str = "partial") -> tuple[Page, FrameLocator]:
    page = context.new_page()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{demo.addresses.ehr}/chart/sandbox-{patient}")
    panel = page.frame_locator("iframe")
    expect(panel.locator("[data-announce]")).to_be_attached()
    return page, panel


def control(panel: FrameLocator, kind: str, name: str) -> Locator:
    return panel.locator(kind, has_text=re.compile(rf"^\s*{re.escape(name)}")).first


def expect_done(panel: FrameLocator, task: Task) -> None:
    place, words = task.shows
    expect(panel.locator(place).first, task.counts).to_contain_text(words)
    expect(panel.locator(place).first, task.counts).to_be_visible()


def take_back(panel: FrameLocator, task: Task) -> None:
    if task.takes_back:
        control(panel, "button", "Take back").click()
        expect(panel.locator("h2", has_text="Recorded in visits")).to_have_count(0)


@pytest.mark.parametrize("task", TASKS, ids=NAMES)
def test_by_mouse(context: BrowserContext, demo: Demo, task: Task) -> None:
    _, panel = opened(context, demo)
    assert len(task.clicks) <= task.most, task.counts
    for kind, name in task.clicks:
        control(panel, kind, name).click()
    expect_done(panel, task)
    take_back(panel, task)


@pytest.mark.parametrize("task", [task for task in TASKS if task.keys], ids=lambda task: task.name)
def test_by_keyboard(context: BrowserContext, demo: Demo, task: Task) -> None:
    page, panel = opened(context, demo)
    control(panel, *task.clicks[0]).focus()
    for number, key in enumerate(task.keys):
        page.keyboard.press(key)
        if number == 0 and len(task.clicks) > 1:
            expect(panel.locator(".rec"), task.counts).to_be_focused()
    expect_done(panel, task)
    take_back(panel, task)


def test_enter_in_a_field_records_nothing(context: BrowserContext, demo: Demo) -> None:
    page, panel = opened(context, demo)
    control(panel, "a", "Record: PDMP check").click()
    panel.get_by_label("On behalf of").fill("Dr. Sandbox")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.keyboard.press("Enter")
    # Whatever the key has set off went out before this.
    frame = next(frame for frame in page.frames if "/p/" in frame.url)
    assert frame.evaluate("fetch(location.href).then(answer => answer.status)") == 200
    assert "GET" in sent
    assert "POST" not in sent
    expect(panel.locator("h2", has_text="Recorded in visits")).to_have_count(0)
    expect(panel.get_by_label("On behalf of")).to_have_value("Dr. Sandbox")


def test_what_does_not_fit_is_said_in_place_and_what_was_typed_stays(
    context: BrowserContext, demo: Demo
) -> None:
    _, panel = opened(context, demo)
    control(panel, "a", "Record: Opioid agreement").click()
    date = panel.get_by_label("On", exact=True)
    date.evaluate("one => { one.removeAttribute('max'); one.value = '2999-01-01'; }")
    panel.get_by_label("Note").fill("signed by both")
    panel.get_by_role("button", name="Signed").click()
    expect(panel.get_by_role("alert").first).to_contain_text("must not be in the future")
    expect(panel.get_by_label("Note")).to_have_value("signed by both")


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_open_forms_and_recorded_entries_pass_axe(
    context: BrowserContext, demo: Demo, width: int, scheme: str
) -> None:
    page, panel = opened(context, demo, "high")
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    page.locator("iframe").evaluate(
        "one => { one.style = 'position: fixed; inset: 0; width: 100%; height: 100%'; }"
    )
    control(panel, "a", "Record: Risk tier").click()
    control(panel, "button", "High").click()
    expect(panel.locator("h2", has_text="Recorded in visits")).to_be_visible()
    for number, link in enumerate(panel.locator("a[data-form]").filter(visible=True).all()[:8], 1):
        link.click()
        # An opening form moves what stands below it, and a click on its way would miss.
        expect(panel.locator(".rec").filter(visible=True)).to_have_count(number)
    frame = next(frame for frame in page.frames if "/p/" in frame.url)
    frame.evaluate("document.querySelector('.told').textContent = 'The entry does not fit.'")
    assert violations(frame) == []
    assert frame.evaluate(OVERFLOW) <= 0
    control(panel, "button", "Take back").click()
    expect(panel.locator("h2", has_text="Recorded in visits")).to_have_count(0)
