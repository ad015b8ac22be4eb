"""What lines have shown, what became of promises, and which promises are in doubt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.planning.promise import LineHistory, Record
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)

RUNS_KEPT = 200
"""Runs of a line that delays are drawn from."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a promise depends on beside its car."""

    seen: str
    """Changes when lines have shown noticeably more than before."""
    down: str
    """The lines and stations that are down."""
    kept: int
    total: int

    @property
    def record(self) -> Record:
        """How promises turned out so far."""
        return Record(self.kept, self.total)


async def plant_shown(conn: ReadConn) -> Shown:
    """Return how promises turned out so far, which lines are down, and how much lines have shown."""
    found = await db.fetch_one(conn, queries["plant_shown"], None, Shown)
    assert found is not None  # noqa: S101 - an aggregate is always one row
    return found


async def line_histories(conn: ReadConn) -> dict[str, LineHistory]:
    rows = await db.fetch_dicts(conn, queries["line_histories"], {"runs": RUNS_KEPT})
    return {
        row["line"]: LineHistory(
            observed_s=row["observed_s"],
            stops=row["stops"],
            stopped_s=row["stopped_s"],
            bodies=row["bodies"],
            reworked=row["reworked"],
            runs=tuple(row["runs"] or ()),
        )
        for row in rows
    }


async def note_stop(
    conn: WriteConn, line: str, *, stopped_s: float, since_at: datetime, now: datetime
) -> None:
    await db.execute(
        conn,
        queries["note_stop"],
        {"line": line, "stopped_s": stopped_s, "since_at": since_at, "now": now},
    )


async def note_body(conn: WriteConn, line: str, *, now: datetime) -> None:
    await db.execute(conn, queries["note_body"], {"line": line, "now": now})


async def note_rework(conn: WriteConn, line: str, *, now: datetime) -> None:
    await db.execute(conn, queries["note_rework"], {"line": line, "now": now})


async def note_run(
    conn: WriteConn, line: str, order_id: UUID, *, nominal_s: float, ended_at: datetime
) -> None:
    await db.execute(
        conn,
        queries["note_run"],
        {"line": line, "order_id": order_id, "nominal_s": nominal_s, "ended_at": ended_at},
    )


async def forget_runs(conn: WriteConn) -> int:
    return await db.execute(conn, queries["forget_runs"], {"runs": 2 * RUNS_KEPT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was promised for a finished car, first and last, and when it came."""

    order_id: UUID
    promised_at: datetime
    finished_at: datetime
    first_promised_at: datetime
    first_confidence: float
    assumed: bool
    changes: int


async def add_outcome(conn: WriteConn, outcome: Outcome) -> None:
    await db.execute(
        conn,
        queries["add_outcome"],
        {
            "order_id": outcome.order_id,
            "promised_at": outcome.promised_at,
            "finished_at": outcome.finished_at,
            "kept": outcome.finished_at <= outcome.promised_at,
            "first_promised_at": outcome.first_promised_at,
            "first_confidence": outcome.first_confidence,
            "assumed": outcome.assumed,
            "changes": outcome.changes,
        },
    )


async def outcomes(conn: ReadConn, *, limit: int) -> list[Outcome]:
    return await db.fetch_all(conn, queries["outcomes"], {"limit": limit}, Outcome)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A promise that the plan would break, since when, and why at that time."""

    order_id: UUID
    late_since: datetime
    reasons: list[dict[str, Any]]
    event_id: UUID


async def doubts(conn: ReadConn) -> dict[UUID, Doubt]:
    rows = await db.fetch_all(conn, queries["doubts"], None, Doubt)
    return {row.order_id: row for row in rows}


async def add_doubt(conn: WriteConn, doubt: Doubt) -> None:
    await db.execute(
        conn,
        queries["add_doubt"],
        {
            "order_id": doubt.order_id,
            "late_since": doubt.late_since,
            "reasons": json.dumps(doubt.reasons),
            "event_id": doubt.event_id,
        },
    )


async def drop_doubts(conn: WriteConn, order_ids: list[UUID]) -> None:
    await db.execute(conn, queries["drop_doubts"], {"order_ids": order_ids})
