"""Holds, reworks and nonconformances."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from mes.contracts.quality import Disposition
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import Query, load_queries
from mes.quality.model import Hold, HoldState, Rework, ReworkState

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class _HoldRow:
    id: UUID
    body_id: UUID | None
    rack: str | None
    order_id: UUID | None
    line: str
    inspection_id: UUID | None
    cause: str
    defect_kind: str | None
    risk: float
    placed_at: datetime
    last_event_id: UUID
    state: str
    disposition: str | None
    reason: str
    defect_code: str | None
    reviewer: str | None
    decided_at: datetime | None
    closed_at: datetime | None
    row_version: int

    def hold(self) -> Hold:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["state"] = HoldState(self.state)
        values["disposition"] = Disposition(self.disposition) if self.disposition else None
        return Hold(**values)


@dataclass(frozen=True, slots=True)
class _ReworkRow:
    id: UUID
    hold_id: UUID
    body_id: UUID
    line: str
    bay: str
    defect_kind: str
    work_s: float
    opened_at: datetime
    review_by_at: datetime
    state: str
    by_policy: bool
    closed_at: datetime | None

    def rework(self) -> Rework:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["state"] = ReworkState(self.state)
        return Rework(**values)


@dataclass(frozen=True, slots=True)
class Nonconformance:
    """A nonconformance; its items are holds, and each has its own disposition."""

    id: UUID
    number: str
    title: str
    state: str
    opened_by: str
    opened_at: datetime
    closed_by: str | None
    closed_at: datetime | None
    row_version: int


async def add_hold(conn: WriteConn, hold: Hold) -> bool:
    """Add a hold; False when its inspection has placed one, or its rack is held already."""
    return (
        await db.execute(
            conn,
            queries["add_hold"],
            {
                "id": hold.id,
                "body_id": hold.body_id,
                "rack": hold.rack,
                "order_id": hold.order_id,
                "line": hold.line,
                "inspection_id": hold.inspection_id,
                "cause": hold.cause,
                "defect_kind": hold.defect_kind,
                "risk": hold.risk,
                "placed_at": hold.placed_at,
                "last_event_id": hold.last_event_id,
            },
        )
        == 1
    )


async def hold(conn: ReadConn, hold_id: UUID) -> Hold | None:
    return await _one_hold(conn, queries["hold"], hold_id)


async def hold_for_change(conn: WriteConn, hold_id: UUID) -> Hold | None:
    return await _one_hold(conn, queries["hold_for_change"], hold_id)


async def holds_of_body(conn: ReadConn, body_id: UUID) -> list[Hold]:
    return await _holds(conn, queries["holds_of_body"], {"body_id": body_id})


async def holds_of_inspections(conn: ReadConn, ids: Collection[UUID]) -> list[Hold]:
    return await _holds(conn, queries["holds_of_inspections"], {"ids": list(ids)})


async def not_closed(conn: ReadConn) -> list[Hold]:
    return await _holds(conn, queries["not_closed"], None)


async def newest(conn: ReadConn, *, limit: int) -> list[Hold]:
    return await _holds(conn, queries["newest"], {"limit": limit})


async def save_hold(conn: WriteConn, hold: Hold, *, last_event_id: UUID) -> None:
    """Write a decision and the newest link of its chain; the row's version grows by one."""
    await db.execute(
        conn,
        queries["save_hold"],
        {
            "id": hold.id,
            "state": hold.state.value,
            "disposition": hold.disposition.value if hold.disposition else None,
            "reason": hold.reason,
            "defect_code": hold.defect_code,
            "reviewer": hold.reviewer,
            "decided_at": hold.decided_at,
            "closed_at": hold.closed_at,
            "last_event_id": last_event_id,
        },
    )


async def extend_chain(conn: WriteConn, hold_id: UUID, event_id: UUID) -> None:
    await db.execute(conn, queries["extend_chain"], {"id": hold_id, "event_id": event_id})


async def add_rework(conn: WriteConn, rework: Rework) -> None:
    await db.execute(
        conn,
        queries["add_rework"],
        {
            "id": rework.id,
            "hold_id": rework.hold_id,
            "body_id": rework.body_id,
            "line": rework.line,
            "bay": rework.bay,
            "defect_kind": rework.defect_kind,
            "work_s": rework.work_s,
            "opened_at": rework.opened_at,
            "review_by_at": rework.review_by_at,
        },
    )


