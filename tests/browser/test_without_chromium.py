"""A machine without a browser is told how to get one; the tests never pass by not running."""

import pytest

from tests import chromium


def test_missing_browser_fails_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium.shutil, "which", lambda name: None)
    with pytest.raises(pytest.fail.Exception, match="`make test` installs it"):
        chromium.chromium_path()
