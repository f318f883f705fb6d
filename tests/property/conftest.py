"""Property tests take as long as they take: a busy machine is no failure.

`HYPOTHESIS_PROFILE=nightly` asks for 100,000 examples of every property that names no number of its own.
"""

import os

from hypothesis import settings

settings.register_profile("properties", deadline=None, max_examples=80)
settings.register_profile("nightly", deadline=None, max_examples=100_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "properties"))
