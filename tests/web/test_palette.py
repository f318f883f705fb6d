"""Colours that can be read, ours and the EHR's."""

import re

import pytest

from app.web.palette import DARK, LIGHT, contrast, ehr_stylesheet
from app.web.render import STATIC_FOLDER

FOREGROUND = [name for name in LIGHT if name not in {"ground", "line"}]


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21.0), ("#fff", "#fff", 1.0), ("#777777", "#ffffff", 4.48)],
)
def test_contrast_is_the_one_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize("name", FOREGROUND)
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_colour_is_readable_on_its_ground(palette: dict[str, str], name: str) -> None:
    assert contrast(palette[name], palette["ground"]) >= 6.2


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_lines_that_carry_meaning_are_visible(palette: dict[str, str]) -> None:
    assert contrast(palette["line"], palette["ground"]) >= 3


def test_stylesheet_holds_the_same_colours() -> None:
    css = (STATIC_FOLDER / "panel.css").read_text()
    light, dark = re.findall(r":root \{([^}]*--ground[^}]*)\}", css)
    for block, palette in ((light, LIGHT), (dark, DARK)):
        assert dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block)) == palette


def test_readable_colours_of_the_ehr_are_taken() -> None:
    css = ehr_stylesheet({"color_text": "#111111", "color_background": "#FAFAFA", "dim_font_size": "13px"})
    assert "--text:#111111" in css
    assert "--ground:#fafafa" in css
    assert "color-scheme:light" in css
    assert "--size:13px" in css


def test_dark_ehr_gets_the_dark_palette() -> None:
    css = ehr_stylesheet({"color_text": "#ffffff", "color_background": "#101010"})
    assert "color-scheme:dark" in css
    assert f"--overdue:{DARK['overdue']}" in css


@pytest.mark.parametrize(
    "style",
    [
        {"color_text": "#999999", "color_background": "#ffffff"},
        {"color_text": "#000000", "color_background": "#808080"},
        {"color_text": "red", "color_background": "#ffffff"},
        {"color_text": "#000000"},
        {"color_text": "#000000;}body{display:none", "color_background": "#ffffff"},
        {"dim_font_size": "8px"},
        {"dim_font_size": "40px"},
        {"dim_font_size": "14px;background:url(https://evil.example)"},
        {"color_text": 0, "color_background": None, "dim_font_size": ["14px"]},
        {},
    ],
)
def test_unreadable_or_odd_values_leave_ours(style: dict[str, object]) -> None:
    assert ehr_stylesheet(style) == ""
