"""Cars and die lots moved by hand on the plan board: tried against the checker, then published with a note."""

from __future__ import annotations

import asyncio
import gc
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from mes.orders import service as orders
from mes.planning import bridge, promising, repository, snapshots, versions
from mes.planning.bridge import HandMove
from mes.planning.facts import LockFact
from mes.planning.locks import service as locks
from mes.planning.model import NoPlanYet, Plan, PlanBroken, PlanKind
from mes.planning.network import PlantNetwork
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Conflict, Invalid

CAUSE = "by hand"
KEPT = 2
"""Plans that this process keeps ready for trials."""


class NothingMoved(Invalid):
    """There is nothing to publish; move a car or a die lot first."""

    code = "board.nothing_to_do"


class MovesRefused(Conflict):
    """{count} of the moves cannot be made, and nothing was published; the first: {first}"""

    code = "board.refused"


_boards: dict[tuple[UUID, datetime, tuple[LockFact, ...]], bridge.Board] = {}
_reading = asyncio.Lock()


async def try_moves(
    conn: ReadConn, moves: Sequence[HandMove], *, now: datetime
) -> tuple[Plan, bridge.Tried]:
    """Return what comes of moves on the plan in force; nothing is changed.

    Raises:
        NoPlanYet: there is no plan in force.
    """
    net = await versions.network(conn)
    head = await repository.published(conn, net.plant.site.id)
    if head is None:
        raise NoPlanYet
    locked = await snapshots.locks(conn, net)
    found = await _board_of(conn, head, net, locked)
    frozen_until = now + timedelta(seconds=versions.dispatch_lead_s(net))
    return head, await asyncio.to_thread(found.try_out, moves, locked, frozen_until=frozen_until)


async def _board_of(
    conn: ReadConn, head: Plan, net: PlantNetwork, locked: Sequence[LockFact]
) -> bridge.Board:
    # What waits for its time is part of every trial, so that such a lock makes another board.
    paced = net.drum_line.id, net.paint_line.id
    waits = tuple(x for x in locked if x.line not in paced)
    key = head.id, head.anchor_at, waits
    async with _reading:
        if key not in _boards:
            content = await repository.content(conn, head.id)
            if content.problem is None or content.schedule is None:
                raise NoPlanYet
            known = {order.number: order.id for order in await orders.open_orders(conn)}
            snap = bridge.reread(bridge.unpack_problem(content.problem), head.anchor_at, known)
            schedule = bridge.unpack_schedule(content.schedule)
            made = await asyncio.to_thread(_board, snap, schedule, net, waits)
            while len(_boards) >= KEPT:
                del _boards[next(iter(_boards))]
            _boards[key] = made
        return _boards[key]


def _board(
    snap: bridge.Snapshot,
    schedule: bridge.Schedule,
    net: PlantNetwork,
    waits: Sequence[LockFact],
) -> bridge.Board:
    """Read a plan for trials, and tell the garbage collector that it is here to stay.

    A trial makes so many objects that the collector wakes, and walking through whole plans took it longer
    than the trial. What is frozen is still freed when nobody refers to it any more.
    """
    made = bridge.Board(snap, schedule, net, waits)
    gc.collect()
    gc.freeze()
    return made


async def publish_moves(
    conn: WriteConn, moves: Sequence[HandMove], *, note: str, by: str, now: datetime
) -> Plan:
    """Put the plan in force with these moves in it, laid over the plant as it is now.

    Raises:
        NothingMoved: there are no moves.
        NoPlanYet: there is no plan in force.
        MovesRefused: what is moved has begun meanwhile, is frozen or not in the plan, cannot go there, or
            a lock would break.
        PlanBroken: the checker refuses what comes of it.
    """
    if not moves:
        raise NothingMoved
    net = await versions.network(conn)
    site = net.plant.site.id
    await repository.lock_site(conn, site)
    current = await versions.in_force(conn, site)
    if current is None:
        raise NoPlanYet
    await versions.prepare_shifts(conn, net, now=now)
    facts = await snapshots.load_facts(conn, net, now=now)
    reference = current.as_of(facts.at)
    snap = bridge.snapshot(
        facts,
        net,
        horizon_s=versions.horizon_s(net, len(facts.cars)),
        freeze_s=math.ceil(versions.dispatch_lead_s(net)),
        reference=reference,
    )
    # First what happened since, as every repair does; then the planner's moves.
    rebased = await asyncio.to_thread(bridge.follow, snap, reference)
    bars = bridge.parked(snap, rebased.schedule, moves, net)
    snap = bridge.put_by_hand(snap, bars, facts.locks, net)
    answer, refused = await asyncio.to_thread(
        bridge.follow_by_hand, snap, rebased.schedule, moves, net
    )
    if refused:
        raise MovesRefused(
            count=len(refused),
            first=str(refused[0].facts["car"]),
            conflicts=[{"code": one.code, **one.facts} for one in refused],
        )
    head = versions.new_plan(
        site,
        await repository.next_number(conn, site),
        PlanKind.REPAIR,
        cause=CAUSE,
        base_id=current.head.id,
        anchor_at=facts.at,
        horizon_s=snap.problem.horizon_s,
        actor=by,
        now=now,
    )
    head = versions.with_answer(head, snap, answer)
    if answer.violations:
        raise PlanBroken(
            number=head.number,
            count=len(answer.violations),
            first=answer.violations[0]["reason"],
            violation=answer.violations[0],
        )
    await repository.add_plan(conn, head, problem=None)
    head = head.published(now=now, by=by, automatic=False, note=note)
    await locks.park(conn, bars, by=by, now=now)
    rows, event = await versions.put_in_force(conn, net, head, snap, answer, now=now)
    await promising.settle(conn, net, head, snap, rows, promising.Causes(event), now=now)
    return head
