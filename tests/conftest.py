"""Fixtures that every folder of tests may use."""

import pytest
from hypothesis import settings

pytest_plugins = ["tests.support.database", "tests.support.plant", "tests.support.planning"]

# A first call compiles a kernel; how long an example takes says nothing of whether it is right.
settings.register_profile("c2m", deadline=None)
settings.load_profile("c2m")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print why a test that passed at its second try failed at its first: that is a finding too."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"first try of {report.nodeid}", sep="-")
        terminalreporter.line(report.longreprtext)
