"""Whether a test named as path::function is there."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@cache
def functions(path: str) -> frozenset[str]:
    """The names of the test functions in a file; empty when there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text())
    defined = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in defined if node.name.startswith("test_"))


def missing(*names: str) -> list[str]:
    """Those of the named tests that are not there."""
    return [name for name in names if name.partition("::")[2] not in functions(name.partition("::")[0])]
