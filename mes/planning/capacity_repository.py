"""Places of the drum line, what else a car needs there, and the quotes that hold them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from mes.contracts.ids import uuid7
from mes.planning.quotes import OptionCapacity, Quote, ShiftCapacity, Shortage
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


async def set_planned_options(conn: WriteConn, line: str, rows: Sequence[OptionCapacity]) -> None:
    """Write what the plan in force takes of every option cap; the shifts must be locked."""
    data = [
        {
            "shift_id": r.shift_id,
            "rule": r.rule,
            "option": r.option,
            "cap": r.cap,
            "planned": r.planned,
        }
        for r in rows
    ]
    params = {"line": line, "rows": json.dumps(data)}
    await db.execute(conn, queries["set_planned_options"], params)


async def set_planned_parts(conn: WriteConn, planned: dict[str, int]) -> None:
    rows = [{"option": option, "count": count} for option, count in planned.items()]
    await db.execute(conn, queries["set_planned_parts"], {"planned": json.dumps(rows)})


async def open_shift(
    conn: WriteConn, line: str, need: Sequence[str], *, earliest: datetime, after: datetime
) -> ShiftCapacity | None:
    params = {"line": line, "need": list(need), "earliest": earliest, "after": after}
    return await db.fetch_one(conn, queries["open_shift"], params, ShiftCapacity)


async def free_shift(
    conn: ReadConn, line: str, need: Sequence[str], *, earliest: datetime, after: datetime
) -> ShiftCapacity | None:
    params = {"line": line, "need": list(need), "earliest": earliest, "after": after}
    return await db.fetch_one(conn, queries["free_shift"], params, ShiftCapacity)


async def takes_options(conn: ReadConn, line: str, shift_id: str, need: Sequence[str]) -> bool:
    params = {"line": line, "shift_id": shift_id, "need": list(need)}
    return bool(await db.fetch_value(conn, queries["takes_options"], params))


@dataclass(frozen=True, slots=True)
class PassedShifts:
    """Shifts that a car could start in and does not; `options`: rule, option, shifts that used it up."""

    shifts: int
    full_shifts: int
    full_until: datetime | None
    options: list[tuple[str, str, int]]


async def passed_shifts(
    conn: ReadConn, line: str, need: Sequence[str], *, earliest: datetime, before: datetime
) -> PassedShifts:
    params = {"line": line, "need": list(need), "earliest": earliest, "before": before}
    found = await db.fetch_one(conn, queries["passed_shifts"], params, PassedShifts)
    assert found is not None  # noqa: S101 - an aggregate is always one row
    return found


async def shortages(conn: ReadConn) -> list[Shortage]:
    return await db.fetch_all(conn, queries["shortages"], None, Shortage)


async def used_up(conn: ReadConn, need: Sequence[str]) -> list[Shortage]:
    """Return the parts among `need` of which nothing is left before the next delivery."""
    return await db.fetch_all(conn, queries["used_up"], {"need": list(need)}, Shortage)


async def lock_parts(conn: WriteConn, need: Sequence[str]) -> list[Shortage]:
    """Lock the short parts among `need`; return those of which nothing is left before the next delivery."""
    rows = await db.fetch_all(conn, queries["lock_parts"], {"need": list(need)}, Shortage)
    return [row for row in rows if not row.left]


async def lock_all_parts(conn: WriteConn) -> None:
    await db.execute(conn, queries["lock_all_parts"])


async def save_shortage(conn: WriteConn, one: Shortage, *, by: str, at: datetime) -> None:
    await db.execute(
        conn,
        queries["save_shortage"],
        {
            "option": one.option,
            "pieces": one.pieces,
            "until_at": one.until_at,
            "reason": one.reason,
            "entered_by": by,
            "entered_at": at,
        },
    )


async def drop_shortage(conn: WriteConn, option: str) -> bool:
    return await db.execute(conn, queries["drop_shortage"], {"option": option}) > 0


async def shifts_ahead(
    conn: ReadConn, line: str, from_at: datetime, *, limit: int = 60
) -> list[ShiftCapacity]:
    params = {"line": line, "from_at": from_at, "limit": limit}
    return await db.fetch_all(conn, queries["shifts_ahead"], params, ShiftCapacity)


async def reserve(
    conn: WriteConn,
    shift: ShiftCapacity,
    need: Sequence[str],
    *,
    holder: str,
    holder_id: UUID,
    start_at: datetime,
    expires_at: datetime | None,
) -> None:
    """Debit a place of a shift, the options it takes there, and the parts that are short."""
    await db.execute(
        conn,
        queries["reserve"],
        {
            "id": uuid7(),
            "line": shift.line,
            "shift_id": shift.shift_id,
            "need": list(need),
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
    rules: list[str]
    parts: list[str]


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
        # Parts before shifts, as everybody locks them.
        params = {"line": freed.line, "shift_id": freed.shift_id}
        await db.execute(conn, queries["credit_parts"], {"parts": freed.parts})
        await db.execute(conn, queries["credit"], params)
        await db.execute(conn, queries["credit_options"], {**params, "rules": freed.rules})


async def pass_on(conn: WriteConn, quote_id: UUID, order_id: UUID) -> None:
    await db.execute(
        conn, queries["pass_reservation_on"], {"quote_id": quote_id, "order_id": order_id}
    )


async def drop_reservations_in_plan(conn: WriteConn, orders: Sequence[UUID]) -> None:
    await db.execute(conn, queries["drop_reservations_in_plan"], {"orders": list(orders)})


async def add_quote(conn: WriteConn, quote: Quote) -> Quote:
    """Write a quote down; return it with its number."""
    number = await db.fetch_value(
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
            "not_sooner": json.dumps(quote.not_sooner),
            "expires_at": quote.expires_at,
            "created_at": quote.created_at,
            "created_by": quote.created_by,
        },
    )
    return replace(quote, number=number)


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


@dataclass(frozen=True, slots=True)
class BrokenCount:
    """A count of the ledger that its reservations do not add up to, or that exceeds its limit."""

    what: str
    subject: str
    cap: int
    planned: int
    reserved: int
    held: int


async def broken_ledger(conn: ReadConn, *, now: datetime) -> list[BrokenCount]:
    return await db.fetch_all(conn, queries["broken_ledger"], {"now": now}, BrokenCount)
