"""The agents' doors over HTTP: clear errors that change nothing, receipts after the commit."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import cv2
import httpx
import numpy as np
import pytest

from edge.mes_client import MesClient, MesRefused
from mes.agents import service as agents
from mes.contracts.dispatch import Command, CommandKind
from mes.contracts.ids import uuid7
from mes.contracts.plant import PlantModel
from mes.contracts.wire import Batch, Stream, encode
from mes.platform.db import Database
from tests.support.agents import Doors, agent_doors

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


@pytest.fixture
async def doors(database: Database, mini_plant: PlantModel, tmp_path: Path) -> AsyncIterator[Doors]:
    async with agent_doors(database, mini_plant, tmp_path) as opened:
        yield opened


@pytest.fixture
async def mes(doors: Doors) -> AsyncIterator[MesClient]:
    async with MesClient(doors.url, instance="a") as client:
        enrolled = await client.enrol(await doors.code("paint"))
        client.authenticate(enrolled.token)
        yield client


async def test_an_agent_enrols_and_gets_its_configuration(doors: Doors, mes: MesClient) -> None:
    config = await mes.config()
    assert config.interface.line == "paint"
    assert config.epoch == 1
    assert config.clock.factor == 60


async def test_a_wrong_code_is_refused_in_words(doors: Doors) -> None:
    async with MesClient(doors.url, instance="a") as client:
        with pytest.raises(MesRefused, match="unknown, used or expired") as refused:
            await client.enrol("not-a-code-of-ours")
    assert (refused.value.status, refused.value.code) == (401, "agent.code_refused")


async def test_an_expired_token_is_refused_in_words(doors: Doors, mes: MesClient) -> None:
    async with doors.database.write() as conn:
        await conn.execute("UPDATE agent_token SET expires_at = '2000-01-01'")
    with pytest.raises(MesRefused, match="expired or revoked") as refused:
        await mes.config()
    assert refused.value.status == 401


async def test_a_batch_with_a_wrong_checksum_changes_nothing(doors: Doors, mes: MesClient) -> None:
    config = await mes.config()
    frame = bytearray(encode(Batch(config.agent_id, 1, Stream.EVENTS, 1, 1, b'{"seq":1}')))
    frame[-1] ^= 0xFF
    with pytest.raises(MesRefused, match="checksum") as refused:
        await mes.send_batch(bytes(frame), oldest=1)
    assert (refused.value.status, refused.value.code) == (400, "ingest.batch_malformed")
    async with doors.database.read() as conn:
        found = await (await conn.execute("SELECT count(*) FROM ingest_watermark")).fetchone()
    assert found == (0,)


async def test_a_batch_of_another_agent_is_refused(mes: MesClient) -> None:
    await mes.config()
    with pytest.raises(MesRefused) as refused:
        await mes.send_batch(encode(Batch(uuid4(), 1, Stream.EVENTS, 1, 0, b"")), oldest=1)
    assert refused.value.code == "agent.wrong_agent"


async def test_a_batch_of_an_epoch_that_was_never_issued_is_refused(mes: MesClient) -> None:
    config = await mes.config()
    frame = encode(Batch(config.agent_id, 9, Stream.EVENTS, 1, 0, b""))
    with pytest.raises(MesRefused) as refused:
        await mes.send_batch(frame, oldest=1)
    assert refused.value.code == "ingest.unknown_epoch"


async def test_a_batch_sent_twice_is_acknowledged_twice(mes: MesClient) -> None:
    config = await mes.config()
    frame = encode(Batch(config.agent_id, 1, Stream.TELEMETRY, 1, 0, b""))
    first = await mes.send_batch(frame, oldest=1)
    second = await mes.send_batch(frame, oldest=1)
    assert (first.watermark, first.duplicate) == (1, False)
    assert (second.watermark, second.duplicate) == (1, True)


async def test_a_command_wakes_the_agent_that_waits_for_it(doors: Doors, mes: MesClient) -> None:
    waiting = asyncio.create_task(mes.commands(0))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    command = Command(
        id=uuid7(), kind=CommandKind.SET_HOLD, line="paint", issued_at=NOW, actor="user:ann",
        body_id=uuid7(), held=True, reason="run",
    )  # fmt: skip
    async with doors.database.write() as conn:
        await agents.send_command(conn, "paint", command, real_now=NOW)
    page = await asyncio.wait_for(waiting, 2)
    assert page.commands == (command,)


async def test_a_request_without_the_instance_header_is_refused(doors: Doors) -> None:
    async with MesClient(doors.url, instance="a") as client:
        enrolled = await client.enrol(await doors.code("paint"))
    async with httpx.AsyncClient(base_url=doors.url) as http:
        answer = await http.get(
            "/agent/v1/config", headers={"Authorization": f"Bearer {enrolled.token}"}
        )
    assert answer.status_code == 422
    assert answer.json()["code"] == "agent.instance_missing"


async def test_a_picture_is_kept_under_its_hash_and_another_hash_is_refused(
    doors: Doors, mes: MesClient
) -> None:
    picture = cv2.imencode(".jpg", np.full((32, 32, 3), 90, np.uint8))[1].tobytes()
    sha256 = hashlib.sha256(picture).hexdigest()
    await mes.send_image(sha256, picture)
    await mes.send_image(sha256, picture)
    with pytest.raises(MesRefused):
        await mes.send_image("0" * 64, picture)
    async with doors.database.read() as conn:
        stored = await (await conn.execute("SELECT sha256 FROM inspection_image")).fetchall()
    assert stored == [(sha256,)]
