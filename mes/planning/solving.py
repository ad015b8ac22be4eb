"""Full solves: asked for, run in a process of their own, watched, and taken as drafts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from mes.contracts.events import PlanCreated, PlanFailed
from mes.events import service as events
from mes.events.model import Event
from mes.planning import bridge, repository, snapshots
from mes.planning.bridge import Schedule
from mes.planning.model import (
    Plan,
    PlanBroken,
    PlanKind,
    PlanNotPermitted,
    PlanState,
    SolveRunning,
    UnknownPlan,
)
from mes.planning.solvers import SolverDied, Solvers, Solving
from mes.planning.versions import (
    find_published,
    frozen_zone,
    horizon_s,
    in_force,
    network,
    new_plan,
    plan,
    prepare_shifts,
    publish,
)
from mes.platform import jobs
from mes.platform.clock import Clock
from mes.platform.db import Database, ReadConn, WriteConn
from mes.platform.settings import PlanSettings
from mes.resources import service as resources

log = structlog.get_logger()

POLL_S = 0.5


async def request_solve(
    conn: WriteConn,
    *,
    now: datetime,
    factor: float,
    settings: PlanSettings,
    actor: str,
    cause: str = "asked for",
) -> Plan:
    """Freeze the plant and queue a full solve.

    Args:
        factor: plant seconds in a real second.

    Raises:
        SolveRunning: one is under way.
    """
    net = await network(conn)
    site = net.plant.site.id
    await repository.lock_site(conn, site)
    running = await repository.solving(conn, site)
    if running is not None:
        raise SolveRunning(number=running.number)
    await prepare_shifts(conn, net, now=now)
    facts = await snapshots.load_facts(conn, net, now=now)
    current = await in_force(conn, site)
    snap = bridge.snapshot(
        facts,
        net,
        horizon_s=horizon_s(net, len(facts.cars)),
        freeze_s=frozen_zone(net, settings, factor).seconds,
        reference=None if current is None else current.as_of(facts.at),
    )
    head = new_plan(
        site,
        await repository.next_number(conn, site),
        PlanKind.SOLVE,
        cause=cause,
        base_id=None if current is None else current.head.id,
        anchor_at=facts.at,
        horizon_s=snap.problem.horizon_s,
        actor=actor,
        now=now,
    )
    head = replace(head, snapshot_hash=snap.hash, budget_s=settings.wall_s)
    await repository.add_plan(conn, head, problem=bridge.pack_problem(snap.problem))
    await jobs.defer(conn, "planning.solve", {"plan_id": str(head.id)}, lock="planning.solve")
    return head


async def run_solve(
    database: Database,
    clock: Clock,
    solvers: Solvers,
    settings: PlanSettings,
    plan_id: UUID,
) -> None:
    """Solve a queued version outside of this process, tell its progress, keep or refuse its result."""
    async with database.read() as conn:
        head = await plan(conn, plan_id)
        content = await repository.content(conn, plan_id)
        current = await in_force(conn, head.site)
    if head.state is not PlanState.SOLVING or content.problem is None:
        return
    reference = None
    if current is not None:
        reference = bridge.pack_schedule(current.as_of(head.anchor_at))
    try:
        async with solvers.solve(content.problem, reference, head.budget_s) as solving:
            await _watch(database, clock, solving, head)
            packed, violations, seconds = await solving.work
    except asyncio.CancelledError:
        raise
    except Exception as error:
        log.error("plan.solve_failed", number=head.number, exc_info=error)
        async with database.write() as conn:
            await _fail(conn, head, why_failed(error), now=clock.now())
        return
    async with database.write() as conn:
        await take_result(
            conn,
            plan_id,
            packed,
            violations,
            seconds,
            now=clock.now(),
            settings=settings,
            factor=clock.factor,
        )


def why_failed(error: Exception) -> str:
    """Return what ended a solve, as its version tells it."""
    return str(error) if isinstance(error, SolverDied) else f"{type(error).__name__}: {error}"


async def _watch(database: Database, clock: Clock, solving: Solving, head: Plan) -> None:
    """Write down how the solve gets on, and tell it when somebody wants it to stop."""
    began = clock.real_now()
    stopping = False
    while not solving.work.done():
        await asyncio.wait([solving.work], timeout=POLL_S)
        passed = (clock.real_now() - began).total_seconds()
        told = solving.told() or {}
        progress = {**told, "seconds": round(passed, 1), "of_s": head.budget_s}
        async with database.write() as conn:
            seen = await repository.plan(conn, head.id)
            if seen is not None and seen.progress.get("cancel"):
                progress["cancel"] = True
            await repository.save_progress(conn, head.id, progress)
        if progress.get("cancel") and not stopping:
            stopping = True
            await solving.stop()


async def cancel_solve(conn: WriteConn, plan_id: UUID) -> Plan:
    """Ask a running solve to stop; its best plan so far becomes the draft."""
    await repository.ask_to_cancel(conn, plan_id)
    return await plan(conn, plan_id)


async def fail_abandoned(conn: WriteConn, *, now: datetime) -> None:
    """Fail the versions whose solve was given up with its worker, so that another can be asked for."""
    for head in await repository.solving_without_job(conn):
        await _fail(conn, head, "its solve was given up: the worker ended again and again", now=now)


async def take_result(
    conn: WriteConn,
    plan_id: UUID,
    packed: bytes,
    violations: list[bridge.Broken],
    seconds: float,
    *,
    now: datetime,
    settings: PlanSettings,
    factor: float,
) -> Plan:
    """Keep the result of a solve as a draft; publish it if the plant asked for it by itself.

    A plan that breaks a rule is kept for the planner to see and never published; one that changes more than
    the planner permits waits as a draft.
    """
    head = await repository.plan_for_change(conn, plan_id)
    if head is None:
        raise UnknownPlan(plan=plan_id)
    if head.state is not PlanState.SOLVING:
        return head
    content = await repository.content(conn, plan_id)
    schedule = bridge.unpack_schedule(packed)
    head = replace(
        head,
        state=PlanState.DRAFT,
        kpis=bridge.figures(schedule),
        unplaced=bridge.left_out(schedule),
        violations=violations,
        solved_s=round(seconds, 3),
        progress={**head.progress, "seconds": round(seconds, 1)},
        row_version=head.row_version + 1,
    )
    await repository.save_result(conn, head, problem=content.problem, schedule=packed)
    created = await _created(conn, head, schedule, now=now)
    if violations:
        await _announce_failure(
            conn,
            head,
            violations[0]["reason"],
            now=now,
            causation=created,
            violation=violations[0],
        )
        return head
    if head.requested_by.startswith("policy:"):
        net = await network(conn)
        if frozen_zone(net, settings, factor).outlived(head.anchor_at, now):
            await repository.save_failure(
                conn, head.id, state=PlanState.DISCARDED, failure="the frozen zone has passed"
            )
            return await plan(conn, head.id)
        try:
            async with conn.transaction():
                return await publish(
                    conn,
                    plan_id,
                    now=now,
                    by=head.requested_by,
                    automatic=True,
                    note=head.cause,
                    zone=None,
                )
        except PlanNotPermitted:
            return await plan(conn, head.id)
        except PlanBroken as broken:
            await _fail(conn, head, broken.detail, now=now)
            return await plan(conn, head.id)
    return head


async def shift_began_at(conn: ReadConn, *, now: datetime) -> datetime | None:
    """Return when the drum's present shift began; None between shifts."""
    net = await network(conn)
    rows = await resources.shifts(conn, net.drum_line.calendar, now, now + timedelta(seconds=1))
    return max((row.start_at for row in rows if row.start_at <= now), default=None)


