"""The event table and the cursors of its readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.contracts.events import Payload
from mes.events.model import Cursor, Event, parse_payload
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class _Row:
    seq: int
    id: UUID
    type: str
    version: int
    subject: str
    causation_id: UUID | None
    correlation_id: UUID | None
    actor: str
    plant_at: datetime
    recorded_at: datetime
    payload: object
    xid: int

    def event(self) -> Event:
        return Event(
            seq=self.seq,
            id=self.id,
            version=self.version,
            subject=self.subject,
            causation_id=self.causation_id,
            correlation_id=self.correlation_id,
            actor=self.actor,
            plant_at=self.plant_at,
            recorded_at=self.recorded_at,
            payload=parse_payload(self.type, self.version, self.payload),
            xid=self.xid,
        )


@dataclass(frozen=True, slots=True)
class _Stored:
    seq: int
    recorded_at: datetime
    xid: int


@dataclass(frozen=True, slots=True)
class _CursorRow:
    handler: str
    xid: int
    seq: int


@dataclass(frozen=True, slots=True)
class Failure:
    """An event that a handler gave up on."""

    handler: str
    event_seq: int
    error: str
    failed_at: datetime


async def insert(
    conn: WriteConn,
    payload: Payload,
    *,
    event_id: UUID,
    plant_at: datetime,
    actor: str,
    causation_id: UUID | None,
    correlation_id: UUID | None,
) -> Event:
    stored = await db.fetch_one(
        conn,
        queries["insert"],
        {
            "id": event_id,
            "type": payload.type,
            "version": payload.version,
            "subject": payload.subject,
            "causation_id": causation_id,
            "correlation_id": correlation_id,
            "actor": actor,
            "plant_at": plant_at,
            "payload": payload.model_dump_json(),
        },
        _Stored,
    )
    assert stored is not None  # noqa: S101 - INSERT … RETURNING gives one row
    await db.execute(conn, queries["wake"])
    return Event(
        seq=stored.seq,
        id=event_id,
        version=payload.version,
        subject=payload.subject,
        causation_id=causation_id,
        correlation_id=correlation_id,
        actor=actor,
        plant_at=plant_at,
        recorded_at=stored.recorded_at,
        payload=payload,
        xid=stored.xid,
    )


async def insert_all(
    conn: WriteConn,
    rows: Sequence[tuple[UUID, Payload, datetime, UUID | None]],
    *,
    actor: str,
) -> None:
    await db.execute(
        conn,
        queries["insert_all"],
        {
            "ids": [row[0] for row in rows],
            "types": [row[1].type for row in rows],
            "versions": [row[1].version for row in rows],
            "subjects": [row[1].subject for row in rows],
            "payloads": [row[1].model_dump_json() for row in rows],
            "plant_ats": [row[2] for row in rows],
            "correlations": [row[3] for row in rows],
            "actor": actor,
        },
    )
    await db.execute(conn, queries["wake"])


async def after(conn: ReadConn, cursor: Cursor, *, limit: int) -> list[Event]:
    rows = await db.fetch_all(
        conn, queries["after"], {"xid": str(cursor.xid), "seq": cursor.seq, "limit": limit}, _Row
    )
    return [row.event() for row in rows]


@dataclass(frozen=True, slots=True)
class EventKind:
    """The type of an event and its place."""

    type: str
    seq: int
    xid: int

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.xid, self.seq)


async def types_after(conn: ReadConn, cursor: Cursor, *, limit: int) -> list[EventKind]:
    return await db.fetch_all(
        conn,
        queries["types_after"],
        {"xid": str(cursor.xid), "seq": cursor.seq, "limit": limit},
        EventKind,
    )


async def by_id(conn: ReadConn, event_id: UUID) -> Event | None:
    row = await db.fetch_one(conn, queries["by_id"], {"id": event_id}, _Row)
    return row.event() if row else None


async def about_subject(conn: ReadConn, subject: str, *, limit: int) -> list[Event]:
    rows = await db.fetch_all(
        conn, queries["about_subject"], {"subject": subject, "limit": limit}, _Row
    )
    return [row.event() for row in rows]


async def of_correlation(conn: ReadConn, correlation_id: UUID, *, limit: int) -> list[Event]:
    rows = await db.fetch_all(
        conn, queries["of_correlation"], {"correlation_id": correlation_id, "limit": limit}, _Row
    )
    return [row.event() for row in rows]


async def horizon(conn: ReadConn) -> Cursor:
    """Return the place behind which nothing can be committed any more."""
    xid: int = await db.fetch_value(conn, queries["horizon"])
    return Cursor(xid, 2**62)


async def cursors(conn: ReadConn) -> dict[str, Cursor]:
    rows = await db.fetch_all(conn, queries["cursors"], None, _CursorRow)
    return {row.handler: Cursor(row.xid, row.seq) for row in rows}


async def save_cursor(conn: WriteConn, handler: str, cursor: Cursor) -> None:
    await db.execute(
        conn,
        queries["save_cursor"],
        {"handler": handler, "xid": str(cursor.xid), "seq": cursor.seq},
    )


async def save_failure(
    conn: WriteConn, handler: str, event: Event, *, error: str, now: datetime
) -> None:
    await db.execute(
        conn,
        queries["save_failure"],
        {"handler": handler, "event_seq": event.seq, "error": error, "failed_at": now},
    )


async def failures(conn: ReadConn, *, limit: int) -> list[Failure]:
    return await db.fetch_all(conn, queries["failures"], {"limit": limit}, Failure)


async def renumber(conn: WriteConn) -> None:
    """Replace (xid, seq) by plain numbers in the same order; see `service.rebase`."""
    for step in ("allow_renumbering", "move_cursors", "renumber_away", "renumber_back"):
        await db.execute(conn, queries[step])
    await db.fetch_value(conn, queries["next_number"])
    await db.execute(conn, queries["forbid_renumbering"])
