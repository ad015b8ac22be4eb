"""Places of the drum line, quotes that hold them, and how promises turned out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.contracts.ids import uuid7
from mes.planning.promise import Record
from mes.planning.quotes import Quote, ShiftCapacity
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


async def save_capacity(conn: WriteConn, shifts: Sequence[ShiftCapacity]) -> None:
    await db.execute_many(
        conn,
        queries["save_capacity"],
        [
            {
                "line": s.line,
                "shift_id": s.shift_id,
                "start_at": s.start_at,
                "end_at": s.end_at,
                "places": s.places,
            }
            for s in shifts
        ],
    )


async def set_planned(
    conn: WriteConn, line: str, planned: dict[str, int], *, now: datetime
) -> None:
    await db.execute(conn, queries["lock_capacity"], {"line": line, "now": now})
    rows = [{"shift_id": shift, "count": count} for shift, count in planned.items()]
    await db.execute(
        conn, queries["set_planned"], {"line": line, "planned": json.dumps(rows), "now": now}
    )


async def open_shift(
    conn: WriteConn, line: str, *, earliest: datetime, after: datetime
) -> ShiftCapacity | None:
    params = {"line": line, "earliest": earliest, "after": after}
    return await db.fetch_one(conn, queries["open_shift"], params, ShiftCapacity)


async def shifts_ahead(
    conn: ReadConn, line: str, from_at: datetime, *, limit: int = 60
) -> list[ShiftCapacity]:
    params = {"line": line, "from_at": from_at, "limit": limit}
    return await db.fetch_all(conn, queries["shifts_ahead"], params, ShiftCapacity)


async def reserve(
    conn: WriteConn,
    shift: ShiftCapacity,
    *,
    holder: str,
    holder_id: UUID,
    start_at: datetime,
    expires_at: datetime | None,
) -> None:
    await db.execute(conn, queries["debit"], {"line": shift.line, "shift_id": shift.shift_id})
    await db.execute(
        conn,
        queries["add_reservation"],
        {
            "id": uuid7(),
            "line": shift.line,
            "shift_id": shift.shift_id,
            "holder": holder,
            "holder_id": holder_id,
            "start_at": start_at,
            "expires_at": expires_at,
        },
    )


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place held beside the plan."""

    line: str
    shift_id: str
    start_at: datetime


async def reservation_of(conn: ReadConn, holder: str, holder_id: UUID) -> Reservation | None:
    params = {"holder": holder, "holder_id": holder_id}
    return await db.fetch_one(conn, queries["reservation_of"], params, Reservation)


async def give_back(conn: WriteConn, holder: str, holder_id: UUID) -> None:
    freed = await db.fetch_one(
        conn,
        queries["drop_reservation"],
        {"holder": holder, "holder_id": holder_id},
        Reservation,
    )
    if freed is not None:
        await db.execute(conn, queries["credit"], {"line": freed.line, "shift_id": freed.shift_id})


async def pass_on(conn: WriteConn, quote_id: UUID, order_id: UUID) -> None:
    await db.execute(
        conn, queries["pass_reservation_on"], {"quote_id": quote_id, "order_id": order_id}
    )


async def drop_reservations_in_plan(conn: WriteConn, orders: Sequence[UUID]) -> None:
    await db.execute(conn, queries["drop_reservations_in_plan"], {"orders": list(orders)})


async def add_quote(conn: WriteConn, quote: Quote) -> None:
    await db.execute(
        conn,
        queries["add_quote"],
        {
            "id": quote.id,
            "model": quote.model,
            "color": quote.color,
            "options": list(quote.options),
            "wanted_at": quote.wanted_at,
            "promised_at": quote.promised_at,
            "confidence": quote.confidence,
            "assumed": quote.assumed,
            "reasons": json.dumps(quote.reasons),
            "expires_at": quote.expires_at,
            "created_at": quote.created_at,
            "created_by": quote.created_by,
        },
    )


async def quote(conn: ReadConn, quote_id: UUID) -> Quote | None:
    return await db.fetch_one(conn, queries["quote"], {"id": quote_id}, Quote)


async def quote_for_change(conn: WriteConn, quote_id: UUID) -> Quote | None:
    return await db.fetch_one(conn, queries["quote_for_change"], {"id": quote_id}, Quote)


async def quote_of_order(conn: ReadConn, order_id: UUID) -> Quote | None:
    return await db.fetch_one(conn, queries["quote_of_order"], {"order_id": order_id}, Quote)


async def held_quotes(conn: ReadConn, *, now: datetime) -> list[Quote]:
    return await db.fetch_all(conn, queries["held_quotes"], {"now": now}, Quote)


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


async def expired_quotes(conn: ReadConn, *, now: datetime) -> list[UUID]:
    rows = await db.fetch_all(conn, queries["expired_quotes"], {"now": now}, _Id)
    return [row.id for row in rows]


async def save_quote(conn: WriteConn, quote: Quote) -> None:
    await db.execute(
        conn,
        queries["save_quote"],
        {"id": quote.id, "state": quote.state, "order_id": quote.order_id},
    )


async def record_of_promises(conn: ReadConn) -> Record:
    found = await db.fetch_one(conn, queries["record_of_promises"], None, Record)
    return found or Record(0, 0)


async def add_outcome(
    conn: WriteConn, order_id: UUID, *, promised_at: datetime, finished_at: datetime
) -> None:
    await db.execute(
        conn,
        queries["add_outcome"],
        {
            "order_id": order_id,
            "promised_at": promised_at,
            "finished_at": finished_at,
            "kept": finished_at <= promised_at,
        },
    )
