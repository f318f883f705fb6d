"""Charts written by hand, one resource at a time, in the shapes EHRs really send."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mapping.chart import TERMS
from valuesets import Terms

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


@pytest.fixture(scope="session")
def terms() -> Terms:
    return TERMS


@pytest.fixture(scope="session")
def shared() -> Path:
    if not (SHARED / "data").is_dir():
        pytest.skip("the prepared public data is not beside the project")
    return SHARED / "data"
