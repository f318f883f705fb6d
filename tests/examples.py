"""The number of examples of a property, in the suite and in the nightly run."""

import os

NIGHTLY = "LTOT_NIGHTLY" in os.environ


def examples(usual: int) -> int:
    """`usual` in the suite, 100,000 (or what LTOT_NIGHTLY says) in the nightly run."""
    return int(os.environ["LTOT_NIGHTLY"]) if NIGHTLY else usual
