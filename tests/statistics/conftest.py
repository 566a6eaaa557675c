"""Hypothesis settings of these tests: no deadline, because the first example of a run pays for imports."""

from hypothesis import settings

settings.register_profile("statistics", deadline=None, max_examples=100)
settings.load_profile("statistics")
