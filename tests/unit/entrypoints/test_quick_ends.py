"""What a person or systemd waits for at the command line: help at once, and an end at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "asyncua", "numpy", "pydantic", "structlog", "httpx", "cryptography", "psycopg", "fastapi",
    "numba", "ortools", "onnxruntime", "cv2", "torch",
)  # fmt: skip

BUSY_FOR_EVER = """
import asyncio, threading
from mes.entrypoints import worker

async def run(settings, dsn):
    asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)

worker.run = run
worker.main(None, "")
"""


@pytest.mark.parametrize("module", ["edge", "mes"])
def test_help_loads_nothing_that_only_a_command_needs(module: str) -> None:
    code = (
        "import atexit, runpy, sys;"
        f"atexit.register(lambda: print('loaded:', *[m for m in {HEAVY!r} if m in sys.modules]));"
        f"sys.argv[1:] = ['--help']; runpy.run_module({module!r}, run_name='__main__')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage" in found.stdout or "usage" in found.stdout
    assert found.stdout.splitlines()[-1].strip() == "loaded:"


def test_a_worker_that_is_told_to_end_does_not_wait_for_what_its_threads_compute() -> None:
    """Python joins its threads at the end, and one that compiles kernels takes up to a minute."""
    ended = subprocess.run([sys.executable, "-c", BUSY_FOR_EVER], timeout=120)
    assert ended.returncode == 0
