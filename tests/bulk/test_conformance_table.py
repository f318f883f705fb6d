"""The conformance table names tests that exist, and gives a proof or a reason in every row."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "conformance-bulk.md").read_text()


def test_every_named_test_exists() -> None:
    named = set(re.findall(r"`([a-z_]+/test_[a-z_]+\.py)::(test_\w+)`", PAGE))
    assert len(named) > 40
    missing = {
        f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / "tests" / file).read_text()
    }
    assert missing == set()


def test_every_row_has_a_proof_or_a_reason() -> None:
    rows = [
        line
        for line in PAGE.splitlines()
        if line.startswith("| ") and not line.startswith(("| Demand", "| Practice"))
    ]
    bare = [
        row for row in rows if "::test_" not in row and not re.search(r"\| Not (claimed|offered|asked)", row)
    ]
    assert bare == []
