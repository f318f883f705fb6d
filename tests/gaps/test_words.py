"""Person-first words and no advice on doses, in every string the core, its policies and the pages can show."""

import ast
import re
import tokenize
from pathlib import Path

import pytest

from tests.gaps.spec import answer
from tests.gaps.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
STIGMA = re.compile(
    r"\b(abus\w*|addict\w*|(?:clean|dirty) (?:urine|test)|fail(?:ed|s|ing)? (?:a |the |test|urine|screen|drug)\w*|"
    r"drug[- ]seek\w*|non-?complian\w*|opioid-dependent|(?:pain|opioid) contract|narcotic\w*|junkie\w*)\b",
    re.IGNORECASE,
)
ADVICE = re.compile(
    r"\b(taper\w*|wean\w*|(?:reduce|lower|increase|raise|decrease|cut|stop|convert|change) the (?:dose|opioid)|"
    r"discontinue\w*|switch to|convert to|rotate to|dismiss\w*|discharge the|fire the patient)\b",
    re.IGNORECASE,
)
PYTHON = sorted((ROOT / "app/clinical").rglob("*.py"))
OTHERS = sorted([*(ROOT / "app/policies").glob("*.toml"), *(ROOT / "app/web/templates").glob("*")])


def strings(path: Path) -> list[str]:
    """Every string literal of a module, docstrings apart."""
    tree = ast.parse(path.read_text())
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.stem)
def test_strings_of_the_core_are_person_first_and_give_no_advice(path: Path) -> None:
    shown = [text for text in strings(path) if STIGMA.search(text) or ADVICE.search(text)]
    assert shown == []


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_policies_and_pages_are_person_first_and_give_no_advice(path: Path) -> None:
    text = path.read_text()
    assert STIGMA.findall(text) == []
    assert ADVICE.findall(text) == []


@pytest.mark.parametrize("gap", sorted(TABLES))
def test_every_sentence_a_rule_says_is_person_first(gap: str) -> None:
    for row in TABLES[gap]:
        found = answer(gap, row.case)
        said = " ".join([found.text, found.rule, found.source, *(item.text for item in found.evidence)])
        assert STIGMA.findall(said) == []
        assert ADVICE.findall(said) == []


@pytest.mark.parametrize("gap", sorted(TABLES))
def test_dates_and_numbers_are_written_for_people(gap: str) -> None:
    """Dates as "3 Sep 2025", no trailing zero, no bare decimal point."""
    for row in TABLES[gap]:
        found = answer(gap, row.case)
        said = " ".join([found.text, *(item.text for item in found.evidence)])
        assert not re.search(r"\d{4}-\d{2}-\d{2}", said), said
        assert not re.search(r"\d\.0\b|(?<!\d)\.\d", said), said


def test_the_lint_finds_what_it_looks_for() -> None:
    for text in ("patient failed a test", "taper by 10 %", "drug-seeking", "reduce the dose", "an addict"):
        assert STIGMA.search(text) or ADVICE.search(text), text


def test_comments_hold_no_forbidden_words_either() -> None:
    found = []
    for path in PYTHON:
        with path.open("rb") as file:
            found += [
                f"{path.name}: {token.string}"
                for token in tokenize.tokenize(file.readline)
                if token.type == tokenize.COMMENT and STIGMA.search(token.string)
            ]
    assert found == []
