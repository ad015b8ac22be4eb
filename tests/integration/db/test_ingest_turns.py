"""Batches of a stream that are on their way together take effect in their order, whichever arrives first."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from edge.mes_client import MesClient, MesRefused
from mes.agents import service as agents
from mes.contracts.plant import PlantModel
from mes.contracts.wire import Batch, Stream, encode
from mes.ingest import turns
from mes.platform.db import Database
from tests.support.agents import agent_app, no_models, seed_plant

LINE = "paint"


async def test_a_batch_that_overtook_waits_for_the_ones_before_it(
    database: Database, mini_plant: PlantModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 60.0)
    clock = await seed_plant(database, mini_plant)
    async with database.write() as conn:
        code = await agents.issue_code(conn, LINE, real_now=datetime.now(UTC))
    transport = httpx.ASGITransport(
        agent_app(database, clock, tmp_path / "images", models=no_models)
    )
    async with MesClient("http://mes", instance="a", transport=transport) as mes:
        mes.authenticate((await mes.enrol(code)).token)
        config = await mes.config()
        frames = [
            encode(Batch(config.agent_id, config.epoch, Stream.GAPS, seq, 0, b""))
            for seq in (3, 2, 1)
        ]
        receipts = await asyncio.gather(*(mes.send_batch(frame, oldest=1) for frame in frames))
        assert [receipt.watermark for receipt in receipts] == [3, 2, 1]
        assert not any(receipt.duplicate for receipt in receipts)
        monkeypatch.setattr(turns, "PATIENCE_S", 0.0)
        early = encode(Batch(config.agent_id, config.epoch, Stream.GAPS, 9, 0, b""))
        with pytest.raises(MesRefused, match=r"ingest\.sequence_gap"):
            await mes.send_batch(early, oldest=4)
