"""How many examples a property is tried with, and which.

`make test` tries the same examples every time, so that what passed once passes again; `make nightly` looks at
random for new ones, 100,000 for each property. Neither counts the time taken: a busy machine is no failure.
"""

from hypothesis import HealthCheck, settings

from tests.examples import NIGHTLY, examples

settings.register_profile(
    "house",
    deadline=None,
    derandomize=not NIGHTLY,
    max_examples=examples(80),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")
