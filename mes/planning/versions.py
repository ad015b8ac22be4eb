"""Plan versions: ask for a solve, take its result, put a version in force."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from mes.contracts.events import PlanPublished
from mes.contracts.ids import uuid7
from mes.contracts.plant import PlantModel
from mes.events import service as events
from mes.events.model import Event
from mes.orders import service as orders
from mes.orders.model import Order, OrderStage
from mes.planning import bridge, capacity_repository, ledger, promising, repository, snapshots
from mes.planning.bridge import Schedule
from mes.planning.model import (
    FrozenZone,
    NoPlanYet,
    NoSnapshotKept,
    Plan,
    PlanKind,
    PlanNotPermitted,
    PlanOutdated,
    PlanState,
    UnknownPlan,
)
from mes.planning.network import PlantNetwork
from mes.planning.operations import PlannedOperation
from mes.planning.proposals import desk
from mes.planning.proposals.model import Occasion
from mes.planning.whatif import live
from mes.planning.whatif.changes import RuleOfPlant, changed_plant
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Conflict
from mes.platform.settings import PlanSettings
from mes.resources import service as resources

log = structlog.get_logger()

_networks: dict[tuple[int, tuple[RuleOfPlant, ...]], tuple[PlantModel, PlantNetwork]] = {}
KEPT_NETWORKS = 4
_schedules: dict[tuple[UUID, datetime], Schedule] = {}
KEPT_UNPACKED = 4

LOCK_HORIZON = timedelta(hours=2)
"""An order whose first work is nearer than this is locked: BOM, VIN and body number stand."""
LOCK_AT_ONCE = 200
"""Orders locked in one transaction."""
KEEP_REPAIRS = 50
"""Repairs whose problem and schedule are kept, to explain and to go back to."""


async def network(conn: ReadConn) -> PlantNetwork:
    """Return the plant in force as planning sees it, rules that a planner has changed included.

    Derived once per process, plant and set of changed rules.
    """
    plant = await resources.active_plant(conn)
    rules = await live.rules_in_force(conn, plant.site.id)
    key = (id(plant), rules)
    found = _networks.get(key)
    if found is None or found[0] is not plant:
        if len(_networks) >= KEPT_NETWORKS:
            _networks.clear()
        found = _networks[key] = (plant, PlantNetwork(changed_plant(plant, rules)))
    return found[1]


def dispatch_lead_s(net: PlantNetwork) -> float:
    """Return how many plant seconds of work the lines store ahead."""
    return net.plant.dispatch_ahead * net.drum_line.takt_s


def frozen_zone(net: PlantNetwork, settings: PlanSettings, factor: float) -> FrozenZone:
    """Return the frozen zone of a full solve at this speed of the clock.

    Raises:
        FrozenZoneTooShort: a zone set by hand would let a plan decide about times that have come.
    """
    needs = {
        "budget_s": settings.wall_s,
        "factor": factor,
        "dispatch_lead_s": dispatch_lead_s(net),
    }
    zone = FrozenZone.of(**needs)
    zone.check(**needs)
    return zone


# Read


async def published(conn: ReadConn) -> Plan:
    """Return the plan in force.

    Raises:
        NoPlanYet: there is none.
    """
    net = await network(conn)
    found = await repository.published(conn, net.plant.site.id)
    if found is None:
        raise NoPlanYet
    return found


async def find_published(conn: ReadConn) -> Plan | None:
    """Return the plan in force, or None."""
    net = await network(conn)
    return await repository.published(conn, net.plant.site.id)


async def plan(conn: ReadConn, plan_id: UUID) -> Plan:
    """Return one version.

    Raises:
        UnknownPlan: there is none.
    """
    found = await repository.plan(conn, plan_id)
    if found is None:
        raise UnknownPlan(plan=plan_id)
    return found


async def plans(conn: ReadConn, *, limit: int = 50) -> list[Plan]:
    """Return the newest versions, newest first."""
    net = await network(conn)
    return await repository.recent(conn, net.plant.site.id, limit=limit)


@dataclass(frozen=True, slots=True)
class InForce:
    """The plan in force with its schedule."""

    head: Plan
    schedule: Schedule

    def as_of(self, moment: datetime) -> Schedule:
        """Return the schedule with second 0 at `moment`."""
        passed = int((moment - self.head.anchor_at).total_seconds())
        return bridge.moved_in_time(self.schedule, passed)


async def in_force(conn: ReadConn, site: str) -> InForce | None:
    """Return the plan in force with its schedule, or None."""
    head = await repository.published(conn, site)
    return None if head is None else await with_schedule(conn, head)


async def with_schedule(conn: ReadConn, head: Plan) -> InForce | None:
    """Return a version with its schedule; None when its content is not kept any more."""
    known = _schedules.get((head.id, head.anchor_at))
    if known is None:
        content = await repository.content(conn, head.id)
        if content.schedule is None:
            return None
        known = bridge.unpack_schedule(content.schedule)
        _remember(head, known)
    return InForce(head, known)


async def newest_problem(conn: ReadConn) -> tuple[Plan, str]:
    """Return the newest version whose problem is kept, and that problem as JSON.

    Raises:
        NoSnapshotKept: there is none.
    """
    for head in await plans(conn):
        content = await repository.content(conn, head.id)
        if content.problem is not None:
            return head, bridge.text_of(content.problem)
    raise NoSnapshotKept


def _remember(head: Plan, schedule: Schedule) -> None:
    """Keep the newest schedules of this process unpacked; a version's content changes with its anchor."""
    while len(_schedules) >= KEPT_UNPACKED:
        del _schedules[next(iter(_schedules))]
    _schedules[head.id, head.anchor_at] = schedule


