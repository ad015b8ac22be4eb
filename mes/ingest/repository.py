"""Watermarks, and what was set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.agents.model import Agent
from mes.contracts.ids import uuid7
from mes.contracts.wire import Batch, Stream
from mes.ingest.model import SetAside
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record (or a batch, `record_no` None) that waits for a person. `arrived_at` is real time."""

    id: UUID
    line: str
    epoch: int
    stream: int
    seq: int
    record_no: int | None
    reason_code: str
    reason: str
    arrived_at: datetime


async def watermark(conn: WriteConn, batch: Batch) -> int:
    """Return how far the batch's stream has taken effect; other batches of it wait from here on."""
    seq: int = await db.fetch_value(conn, queries["watermark"], _key(batch))
    return seq


async def standing(conn: ReadConn, agent_id: UUID, epoch: int, stream: Stream) -> int:
    """Return how far a stream has taken effect, without waiting for a batch that is under way."""
    facts = {"agent_id": agent_id, "epoch": epoch, "stream": int(stream)}
    return int(await db.fetch_value(conn, queries["standing"], facts) or 0)


async def advance(conn: WriteConn, batch: Batch) -> None:
    """Note that the batch has taken effect."""
    await db.execute(conn, queries["advance"], {**_key(batch), "seq": batch.seq})


async def set_aside(
    conn: WriteConn, agent: Agent, batch: Batch, records: Sequence[SetAside], *, now: datetime
) -> None:
    """Keep what could not take effect, with its reason."""
    rows = [
        {
            **_key(batch),
            "id": uuid7(),
            "line": agent.line,
            "seq": batch.seq,
            "record_no": record.number,
            "reason_code": record.code,
            "reason": record.reason,
            "content": record.content,
            "arrived_at": now,
        }
        for record in records
    ]
    await db.execute_many(conn, queries["set_aside"], rows)


async def note_loss(conn: WriteConn, batch: Batch, *, watermark: int, now: datetime) -> None:
    """Note that the batches between the watermark and this one are gone."""
    facts = {"from_seq": watermark + 1, "to_seq": batch.seq - 1, "noticed_at": now}
    await db.execute(conn, queries["note_loss"], {**_key(batch), **facts})


async def quarantine(conn: ReadConn, *, limit: int) -> list[Quarantined]:
    """Return what waits for a person, newest first."""
    return await db.fetch_all(conn, queries["quarantine"], {"limit": limit}, Quarantined)


def _key(batch: Batch) -> dict[str, object]:
    return {"agent_id": batch.agent_id, "epoch": batch.epoch, "stream": int(batch.stream)}
