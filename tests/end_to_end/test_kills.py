"""Killed without warning at random instants, exports and evaluations end as undisturbed ones do."""

import pytest

from benchmarks.kills import GENERATOR, run


@pytest.mark.shared
@pytest.mark.skipif(not GENERATOR.is_file(), reason="the folder shared beside the project is absent")
def test_nothing_differs_after_kills_and_nothing_verified_is_fetched_again() -> None:
    exports, fetches, evaluations = run(kills=4, patients=40, seed=3)
    assert exports.startswith("export: 4 kills")
    assert "files verified, none of them fetched again" in fetches
    assert evaluations.startswith("evaluation: 4 kills")
