"""The results of a vision system on a line become the verdicts that the line takes and the MES is told.

The line and the agent are processes of their own; the plant file alone says that the camera judges by itself.
What it said of the first body was said before the agent came.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mes.agents import service as agents
from mes.contracts.quality import Verdict
from mes.contracts.warm_start import StoredBody, WarmRack, WarmStart
from mes.equipment import timeseries
from mes.platform.clock import ServerClock, set_speed
from mes.platform.db import Database
from mes.resources import service as resources
from plc_sim.core.changes import moment
from tests.support.agents import agent_app, served
from tests.support.line_client import LineClient
from tests.support.lines import MONDAY, a_body_job
from tests.support.processes import Process
from tests.support.sims import Sims
from tests.support.vision_systems import CAMERA, plant_with_vision_system
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

LINE = "body-framing"
BAD, GOOD = uuid4(), uuid4()
FACTOR = 20.0
DEADLINE_S = 6000
"""Five minutes of real time: this is about what is said, not about how soon."""
RESULTS = (
    "SELECT i.body_id, i.verdict, i.accepted, i.counter, i.model_name, i.model_version,"
    " i.image_sha256, i.total_ms, s.measures"
    " FROM inspection i JOIN inspection_steps s ON s.inspection_id = i.id"
    " WHERE i.camera = %s ORDER BY i.counter"
)


async def test_its_word_on_each_body_is_written_to_the_line_and_told_to_the_mes(
    database: Database, tmp_path: Path
) -> None:
    sims = Sims(tmp_path, plant_file=plant_with_vision_system(tmp_path, deadline_s=DEADLINE_S))
    clock, code = await in_force(database, sims)
    with_bodies(sims, tmp_path)
    with ExitStack() as stack:
        stack.callback(sims.stop)
        sims.start("body", kind="shop", warm=True)
        sims.plant_fault(LINE, kind="force_defect", camera=CAMERA, defect="porosity")
        app = agent_app(database, clock, tmp_path / "mes" / "images")
        async with served(app) as url, LineClient(sims.plant, LINE) as line:
            for number, body in enumerate((BAD, GOOD)):
                await line.send(a_body_job(LINE, number, body=body))
            await eventually(partial(told, line), within_s=60, what="its word before the agent's")
            agent = an_agent(url, code, tmp_path)
            stack.callback(agent.stop)
            bad, good = await results(database, 2)
            answered = await line.wait_for_record("inspection_answered", body_id=BAD)
    assert (bad["body_id"], bad["verdict"], bad["accepted"]) == (BAD, "NOK", True)
    assert (good["body_id"], good["verdict"], good["accepted"]) == (GOOD, "OK", True)
    assert answered.verdict is Verdict.NOK
    assert (bad["model_name"], bad["model_version"]) == ("Machine Vision", "C1")
    assert [one["text"] for one in bad["measures"]] == [f"{LINE}.{CAMERA}.{bad['counter']}"]
    assert bad["image_sha256"] is not None


async def in_force(database: Database, sims: Sims) -> tuple[ServerClock, str]:
    """Bring the plant into force with a clock that its lines live by; returns the agent's code, too."""
    start = datetime.fromtimestamp(MONDAY, UTC)
    async with database.write() as conn:
        plant_clock = await set_speed(conn, FACTOR, plant_at=start)
        await resources.install_plant(conn, sims.plant, now=start)
        await timeseries.make_room(conn, now=start)
        code = await agents.issue_code(conn, LINE, real_now=datetime.now(UTC))
    sims.keep_time(plant_clock)
    return ServerClock(plant_clock), code


def with_bodies(sims: Sims, folder: Path) -> None:
    """Let the bodies wait before the line."""
    bodies = tuple(
        StoredBody(store="subs", body_id=body, body_number=f"B{n}", model="C1", color="RED")
        for n, body in enumerate((BAD, GOOD))
    )
    racks = tuple(
        WarmRack(rack=f"{panel.code}-warm", panel=panel.code, quantity=50)
        for panel in sims.plant.panels
    )
    WarmStart(plant_at=moment(MONDAY), stored=bodies, racks=racks).save(folder)


def an_agent(url: str, code: str, folder: Path) -> Process:
    """Start the agent of the line."""
    code_file = folder / "code"
    code_file.write_text(code)
    arguments = ["-m", "edge", "--mes", url, "--data", str(folder / "edge")]
    arguments += ["--security", "None", "--code-file", str(code_file)]
    return Process(arguments, folder / "agent.log")


async def told(line: LineClient) -> bool:
    """Whether the vision system has told a result."""
    (camera,) = line.nodes.cameras
    assert camera.vision is not None
    last = line.node(f"{camera.vision.system}.ResultManagement.Results.LastResult")
    value = await last.read_data_value(raise_on_bad_status=False)
    return bool(value.StatusCode.is_good())


async def results(database: Database, count: int) -> list[dict[str, Any]]:
    """Wait until the MES has so many results of the camera."""

    async def look() -> list[dict[str, Any]] | None:
        async with database.read() as conn:
            cursor = await conn.execute(RESULTS, (CAMERA,))
            names = [column.name for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]
        return rows if len(rows) >= count else None

    return await eventually(look, within_s=120, what="the results")
