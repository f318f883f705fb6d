"""The pages shown instead of a panel."""

import pytest

from app.errors import CATALOGUE
from app.web.render import render_state
from tests.web.reading import read


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_error_page_has_code_reference_sentence_and_next_step(code: str) -> None:
    seen = read(render_state(code, reference="5f3a")).glance
    entry = CATALOGUE[code]
    plain = " ".join(seen.split())
    assert f"Code {code} · reference 5f3a." in plain
    for text in (entry.sentence, entry.next_step):
        words = text.replace("`", " ").split()
        assert " ".join(words[:3]) in plain
    assert "The EHR chart itself is not affected." in plain


def test_session_over_says_where_to_open_it_again() -> None:
    seen = read(render_state("LT-401")).glance
    assert "Session over" in seen
    assert "Open the panel again from the chart." in seen
    assert "Try again" not in seen


def test_ehr_down_offers_to_try_again() -> None:
    page = read(render_state("LT-201", detail="Four searches timed out."))
    assert "The chart could not be read" in page.glance
    assert "Four searches timed out." in page.glance
    assert "Try again" in page.glance


def test_wrong_chart_is_named_and_shows_no_patient() -> None:
    page = read(render_state("LT-120"))
    assert page.glance.startswith("● Wrong chart This page belongs to another patient's chart.")
    assert "MRN" not in page.text


def test_blocked_cookies_offer_a_window_of_its_own() -> None:
    page = read(render_state("LT-104", window_url="/launch/demo"))
    assert "Open the panel in a window of its own" in page.glance
    links = [attributes for tag, attributes in page.elements if tag == "a"]
    assert links == [
        {"class": "button", "href": "/launch/demo", "target": "_blank", "rel": "noopener noreferrer"}
    ]


def test_window_link_is_not_offered_where_it_cannot_help() -> None:
    assert "window of its own" not in read(render_state("LT-101", window_url="/launch/demo")).glance


def test_commands_are_set_apart_from_the_sentence() -> None:
    html = render_state("LT-101")
    assert "<code>ltot tenant add</code>" in html
    assert "`" not in html
