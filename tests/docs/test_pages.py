"""Pages for operators agree with the code: settings, verbs, errors, addresses, metrics."""

import re
from pathlib import Path

import pytest
import typer.main

from app.cli import cli
from app.errors import CATALOGUE
from app.settings import SETTING_NAMES
from tests.docs.render import PAGES

ROOT = Path(__file__).resolve().parents[2]
DOCS = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
OPERATIONS = (ROOT / "docs/operations.md").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_as_generated(name: str) -> None:
    assert (ROOT / name).read_text() == PAGES[name](), "run `make docs`"


def test_every_error_is_on_the_page_once() -> None:
    page = (ROOT / "docs/errors.md").read_text()
    assert {code for code in CATALOGUE if page.count(f"</a>{code} |") != 1} == set()


def test_every_setting_is_explained_and_no_other() -> None:
    rows = set(re.findall(r"^\| `(LTOT_[A-Z_]+)`", OPERATIONS, re.MULTILINE))
    assert rows == SETTING_NAMES


@pytest.mark.parametrize("page", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_named_settings_codes_verbs_files_and_links_exist(page: Path) -> None:
    text = page.read_text()
    assert set(re.findall(r"\bLTOT_[A-Z_]+[A-Z]\b", text)) <= SETTING_NAMES
    assert set(re.findall(r"\bLT-\d{3}\b", text)) <= set(CATALOGUE)
    verbs = set(typer.main.get_command(cli).commands)  # type: ignore[attr-defined]
    assert set(re.findall(r"`ltot ([a-z]+)", text)) <= verbs
    for link in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("vendor", ["epic", "oracle", "generic"])
def test_registration_pages_name_every_field_of_the_worksheet(vendor: str) -> None:
    from app.jobs.register_fields import WORKSHEETS

    text = (ROOT / f"docs/registration/{vendor}.md").read_text()
    form = WORKSHEETS[vendor]
    assert [name for name, _, _ in (*form.panel, *form.export) if name not in text] == []
    for address in ("/launch", "/callback", "/jwks/"):
        assert address in text
