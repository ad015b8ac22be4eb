"""Fixtures that every folder of tests may use."""

from hypothesis import settings

pytest_plugins = ["tests.support.database", "tests.support.plant", "tests.support.planning"]

# A first call compiles a kernel; how long an example takes says nothing of whether it is right.
settings.register_profile("c2m", deadline=None)
settings.load_profile("c2m")
