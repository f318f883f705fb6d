"""S-02: a launch inside a frame of another site keeps its cookie up to the callback, in a real browser.

The EHR is at localhost and the panel at 127.0.0.1: another site to a browser. Third-party cookies are blocked.
"""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect, sync_playwright

from tests.chromium import ARGUMENTS, MILLISECONDS, chromium_path, is_loopback
from tests.end_to_end.conftest import Demo, running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("demo"), "generic") as shown:
        yield shown


@pytest.fixture(scope="module")
def blocking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A browser set to block third-party cookies, as a person or an organisation sets it."""
    profile = tmp_path_factory.mktemp("profile")
    (profile / "Default").mkdir()
    choice = {"profile": {"cookie_controls_mode": 1, "block_third_party_cookies": True}}
    (profile / "Default" / "Preferences").write_text(json.dumps(choice))
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium_path(), headless=True, args=ARGUMENTS, reduced_motion="reduce"
        )
        context.set_default_timeout(MILLISECONDS)
        context.route(lambda url: not is_loopback(url), lambda route: route.abort())
        yield context
        context.close()


def test_the_browser_does_block_what_is_not_partitioned(blocking: BrowserContext, demo: Demo) -> None:
    """The test below could not fail in a browser that blocks nothing."""
    page = blocking.new_page()
    outer, inner = f"{demo.addresses.ehr}/outer", f"{demo.addresses.panel}/inner"
    page.route(inner, lambda route: route.fulfill(content_type="text/html", body="inner"))
    page.route(outer, lambda route: route.fulfill(content_type="text/html", body=f"<iframe src={inner}>"))
    page.goto(outer)
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("inner")
    frame = next(frame for frame in page.frames if frame.url == inner)
    for cookie in (
        "plain=1; Path=/; Secure; SameSite=None",
        "own=1; Path=/; Secure; SameSite=None; Partitioned",
    ):
        frame.evaluate("cookie => { document.cookie = cookie }", cookie)
    assert frame.evaluate("document.cookie") == "own=1"
    page.close()


def test_a_launch_in_a_frame_of_another_site_reaches_its_panel(blocking: BrowserContext, demo: Demo) -> None:
    page = blocking.new_page()
    sent: dict[str, str] = {}
    page.on("request", lambda request: sent.setdefault(request.url.partition("?")[0], request.url))
    page.goto(f"{demo.addresses.ehr}/chart/sandbox-clean")
    frame = page.frame_locator("iframe")
    expect(frame.locator("[data-announce]")).to_be_attached()
    expect(frame.locator(".banner")).to_contain_text("Testcase-Clean")
    assert f"{demo.addresses.panel}/callback" in sent
    kept = [cookie["name"] for cookie in blocking.cookies() if "ltot" in cookie["name"]]
    # The attempt's cookie was there for the callback and is gone; the launch has its own.
    assert len(kept) == 1
    assert kept[0].startswith("__Host-ltot.")
    assert not kept[0].startswith("__Host-ltot.a-")
    page.close()
