"""A batch takes effect exactly once, whatever is sent again, in which order, and whoever crashes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import psycopg
import pytest

from mes.agents import repository
from mes.agents import service as agents
from mes.agents.model import Identity
from mes.contracts.line_records import StationStateChanged
from mes.contracts.plant import PlantModel
from mes.contracts.telemetry import Gap, GapCause
from mes.contracts.wire import (
    Batch,
    Stream,
    TelemetryColumns,
    decode,
    encode,
    to_filetime,
    to_lines,
)
from mes.ingest import service
from mes.ingest.model import SequenceGap
from mes.platform.db import Database
from tests.support.agents import no_models, seed_plant

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
LINE = "paint"


class Crash(Exception):
    """The process dies before it commits."""


async def an_agent(database: Database, plant: PlantModel) -> Identity:
    await seed_plant(database, plant)
    async with database.write() as conn:
        code = await agents.issue_code(conn, LINE, real_now=NOW)
        enrolled = await agents.enrol(conn, code, now=NOW, real_now=NOW)
        identity = await agents.identify(conn, enrolled.token, "a", real_now=NOW)
        await agents.config(conn, identity, models=no_models, real_now=NOW)
        return await agents.identify(conn, enrolled.token, "a", real_now=NOW)


WAITED = 500
"""The numbers of batches of backlog begin above those of new telemetry."""


def telemetry(seq: int, rows: int) -> bytes:
    """Rows whose values tell which batch and row they are."""
    source = np.arange(rows, dtype=np.int64) * 10_000_000 + to_filetime(NOW) + seq * 10**9
    return TelemetryColumns(
        np.full(rows, 1, np.uint32),
        source,
        source,
        seq * 1000.0 + np.arange(rows),
        np.zeros(rows, np.uint32),
    ).to_payload()


def a_record(seq: int, *, line: str = LINE) -> str:
    return StationStateChanged(
        seq=seq,
        line=line,
        at=NOW + timedelta(seconds=seq),
        station="primer",
        state="running" if seq % 2 else "starved",
    ).model_dump_json()


@dataclass
class Sender:
    """An agent's side: what it has made, what the MES has acknowledged."""

    identity: Identity
    made: dict[Stream, list[bytes]] = field(default_factory=dict)
    released: dict[Stream, int] = field(default_factory=dict)
    records: int = 0

    def make(self, random: Random, stream: Stream) -> None:
        frames = self.made.setdefault(stream, [])
        seq, count = len(frames) + 1, random.randint(1, 5)
        match stream:
            case Stream.TELEMETRY:
                payload = telemetry(seq, count)
            case Stream.BACKLOG:
                payload = telemetry(WAITED + seq, count)
            case Stream.EVENTS:
                payload = to_lines(
                    [a_record(n) for n in range(self.records + 1, self.records + count + 1)]
                )
                self.records += count
            case _:
                gap = Gap(line=LINE, from_at=NOW, to_at=NOW, cause=GapCause.LINK_LOST)
                payload, count = to_lines([gap.model_dump_json()] * count), count
        agent = self.identity.agent
        frames.append(encode(Batch(agent.id, agent.epoch, stream, seq, count, payload)))


@pytest.mark.parametrize("seed", range(4))
async def test_every_batch_takes_effect_once_under_redelivery_reordering_and_crashes(
    database: Database, mini_plant: PlantModel, seed: int
) -> None:
    random = Random(seed)
    sender = Sender(await an_agent(database, mini_plant))

    async def deliver(frame: bytes, *, crash: bool) -> None:
        batch = service.read_batch(frame)
        async with database.write() as conn:
            receipt = await service.take(
                conn, sender.identity, batch, oldest=None, now=NOW, real_now=NOW
            )
            if crash:
                raise Crash
        sender.released[batch.stream] = receipt.watermark

    async def attempt(frame: bytes) -> None:
        try:
            await deliver(frame, crash=random.random() < 0.2)
        except (Crash, SequenceGap):
            pass

    for _ in range(60):
        stream = random.choice((Stream.TELEMETRY, Stream.BACKLOG, Stream.EVENTS, Stream.GAPS))
        sender.make(random, stream)
        chosen = [
            random.choice(frames)
            for frames in sender.made.values()
            for _ in range(random.randint(0, 2))
        ]
        await asyncio.gather(*(attempt(frame) for frame in chosen))
    for stream, frames in sender.made.items():
        while sender.released.get(stream, 0) < len(frames):
            await deliver(frames[sender.released.get(stream, 0)], crash=False)

    async with database.read() as conn:
        stored = await (await conn.execute("SELECT value FROM telemetry ORDER BY value")).fetchall()
        states = await (await conn.execute("SELECT count(*) FROM telemetry_gap")).fetchone()
        aside = await (await conn.execute("SELECT reason FROM ingest_quarantine")).fetchall()
        seen = await (await conn.execute("SELECT heard_at FROM equipment_state")).fetchall()
        lengths = await (
            await conn.execute("SELECT count(*) FROM equipment_interval WHERE station = 'primer'")
        ).fetchone()
    sent = sorted(
        seq * 1000.0 + row
        for stream, first in ((Stream.TELEMETRY, 1), (Stream.BACKLOG, WAITED + 1))
        for seq, frame in enumerate(sender.made.get(stream, ()), start=first)
        for row in range(decode(frame).count)
    )
    assert [value for (value,) in stored] == sent
    assert states == (sum(decode(f).count for f in sender.made.get(Stream.GAPS, ())),)
    assert aside == []
    assert len(seen) == 1
    assert lengths == (sender.records - 1,), "each change closed one stretch, once"


