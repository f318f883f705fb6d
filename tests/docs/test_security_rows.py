"""Every security requirement has a test file named after it, and the page about security names them all."""

from pathlib import Path

from tests.named import ROOT, functions

ROWS = [f"S-{number:02}" for number in range(1, 41)]


def test_every_requirement_has_a_file_of_tests() -> None:
    files = {path.name[5:8]: path for path in (ROOT / "tests/security").glob("test_s[0-9][0-9]_*.py")}
    without = [row for row in ROWS if row.replace("-", "").lower() not in files]
    assert without == []
    for row in ROWS:
        path: Path = files[row.replace("-", "").lower()]
        assert path.read_text().startswith(f'"""{row}: '), path.name
        assert functions(str(path.relative_to(ROOT))), path.name


def test_the_security_page_names_every_requirement_once() -> None:
    page = (ROOT / "docs/security-flow.md").read_text()
    assert [row for row in ROWS if row not in page] == []
