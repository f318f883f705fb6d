"""docs/rules says what the rules do today."""

from tests.render_rules import FOLDER, pages


def test_the_rule_pages_are_current() -> None:
    """When this fails: python -m tests.render_rules."""
    written = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert written == pages()
