"""A real agent beside a real line delivers through a real NATS server; broker and MES go away in turn."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mes.contracts.plant import PlantModel
from mes.entrypoints.bootstrap import keep_running
from mes.ingest.by_nats import NatsIntake
from mes.platform.db import Database
from tests.support.edge_rig import Rig, edge_rig
from tests.support.nats import NatsServer, nats_server

pytestmark = pytest.mark.slow


def a_worker(rig: Rig, server: NatsServer) -> asyncio.Task[None]:
    assert rig.doors is not None
    intake = NatsIntake(rig.doors.database, rig.doors.clock, server.settings())
    return asyncio.create_task(keep_running("ingest.nats", intake.run))


async def test_a_line_behind_nats_loses_nothing_while_broker_and_mes_go_away(
    database: Database, mini_plant: PlantModel, tmp_path: Path
) -> None:
    async with (
        nats_server(tmp_path / "nats") as server,
        edge_rig(database, mini_plant, tmp_path) as rig,
    ):
        rig.nats_url = server.url
        worker = a_worker(rig, server)
        try:
            agent = rig.start_agent()
            await rig.flows(within_s=90)
            server.kill()
            server.forget()
            await server.start()
            await rig.flows(within_s=60)
            worker.cancel()
            agent.kill()
            agent = rig.start_agent()
            worker = a_worker(rig, server)
            await rig.flows(within_s=90)
            await rig.check()
            assert agent.stop() == 0
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
    assert rig.events("uplink.nats.failed") == rig.events("uplink.nats.recovered") >= 1
