"""S-20: names, drugs, notes and error texts with markup appear as text, through the whole service."""

import re

import pytest
from markupsafe import escape

from tests.named import missing
from tests.security.world import World, changed

MARKUP = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "'-alert(1)-'",
    "{{7*7}}", "{% raw %}", "</td><td>", "<!--", "&lt;b&gt;", "javascript:alert(1)",
)  # fmt: skip


def spoil(value: object, text: str) -> object:
    """The same resource with the text appended to every display, text and name."""
    if isinstance(value, list):
        return [spoil(item, text) for item in value]
    if isinstance(value, dict):
        return {
            name: f"{item} {text}" if name in SHOWN and isinstance(item, str) else spoil(item, text)
            for name, item in value.items()
        }
    return value


DANGEROUS = re.compile(r"<script(?! src=.?/static/)|<img|<svg onload|\son[a-z]+=|javascript:", re.IGNORECASE)
SHOWN = {"text", "display", "family", "patientInstruction", "title", "description", "div", "valueString"}


@pytest.mark.parametrize("text", MARKUP)
async def test_markup_in_every_shown_string_of_a_chart_stays_text(world: World, text: str) -> None:
    patient, records = world.patient(), world.sites["north"].records
    browser = world.browser()
    address = await browser.open()
    clean = (await browser.get(f"{address}?whole=1")).text
    for kind in records.types():
        for resource in records.of(kind, None if kind == "Patient" else patient):
            records.put(spoil(resource, text))
    page = await browser.get(f"{address}?whole=1")
    assert page.status_code == 200
    tags = re.compile(r"<[a-zA-Z/!][^>]*>")
    assert [tag for tag in tags.findall(page.text) if DANGEROUS.search(tag)] == []
    assert len(re.findall("<script", page.text)) == len(re.findall("<script", clean))
    assert page.text.count("<!--") == clean.count("<!--")
    assert escape(text) in page.text


@pytest.mark.parametrize("text", MARKUP)
async def test_markup_in_an_errors_description_stays_text(shared_world: World, text: str) -> None:
    browser = shared_world.browser()
    callback = await browser.authorize(await browser.begin())
    answer = await browser.get(changed(callback, error=text, error_description=text, code=None))
    assert answer.status_code == 403
    assert text not in answer.text


def test_single_views_are_tested_with_any_text() -> None:
    assert missing("tests/web/test_escaping.py::test_hostile_strings_add_no_element_and_no_attribute") == []
