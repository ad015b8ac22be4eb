"""An independent OPC UA client (node-opcua) drives a line by Job Control."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mes.contracts.job_parameters import ReturnStatus
from mes.contracts.line_layout import line_interface
from mes.contracts.line_records import LineRecord
from tests.support.sims import Sims
from tests.support.waiting import eventually

INTEROP = Path(__file__).parents[2] / "interop"


def node_modules() -> Path | None:
    """Where node-opcua is installed: beside the script, or where NODE_PATH says."""
    for place in (INTEROP / "node_modules", Path(os.environ.get("NODE_PATH") or "-")):
        if (place / "node-opcua" / "package.json").exists():
            return place
    return None


pytestmark = pytest.mark.skipif(
    node_modules() is None or shutil.which("node") is None,
    reason="node-opcua is not installed: npm ci in tests/interop",
)


async def told_by(script: str, *arguments: str) -> dict[str, Any]:
    """Run a script of node-opcua and return the JSON object that it prints.

    Around the answer the library remarks on its certificate and on RSA paddings.
    """
    modules = node_modules()
    assert modules is not None
    process = await asyncio.create_subprocess_exec(
        *("node", str(INTEROP / script), *arguments),
        env={**os.environ, "NODE_PATH": str(modules)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, error.decode()
    answer: dict[str, Any] = json.loads(
        next(line for line in out.splitlines() if line.startswith(b"{"))
    )
    return answer


async def test_another_makers_client_stores_starts_lists_and_cancels_job_orders(
    tmp_path: Path,
) -> None:
    sims = Sims(tmp_path)
    sims.set_clock(0)
    sims.start("body-framing")
    first, second = str(uuid4()), str(uuid4())
    try:
        endpoint = line_interface(sims.plant, sims.plant.line("body-framing")).endpoint
        told = await told_by("drive_line.js", endpoint, "body-framing", first, second)
    finally:
        sims.stop()
    assert {"Store", "StoreAndStart", "Cancel", "Update", "Abort"} <= set(told["methods"])
    assert ReturnStatus(told["store"]) is ReturnStatus.NO_ERROR
    assert ReturnStatus(told["storeAndStart"]) is ReturnStatus.NO_ERROR
    assert ReturnStatus(told["again"]).word == "already_done"
    assert told["before"] == {second: [1], first: [2]}
    assert ReturnStatus(told["cancel"]) is ReturnStatus.NO_ERROR
    assert ReturnStatus(told["unknown"]) is ReturnStatus.UNKNOWN_JOB_ORDER
    assert told["after"] == {first: [2]}


MACHINERY = "http://opcfoundation.org/UA/Machinery/#"
PACKML = "http://opcfoundation.org/UA/PackML/#"
DI = "http://opcfoundation.org/UA/DI/"


async def test_a_stranger_finds_every_line_as_a_machine_and_a_packml_unit_by_the_specifications_alone(
    tmp_path: Path,
) -> None:
    sims = Sims(tmp_path)
    sims.set_clock(0)
    sims.start("body-framing")
    try:
        endpoint = line_interface(sims.plant, sims.plant.line("body-framing")).endpoint
        told = await told_by("discover_line.js", endpoint)
        sims.plant_fault("body-framing", kind="down", station="framing", minutes=10)

        await eventually(lambda: any(is_down(r) for r in sims.ledger("body-framing")))
        later = await told_by("discover_line.js", endpoint)
    finally:
        sims.stop()
    (machine,) = told["machines"]
    assert machine["name"] == "body-framing"
    assert machine["blocks"].endswith("#FolderType")
    assert machine["identification"] == {
        "namespace": DI,
        "type": f"{MACHINERY}MachineIdentificationType",
    }
    assert machine["facts"]["SerialNumber"] == "body-framing"
    assert machine["facts"]["Location"] == "mini/body"
    assert {name: part["reference"] for name, part in machine["parts"].items()} == dict.fromkeys(
        ("Identification", "MachineryItemState", "MachineryOperationMode"), "HasAddIn"
    )
    assert machine["itemState"]["type"] == f"{MACHINERY}MachineryItemState_StateMachineType"
    assert machine["mode"]["type"] == f"{MACHINERY}MachineryOperationModeStateMachineType"
    (unit,) = told["units"]
    assert unit["type"] == f"{PACKML}PackMLBaseObjectType"
    assert unit["values"]["EquipmentStarved"] is True
    assert (unit["setUnitMode"], unit["setMachSpeed"]) == ("Good", "BadNotSupported")
    states = states_of(told)
    assert states == {
        "itemState": "NotExecuting",
        "mode": "Processing",
        "base": "Cleared",
        "machine": "Running",
        "execute": "Suspended",
    }
    assert states_of(later) == {
        "itemState": "OutOfService",
        "mode": "Maintenance",
        "base": "Aborted",
        "machine": "BadStateNotActive",
        "execute": "BadStateNotActive",
    }


def is_down(record: LineRecord) -> bool:
    """Whether the line as a whole has said that it stands still."""
    return record.kind == "station_state" and record.station is None and record.state == "down"


def states_of(told: dict[str, Any]) -> dict[str, str]:
    """The states a client reads; each is the name of the state that `Id` points at, or its bad status."""
    machine, unit = told["machines"][0], told["units"][0]
    found = {}
    for name in ("itemState", "mode", "base", "machine", "execute"):
        state = (machine if name in machine else unit)[name]
        assert state["kind"].endswith("#FiniteStateVariableType")
        assert state["points"] == state["state"]
        found[name] = state["state"] or state["status"]
    return found
