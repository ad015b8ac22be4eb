"""The fault campaign as anyone runs it: ten faults, nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT

pytestmark = pytest.mark.slow

TEN = (
    "line_killed", "namespaces_reordered", "connections_cut", "certificate_of_agent_rotated",
    "wrong_password",
    "agent_killed", "journal_tail_torn", "mes_killed", "database_restarted", "receipts_lost",
)  # fmt: skip


async def test_ten_faults_lose_and_double_nothing(tmp_path: Path) -> None:
    only = [argument for name in TEN for argument in ("--only", name)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edge", "faults", "--count", "10", "--seed", "1", *only),
        *("--data", str(tmp_path)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, log = await asyncio.wait_for(process.communicate(), 900)
    assert out, log.decode()
    told = json.loads(out.splitlines()[-1])
    assert (told["broken"], told["violations"]) == (0, []), log.decode()
    assert sorted(told["by_kind"]) == sorted(TEN)
    assert told["events"] > 0
    assert told["stored"] > 0
    assert process.returncode == 0
