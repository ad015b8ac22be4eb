"""An agent process between a real OPC UA server and a real MES door, with each of them failing in turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mes.agents import service as agents
from mes.contracts.agent import CameraModel
from mes.contracts.plant import PlantModel
from mes.contracts.plant_file import with_ports
from mes.platform.db import Database
from tests.support.agents import agent_doors, no_models
from tests.support.edge_rig import LINE, Rig, edge_rig
from tests.support.processes import free_ports
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
async def rig(database: Database, mini_plant: PlantModel, tmp_path: Path) -> AsyncIterator[Rig]:
    async with edge_rig(database, mini_plant, tmp_path) as made:
        yield made


async def test_values_flow_again_within_seconds_after_the_server_has_hung(rig: Rig) -> None:
    rig.start_agent()
    await rig.flows(within_s=90)
    assert rig.line is not None
    rig.line.freeze()
    await eventually(lambda: rig.events("line.disconnected") == 1, what="the silence was noticed")
    rig.line.thaw()
    await rig.flows(within_s=15)
    await rig.check()
    await eventually(
        lambda: rig.events("line.failed") == rig.events("line.recovered"),
        what="each failure was logged once, and its end once",
    )


async def test_an_agent_that_hung_says_what_the_line_dropped_meanwhile(rig: Rig) -> None:
    agent = rig.start_agent()
    await rig.flows(within_s=90)
    agent.freeze()
    hung_at = max(rig.published()[0])
    await eventually(lambda: max(rig.published()[0]) > hung_at + 200, within_s=60)
    agent.thaw()
    await rig.flows(within_s=30)
    await rig.check()


async def test_other_models_are_taken_without_letting_go_of_the_line(rig: Rig) -> None:
    rig.start_agent()
    await rig.flows(within_s=90)
    assert rig.doors is not None
    rig.models.append(CameraModel(camera="cam", package="welding", version="1", sha256="0" * 64))
    async with rig.doors.database.write() as conn:
        assert await agents.refresh_configs(conn, models=rig.models_now) == [LINE]
    await eventually(lambda: rig.events("config.models_changed") == 1)
    await rig.flows()
    assert rig.events("agent.running") == 1
    # A starved machine may lose the line for reasons of its own, which the log then says.
    assert rig.events("line.connected") == 1 + rig.events("line.disconnected")
    async with rig.doors.database.read() as conn:
        query = "SELECT count(*) FROM telemetry_gap WHERE cause = 'agent_down'"
        gaps = await (await conn.execute(query)).fetchone()
    assert gaps == (0,)
    await rig.check()


async def test_a_server_that_restarts_is_read_on_from_the_last_record(rig: Rig) -> None:
    rig.start_agent()
    await rig.flows(within_s=90)
    assert rig.line is not None
    rig.line.kill()
    await eventually(lambda: rig.events("line.disconnected") == 1)
    rig.start_line()
    await rig.flows(within_s=90)
    await rig.check()


async def test_an_agent_that_is_killed_loses_no_record_and_says_what_it_missed(rig: Rig) -> None:
    for _ in range(3):
        agent = rig.start_agent()
        await rig.flows(within_s=90)
        agent.kill()
    rig.start_agent()
    await rig.flows(within_s=90)
    await rig.check()
    assert rig.doors is not None
    async with rig.doors.database.read() as conn:
        query = "SELECT DISTINCT cause FROM telemetry_gap"
        causes = await (await conn.execute(query)).fetchall()
        epoch = await (
            await conn.execute("SELECT epoch FROM agent WHERE line = %s", (LINE,))
        ).fetchone()
    assert causes == [("agent_down",)]
    assert epoch == (1,), "a restart does not fence"
    assert not rig.code_file.exists(), "a code that was used is not left lying about"


async def test_an_agent_starts_and_collects_with_the_mes_away_and_delivers_later(
    database: Database, mini_plant: PlantModel, tmp_path: Path
) -> None:
    base = free_ports(16)
    plant = with_ports(mini_plant, base)
    door_port = free_ports(1)
    with ExitStack() as stack:
        rig = Rig(tmp_path, base, stack)
        rig.start_line()
        async with agent_doors(
            database, plant, tmp_path, factor=1, models=no_models, port=door_port
        ) as doors:
            rig.doors = doors
            rig.code = await doors.code(LINE)
            rig.start_agent()
            await rig.flows(within_s=90)
        assert rig.agent is not None
        rig.agent.kill()
        rig.start_agent()
        await eventually(lambda: rig.events("config.cached") == 1)
        await eventually(lambda: rig.events("line.connected") == 2)
        before, _ = rig.published()
        later = max(before) + 40
        await eventually(lambda: max(rig.published()[0]) > later)
        async with agent_doors(
            database, plant, tmp_path, factor=1, models=no_models, port=door_port
        ) as doors:
            rig.doors = doors
            await rig.flows(within_s=90)
            await rig.check()
        stack.close()
    assert rig.events("uplink.telemetry.failed") >= 1


async def test_a_stopped_agent_ends_in_order_and_leaves_nothing_undelivered(rig: Rig) -> None:
    agent = rig.start_agent()
    await rig.flows(within_s=90)
    assert agent.stop() == 0
    agent = rig.start_agent()
    await rig.flows(within_s=90)
    await rig.check()
