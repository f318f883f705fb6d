"""What the panel's script does: load, wait, try again, warn, close, copy, print; and all of it under our CSP."""

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.browser.conftest import Site
from tests.web.samples import STATES

pytestmark = pytest.mark.browser


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser complains about; a refused status of our own error pages is expected."""
    heard: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "status of" not in message.text:
            heard.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


@pytest.mark.parametrize("state", STATES)
def test_every_panel_works_under_the_content_security_policy(
    page: Page, site: Site, complaints: list[str], state: str
) -> None:
    page.goto(f"{site.base}/p/{state}")
    page.wait_for_selector(".panel")
    assert page.eval_on_selector("body", "one => getComputedStyle(one).margin") == "0px"
    assert complaints == []


def test_content_brings_the_banner_and_proves_the_page_to_the_server(page: Page, site: Site) -> None:
    page.goto(f"{site.base}/p/complete")
    page.wait_for_selector(".panel")
    expect(page.get_by_role("banner")).to_contain_text("Rivera, Maria · 14 Mar 1961 (65 y) · F · MRN …4417")
    assert site.fingerprints == ["f1"]
    assert page.title() == "Opioid therapy panel"


def test_banner_is_shown_once_when_it_was_known_before(page: Page, site: Site) -> None:
    site.banner_known = True
    page.goto(f"{site.base}/p/complete", wait_until="domcontentloaded")
    expect(page.get_by_role("banner")).to_contain_text("Rivera, Maria")
    page.wait_for_selector(".panel")
    assert page.locator(".banner").count() == 1


def test_waiting_shows_seconds_after_two(page: Page, site: Site) -> None:
    site.may_answer.clear()
    page.clock.install(time=0)
    page.clock.pause_at(1_000)
    page.goto(f"{site.base}/p/complete", wait_until="domcontentloaded")
    expect(page.locator("[aria-busy]")).to_be_attached()
    page.clock.run_for(1_900)
    expect(page.locator(".loading p")).to_have_text("Reading the chart")
    page.clock.run_for(100)
    expect(page.locator(".loading p")).to_have_text("Reading the chart: 2 seconds")
    site.may_answer.set()
    page.wait_for_selector(".panel")


def test_ehr_down_then_try_again_shows_the_panel(page: Page, site: Site) -> None:
    site.failures = ["LT-201"]
    page.goto(f"{site.base}/p/complete")
    expect(page.get_by_role("heading", name="The chart could not be read")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("The chart could not be read")
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="80 MME/day today")).to_be_visible()


def test_network_gone_says_so_and_can_be_tried_again(page: Page, site: Site) -> None:
    page.route("**/content", lambda route: route.abort())
    page.goto(f"{site.base}/p/complete")
    expect(page.get_by_role("heading", name="The panel did not load")).to_be_visible()
    page.unroute("**/content")
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="80 MME/day today")).to_be_visible()


def test_partial_panel_can_be_read_again_in_place(page: Page, site: Site) -> None:
    page.goto(f"{site.base}/p/partial")
    with page.expect_response("**/content"):
        page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="At least 96 MME/day today")).to_be_visible()
    expect(page.locator("#panel[aria-busy]")).to_have_count(0)
    assert len(site.fingerprints) == 2


@pytest.mark.parametrize(("code", "heading"), [("LT-120", "Wrong chart"), ("LT-401", "Session over")])
def test_wrong_chart_and_ended_session_leave_nothing_of_the_patient(
    page: Page, site: Site, code: str, heading: str
) -> None:
    site.banner_known = True
    site.failures = [code]
    page.goto(f"{site.base}/p/complete")
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    assert "Rivera" not in page.content()


def test_without_script_a_link_shows_the_whole_panel(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.base}/p/complete")
    page.get_by_role("link", name="Show the panel").click()
    expect(page.get_by_role("heading", name="80 MME/day today")).to_be_visible()
    expect(page.get_by_text("Rivera, Maria")).to_be_visible()
    page.locator("summary", has_text="Summary text").click()
    assert "At least" not in page.locator("#summary").input_value()
    context.close()


def test_copied_summary_is_the_plain_text(context: BrowserContext, page: Page, site: Site) -> None:
    context.grant_permissions(["clipboard-write"])
    page.add_init_script(
        """const write = navigator.clipboard.writeText.bind(navigator.clipboard);
        navigator.clipboard.writeText = (text) => { window.copied = text; return write(text); };"""
    )
    page.goto(f"{site.base}/p/partial")
    page.get_by_role("button", name="Copy summary").click()
    expect(page.get_by_role("button", name="Summary copied")).to_be_visible()
    assert page.evaluate("window.copied").startswith("Opioid therapy summary, as of 21 Sep 2026")


def test_summary_is_selected_where_the_frame_may_not_use_the_clipboard(page: Page, site: Site) -> None:
    page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed'))")
    page.goto(f"{site.base}/p/partial")
    page.get_by_role("button", name="Copy summary").click()
    expect(page.locator("#summary")).to_be_focused()
    selected = page.evaluate(
        "(() => { const s = document.getElementById('summary'); return s.selectionEnd - s.selectionStart; })()"
    )
    assert selected == len(page.locator("#summary").input_value())


class TestIdle:
    """S-25: a warning that can be extended, then nothing of the patient is left."""

    @pytest.fixture
    def idle_page(self, page: Page, site: Site) -> Page:
        site.idle_seconds = 600
        page.clock.install()
        page.goto(f"{site.base}/p/complete")
        page.wait_for_selector(".panel")
        return page

    def test_warning_comes_two_minutes_before_and_keeps_the_session_on_request(
        self, idle_page: Page, site: Site
    ) -> None:
        idle_page.clock.fast_forward(300_000)
        expect(idle_page.get_by_text("The panel closes in")).to_be_hidden()
        idle_page.clock.fast_forward(185_000)
        expect(idle_page.get_by_text("The panel closes in")).to_be_visible()
        expect(idle_page.get_by_role("status")).to_contain_text("Keep it open?")
        with idle_page.expect_response("**/keep"):
            idle_page.get_by_role("button", name="Keep it open").click()
        expect(idle_page.get_by_text("The panel closes in")).to_be_hidden()
        idle_page.clock.fast_forward(300_000)
        expect(idle_page.get_by_role("heading", name="80 MME/day today")).to_be_visible()
        assert site.posts == ["keep"]

    def test_unused_panel_closes_itself(self, idle_page: Page, site: Site) -> None:
        with idle_page.expect_response("**/end"):
            idle_page.clock.fast_forward(601_000)
        expect(idle_page.get_by_role("heading", name="Session over")).to_be_visible()
        assert "Rivera" not in idle_page.content()
        assert "MME" not in idle_page.inner_text("main")
        assert site.posts == ["end"]

    def test_reading_with_the_keyboard_is_use(self, idle_page: Page, site: Site) -> None:
        idle_page.clock.fast_forward(300_000)
        with idle_page.expect_response("**/keep"):
            idle_page.keyboard.press("Tab")
        idle_page.clock.fast_forward(400_000)
        expect(idle_page.get_by_role("heading", name="80 MME/day today")).to_be_visible()
        assert site.posts == ["keep"]

    def test_session_the_server_has_ended_closes_the_page(self, idle_page: Page, site: Site) -> None:
        site.post_state = "LT-401"
        idle_page.clock.fast_forward(300_000)
        idle_page.keyboard.press("Tab")
        expect(idle_page.get_by_role("heading", name="Session over")).to_be_visible()
        assert "Rivera" not in idle_page.content()


class TestPrint:
    def test_print_view_shows_every_why_and_no_controls_on_paper(self, page: Page, site: Site) -> None:
        page.goto(f"{site.base}/p/partial")
        page.get_by_role("link", name="Print view").click()
        expect(page.get_by_role("button", name="Print")).to_be_visible()
        page.emulate_media(media="print")
        assert page.locator(".reason").count() > 5
        assert all(reason.is_visible() for reason in page.locator(".reason").all())
        for control in page.locator("button, a").all():
            assert not control.is_visible()
        assert page.get_by_text("Not the legal record.").is_visible()

    def test_browsers_own_print_opens_every_why_too(self, page: Page, site: Site) -> None:
        page.goto(f"{site.base}/p/complete?whole=1")
        page.emulate_media(media="print")
        reasons = page.locator(".card .reason")
        assert reasons.count() == 2
        for reason in reasons.all():
            box = reason.bounding_box()
            assert box is not None
            assert box["height"] > 20

    def test_banner_is_a_header_that_paper_repeats(self, page: Page, site: Site) -> None:
        page.goto(f"{site.base}/p/partial?print=1")
        page.emulate_media(media="print")
        style = page.eval_on_selector(
            ".banner", "one => [getComputedStyle(one).display, getComputedStyle(one).breakInside]"
        )
        assert style == ["table-header-group", "avoid"]

    def test_back_from_print_is_the_panel(self, page: Page, site: Site) -> None:
        page.goto(f"{site.base}/p/complete?print=1")
        page.get_by_role("link", name="Back to the panel").click()
        expect(page.get_by_role("link", name="Print view")).to_be_visible()
