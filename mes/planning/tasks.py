"""What the worker does for planning: hear, repair, solve, lock, tidy up."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from mes.contracts.events import (
    BodyEnteredLine,
    BodyLeftLine,
    BodyScrapped,
    HoldPlaced,
    HoldReleased,
    JobStateRecorded,
    LineDown,
    LineUp,
    OrderCancelled,
    OrderChanged,
    OrderConfirmed,
    OrderHeld,
    OrderLocked,
    OrderResumed,
    ReworkConfirmed,
    ReworkOpened,
)
from mes.events.handlers import HandlerContext, handles
from mes.events.model import Event
from mes.planning import hearing, quoting, repairs, repository, solving, versions
from mes.planning.locks import service as locks
from mes.planning.model import SolveRunning, due_for_a_solve
from mes.platform.db import WriteConn
from mes.platform.jobs import JobContext, every, job

POLICY = "policy:shift"
KEEP_ROWS = timedelta(days=3)


@handles(
    "planning-orders",
    on=(OrderConfirmed, OrderChanged, OrderResumed, OrderCancelled, OrderHeld, OrderLocked),
)
async def on_order(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """An order wants a place in the plan, or leaves it."""
    now = context.clock.now()
    await repository.lock_operations(conn)
    match event.payload:
        case OrderConfirmed(order_id=order_id):
            await hearing.order_confirmed(conn, event, order_id, now=now)
        case OrderChanged(order_id=order_id):
            await hearing.order_changed(conn, event, order_id, now=now)
        case OrderResumed(order_id=order_id):
            await hearing.order_confirmed(conn, event, order_id, now=now)
        case OrderCancelled(order_id=order_id) | OrderHeld(order_id=order_id):
            await hearing.order_gone(conn, event, order_id)
        case OrderLocked() as locked:
            await hearing.order_locked(conn, locked)


@handles(
    "planning-quality",
    on=(HoldPlaced, ReworkOpened, ReworkConfirmed, HoldReleased, BodyScrapped),
)
async def on_quality(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """A body comes later than planned, or can go on."""
    await repository.lock_operations(conn)
    match event.payload:
        case HoldPlaced() as hold:
            await hearing.hold_placed(conn, event, hold)
        case ReworkOpened() as rework:
            await hearing.rework_opened(conn, event, rework)
        case ReworkConfirmed() as rework:
            await hearing.rework_confirmed(conn, event, rework)
        case HoldReleased() as hold:
            await hearing.hold_released(conn, event, hold)
        case BodyScrapped() as scrapped:
            await hearing.body_scrapped(conn, event, scrapped)


@handles("planning-lines", on=(LineDown, LineUp, BodyEnteredLine, BodyLeftLine, JobStateRecorded))
async def on_line(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """A line stops or goes on; planned work begins or ends."""
    await repository.lock_operations(conn)
    match event.payload:
        case LineDown() as down:
            await hearing.line_down(conn, event, down)
        case LineUp() as up:
            await hearing.line_up(conn, event, up)
        case BodyEnteredLine() as entered:
            await hearing.body_entered(conn, event, entered)
        case BodyLeftLine() as left:
            await hearing.body_left(conn, event, left)
        case JobStateRecorded() as state:
            await hearing.job_state(conn, event, state)


@job("planning.solve")
async def solve(context: JobContext, plan_id: str) -> None:
    """Run a full solve."""
    await solving.run_solve(
        context.database,
        context.clock,
        context.services["solvers"],
        context.settings.plan,
        UUID(plan_id),
    )


@every(seconds=1, name="planning.repair")
async def repair(context: JobContext) -> None:
    """Answer what has happened, all of it at once."""
    now = context.clock.now()
    async with context.database.write() as conn:
        if await repairs.due(conn, now=now):
            await repairs.repair(conn, now=now)


@every(seconds=2, name="planning.lock")
async def lock(context: JobContext) -> None:
    """Lock orders whose first work comes near; end quotes whose time is over."""
    now = context.clock.now()
    async with context.database.write() as conn:
        await repository.lock_operations(conn)
        await versions.lock_near_orders(conn, now=now)
        await quoting.expire_quotes(conn, now=now)
        await hearing.extend_overdue(conn, now=now)


@every(seconds=10, name="planning.shift")
async def plan_the_shift(context: JobContext) -> None:
    """Solve by itself once a plant shift, when something is new; tidy up old rows."""
    now = context.clock.now()
    async with context.database.write() as conn:
        await repository.lock_operations(conn)
        await repository.forget_operations(conn, before=now - KEEP_ROWS)
        await locks.forget_begun(conn, now=now)
    async with context.database.write() as conn:
        await solving.fail_abandoned(conn, now=now)
        if await versions.find_published(conn) is None:
            return
        shift = await solving.shift_began_at(conn, now=now)
        last = await solving.last_solve_at(conn)
        news = await solving.changed_since_solve(conn)
        if shift is None or not due_for_a_solve(last_solve_at=last, shift_start=shift, news=news):
            return
        try:
            await solving.request_solve(
                conn,
                now=now,
                factor=context.clock.factor,
                settings=context.settings.plan,
                actor=POLICY,
                cause="a new shift",
            )
        except SolveRunning:
            return
