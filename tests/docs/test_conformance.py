"""The conformance page answers every row of the client's check-list, by a test that exists or by a reason."""

import re
from pathlib import Path

import pytest

from tests.named import ROOT, missing

PAGE = (ROOT / "docs/conformance.md").read_text()
ROWS = re.findall(r"^\| (A\d+(?:\.\d+)?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
CHECKLIST = ROOT.parent / "shared/interop/conformance.md"


def test_each_row_stands_once() -> None:
    names = [row for row, _, _ in ROWS]
    assert len(names) == len(set(names)) > 120


def test_every_row_names_its_tests_or_says_why_it_is_not_claimed() -> None:
    for row, text, proof in ROWS:
        tests = re.findall(r"`(tests/[^`]+)`", proof)
        assert tests or text.startswith("not claimed: "), row


def test_every_named_test_exists() -> None:
    assert missing(*re.findall(r"`(tests/[^`\s]+::[^`\s]+)`", PAGE)) == []


def test_no_row_of_the_checklist_is_left_out() -> None:
    if not CHECKLIST.is_file():
        pytest.skip("the prepared check-list is not beside the project")
    part = CHECKLIST.read_text().partition("\n## A. ")[2].partition("\n## B. ")[0]
    asked = set(re.findall(r"(?:^\| |^|· )(A\d+\.\d+)\b", part, re.MULTILINE)) | {"A18"}
    assert asked - {row for row, _, _ in ROWS} == set()


def test_paths_are_files_of_the_project() -> None:
    for path in set(re.findall(r"`(tests/[^`:]+\.py)", PAGE)):
        assert Path(ROOT / path).is_file(), path
