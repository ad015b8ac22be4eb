"""A new configuration of a line is on trial: it stays when the line is heard under it, and goes when it is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mes.agents import service as agents
from mes.contracts.plant import PlantModel, Station
from mes.contracts.plant_file import with_ports
from mes.platform.db import Database
from mes.resources import service as resources
from tests.support.edge_rig import LINE, Rig, edge_rig
from tests.support.processes import free_ports
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
async def rig(
    database: Database, mini_plant: PlantModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Rig]:
    monkeypatch.setenv("C2M_EDGE__TRIAL_S", "12")
    async with edge_rig(database, mini_plant, tmp_path) as made:
        yield made


def without_its_last_tag(plant: PlantModel) -> PlantModel:
    """The plant whose line knows one process value less: another interface, and a right one."""

    def changed(station: Station) -> Station:
        return station.model_copy(update={"tags": station.tags[:-1]})

    lines = list(plant.lines)
    index = next(i for i, line in enumerate(lines) if line.id == LINE)
    *rest, last = lines[index].stations
    assert len(last.tags) > 1
    lines[index] = lines[index].model_copy(update={"stations": (*rest, changed(last))})
    return plant.model_copy(update={"lines": tuple(lines)})


async def in_force(rig: Rig, plant: PlantModel) -> None:
    assert rig.doors is not None
    async with rig.doors.database.write() as conn:
        await resources.install_plant(conn, plant, now=rig.doors.clock.now())
        await agents.refresh_configs(conn, models=rig.models_now)


async def heartbeat(rig: Rig) -> dict[str, Any]:
    assert rig.doors is not None
    async with rig.doors.database.read() as conn:
        query = "SELECT heartbeat FROM agent WHERE line = %s"
        row = await (await conn.execute(query, (LINE,))).fetchone()
    return dict(row[0] or {}) if row else {}


async def newest_by_tag(rig: Rig) -> dict[int, datetime]:
    assert rig.doors is not None
    async with rig.doors.database.read() as conn:
        query = (
            "SELECT t.tag_id, max(t.time) FROM telemetry t JOIN telemetry_tag g ON g.id = t.tag_id"
            " WHERE g.line = %s GROUP BY t.tag_id"
        )
        return dict(await (await conn.execute(query, (LINE,))).fetchall())


async def test_a_configuration_under_which_the_line_is_silent_is_taken_back(
    rig: Rig, mini_plant: PlantModel
) -> None:
    rig.start_agent()
    await rig.flows(within_s=90)
    await in_force(rig, with_ports(mini_plant, free_ports(16)))
    await eventually(lambda: rig.events("config.staged") == 1)
    await eventually(lambda: rig.events("config.taken_back") == 1, within_s=60)
    await rig.flows(within_s=60)

    async def told() -> bool:
        beat = await heartbeat(rig)
        refused = beat.get("refused_config") or {}
        return (beat.get("config_version"), refused.get("version")) == (1, 2)

    await eventually(told, within_s=30, what="the MES knows what was taken back, and what runs")
    assert rig.doors is not None
    before = rig.doors.clock.now()
    await in_force(rig, without_its_last_tag(with_ports(mini_plant, rig.base_port)))
    await eventually(lambda: rig.events("config.proved") == 1, within_s=60)
    await rig.flows(within_s=60)

    async def settled() -> bool:
        beat = await heartbeat(rig)
        return (beat.get("config_version"), beat.get("refused_config")) == (3, None)

    await eventually(settled, within_s=30)
    assert (rig.events("config.tags_changed"), rig.events("agent.running")) == (1, 3), "1, 2, 1"
    quiet = await newest_by_tag(rig)
    await in_force(rig, with_ports(mini_plant, rig.base_port))
    await eventually(lambda: rig.events("config.tags_changed") == 2, within_s=60)

    async def all_told() -> bool:
        return all(time > quiet[tag] for tag, time in (await newest_by_tag(rig)).items())

    await eventually(all_told, within_s=60, what="the tag that was left out is heard again")
    await rig.check()
    async with rig.doors.database.read() as conn:
        query = "SELECT count(*) FROM telemetry_gap WHERE cause = 'agent_down' AND to_at > %s"
        assert await (await conn.execute(query, (before,))).fetchone() == (0,)


async def test_a_right_configuration_is_kept_though_the_line_was_away_meanwhile(
    rig: Rig, mini_plant: PlantModel
) -> None:
    rig.start_agent()
    await rig.flows(within_s=90)
    assert rig.line is not None
    moved = free_ports(16)
    await in_force(rig, with_ports(mini_plant, moved))
    await eventually(lambda: rig.events("config.staged") == 1)
    rig.line.kill()
    await eventually(lambda: rig.events("config.was_not_it") == 1, within_s=90)
    rig.base_port = moved
    rig.start_line()
    await rig.flows(within_s=90)
    beat = await heartbeat(rig)
    assert (beat["config_version"], beat["refused_config"]) == (2, None)
    await rig.check()