async def save_rework(conn: WriteConn, rework: Rework) -> None:
    await db.execute(
        conn,
        queries["save_rework"],
        {
            "id": rework.id,
            "state": rework.state.value,
            "by_policy": rework.by_policy,
            "closed_at": rework.closed_at,
        },
    )


async def rework(conn: ReadConn, rework_id: UUID) -> Rework | None:
    row = await db.fetch_one(conn, queries["rework"], {"id": rework_id}, _ReworkRow)
    return row.rework() if row else None


async def rework_of_hold(conn: ReadConn, hold_id: UUID) -> Rework | None:
    row = await db.fetch_one(conn, queries["rework_of_hold"], {"hold_id": hold_id}, _ReworkRow)
    return row.rework() if row else None


async def alive_reworks(conn: ReadConn) -> list[Rework]:
    return await _reworks(conn, queries["alive_reworks"], None)


async def confirmed_reworks(conn: ReadConn, body_id: UUID) -> list[Rework]:
    return await _reworks(conn, queries["confirmed_reworks"], {"body_id": body_id})


async def unreviewed(conn: ReadConn, *, now: datetime) -> list[Rework]:
    return await _reworks(conn, queries["unreviewed"], {"now": now})


async def note_undone(conn: WriteConn, hold: Hold, *, undone_by: str, now: datetime) -> None:
    await db.execute(
        conn,
        queries["note_undone"],
        {
            "hold_id": hold.id,
            "decided_at": hold.decided_at,
            "disposition": hold.disposition,
            "reviewer": hold.reviewer,
            "undone_by": undone_by,
            "undone_at": now,
        },
    )


async def next_number(conn: WriteConn) -> int:
    number: int = await db.fetch_value(conn, queries["next_number"])
    return number


async def add_nonconformance(
    conn: WriteConn, nonconformance: Nonconformance, hold_ids: Collection[UUID]
) -> None:
    await db.execute(
        conn,
        queries["add_nonconformance"],
        {
            "id": nonconformance.id,
            "number": nonconformance.number,
            "title": nonconformance.title,
            "opened_by": nonconformance.opened_by,
            "opened_at": nonconformance.opened_at,
        },
    )
    await db.execute(
        conn, queries["add_items"], {"id": nonconformance.id, "hold_ids": list(hold_ids)}
    )


async def nonconformance(conn: ReadConn, nonconformance_id: UUID) -> Nonconformance | None:
    return await db.fetch_one(
        conn, queries["nonconformance"], {"id": nonconformance_id}, Nonconformance
    )


async def nonconformance_for_change(
    conn: WriteConn, nonconformance_id: UUID
) -> Nonconformance | None:
    return await db.fetch_one(
        conn, queries["nonconformance_for_change"], {"id": nonconformance_id}, Nonconformance
    )


async def nonconformances(conn: ReadConn, *, limit: int) -> list[Nonconformance]:
    return await db.fetch_all(conn, queries["nonconformances"], {"limit": limit}, Nonconformance)


async def items(conn: ReadConn, nonconformance_id: UUID) -> list[Hold]:
    return await _holds(conn, queries["items"], {"id": nonconformance_id})


async def close_nonconformance(
    conn: WriteConn, nonconformance_id: UUID, *, closed_by: str, now: datetime
) -> None:
    await db.execute(
        conn,
        queries["close_nonconformance"],
        {"id": nonconformance_id, "closed_by": closed_by, "closed_at": now},
    )


async def _one_hold(conn: ReadConn, query: Query, hold_id: UUID) -> Hold | None:
    row = await db.fetch_one(conn, query, {"id": hold_id}, _HoldRow)
    return row.hold() if row else None


async def _holds(conn: ReadConn, query: Query, params: dict[str, object] | None) -> list[Hold]:
    return [row.hold() for row in await db.fetch_all(conn, query, params, _HoldRow)]


async def _reworks(conn: ReadConn, query: Query, params: dict[str, object] | None) -> list[Rework]:
    return [row.rework() for row in await db.fetch_all(conn, query, params, _ReworkRow)]
