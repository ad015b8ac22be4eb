"""What-if: make a branch, change it, solve it, compare it, publish or discard it; live plans notice nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from mes.contracts.events import PlanBranchSolved
from mes.contracts.ids import uuid7
from mes.events import service as events
from mes.planning import bridge, snapshots, versions
from mes.planning import repository as plans
from mes.planning.model import Plan, PlanKind, PlanState
from mes.planning.network import PlantNetwork
from mes.planning.solvers import Solvers
from mes.planning.solving import why_failed
from mes.planning.whatif import live, repository
from mes.planning.whatif.changes import Change, changed_facts, changed_plant, possible
from mes.planning.whatif.comparing import Outcome, compare
from mes.planning.whatif.model import (
    Branch,
    BranchNotSolved,
    BranchOutdated,
    BranchState,
    UnknownBranch,
)
from mes.planning.whatif.repository import BranchPoint
from mes.platform import jobs
from mes.platform.clock import Clock
from mes.platform.db import Database, ReadConn, WriteConn
from mes.platform.settings import PlanSettings

log = structlog.get_logger()

KEEP = timedelta(days=7)
"""Plant time for which a branch that nobody published is kept."""
FRESH = timedelta(hours=24)
"""Plant time for which a branch can be published: its order of work is laid over the plant as it is by then."""


async def create(conn: WriteConn, name: str, *, now: datetime, actor: str) -> Branch:
    """Make a branch of the plant as it is; branches of one moment share their snapshot."""
    net = await versions.network(conn)
    site = net.plant.site.id
    await versions.prepare_shifts(conn, net, now=now)
    current = await versions.in_force(conn, site)
    facts = await snapshots.load_facts(conn, net, now=now)
    planned = await live.planned_starts(conn, net.drum_line.id)
    point = BranchPoint(
        facts=facts,
        reference=None if current is None else bridge.pack_schedule(current.as_of(facts.at)),
        starts={car: start for car, (start, _) in planned.items()},
        finishes={car: finish for car, (_, finish) in planned.items() if finish is not None},
    )
    branch = Branch(
        id=uuid7(),
        site=site,
        name=name,
        state=BranchState.OPEN,
        snapshot=await repository.add_point(conn, site, point),
        base_id=None if current is None else current.head.id,
        changes=[],
        kpis=None,
        unplaced=[],
        violations=None,
        outcome=None,
        failure=None,
        solved_s=None,
        plan_id=None,
        created_by=actor,
        created_at=now,
        row_version=1,
    )
    await repository.add_branch(conn, branch)
    return branch


async def site_of(conn: ReadConn) -> str:
    """Return the site that is planned."""
    return (await versions.network(conn)).plant.site.id


async def get(conn: ReadConn, branch_id: UUID) -> Branch:
    """Return a branch.

    Raises:
        UnknownBranch: there is none.
    """
    found = await repository.branch(conn, branch_id)
    if found is None:
        raise UnknownBranch(branch=branch_id)
    return found


async def newest(conn: ReadConn, *, limit: int = 30) -> list[Branch]:
    """Return the branches that are not discarded, newest first."""
    net = await versions.network(conn)
    return await repository.branches(conn, net.plant.site.id, limit=limit)


async def change(conn: WriteConn, branch_id: UUID, changes: tuple[Change, ...]) -> Branch:
    """Give a branch these changes, all of them; it has to be solved again.

    Raises:
        UnknownBranch, BranchBusy, BranchClosed, BranchFull
        ChangeImpossible: one names what the plant does not have.
    """
    found = (await _for_change(conn, branch_id)).changed(changes)
    net = await versions.network(conn)
    facts = (await repository.point(conn, found.snapshot)).facts
    for one in changes:
        possible(one, facts, net.plant)
        facts = changed_facts(facts, net, (one,), starts={})
    await repository.save_branch(conn, found)
    return found


async def request_solve(conn: WriteConn, branch_id: UUID) -> Branch:
    """Queue the solve of a branch; other branches and the live plan may be solved meanwhile.

    Raises:
        UnknownBranch, BranchBusy, BranchClosed
    """
    found = (await _for_change(conn, branch_id)).solving()
    await repository.save_branch(conn, found)
    await jobs.defer(conn, "planning.branch", {"branch_id": str(branch_id)})
    return found


async def discard(conn: WriteConn, branch_id: UUID) -> Branch:
    """Give a branch up.

    Raises:
        UnknownBranch, BranchClosed
    """
    found = (await _for_change(conn, branch_id)).discarded()
    await repository.save_branch(conn, found)
    return found


async def publish(
    conn: WriteConn,
    branch_id: UUID,
    *,
    now: datetime,
    by: str,
    note: str,
) -> Plan:
    """Put a branch in force: its changes for the live plant, and its plan laid over the plant as it is now.

    Raises:
        UnknownBranch, BranchBusy, BranchClosed, BranchNotSolved
        BranchOutdated: the plant has gone on for too long since the branch was made.
        PlanBroken: its plan breaks a rule, or does so on the plant as it is now.
    """
    found = await _for_change(conn, branch_id)
    content = await repository.content(conn, branch_id)
    if found.state is BranchState.SOLVED and (content.problem is None or content.schedule is None):
        raise BranchNotSolved(name=found.name)
    plan_id = uuid7()
    in_power = found.published(plan_id)
    net = await versions.network(conn)
    point = await repository.point(conn, found.snapshot)
    if now - point.facts.at > FRESH:
        hours = round((now - point.facts.at) / timedelta(hours=1))
        raise BranchOutdated(name=found.name, made_at=point.facts.at.isoformat(), hours=hours)
    await plans.lock_site(conn, found.site)
    head = versions.new_plan(
        found.site,
        await plans.next_number(conn, found.site),
        PlanKind.SOLVE,
        cause=f"what-if: {found.name}",
        base_id=found.base_id,
        anchor_at=point.facts.at,
        horizon_s=versions.horizon_s(net, len(point.facts.cars)),
        actor=by,
        now=now,
    )
    head = replace(head, id=plan_id, state=PlanState.DRAFT)
    await plans.add_plan(conn, head, problem=content.problem)
    head = replace(
        head,
        kpis=found.kpis,
        unplaced=found.unplaced,
        violations=found.violations,
        solved_s=found.solved_s,
    )
    await plans.save_result(conn, head, problem=content.problem, schedule=content.schedule)
    await live.enter(conn, found.site, found.meant, by=by, now=now, branch_id=found.id)
    published = await versions.publish(
        conn,
        plan_id,
        now=now,
        by=by,
        note=note,
        zone=None,
    )
    await repository.save_branch(conn, in_power)
    return published


async def forget(conn: WriteConn, *, now: datetime) -> None:
    """Drop old branches that nobody published."""
    await repository.forget(conn, before=now - KEEP)


async def enter_live(conn: WriteConn, change: Change, *, now: datetime, actor: str) -> None:
    """Put a change in force for the live plant directly; the next repair goes by it.

    Raises:
        ChangeImpossible: it names what the plant does not have.
    """
    net = await versions.network(conn)
    site = net.plant.site.id
    possible(change, await snapshots.load_facts(conn, net, now=now), net.plant)
    await live.enter(conn, site, (change,), by=actor, now=now)
    await live.tell(conn, site, change, ended=False, now=now, actor=actor)


async def take_back_live(conn: WriteConn, change_id: UUID, *, now: datetime, actor: str) -> None:
    """End a change of the live plant.

    Raises:
        UnknownChange: there is none.
    """
    net = await versions.network(conn)
    change = await live.take_back(conn, change_id)
    await live.tell(conn, net.plant.site.id, change, ended=True, now=now, actor=actor)


# Solve


async def run(
    database: Database,
    clock: Clock,
    solvers: Solvers,
    settings: PlanSettings,
    branch_id: UUID,
) -> None:
    """Solve a queued branch outside of this process; keep its plan, or why there is none."""
    async with database.read() as conn:
        found = await get(conn, branch_id)
        net = await versions.network(conn)
        point = await repository.point(conn, found.snapshot)
    if found.state is not BranchState.SOLVING:
        return
    snap, branched = _problem_of(found, point, net, settings, clock.factor)
    problem = bridge.pack_problem(snap.problem)
    try:
        async with solvers.solve(problem, point.reference, settings.wall_s) as solving:
            packed, violations, seconds = await solving.work
    except asyncio.CancelledError:
        raise
    except Exception as error:
        log.error("branch.solve_failed", branch=found.name, exc_info=error)
        async with database.write() as conn:
            await _fail(conn, branch_id, why_failed(error))
        return
    schedule = bridge.unpack_schedule(packed)
    outcome = outcome_of(snap, schedule, branched, point)
    async with database.write() as conn:
        current = await repository.branch_for_change(conn, branch_id)
        if current is None or current.state is not BranchState.SOLVING:
            return
        await repository.save_content(conn, branch_id, problem=problem, schedule=packed)
        solved = replace(
            current,
            state=BranchState.SOLVED,
            kpis=bridge.figures(schedule),
            unplaced=bridge.left_out(schedule),
            violations=violations,
            outcome=outcome.plain(),
            solved_s=round(seconds, 3),
            row_version=current.row_version + 1,
        )
        await repository.save_branch(conn, solved)
        await events.record(
            conn,
            PlanBranchSolved(branch_id=solved.id, name=solved.name),
            now=clock.now(),
            actor=solved.created_by,
        )


def _problem_of(
    branch: Branch,
    point: BranchPoint,
    net: PlantNetwork,
    settings: PlanSettings,
    factor: float,
) -> tuple[bridge.Snapshot, PlantNetwork]:
    """Return the planning problem of a branch, and the plant with its rules."""
    plant = changed_plant(net.plant, branch.meant)
    branched = net if plant is net.plant else PlantNetwork(plant)
    facts = changed_facts(point.facts, branched, branch.meant, starts=point.starts)
    reference = None if point.reference is None else bridge.unpack_schedule(point.reference)
    snap = bridge.snapshot(
        facts,
        branched,
        horizon_s=versions.horizon_s(branched, len(facts.cars)),
        freeze_s=versions.frozen_zone(branched, settings, factor).seconds,
        reference=reference,
    )
    return snap, branched


def outcome_of(
    snap: bridge.Snapshot, schedule: bridge.Schedule, net: PlantNetwork, point: BranchPoint
) -> Outcome:
    """Return what a branch's plan does to the promises that the live plan keeps."""
    rows = bridge.operations(snap, schedule, net, frozen_until=snap.anchor)
    drum = [row for row in rows if row.line == net.drum_line.id and row.car_id is not None]
    finishes: Mapping[str, datetime] = {
        row.car_id: row.finish_at for row in drum if row.car_id and row.finish_at
    }
    return compare(
        snap.cars.values(),
        point.finishes,
        finishes,
        starts_live=point.starts,
        starts_branch={row.car_id: row.start_at for row in drum if row.car_id},
    )


async def _fail(conn: WriteConn, branch_id: UUID, why: str) -> None:
    found = await repository.branch_for_change(conn, branch_id)
    if found is not None and found.state is BranchState.SOLVING:
        failed = replace(
            found, state=BranchState.FAILED, failure=why, row_version=found.row_version + 1
        )
        await repository.save_branch(conn, failed)


async def _for_change(conn: WriteConn, branch_id: UUID) -> Branch:
    found = await repository.branch_for_change(conn, branch_id)
    if found is None:
        raise UnknownBranch(branch=branch_id)
    return found
