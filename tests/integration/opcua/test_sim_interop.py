"""An independent OPC UA client (node-opcua) drives a line by Job Control."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from mes.contracts.job_parameters import ReturnStatus
from mes.contracts.line_layout import line_interface
from tests.support.sims import Sims

INTEROP = Path(__file__).parents[2] / "interop"


def node_modules() -> Path | None:
    """Where node-opcua is installed: beside the script, or where NODE_PATH says."""
    for place in (INTEROP / "node_modules", Path(os.environ.get("NODE_PATH") or "-")):
        if (place / "node-opcua" / "package.json").exists():
            return place
    return None


@pytest.mark.skipif(
    node_modules() is None or shutil.which("node") is None,
    reason="node-opcua is not installed: npm ci in tests/interop",
)
async def test_another_makers_client_stores_starts_lists_and_cancels_job_orders(
    tmp_path: Path,
) -> None:
    modules = node_modules()
    assert modules is not None
    sims = Sims(tmp_path)
    sims.set_clock(0)
    sims.start("body-framing")
    first, second = str(uuid4()), str(uuid4())
    try:
        endpoint = line_interface(sims.plant, sims.plant.line("body-framing")).endpoint
        process = await asyncio.create_subprocess_exec(
            *("node", str(INTEROP / "drive_line.js"), endpoint, "body-framing", first, second),
            env={**os.environ, "NODE_PATH": str(modules)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, error.decode()
    finally:
        sims.stop()
    # Around the answer the library remarks on its certificate and on RSA paddings.
    told = json.loads(next(line for line in out.splitlines() if line.startswith(b"{")))
    assert {"Store", "StoreAndStart", "Cancel", "Update", "Abort"} <= set(told["methods"])
    assert ReturnStatus(told["store"]) is ReturnStatus.NO_ERROR
    assert ReturnStatus(told["storeAndStart"]) is ReturnStatus.NO_ERROR
    assert ReturnStatus(told["again"]).word == "already_done"
    assert told["before"] == {second: [1], first: [2]}
    assert ReturnStatus(told["cancel"]) is ReturnStatus.NO_ERROR
    assert ReturnStatus(told["unknown"]) is ReturnStatus.UNKNOWN_JOB_ORDER
    assert told["after"] == {first: [2]}
