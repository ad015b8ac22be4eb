"""What happened since the plan in force was made: news, delays, moved promises, downtime."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.planning.news import Delay, Downtime, News, NewsKind
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


async def add_news(conn: WriteConn, news: News) -> None:
    await db.execute(
        conn,
        queries["add_news"],
        {
            "event_seq": news.event_seq,
            "event_id": news.event_id,
            "kind": news.kind,
            "order_id": news.order_id,
            "body_id": news.body_id,
            "hold_id": news.hold_id,
            "line": news.line,
            "at": news.at,
        },
    )


async def news(conn: ReadConn, *, limit: int = 5000) -> list[News]:
    return await db.fetch_all(conn, queries["news"], {"limit": limit}, News)


async def newest_news(conn: ReadConn) -> int | None:
    """Return the number of the newest event that no repair has answered; None when there is none."""
    found: int | None = await db.fetch_value(conn, queries["newest_news"])
    return found


async def kinds_of_news(conn: ReadConn) -> set[NewsKind]:
    """Return what kinds of news no repair has answered."""
    rows = await db.fetch_dicts(conn, queries["kinds_of_news"])
    return {NewsKind(row["kind"]) for row in rows}


async def take_news(conn: WriteConn, *, up_to_seq: int) -> None:
    await db.execute(conn, queries["take_news"], {"seq": up_to_seq})


async def delay(conn: WriteConn, hold_id: UUID) -> Delay | None:
    return await db.fetch_one(conn, queries["delay"], {"hold_id": hold_id}, Delay)


async def delays_of_body(conn: ReadConn, body_id: UUID) -> list[Delay]:
    return await db.fetch_all(conn, queries["delays_of_body"], {"body_id": body_id}, Delay)


async def delays_of_body_ever(conn: ReadConn, body_id: UUID | None) -> list[Delay]:
    return await db.fetch_all(conn, queries["delays_of_body_ever"], {"body_id": body_id}, Delay)


async def open_delays(conn: ReadConn) -> list[Delay]:
    return await db.fetch_all(conn, queries["open_delays"], None, Delay)


async def save_delay(conn: WriteConn, delay: Delay) -> None:
    await db.execute(
        conn,
        queries["save_delay"],
        {
            "hold_id": delay.hold_id,
            "body_id": delay.body_id,
            "order_id": delay.order_id,
            "line": delay.line,
            "state": delay.state,
            "cause": delay.cause,
            "defect_kind": delay.defect_kind,
            "work_s": delay.work_s,
            "since_at": delay.since_at,
            "available_at": delay.available_at,
            "inspection_event": delay.inspection_event,
            "hold_event": delay.hold_event,
            "rework_event": delay.rework_event,
            "end_event": delay.end_event,
            "missed_event": delay.missed_event,
            "base_plan_id": delay.base_plan_id,
            "ended_at": delay.ended_at,
        },
    )


async def extend_delay(conn: WriteConn, hold_id: UUID, until: datetime) -> None:
    await db.execute(conn, queries["extend_delay"], {"hold_id": hold_id, "until": until})


@dataclass(frozen=True, slots=True)
class PromiseMove:
    """A promise that a delay moved."""

    hold_id: UUID
    order_id: UUID
    former_at: datetime
    moved_at: datetime


async def add_move(conn: WriteConn, move: PromiseMove) -> None:
    await db.execute(
        conn,
        queries["add_move"],
        {
            "hold_id": move.hold_id,
            "order_id": move.order_id,
            "former_at": move.former_at,
            "moved_at": move.moved_at,
        },
    )


async def moves_of_hold(conn: ReadConn, hold_id: UUID) -> list[PromiseMove]:
    return await db.fetch_all(conn, queries["moves_of_hold"], {"hold_id": hold_id}, PromiseMove)


async def drop_moves(conn: WriteConn, hold_id: UUID) -> None:
    await db.execute(conn, queries["drop_moves"], {"hold_id": hold_id})


async def save_downtime(conn: WriteConn, down: Downtime) -> None:
    await db.execute(
        conn,
        queries["save_downtime"],
        {
            "line": down.line,
            "station": down.station,
            "since_at": down.since_at,
            "until_at": down.until_at,
            "reason": down.reason,
            "event_id": down.event_id,
        },
    )


async def drop_downtime(conn: WriteConn, line: str) -> bool:
    return await db.execute(conn, queries["drop_downtime"], {"line": line}) > 0


async def downtimes(conn: ReadConn) -> list[Downtime]:
    return await db.fetch_all(conn, queries["downtimes"], None, Downtime)
