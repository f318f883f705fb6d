"""WCAG 2.2 AA in a real browser: axe finds nothing in any state, keys reach everything, 320 px suffice."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Frame, Page, expect

from tests.browser.conftest import Site
from tests.web.samples import ERROR_STATES, STATES

pytestmark = pytest.mark.browser
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
OPEN_ALL = "document.querySelectorAll('details').forEach(one => { one.open = true; })"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def violations(page: Page | Frame) -> list[str]:
    found: Any = Axe().run(page, options={**RULES, "resultTypes": ["violations"]}).response
    return [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def show(page: Page, site: Site, state: str, query: str = "") -> None:
    page.goto(f"{site.base}/p/{state}{query}")
    page.wait_for_selector(".panel")


@pytest.fixture(params=["light", "dark"])
def scheme_page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(color_scheme=request.param, reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_on_any_panel(scheme_page: Page, site: Site, state: str) -> None:
    for width in (400, 1280):
        scheme_page.set_viewport_size({"width": width, "height": 800})
        show(scheme_page, site, state)
        assert violations(scheme_page) == []
    scheme_page.evaluate(OPEN_ALL)
    assert violations(scheme_page) == []


@pytest.mark.parametrize("state", ERROR_STATES)
def test_axe_finds_nothing_on_any_state_page(scheme_page: Page, site: Site, state: str) -> None:
    for width in (400, 1280):
        scheme_page.set_viewport_size({"width": width, "height": 800})
        scheme_page.goto(f"{site.base}/state/{state}")
        assert violations(scheme_page) == []


def test_axe_finds_nothing_while_loading_failing_warning_and_printing(page: Page, site: Site) -> None:
    site.may_answer.clear()
    page.goto(f"{site.base}/p/complete", wait_until="domcontentloaded")
    expect(page.locator("main")).to_contain_text("Reading the chart")
    assert violations(page) == []
    site.may_answer.set()
    page.wait_for_selector(".panel")
    page.evaluate("document.getElementById('idle').hidden = false")
    assert violations(page) == []
    show(page, site, "partial", "?print=1")
    assert violations(page) == []
    page.route("**/content", lambda route: route.abort())
    page.goto(f"{site.base}/p/complete")
    page.wait_for_selector("text=The panel did not load")
    assert violations(page) == []


@pytest.mark.parametrize("state", STATES)
def test_nothing_needs_sideways_scrolling_at_320_pixels(page: Page, site: Site, state: str) -> None:
    for width in (320, 640, 900, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        show(page, site, state)
        page.evaluate(OPEN_ALL)
        assert page.evaluate(OVERFLOW) <= 0, width


def test_longer_words_of_another_language_still_fit(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    show(page, site, "partial")
    page.evaluate(OPEN_ALL)
    page.evaluate(
        """() => {
          const walk = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) {
            const text = walk.currentNode.data.trim();
            if (text) walk.currentNode.data += "ẽ".repeat(Math.ceil(text.length * 0.4));
          }
        }"""
    )
    assert page.evaluate(OVERFLOW) <= 0


def test_tab_order_is_reading_order_and_focus_is_never_hidden(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 400, "height": 500})
    show(page, site, "partial")
    count = page.locator("main a, main button, main summary, main textarea").filter(visible=True).count()
    places = []
    for _ in range(count):
        page.keyboard.press("Tab")
        places.append(
            page.evaluate(
                """() => {
                  const hit = document.activeElement, box = hit.getBoundingClientRect();
                  const all = [...document.querySelectorAll("*")];
                  const banner = document.querySelector(".banner").getBoundingClientRect().bottom;
                  const clear = box.top >= banner - 1 && box.bottom <= innerHeight + 1;
                  return {order: all.indexOf(hit), name: hit.textContent.trim(), clear,
                          ring: getComputedStyle(hit).outlineStyle, width: box.width, height: box.height};
                }"""
            )
        )
    assert [place["order"] for place in places] == sorted({place["order"] for place in places})
    assert places[0]["name"] == "Why: Long-term opioid therapy: yes"
    assert all(place["clear"] for place in places), [p["name"] for p in places if not p["clear"]]
    assert all(place["ring"] != "none" for place in places)
    assert all(place["height"] >= 24 and place["width"] >= 24 for place in places)


def test_a_why_opens_with_the_keyboard_alone(page: Page, site: Site) -> None:
    show(page, site, "complete")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.get_by_text("84 covered days of 90; 70 make long-term therapy").is_visible()


def test_screen_reader_meets_real_headings_and_a_spoken_chart(page: Page, site: Site) -> None:
    show(page, site, "complete")
    headings = page.get_by_role("heading").all_inner_texts()
    assert headings[:4] == [
        "Opioid therapy panel",
        "■ Long-term opioid therapy: yes",
        "◆ 80 MME/day today",
        "Needs action (5)",
    ]
    assert page.get_by_role("img", name="Bar: 80 MME/day, with marks at 50 and 90.").is_visible()
    assert page.get_by_role("img", name="MME/day over 12 months: highest 80").is_visible()
    assert page.get_by_role("status").inner_text().startswith("Panel loaded. 5 items need action")


def test_meaning_survives_without_colour(browser: Browser, site: Site) -> None:
    context = browser.new_context(forced_colors="active", viewport={"width": 400, "height": 800})
    page = context.new_page()
    show(page, site, "partial")
    text = page.inner_text("main")
    for shape, word in (("●", "Overdue"), ("?", "Cannot tell"), ("◆", "Due soon"), ("■", "Long-term")):
        assert f"{shape} {word}" in text
    drawn = page.eval_on_selector(".bar .fill", "one => getComputedStyle(one).fill")
    ground = page.eval_on_selector("body", "one => getComputedStyle(one).backgroundColor")
    assert drawn != ground
    context.close()


def test_nothing_moves_for_people_who_ask_for_less_motion(page: Page, site: Site) -> None:
    site.may_answer.clear()
    page.goto(f"{site.base}/p/complete", wait_until="domcontentloaded")
    assert page.eval_on_selector(".skeleton i", "one => getComputedStyle(one).animationName") == "none"
