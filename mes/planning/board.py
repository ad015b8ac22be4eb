"""What the plan board shows: lanes, bars planned and actual, and why a car is late."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mes.catalog import service as catalog
from mes.contracts.text import Text
from mes.orders import service as orders
from mes.orders.model import Order
from mes.orders.repository import Promise
from mes.planning import bridge, repository, versions
from mes.planning.model import Plan
from mes.planning.operations import Move, PlannedOperation
from mes.planning.operations import difference as moves_between
from mes.planning.repository import BoardRow
from mes.platform.db import ReadConn
from mes.resources import service as resources
from mes.resources.model import Interval

FIELDS = (
    "lane",
    "kind",
    "id",
    "order",
    "body",
    "model",
    "color",
    "options",
    "start",
    "end",
    "actual_start",
    "actual_end",
    "need_by",
    "finish",
    "promised",
    "late_s",
    "state",
)
"""Columns of a bar in the compact answer. Times are seconds since the epoch, plant time; null: none.
`state` adds 1 (frozen), 2 (locked), 4 (started), 8 (done)."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A line of the board, and when it does not work."""

    line: str
    name: Text
    shop: str
    closed: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the board draws between two instants of plant time."""

    now: datetime
    from_at: datetime
    to_at: datetime
    frozen_until: datetime
    plan: Plan | None
    lanes: tuple[Lane, ...]
    bars: list[BoardRow]
    colors: dict[str, str]
    """Colour code → hex."""

    def compact(self) -> dict[str, Any]:
        """Return it as JSON of arrays: 10,000 bars repeat no field name and no text."""
        lane = {one.line: i for i, one in enumerate(self.lanes)}
        texts: dict[str, int] = {}

        def number(text: str | None) -> int | None:
            return None if text is None else texts.setdefault(text, len(texts))

        rows = [
            [
                lane[bar.line],
                0 if bar.kind == "body" else 1,
                bar.order_number or bar.lot_id,
                None if bar.order_id is None else str(bar.order_id),
                bar.body_number,
                number(bar.model or bar.panel),
                number(bar.color),
                [number(option) for option in bar.options],
                _epoch(bar.start_at),
                _epoch(bar.end_at),
                _epoch(bar.actual_start_at),
                _epoch(bar.actual_end_at),
                _epoch(bar.need_by_at),
                _epoch(bar.finish_at),
                _epoch(bar.promised_at),
                late_s(bar),
                state_of(bar),
            ]
            for bar in self.bars
            if bar.line in lane
        ]
        return {
            "now": _epoch(self.now),
            "from": _epoch(self.from_at),
            "to": _epoch(self.to_at),
            "frozen_until": _epoch(self.frozen_until),
            "plan": None
            if self.plan is None
            else {"id": str(self.plan.id), "number": self.plan.number},
            "lanes": [
                {
                    "line": one.line,
                    "name": one.name.model_dump(),
                    "shop": one.shop,
                    "closed": [[_epoch(c.start_at), _epoch(c.end_at)] for c in one.closed],
                }
                for one in self.lanes
            ],
            "colors": self.colors,
            "texts": list(texts),
            "fields": FIELDS,
            "bars": rows,
        }


def late_s(bar: PlannedOperation) -> int | None:
    """Return by how many seconds the car is projected to miss its promise (negative: in hand)."""
    if bar.finish_at is None or bar.promised_at is None:
        return None
    return int((bar.finish_at - bar.promised_at).total_seconds())


def state_of(bar: BoardRow) -> int:
    """Return the flags of a bar."""
    started = bar.started or bar.actual_start_at is not None
    flags = (bar.frozen, bar.body_id is not None, started, bar.actual_end_at is not None)
    return sum(1 << i for i, flag in enumerate(flags) if flag)


async def board(conn: ReadConn, from_at: datetime, to_at: datetime, *, now: datetime) -> Board:
    """Return the board between two instants of plant time; without a plan it has lanes and no bars."""
    net = await versions.network(conn)
    plant = net.plant
    lines = [*net.press_lines, *net.way]
    closed = {
        name: await _closed(conn, name, from_at, to_at) for name in {x.calendar for x in lines}
    }
    book = await catalog.active_catalog(conn, now)
    lead = timedelta(seconds=versions.dispatch_lead_s(net))
    return Board(
        now=now,
        from_at=from_at,
        to_at=to_at,
        frozen_until=now + lead,
        plan=await repository.published(conn, plant.site.id),
        lanes=tuple(Lane(x.id, x.name, x.shop, closed[x.calendar]) for x in lines),
        bars=await repository.operations_between(conn, from_at, to_at),
        colors={color.code: color.hex for color in book.colors},
    )


async def _closed(
    conn: ReadConn, calendar: str, from_at: datetime, to_at: datetime
) -> tuple[Interval, ...]:
    """Return when a calendar does not work between two instants."""
    closed, at = [], from_at
    for work in await resources.working_time(conn, calendar, from_at, to_at):
        if work.start_at > at:
            closed.append(Interval(at, work.start_at))
        at = work.end_at
    if at < to_at:
        closed.append(Interval(at, to_at))
    return tuple(closed)


async def operations_of(conn: ReadConn, plan_id: UUID) -> list[PlannedOperation]:
    """Return what a version says, as far as its content is kept; nothing otherwise.

    Raises:
        UnknownPlan: there is no such version.
    """
    head = await versions.plan(conn, plan_id)
    net = await versions.network(conn)
    content = await repository.content(conn, plan_id)
    if content.problem is None or content.schedule is None:
        return []
    snap = bridge.reread(
        bridge.unpack_problem(content.problem), head.anchor_at, await _order_ids(conn)
    )
    schedule = bridge.unpack_schedule(content.schedule)
    return bridge.operations(snap, schedule, net, frozen_until=head.anchor_at)


async def _order_ids(conn: ReadConn) -> dict[str, UUID]:
    return {order.number: order.id for order in await orders.open_orders(conn)}


async def difference(conn: ReadConn, plan_a: UUID, plan_b: UUID) -> list[Move]:
    """Return what moved between two versions: who starts elsewhere in the order, or at another time."""
    return moves_between(await operations_of(conn, plan_a), await operations_of(conn, plan_b))


@dataclass(frozen=True, slots=True)
class Why:
    """Where an order stands against its promise, and why."""

    order: Order
    plan: Plan | None
    finish_at: datetime | None
    late_s: int | None
    causes: tuple[dict[str, object], ...]
    """What holds it in the plan, from line-off backward; empty for a car on time."""
    unplaced: str | None
    """Why the plan has no place for it."""
    promises: Sequence[Promise]
    operations: Sequence[BoardRow]


async def why(conn: ReadConn, number: str) -> Why:
    """Return why an order comes when it comes.

    Raises:
        NoSuchOrder: there is no such order.
    """
    order = await orders.order(conn, number)
    head = await versions.find_published(conn)
    rows = await repository.operations_of_order(conn, order.id)
    finish_at = next((row.finish_at for row in reversed(rows) if row.finish_at), None)
    causes: tuple[dict[str, object], ...] = ()
    unplaced = None
    if head is not None:
        car_id = next((row.car_id for row in rows if row.car_id), number)
        unplaced = next((str(x["reason"]) for x in head.unplaced if x.get("car") == car_id), None)
        content = await repository.content(conn, head.id)
        if content.problem is not None and content.schedule is not None:
            causes = bridge.why_late(content.problem, content.schedule, car_id)
    late = None
    if finish_at is not None and order.promised_at is not None:
        late = int((finish_at - order.promised_at).total_seconds())
    return Why(
        order=order,
        plan=head,
        finish_at=finish_at,
        late_s=late,
        causes=causes,
        unplaced=unplaced,
        promises=await orders.promises(conn, order.id),
        operations=rows,
    )


@dataclass(frozen=True, slots=True)
class Way:
    """Changes with which an order is in time, tried on the plan in force and checked."""

    changes: tuple[dict[str, object], ...]
    finish_at: datetime
    made_late: int
    """Cars in time in the plan and late with these changes."""


@dataclass(frozen=True, slots=True)
class Helps:
    """What would bring an order in time: ways that each do, those that hurt least first."""

    order: Order
    plan: Plan | None
    ways: tuple[Way, ...]


async def what_helps(conn: ReadConn, number: str) -> Helps:
    """Return what would bring an order in time; no way for one in time or without a stored plan.

    Raises:
        NoSuchOrder: there is no such order.
    """
    order = await orders.order(conn, number)
    head = await versions.find_published(conn)
    if head is None:
        return Helps(order, None, ())
    rows = await repository.operations_of_order(conn, order.id)
    car_id = next((row.car_id for row in rows if row.car_id), number)
    content = await repository.content(conn, head.id)
    if content.problem is None or content.schedule is None:
        return Helps(order, head, ())
    found = await asyncio.to_thread(bridge.what_helps, content.problem, content.schedule, car_id)
    ways = tuple(
        Way(one.changes, head.anchor_at + timedelta(seconds=one.finish_s), one.made_late)
        for one in found
    )
    return Helps(order, head, ways)


def _epoch(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
