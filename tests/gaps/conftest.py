"""The shipped terminology, loaded once."""

import pytest

from valuesets import Terms, load_terms


@pytest.fixture(scope="session")
def terms() -> Terms:
    return load_terms()
