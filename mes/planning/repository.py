"""Plan versions and planned operations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.planning.model import Plan
from mes.planning.operations import PlannedOperation
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)

WRITTEN_AT_ONCE = 1000
"""Planned operations in one statement."""


# Plan versions


async def next_number(conn: ReadConn, site: str) -> int:
    return int(await db.fetch_value(conn, queries["next_number"], {"site": site}))


async def lock_site(conn: WriteConn, site: str) -> None:
    await db.execute(conn, queries["lock_site"], {"site": site})


async def lock_operations(conn: WriteConn) -> None:
    await db.execute(conn, queries["lock_operations"])


async def add_plan(conn: WriteConn, plan: Plan, *, problem: bytes | None) -> None:
    await db.execute(
        conn,
        queries["add_plan"],
        {
            "id": plan.id,
            "site": plan.site,
            "number": plan.number,
            "state": plan.state,
            "kind": plan.kind,
            "cause": plan.cause,
            "base_id": plan.base_id,
            "anchor_at": plan.anchor_at,
            "horizon_s": plan.horizon_s,
            "snapshot_hash": plan.snapshot_hash,
            "budget_s": plan.budget_s,
            "problem": problem,
            "requested_by": plan.requested_by,
            "created_at": plan.created_at,
        },
    )


async def plan(conn: ReadConn, plan_id: UUID) -> Plan | None:
    return await db.fetch_one(conn, queries["plan_head"], {"id": plan_id}, Plan)


async def plan_for_change(conn: WriteConn, plan_id: UUID) -> Plan | None:
    return await db.fetch_one(conn, queries["plan_for_change"], {"id": plan_id}, Plan)


async def published(conn: ReadConn, site: str) -> Plan | None:
    return await db.fetch_one(conn, queries["published_head"], {"site": site}, Plan)


async def published_id(conn: ReadConn, site: str) -> UUID | None:
    found: UUID | None = await db.fetch_value(conn, queries["published_id"], {"site": site})
    return found


async def solving(conn: ReadConn, site: str) -> Plan | None:
    return await db.fetch_one(conn, queries["solving_head"], {"site": site}, Plan)


async def solving_without_job(conn: ReadConn) -> list[Plan]:
    return await db.fetch_all(conn, queries["solving_without_job"], None, Plan)


async def recent(conn: ReadConn, site: str, *, limit: int) -> list[Plan]:
    return await db.fetch_all(conn, queries["recent_heads"], {"site": site, "limit": limit}, Plan)


@dataclass(frozen=True, slots=True)
class Content:
    """The problem and the schedule of a version, as stored."""

    problem: bytes | None
    schedule: bytes | None


async def content(conn: ReadConn, plan_id: UUID) -> Content:
    found = await db.fetch_one(conn, queries["plan_content"], {"id": plan_id}, Content)
    return found or Content(None, None)


async def save_result(
    conn: WriteConn, plan: Plan, *, problem: bytes | None, schedule: bytes | None
) -> None:
    await db.execute(
        conn,
        queries["save_result"],
        {
            "id": plan.id,
            "state": plan.state,
            "schedule": schedule,
            "problem": problem,
            "anchor_at": plan.anchor_at,
            "snapshot_hash": plan.snapshot_hash,
            "kpis": json.dumps(plan.kpis),
            "unplaced": json.dumps(plan.unplaced),
            "violations": json.dumps(plan.violations),
            "solved_s": plan.solved_s,
            "failure": plan.failure,
            "progress": json.dumps(plan.progress),
        },
    )


async def save_progress(conn: WriteConn, plan_id: UUID, progress: dict[str, Any]) -> None:
    await db.execute(
        conn, queries["save_progress"], {"id": plan_id, "progress": json.dumps(progress)}
    )


async def save_failure(conn: WriteConn, plan_id: UUID, *, state: str, failure: str) -> bool:
    params = {"id": plan_id, "state": state, "failure": failure}
    return await db.execute(conn, queries["save_failure"], params) == 1


async def ask_to_cancel(conn: WriteConn, plan_id: UUID) -> bool:
    return await db.execute(conn, queries["ask_to_cancel"], {"id": plan_id}) == 1


async def supersede(conn: WriteConn, site: str, *, now: datetime) -> None:
    await db.execute(conn, queries["supersede"], {"site": site, "now": now})


async def save_publication(conn: WriteConn, plan: Plan) -> None:
    await db.execute(
        conn,
        queries["save_publication"],
        {
            "id": plan.id,
            "published_at": plan.published_at,
            "published_by": plan.published_by,
            "automatic": plan.automatic,
            "note": plan.note,
            "row_version": plan.row_version,
        },
    )


async def last_solve_at(conn: ReadConn, site: str) -> datetime | None:
    found: datetime | None = await db.fetch_value(conn, queries["last_solve_at"], {"site": site})
    return found


async def drop_old_content(conn: WriteConn, site: str, *, before: int) -> None:
    await db.execute(conn, queries["drop_old_content"], {"site": site, "before": before})


# Planned operations


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow(PlannedOperation):
    """A planned operation and what has become of it."""

    actual_start_at: datetime | None
    actual_end_at: datetime | None


async def operations_between(conn: ReadConn, from_at: datetime, to_at: datetime) -> list[BoardRow]:
    return await db.fetch_all(
        conn, queries["operations_between"], {"from_at": from_at, "to_at": to_at}, BoardRow
    )


async def operations_of_order(conn: ReadConn, order_id: UUID) -> list[BoardRow]:
    return await db.fetch_all(
        conn, queries["operations_of_order"], {"order_id": order_id}, BoardRow
    )


async def next_on_line(conn: ReadConn, line: str, *, limit: int) -> list[BoardRow]:
    return await db.fetch_all(
        conn, queries["next_on_line"], {"line": line, "limit": limit}, BoardRow
    )


async def on_line(conn: ReadConn, line: str, subjects: Sequence[UUID]) -> dict[UUID, BoardRow]:
    """Return what the plan in force says of orders and lots on one line, begun work included."""
    rows = await db.fetch_all(
        conn, queries["on_line"], {"line": line, "subjects": list(subjects)}, BoardRow
    )
    return {row.subject_id: row for row in rows}


async def write_operations(conn: WriteConn, rows: Sequence[PlannedOperation]) -> int:
    """Make these the planned operations that are not begun; return how many rows that added or changed.

    In parts: PostgreSQL keeps what ten megabytes in one statement once needed, in every connection.
    """
    written = 0
    for start in range(0, len(rows), WRITTEN_AT_ONCE):
        part = _plain(rows[start : start + WRITTEN_AT_ONCE])
        written += await db.execute(conn, queries["write_operations"], {"rows": json.dumps(part)})
    keys = {"lines": [r.line for r in rows], "subjects": [r.subject_id for r in rows]}
    await db.execute(conn, queries["drop_operations"], keys)
    return written


def _plain(rows: Sequence[PlannedOperation]) -> list[dict[str, Any]]:
    return [
        {
            "line": r.line,
            "subject_id": str(r.subject_id),
            "kind": r.kind,
            "order_id": _text(r.order_id),
            "order_number": r.order_number,
            "car_id": r.car_id,
            "body_id": _text(r.body_id),
            "body_number": r.body_number,
            "model": r.model,
            "color": r.color,
            "options": list(r.options),
            "lot_id": r.lot_id,
            "panel": r.panel,
            "quantity": r.quantity,
            "sequence": r.sequence,
            "start_at": r.start_at.isoformat(),
            "end_at": r.end_at.isoformat(),
            "need_by_at": _iso(r.need_by_at),
            "finish_at": _iso(r.finish_at),
            "promised_at": _iso(r.promised_at),
            "frozen": r.frozen,
            "started": r.started,
        }
        for r in rows
    ]


async def set_promised(conn: WriteConn, order_id: UUID, promised_at: datetime) -> None:
    await db.execute(
        conn, queries["set_promised"], {"order_id": order_id, "promised_at": promised_at}
    )


async def set_body(conn: WriteConn, order_id: UUID, body_id: UUID, body_number: str) -> None:
    await db.execute(
        conn,
        queries["set_body"],
        {"order_id": order_id, "body_id": body_id, "body_number": body_number},
    )


async def replace_body(conn: WriteConn, order_id: UUID, body_id: UUID) -> None:
    await db.execute(conn, queries["replace_body"], {"order_id": order_id, "body_id": body_id})


async def note_start(conn: WriteConn, line: str, subject_id: UUID, at: datetime) -> None:
    await db.execute(
        conn, queries["note_start"], {"line": line, "subject_id": subject_id, "at": at}
    )


async def note_end(conn: WriteConn, line: str, subject_id: UUID, at: datetime) -> None:
    await db.execute(conn, queries["note_end"], {"line": line, "subject_id": subject_id, "at": at})


async def forget_operations(conn: WriteConn, *, before: datetime) -> int:
    return await db.execute(conn, queries["forget_operations"], {"before": before})


@dataclass(frozen=True, slots=True)
class LotRow:
    """A die lot of the plan, and whether it has begun or ended."""

    line: str
    subject_id: UUID
    lot_id: str
    panel: str
    quantity: int
    start_at: datetime
    actual_start_at: datetime | None
    actual_end_at: datetime | None

    @property
    def begun_at(self) -> datetime:
        """When it began, or is planned to."""
        return self.actual_start_at or self.start_at


async def lots(conn: ReadConn) -> list[LotRow]:
    return await db.fetch_all(conn, queries["lots"], None, LotRow)


@dataclass(frozen=True, slots=True)
class Entering:
    """An order whose first work comes near."""

    order_id: UUID
    start_at: datetime


async def entering_horizon(conn: ReadConn, *, until: datetime, limit: int) -> list[Entering]:
    return await db.fetch_all(
        conn, queries["entering_horizon"], {"until": until, "limit": limit}, Entering
    )


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _iso(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
