"""The first plan of a plant, and the picture with which its lines start warm.

A plant that runs has a body at every station and stores that are half full. The bodies farthest down are
the first of the plan's own order, so that what the lines hold is what the plan would have sent there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from mes.catalog import service as catalog
from mes.contracts.plant import Line, PlantModel, Station
from mes.contracts.warm_start import StoredBody, WarmBody, WarmRack, WarmStart
from mes.execution import service as execution
from mes.orders import service as orders
from mes.orders.model import Order
from mes.planning import bridge, promising, repository, snapshots, versions
from mes.planning.model import Plan, PlanKind, PlanState
from mes.planning.network import PlantNetwork
from mes.planning.tickets import body_job, body_of
from mes.platform.db import WriteConn
from mes.platform.errors import Conflict
from mes.platform.settings import Settings

ACTOR = "policy:first-plan"
NOTE = "the first plan of the plant"
KEEP_UNSTARTED = 0.4
"""Share of the orders that is not begun when the plant starts warm, however small the order book."""
BEGUN = (0.1, 0.4, 0.7, 0.25, 0.55)
"""How much of its cycle each station in turn has done."""


class NothingToPlan(Conflict):
    """There is no confirmed order; import an order book first."""

    code = "plan.nothing_to_plan"


class FirstPlanBroken(Conflict):
    """The first plan breaks {count} rules of the plant: {first}"""

    code = "plan.first_broken"


@dataclass(frozen=True, slots=True)
class Berth:
    """A place that holds a body when the plant starts: a station of a line, or a place in a store."""

    line: Line
    station: Station | None = None

    @property
    def store(self) -> str:
        """The store behind the line."""
        return self.line.gives_to


def berths(plant: PlantModel, *, bodies: int) -> list[Berth]:
    """Return the places to fill, the farthest down the plant first, at most `bodies` of them.

    When there are fewer bodies than places, stations come before stores, evenly over the plant.
    """
    stations: list[tuple[int, Berth]] = []
    stores: list[tuple[int, Berth]] = []
    rank = 0
    for line in reversed(plant.body_lines):
        store = plant.store(line.gives_to)
        for _ in range(store.initial if store.kind == "body" else 0):
            stores.append((rank, Berth(line)))
            rank += 1
        for station in reversed(line.stations):
            stations.append((rank, Berth(line, station)))
            rank += 1
    chosen = _evenly(stations, bodies)
    chosen += _evenly(stores, bodies - len(chosen))
    return [berth for _, berth in sorted(chosen, key=lambda pair: pair[0])]


def _evenly(places: list[tuple[int, Berth]], count: int) -> list[tuple[int, Berth]]:
    if count >= len(places):
        return list(places)
    if count <= 0:
        return []
    return [places[i * len(places) // count] for i in range(count)]


def racks(plant: PlantModel) -> tuple[WarmRack, ...]:
    """Return the panel store as it is at the start: the plant file's content of each panel, in racks."""
    found = []
    for panel in plant.panels:
        store = plant.store(plant.line(panel.presses[0]).gives_to)
        left, number = store.initial, 0
        while left > 0:
            number += 1
            quantity = min(panel.per_rack, left)
            rack = f"{panel.code}-start-{number}"
            found.append(WarmRack(rack=rack, panel=panel.code, quantity=quantity))
            left -= quantity
    return tuple(found)


async def first_plan(conn: WriteConn, *, now: datetime, settings: Settings) -> WarmStart:
    """Plan the orders that wait, publish version 1, and return what the lines hold at the start.

    Raises:
        NothingToPlan: no order waits.
        FirstPlanBroken: the checker refuses the plan.
    """
    net = await versions.network(conn)
    await versions.prepare_shifts(conn, net, now=now)
    order_of_work = await _order_of_work(conn, net, now=now)
    places = berths(net.plant, bodies=int(len(order_of_work) * (1 - KEEP_UNSTARTED)))
    begun = await orders.lock_orders(
        conn, [order_of_work[i] for i in range(len(places))], now=now, actor=ACTOR
    )
    for order in begun:
        await execution.register_body(conn, body_of(order, now=now))
    warm = await _picture(conn, net, begun, places, now=now)
    await execution.seed_warm(conn, warm)
    await _publish(conn, net, now=now, settings=settings)
    return warm


async def _order_of_work(conn: WriteConn, net: PlantNetwork, *, now: datetime) -> list[UUID]:
    """Return the orders in the order in which an empty plant with full racks would build them."""
    facts = await snapshots.load_facts(conn, net, now=now)
    if not facts.cars:
        raise NothingToPlan
    facts = replace(facts, stock={rack.panel: 0 for rack in racks(net.plant)})
    for rack in racks(net.plant):
        facts.stock[rack.panel] += rack.quantity
    snap = bridge.snapshot(facts, net, horizon_s=versions.horizon_s(net, len(facts.cars)))
    return await asyncio.to_thread(bridge.order_of_work, snap)


async def _picture(
    conn: WriteConn,
    net: PlantNetwork,
    begun: Sequence[Order],
    places: Sequence[Berth],
    *,
    now: datetime,
) -> WarmStart:
    parts = await orders.frozen_boms(conn, [order.id for order in begun])
    book = await catalog.active_catalog(conn, now)
    hexes = {color.code: color.hex for color in book.colors}
    on_line: list[WarmBody] = []
    stored: list[StoredBody] = []
    sequence: dict[str, int] = {}
    for number, (order, berth) in enumerate(zip(begun, places, strict=True)):
        line = berth.line.id
        if order.body_id is None or order.body_number is None:
            continue
        if berth.station is None:
            stored.append(
                StoredBody(
                    store=berth.store,
                    body_id=order.body_id,
                    body_number=order.body_number,
                    model=order.model,
                    color=order.color,
                )
            )
            continue
        sequence[line] = sequence.get(line, 0) + 1
        job = body_job(
            order,
            line,
            parts=parts.get(order.id, []),
            color_hex=hexes.get(order.color),
            sequence=sequence[line],
            start_at=now,
        )
        done_s = round(berth.station.cycle_s * BEGUN[number % len(BEGUN)], 1)
        on_line.append(WarmBody(line=line, station=berth.station.id, job=job, done_s=done_s))
    return WarmStart(
        plant_at=now, on_line=tuple(on_line), stored=tuple(stored), racks=racks(net.plant)
    )


async def _publish(
    conn: WriteConn, net: PlantNetwork, *, now: datetime, settings: Settings
) -> Plan:
    facts = await snapshots.load_facts(conn, net, now=now)
    horizon = versions.horizon_s(net, len(facts.cars))
    snap = bridge.snapshot(facts, net, horizon_s=horizon)
    answer = await asyncio.to_thread(bridge.answer, snap, settings.plan.wall_s)
    if answer.violations:
        first = answer.violations[0]
        raise FirstPlanBroken(count=len(answer.violations), first=first["reason"], violation=first)
    site = net.plant.site.id
    head = versions.new_plan(
        site,
        await repository.next_number(conn, site),
        PlanKind.SOLVE,
        cause=NOTE,
        base_id=None,
        anchor_at=facts.at,
        horizon_s=horizon,
        actor=ACTOR,
        now=now,
    )
    await repository.add_plan(conn, head, problem=None)
    head = versions.with_answer(head, snap, answer)
    head = replace(head, state=PlanState.DRAFT, budget_s=settings.plan.wall_s)
    head = head.published(now=now, by=ACTOR, automatic=True, note=NOTE)
    rows, event = await versions.put_in_force(conn, net, head, snap, answer, now=now)
    await promising.settle(conn, net, head, snap, rows, promising.Causes(event), now=now)
    return head