# Put in force


async def publish(
    conn: WriteConn,
    plan_id: UUID,
    *,
    now: datetime,
    by: str,
    note: str,
    zone: FrozenZone | None,
    automatic: bool = False,
    row_version: int | None = None,
) -> Plan:
    """Put a draft in force: its order of work, laid over the plant as it is now.

    Args:
        zone: refuse a draft that is older than this.
        row_version: the version the person saw (`If-Match`).

    Raises:
        PlanAlreadyPublished, PlanNotPublishable, PlanChanged, PlanOutdated
        PlanBroken: it breaks a rule, or does so on the plant as it is now.
        PlanNotPermitted: it is `automatic` and changes more than a planner permits without being asked.
    """
    net = await network(conn)
    await repository.lock_site(conn, net.plant.site.id)
    head = await repository.plan_for_change(conn, plan_id)
    if head is None:
        raise UnknownPlan(plan=plan_id)
    head.seen_as(row_version).published(now=now, by=by, automatic=automatic, note=note)
    if zone is not None and zone.outlived(head.anchor_at, now):
        raise PlanOutdated(
            number=head.number,
            anchor_at=head.anchor_at.isoformat(),
            frozen_min=zone.seconds // 60,
        )
    draft = await with_schedule(conn, head)
    if draft is None:
        raise UnknownPlan(plan=plan_id)
    await prepare_shifts(conn, net, now=now)
    facts = await snapshots.load_facts(conn, net, now=now)
    current = await in_force(conn, head.site)
    # What is stored at the lines stays as the plan in force has it: the draft decides behind that.
    snap = bridge.snapshot(
        facts,
        net,
        horizon_s=horizon_s(net, len(facts.cars)),
        freeze_s=math.ceil(dispatch_lead_s(net)) if current is not None else 0,
        reference=None if current is None else current.as_of(facts.at),
    )
    answer = await asyncio.to_thread(bridge.follow, snap, draft.as_of(facts.at))
    if automatic and current is not None:
        before = current.as_of(facts.at)
        _, breaches = await desk.weigh(
            conn, head.site, snap, before, answer.schedule, {Occasion.SHIFT}
        )
        if breaches:
            raise PlanNotPermitted(number=head.number)
    head = with_answer(head, snap, answer)
    head = replace(head, state=PlanState.DRAFT)
    in_power = head.published(now=now, by=by, automatic=automatic, note=note)
    rows, event = await put_in_force(conn, net, in_power, snap, answer, now=now)
    await promising.settle(conn, net, in_power, snap, rows, promising.Causes(event), now=now)
    return in_power


# What a solve and a repair share