async def test_a_batch_whose_turn_has_not_come_is_refused_with_the_one_expected(
    database: Database, mini_plant: PlantModel
) -> None:
    identity = await an_agent(database, mini_plant)
    agent = identity.agent
    third = Batch(agent.id, agent.epoch, Stream.TELEMETRY, 3, 1, telemetry(3, 1))
    async with database.write() as conn:
        with pytest.raises(SequenceGap) as refused:
            await service.take(conn, identity, third, oldest=1, now=NOW, real_now=NOW)
    assert refused.value.facts["expected"] == 1


async def test_what_an_agent_no_longer_has_is_noted_and_the_rest_goes_on(
    database: Database, mini_plant: PlantModel
) -> None:
    """An older backup was restored: the agent has released what the MES has forgotten."""
    identity = await an_agent(database, mini_plant)
    agent = identity.agent
    third = Batch(agent.id, agent.epoch, Stream.TELEMETRY, 3, 1, telemetry(3, 1))
    async with database.write() as conn:
        receipt = await service.take(conn, identity, third, oldest=3, now=NOW, real_now=NOW)
        lost = await (await conn.execute("SELECT from_seq, to_seq FROM ingest_loss")).fetchall()
    assert receipt.watermark == 3
    assert lost == [(1, 2)]


async def test_a_poison_record_is_set_aside_with_its_reason_and_the_rest_takes_effect(
    database: Database, mini_plant: PlantModel
) -> None:
    identity = await an_agent(database, mini_plant)
    agent = identity.agent
    lines = [
        a_record(1),
        '{"kind":"nonsense","seq":2}',
        "\x00",
        a_record(3, line="eol"),
        a_record(4),
    ]
    batch = Batch(agent.id, agent.epoch, Stream.EVENTS, 1, len(lines), to_lines(lines))
    async with database.write() as conn:
        receipt = await service.take(conn, identity, batch, oldest=1, now=NOW, real_now=NOW)
    async with database.read() as conn:
        aside = await service.quarantine(conn)
        state = await (await conn.execute("SELECT state FROM equipment_state")).fetchall()
    assert receipt.watermark == 1
    assert {row.record_no: row.reason_code for row in aside} == {
        1: "record.unreadable",
        2: "record.unreadable",
        3: "record.foreign_line",
    }
    assert "eol" in next(row.reason for row in aside if row.record_no == 3)
    assert state == [("starved",)], "record 4 took effect"


async def test_a_batch_with_a_wrong_count_is_set_aside_whole(
    database: Database, mini_plant: PlantModel
) -> None:
    identity = await an_agent(database, mini_plant)
    agent = identity.agent
    batch = Batch(agent.id, agent.epoch, Stream.TELEMETRY, 1, 7, telemetry(1, 3))
    async with database.write() as conn:
        await service.take(conn, identity, batch, oldest=1, now=NOW, real_now=NOW)
        (row,) = await service.quarantine(conn)
        stored = await (await conn.execute("SELECT count(*) FROM telemetry")).fetchone()
    assert row.reason_code == "batch.unreadable"
    assert "7 rows" in row.reason
    assert stored == (0,)


async def test_a_fenced_copy_may_deliver_what_it_had_but_not_what_the_newer_copy_has(
    database: Database, mini_plant: PlantModel
) -> None:
    old = await an_agent(database, mini_plant)
    real = datetime.now(UTC)
    async with database.write() as conn:
        code = await agents.issue_code(conn, LINE, real_now=real)
        await agents.enrol(conn, code, now=NOW, real_now=real)
        newer = await agents.overview(conn)
    assert next(view.epoch for view in newer if view.line == LINE) == 2
    before, after = to_filetime(real) - 10_000_000, to_filetime(real) + 10_000_000
    columns = TelemetryColumns(
        np.array([1, 1], np.uint32),
        np.array([before, after], np.int64),
        np.array([before, after], np.int64),
        np.array([1.0, 2.0]),
        np.zeros(2, np.uint32),
    )
    batch = Batch(old.agent.id, 1, Stream.TELEMETRY, 1, 2, columns.to_payload())
    async with database.write() as conn:
        current = await repository.by_id(conn, old.agent.id)
        assert current is not None
        fresh = Identity(current, old.token_epoch, old.instance, epoch=1)
        receipt = await service.take(conn, fresh, batch, oldest=1, now=NOW, real_now=real)
        stored = await (await conn.execute("SELECT value FROM telemetry")).fetchall()
    assert receipt.fenced
    assert stored == [(1.0,)]


async def test_a_lost_database_fails_the_batch_and_quarantines_nothing(
    database: Database, mini_plant: PlantModel
) -> None:
    identity = await an_agent(database, mini_plant)
    agent = identity.agent
    batch = Batch(agent.id, agent.epoch, Stream.EVENTS, 1, 1, to_lines([a_record(1)]))
    with pytest.raises(psycopg.OperationalError):
        async with database.write() as conn:
            await conn.execute("SET LOCAL statement_timeout = 1")
            await conn.execute("SELECT pg_sleep(1)")
    with pytest.raises(psycopg.Error):
        async with database.write() as conn:
            pid = conn.info.backend_pid
            async with database.write() as other:
                await other.execute("SELECT pg_terminate_backend(%s)", (pid,))
            await service.take(conn, identity, batch, oldest=1, now=NOW, real_now=NOW)
    async with database.write() as conn:
        receipt = await service.take(conn, identity, batch, oldest=1, now=NOW, real_now=NOW)
        assert await service.quarantine(conn) == []
    assert not receipt.duplicate
