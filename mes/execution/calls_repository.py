"""Readings that ask, calls for help, and what operators report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.contracts.dispatch import ReadingAnswer
from mes.execution.repository import queries
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A reading point that stands and asks: which body was expected, which was read, what was answered."""

    id: UUID
    line: str
    station: str
    expected_body_id: UUID | None
    read_body_id: UUID
    event_id: UUID
    read_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class AndonCall:
    """A call for help at a station; times are plant time."""

    id: UUID
    line: str
    station: str
    reason: str
    called_by: str
    called_at: datetime
    cleared_by: str | None
    cleared_at: datetime | None


@dataclass(frozen=True, slots=True)
class OperatorReport:
    """What an operator said of a body at a station."""

    id: UUID
    body_id: UUID
    line: str
    station: str
    outcome: str
    defect_kind: str | None
    note: str
    reported_by: str
    reported_at: datetime


async def add_mismatch(conn: WriteConn, mismatch: Mismatch) -> None:
    await db.execute(
        conn,
        queries["add_mismatch"],
        {
            "id": mismatch.id,
            "line": mismatch.line,
            "station": mismatch.station,
            "expected_body_id": mismatch.expected_body_id,
            "read_body_id": mismatch.read_body_id,
            "event_id": mismatch.event_id,
            "read_at": mismatch.read_at,
        },
    )


async def open_mismatches(conn: ReadConn) -> list[Mismatch]:
    return await db.fetch_all(conn, queries["open_mismatches"], None, Mismatch)


async def open_mismatch_for_change(conn: WriteConn, line: str, station: str) -> Mismatch | None:
    return await db.fetch_one(
        conn, queries["open_mismatch_for_change"], {"line": line, "station": station}, Mismatch
    )


async def answer_mismatch(
    conn: WriteConn, mismatch_id: UUID, answer: ReadingAnswer, *, actor: str, now: datetime
) -> None:
    await db.execute(
        conn,
        queries["answer_mismatch"],
        {"id": mismatch_id, "answer": answer.value, "answered_by": actor, "answered_at": now},
    )


async def close_mismatch(
    conn: WriteConn, line: str, station: str, answer: ReadingAnswer, *, at: datetime
) -> None:
    await db.execute(
        conn,
        queries["close_mismatch"],
        {
            "line": line,
            "station": station,
            "answer": answer.value,
            "answered_by": f"agent:{line}",
            "at": at,
        },
    )


async def call_andon(conn: WriteConn, call: AndonCall) -> bool:
    """Add a call; False when the station has one that is open."""
    return (
        await db.execute(
            conn,
            queries["call_andon"],
            {
                "id": call.id,
                "line": call.line,
                "station": call.station,
                "reason": call.reason,
                "called_by": call.called_by,
                "called_at": call.called_at,
            },
        )
        == 1
    )


async def open_andon(conn: ReadConn, station: str) -> AndonCall | None:
    return await db.fetch_one(conn, queries["open_andon"], {"station": station}, AndonCall)


async def open_andons(conn: ReadConn) -> list[AndonCall]:
    return await db.fetch_all(conn, queries["open_andons"], None, AndonCall)


async def clear_andon(conn: WriteConn, station: str, *, actor: str, now: datetime) -> bool:
    return (
        await db.execute(
            conn,
            queries["clear_andon"],
            {"station": station, "cleared_by": actor, "cleared_at": now},
        )
        == 1
    )


async def add_report(conn: WriteConn, report: OperatorReport) -> bool:
    """Add a report; False when the same was reported before."""
    params: dict[str, Any] = {field: getattr(report, field) for field in OperatorReport.__slots__}
    return await db.execute(conn, queries["add_report"], params) == 1


async def reports_of_body(conn: ReadConn, body_id: UUID) -> list[OperatorReport]:
    return await db.fetch_all(
        conn, queries["reports_of_body"], {"body_id": body_id}, OperatorReport
    )