def new_plan(
    site: str,
    number: int,
    kind: PlanKind,
    *,
    cause: str,
    base_id: UUID | None,
    anchor_at: datetime,
    horizon_s: int,
    actor: str,
    now: datetime,
) -> Plan:
    """Return a version that is being made."""
    return Plan(
        id=uuid7(),
        site=site,
        number=number,
        state=PlanState.SOLVING,
        kind=kind,
        cause=cause,
        base_id=base_id,
        anchor_at=anchor_at,
        horizon_s=horizon_s,
        snapshot_hash=None,
        budget_s=0.0,
        solved_s=None,
        progress={},
        kpis=None,
        unplaced=[],
        violations=None,
        failure=None,
        requested_by=actor,
        created_at=now,
        published_at=None,
        published_by=None,
        automatic=False,
        note="",
        superseded_at=None,
        row_version=1,
    )


def with_answer(head: Plan, snap: bridge.Snapshot, answer: bridge.Answer) -> Plan:
    """Return a version as the draft that this answer makes it."""
    return replace(
        head,
        state=PlanState.DRAFT,
        anchor_at=snap.anchor,
        horizon_s=snap.problem.horizon_s,
        snapshot_hash=answer.schedule.snapshot_hash,
        kpis=bridge.figures(answer.schedule),
        unplaced=bridge.left_out(answer.schedule),
        violations=answer.violations,
        solved_s=round(answer.seconds, 3) if head.solved_s is None else head.solved_s,
    )


def horizon_s(net: PlantNetwork, cars: int) -> int:
    """Return the horizon of a plan of so many cars, in seconds."""
    return int(snapshots.horizon_for(net, cars).total_seconds())


async def prepare_shifts(conn: WriteConn, net: PlantNetwork, *, now: datetime) -> None:
    """Have the shift rows that the next plan needs."""
    waiting = len(await orders.open_orders(conn))
    await snapshots.ensure_shifts(conn, net, now=now, cars=waiting)


async def put_in_force(
    conn: WriteConn,
    net: PlantNetwork,
    head: Plan,
    snap: bridge.Snapshot,
    answer: bridge.Answer,
    *,
    now: datetime,
    causation: Event | None = None,
) -> tuple[list[PlannedOperation], Event]:
    """Save a published version and everything that hangs on it; return its operations and its event."""
    schedule = answer.schedule
    await repository.lock_operations(conn)
    _remember(head, schedule)
    await repository.supersede(conn, head.site, now=now)
    await repository.save_result(
        conn,
        head,
        problem=bridge.pack_problem(snap.problem),
        schedule=bridge.pack_schedule(schedule),
    )
    await repository.save_publication(conn, head)
    lead = timedelta(seconds=dispatch_lead_s(net))
    rows = bridge.operations(snap, schedule, net, frozen_until=now + lead)
    await repository.write_operations(conn, rows)
    held = [car.order_id for car in snap.cars.values()]
    await capacity_repository.drop_reservations_in_plan(conn, held)
    await ledger.count_plan(conn, net, snap, schedule, now=now)
    await repository.drop_old_content(conn, head.site, before=head.number - KEEP_REPAIRS)
    event = await events.record(
        conn,
        PlanPublished(
            plan_id=head.id, number=head.number, automatic=head.automatic, note=head.note
        ),
        now=now,
        actor=head.published_by or "system",
        causation=causation,
    )
    await lock_near_orders(conn, now=now, causation=event)
    return rows, event


async def lock_near_orders(
    conn: WriteConn, *, now: datetime, causation: Event | None = None
) -> int:
    """Lock the orders whose first work comes near, in the order in which it comes; return how many."""
    near = await repository.entering_horizon(conn, until=now + LOCK_HORIZON, limit=LOCK_AT_ONCE)
    waiting = [await orders.order_by_id(conn, one.order_id) for one in near]
    ready = [o.id for o in waiting if o is not None and o.stage is OrderStage.CONFIRMED]
    if not ready:
        return 0
    try:
        async with conn.transaction():
            locked = await _lock(conn, ready, now=now, causation=causation)
    except Conflict:
        locked = []
        for order_id in ready:
            try:
                async with conn.transaction():
                    locked += await _lock(conn, [order_id], now=now, causation=causation)
            except Conflict as refusal:
                log.warning("order.not_locked", order=str(order_id), why=refusal.detail)
    for order in locked:
        if order.body_id is not None and order.body_number is not None:
            await repository.set_body(conn, order.id, order.body_id, order.body_number)
    return len(locked)


async def _lock(
    conn: WriteConn, order_ids: Sequence[UUID], *, now: datetime, causation: Event | None
) -> list[Order]:
    return await orders.lock_orders(
        conn, order_ids, now=now, actor="policy:locking", causation=causation
    )
