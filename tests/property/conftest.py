"""Property tests take as long as they take: a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("properties", deadline=None, max_examples=80)
settings.load_profile("properties")
