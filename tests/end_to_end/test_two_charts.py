"""Two charts open in two tabs of one browser: each shows its own patient, whatever is refreshed or shared."""

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, expect

from tests.end_to_end.conftest import Demo

pytestmark = pytest.mark.browser
CLEAN, HIGH = "Testcase-Clean", "Testcase-High"


def open_chart(context: BrowserContext, demo: Demo, patient: str) -> Page:
    page = context.new_page()
    page.goto(f"{demo.addresses.ehr}/chart/{patient}")
    expect(panel(page).locator("[data-announce]")).to_be_attached()
    return page


def panel(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def panel_address(page: Page) -> str:
    return next(frame.url for frame in page.frames if "/p/" in frame.url)


def test_each_tab_keeps_its_own_patient_after_refresh(context: BrowserContext, demo: Demo) -> None:
    first = open_chart(context, demo, "sandbox-clean")
    second = open_chart(context, demo, "sandbox-high")
    for page, name, other in ((first, CLEAN, HIGH), (second, HIGH, CLEAN), (first, CLEAN, HIGH)):
        page.reload()
        banner = panel(page).locator(".banner")
        expect(banner).to_contain_text(name)
        expect(panel(page).locator("body")).not_to_contain_text(other)


def test_the_panel_itself_refreshed_in_its_frame_stays_with_its_patient(
    context: BrowserContext, demo: Demo
) -> None:
    """The known session bleed: launch A, launch B, refresh only A's panel."""
    first = open_chart(context, demo, "sandbox-clean")
    open_chart(context, demo, "sandbox-high")
    frame = next(frame for frame in first.frames if "/p/" in frame.url)
    frame.goto(frame.url)
    expect(panel(first).locator(".banner")).to_contain_text(CLEAN)


def test_an_address_taken_to_another_browser_shows_nothing(
    browser: Browser, context: BrowserContext, demo: Demo
) -> None:
    address = panel_address(open_chart(context, demo, "sandbox-clean"))
    stranger = browser.new_context()
    page = stranger.new_page()
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 403
    expect(page.locator("body")).not_to_contain_text(CLEAN)
    stranger.close()


def test_no_patient_data_in_addresses_titles_or_browser_storage(context: BrowserContext, demo: Demo) -> None:
    page = open_chart(context, demo, "sandbox-clean")
    address = panel_address(page)
    top = context.new_page()
    top.route(
        f"{demo.addresses.panel}/blank", lambda route: route.fulfill(body="<p>", content_type="text/html")
    )
    top.goto(f"{demo.addresses.panel}/blank")
    stored = top.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    frame = next(frame for frame in page.frames if "/p/" in frame.url)
    for text in (address, frame.title(), stored):
        assert "Clean" not in text
        assert "sandbox-clean" not in text
        assert "code=" not in text


def test_cookies_are_one_per_launch_and_out_of_reach_of_script(context: BrowserContext, demo: Demo) -> None:
    page = open_chart(context, demo, "sandbox-clean")
    open_chart(context, demo, "sandbox-high")
    ours = [cookie for cookie in context.cookies() if "ltot" in cookie["name"]]
    assert len(ours) == 2
    assert all(cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "None" for cookie in ours)
    assert all(cookie["name"].startswith("__Host-ltot.") for cookie in ours)
    frame = next(frame for frame in page.frames if "/p/" in frame.url)
    assert frame.evaluate("document.cookie") == ""


def test_a_session_ended_by_the_user_shows_so_and_forgets(context: BrowserContext, demo: Demo) -> None:
    page = open_chart(context, demo, "sandbox-clean")
    address = panel_address(page)
    frame = next(frame for frame in page.frames if "/p/" in frame.url)
    frame.evaluate("fetch(document.body.dataset.end, {method: 'POST', credentials: 'same-origin'})")
    frame.goto(address)
    expect(panel(page).locator("h1")).to_contain_text("Session over")
    expect(panel(page).locator("body")).not_to_contain_text(CLEAN)
