"""Plan versions, planned operations, news, delays, capacity and quotes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.contracts.ids import uuid7
from mes.planning.model import Plan
from mes.planning.news import Delay, Downtime, News
from mes.planning.operations import PlannedOperation
from mes.planning.promise import Record
from mes.planning.quotes import Quote, ShiftCapacity
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


# Plan versions


async def next_number(conn: ReadConn, site: str) -> int:
    return int(await db.fetch_value(conn, queries["next_number"], {"site": site}))


async def lock_site(conn: WriteConn, site: str) -> None:
    await db.execute(conn, queries["lock_site"], {"site": site})


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


async def solving(conn: ReadConn, site: str) -> Plan | None:
    return await db.fetch_one(conn, queries["solving_head"], {"site": site}, Plan)


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


async def write_operations(
    conn: WriteConn, plan_id: UUID, rows: Iterable[PlannedOperation]
) -> None:
    data = [
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
    params = {"plan_id": plan_id, "rows": json.dumps(data)}
    await db.execute(conn, queries["write_operations"], params)


async def drop_operations(
    conn: WriteConn, plan_id: UUID, *, now: datetime, orders: Sequence[UUID]
) -> None:
    await db.execute(
        conn, queries["drop_operations"], {"plan_id": plan_id, "now": now, "orders": list(orders)}
    )


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


# News, delays, downtime


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


async def has_news(conn: ReadConn) -> bool:
    return bool(await db.fetch_value(conn, queries["has_news"]))


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


# Capacity, quotes, outcomes


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


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _iso(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
