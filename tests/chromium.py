"""The system's own Chromium, driven by Playwright; import `browser` and `page` into an area's conftest."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str:
    """Where the system keeps Chromium; without one the tests fail and say how to get it."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    pytest.fail(
        "No Chromium is installed; `make test` installs it from the system's packages.", pytrace=False
    )


# How long a page may take is no promise of these tests, and a busy machine no failure.
MILLISECONDS = 120_000
expect.set_options(timeout=MILLISECONDS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium per module: while it runs, Playwright's event loop leaves no room for asynchronous tests."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), headless=True, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of its own, which reaches loopback addresses and nothing else."""
    fresh = browser.new_context(reduced_motion="reduce")
    fresh.set_default_timeout(MILLISECONDS)
    fresh.route(lambda url: not is_loopback(url), lambda route: route.abort())
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def is_loopback(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "about:", "blob:"))
