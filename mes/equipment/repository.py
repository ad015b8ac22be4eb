"""States, stretches, silences and stops of the equipment."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.equipment.model import CurrentState, Stop, Stretch
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch in which nothing was heard of a line; open while it lasts."""

    line: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenStop:
    """A stop that was announced and has not ended."""

    line: str
    started_at: datetime
    station: str | None
    reason: str
    event_id: UUID


async def states_for_change(
    conn: WriteConn, lines: Collection[str]
) -> dict[tuple[str, str], CurrentState]:
    rows = await db.fetch_all(
        conn, queries["states_for_change"], {"lines": sorted(lines)}, CurrentState
    )
    return {(row.line, row.station): row for row in rows}


async def states(conn: ReadConn) -> list[CurrentState]:
    return await db.fetch_all(conn, queries["states"], None, CurrentState)


async def save_states(conn: WriteConn, changed: Sequence[CurrentState]) -> None:
    if changed:
        await db.execute(
            conn,
            queries["save_states"],
            {
                "lines": [state.line for state in changed],
                "stations": [state.station for state in changed],
                "states": [state.state for state in changed],
                "reasons": [state.reason for state in changed],
                "sinces": [state.since_at for state in changed],
                "heards": [state.heard_at for state in changed],
            },
        )


async def add_intervals(conn: WriteConn, stretches: Sequence[Stretch]) -> None:
    if stretches:
        await db.execute(
            conn,
            queries["add_intervals"],
            {
                "lines": [stretch.line for stretch in stretches],
                "stations": [stretch.station for stretch in stretches],
                "states": [stretch.state for stretch in stretches],
                "reasons": [stretch.reason for stretch in stretches],
                "starts": [stretch.started_at for stretch in stretches],
                "ends": [stretch.ended_at for stretch in stretches],
            },
        )


async def intervals(conn: ReadConn, line: str, from_at: datetime, to_at: datetime) -> list[Stretch]:
    return await db.fetch_all(
        conn, queries["intervals"], {"line": line, "from_at": from_at, "to_at": to_at}, Stretch
    )


async def forget_intervals(conn: WriteConn, before: datetime) -> int:
    return await db.execute(conn, queries["forget_intervals"], {"before": before})


async def begin_silence(conn: WriteConn, line: str, at: datetime) -> None:
    await db.execute(conn, queries["begin_silence"], {"line": line, "at": at})


async def end_silence(conn: WriteConn, line: str, at: datetime) -> None:
    await db.execute(conn, queries["end_silence"], {"line": line, "at": at})


async def open_silences(conn: ReadConn) -> dict[str, datetime]:
    rows = await db.fetch_all(conn, queries["open_silences"], None, Silence)
    return {row.line: row.started_at for row in rows}


async def silences(conn: ReadConn, line: str, from_at: datetime, to_at: datetime) -> list[Silence]:
    return await db.fetch_all(
        conn, queries["silences"], {"line": line, "from_at": from_at, "to_at": to_at}, Silence
    )


async def open_stops(conn: ReadConn) -> dict[str, OpenStop]:
    rows = await db.fetch_all(conn, queries["open_stops"], None, OpenStop)
    return {row.line: row for row in rows}


async def begin_stop(conn: WriteConn, stop: Stop, *, event_id: UUID) -> None:
    await db.execute(
        conn,
        queries["begin_stop"],
        {
            "line": stop.line,
            "started_at": stop.since_at,
            "station": stop.station,
            "reason": stop.reason,
            "event_id": event_id,
        },
    )


async def end_stop(conn: WriteConn, line: str, ended_at: datetime) -> None:
    await db.execute(conn, queries["end_stop"], {"line": line, "ended_at": ended_at})
