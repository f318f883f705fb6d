"""Person-first words, no advice on doses, and a page light enough for a slow clinic line."""

import re
from pathlib import Path

import pytest

import app.web
from app.clinical.entries import EntryKind
from app.errors import CATALOGUE
from app.web.presenters import panel_view
from app.web.presenters_records import Recording
from app.web.render import STATIC_FOLDER, render_panel
from tests.web import samples
from tests.web.reading import panel

WEB = Path(app.web.__file__).parent
SHOWN = sorted(
    path
    for path in (*WEB.glob("*.py"), *WEB.glob("templates/*"), *STATIC_FOLDER.glob("panel.*"))
    if path.name != "views.py"
)
STIGMA = re.compile(
    r"\b(abus\w*|addict\w*|junkie|dirty|clean (urine|test)|failed (test|urine|screen)|drug[- ]seek\w*|"
    r"non-?complian\w*|opioid-dependent|pain contract|opioid contract|narcotic\w*|suffers? from|user of opioids)\b",
    re.IGNORECASE,
)
ADVICE = re.compile(
    r"\b(taper|wean|(reduce|lower|increase|raise) the dose|discontinue|switch to|convert to|dismiss the patient)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.name)
def test_words_are_person_first_and_give_no_dosing_advice(path: Path) -> None:
    text = path.read_text()
    assert not STIGMA.findall(text)
    assert not ADVICE.findall(text)


def test_error_catalogue_is_person_first() -> None:
    text = " ".join(f"{entry.sentence} {entry.next_step}" for entry in CATALOGUE.values())
    assert not STIGMA.findall(text)


@pytest.mark.parametrize("state", samples.STATES)
def test_units_stand_beside_numbers_and_mcg_is_spelt_safely(state: str) -> None:
    text = panel(samples.STATES[state]).text
    assert "µg" not in text
    assert not re.findall(r"\b\d+\.0\b(?!\.\d)", text.replace("1.0.0", ""))
    assert not re.findall(r"(?<![\d])\.\d", text)


def test_full_panel_with_style_and_script_stays_under_60_kb() -> None:
    static = sum(path.stat().st_size for path in STATIC_FOLDER.iterdir())
    all_ = Recording(kinds=frozenset(EntryKind))
    heaviest = max(
        len(
            render_panel(
                panel_view(e, samples.PERSON, samples.NOW, recording=all_), samples.PAGE, whole=True
            ).encode()
        )
        for e in samples.STATES.values()
    )
    assert heaviest + static < 60_000


def test_script_stays_under_6_kb() -> None:
    assert (STATIC_FOLDER / "panel.js").stat().st_size < 6_000