async def last_solve_at(conn: ReadConn) -> datetime | None:
    """Return when the last full solve was asked for."""
    net = await network(conn)
    return await repository.last_solve_at(conn, net.plant.site.id)


async def changed_since_solve(conn: ReadConn) -> bool:
    """Say whether the plan in force is a repair, so that a solve may find better than it."""
    head = await find_published(conn)
    return head is not None and head.kind is PlanKind.REPAIR


async def _created(conn: WriteConn, head: Plan, schedule: Schedule, *, now: datetime) -> Event:
    return await events.record(
        conn,
        PlanCreated(
            plan_id=head.id,
            number=head.number,
            cause=head.cause,
            cars=schedule.kpis.cars_planned,
            unplaced=schedule.kpis.cars_unplaced,
        ),
        now=now,
        actor=head.requested_by,
    )


async def _fail(conn: WriteConn, head: Plan, detail: str, *, now: datetime) -> None:
    if await repository.save_failure(conn, head.id, state=PlanState.FAILED, failure=detail):
        await _announce_failure(conn, head, detail, now=now)


async def _announce_failure(
    conn: WriteConn,
    head: Plan,
    detail: str,
    *,
    now: datetime,
    causation: Event | None = None,
    violation: bridge.Broken | None = None,
) -> None:
    await events.record(
        conn,
        PlanFailed(site=head.site, cause=head.cause, detail=detail, violation=violation),
        now=now,
        actor=head.requested_by,
        causation=causation,
    )
