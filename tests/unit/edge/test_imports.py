"""The agent is light: it loads nothing of the server, of training or of the simulator."""

from __future__ import annotations

import subprocess
import sys

import pytest

SERVER = (
    "fastapi", "psycopg", "sqlalchemy", "alembic", "uvicorn", "jinja2", "ortools", "numba",
    "torch", "procrastinate", "mes.platform", "mes.agents", "aps", "plc_sim", "qc_vision.training",
)  # fmt: skip


@pytest.mark.parametrize("module", ["edge.__main__", "edge.agent", "mes.contracts.agent"])
def test_no_server_dependency_is_loaded(module: str) -> None:
    code = f"import {module}, sys; print(*[m for m in {SERVER!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
