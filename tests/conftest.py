"""Fixtures that every folder of tests may use."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

pytest_plugins = ["tests.support.database", "tests.support.plant", "tests.support.planning"]

# A first call compiles a kernel; how long an example takes says nothing of whether it is right.
settings.register_profile("c2m", deadline=None)
settings.load_profile("c2m")


@pytest.fixture(autouse=True)
def log_lines_go_where_they_went() -> Iterator[None]:
    """A command run inside a test sends all log lines to that test's standard error, which ends with it."""
    lines, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**lines)
    root.handlers[:] = handlers
    root.setLevel(level)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print why a test that passed at its second try failed at its first: that is a finding too."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"first try of {report.nodeid}", sep="-")
        terminalreporter.line(report.longreprtext)
