"""Freeze what the features know into the facts that a plan may depend on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from mes.contracts.dispatch import JobKind
from mes.contracts.plant import PlantModel
from mes.execution import service as execution
from mes.execution.model import Body, LineJob, PlaceKind
from mes.materials import service as materials
from mes.orders import service as orders
from mes.orders.repository import OpenOrder
from mes.planning import capacity_repository, news_repository, repository
from mes.planning.facts import (
    CarFact,
    DownFact,
    LockFact,
    LotFact,
    Place,
    PlantFacts,
    ShiftFact,
)
from mes.planning.locks import repository as locked
from mes.planning.network import PlantNetwork
from mes.planning.news import Delay, Downtime, still_available_at
from mes.planning.whatif import live
from mes.platform.db import ReadConn, WriteConn
from mes.resources import service as resources
from mes.resources.model import WorkShift

HORIZON_MARGIN = timedelta(days=2)
"""A plan looks this far beyond the last car that the drum could start without a break."""


async def load_facts(conn: ReadConn, network: PlantNetwork, *, now: datetime) -> PlantFacts:
    """Return the facts of the plant at `now`, whole seconds of plant time, changes of the live plan included."""
    at = now.replace(microsecond=0)
    open_orders = await orders.open_orders(conn)
    bodies = {body.order_id: body for body in await execution.where_bodies_are(conn)}
    running = await execution.jobs_between(conn, at, at + timedelta(seconds=1))
    delays = await news_repository.open_delays(conn)
    stock = await materials.panel_stock(conn)
    lots = await repository.lots(conn)
    known = {o.body_id: o for o in open_orders if o.body_id is not None}
    successors = await execution.find_bodies(conn, list(known))
    horizon = horizon_for(network, len(open_orders))
    facts = PlantFacts(
        at=at,
        cars=tuple(
            car_fact(
                network, order, bodies.get(order.id), successors, running, delays_of(delays), at=at
            )
            for order in open_orders
        )
        + await _quoted_cars(conn, at),
        shifts=await load_shifts(conn, network.plant, at, at + horizon),
        stock={one.panel: one.usable for one in stock},
        lots=running_lots(lots, running),
        mounted=mounted(lots),
        done_lots=frozenset(one.lot_id for one in lots if one.actual_end_at is not None),
        down=tuple(down_fact(one, at) for one in await news_repository.downtimes(conn)),
        locks=await locks(conn, network),
    )
    return await live.apply_live(conn, network, facts)


async def locks(conn: ReadConn, network: PlantNetwork) -> tuple[LockFact, ...]:
    """Return what planners have locked."""
    return tuple(
        LockFact(
            line=x.line,
            from_at=x.from_at,
            to_at=x.to_at,
            order_id=x.order_id,
            lot_id=x.lot_id,
            panel=x.panel or "",
            quantity=x.quantity or 0,
        )
        for x in await locked.locks(conn, network.plant.site.id)
    )


def horizon_for(network: PlantNetwork, cars: int) -> timedelta:
    """Return how far a plan of so many cars looks: their takts, at half speed, and a margin."""
    return timedelta(seconds=2 * cars * network.drum_line.takt_s) + HORIZON_MARGIN


async def ensure_shifts(
    conn: WriteConn, network: PlantNetwork, *, now: datetime, cars: int
) -> None:
    """Write the shift rows that a plan of so many cars needs."""
    until = now + horizon_for(network, cars) + timedelta(days=1)
    await resources.ensure_shifts(conn, now - timedelta(days=1), until)


async def load_shifts(
    conn: ReadConn, plant: PlantModel, from_at: datetime, to_at: datetime
) -> tuple[ShiftFact, ...]:
    """Return the shifts of every calendar in use between two instants."""
    found: list[ShiftFact] = []
    for calendar in sorted({line.calendar for line in plant.lines}):
        rows = await resources.shifts(conn, calendar, from_at, to_at)
        found += [shift_fact(row) for row in rows]
    return tuple(found)


def shift_fact(shift: WorkShift) -> ShiftFact:
    """Return a shift row under the id that plans and capacity know it by."""
    return ShiftFact(
        id=f"{shift.calendar}/{shift.day.isoformat()}/{shift.code}",
        calendar=shift.calendar,
        start_at=shift.start_at,
        end_at=shift.end_at,
        breaks=tuple((pause.start_at, pause.end_at) for pause in shift.breaks),
    )


def delays_of(delays: Iterable[Delay]) -> dict[UUID, list[Delay]]:
    """Return the open delays by body."""
    found: dict[UUID, list[Delay]] = {}
    for delay in delays:
        found.setdefault(delay.body_id, []).append(delay)
    return found


def car_fact(
    network: PlantNetwork,
    order: OpenOrder,
    body: Body | None,
    known: dict[UUID, Body],
    running: Iterable[LineJob],
    delays: dict[UUID, list[Delay]],
    *,
    at: datetime,
) -> CarFact:
    """Return an order as a car of the plan."""
    body_id = order.body_id
    own = known.get(body_id) if body_id is not None else None
    here = body if body is not None and body.id == body_id else None
    open_delays = delays.get(body_id, []) if body_id is not None else []
    available = [still_available_at(one, at) for one in open_delays]
    return CarFact(
        order_id=order.id,
        number=order.number,
        successor=own is not None and own.predecessor_id is not None,
        body_id=body_id,
        body_number=order.body_number,
        model=order.model,
        color=order.color,
        options=tuple(order.options),
        due_at=order.promised_at or order.requested_at,
        promised_at=order.promised_at,
        priority=9 - order.priority,
        place=None if here is None else place_of(network, here, running),
        available_at=max(available, default=None),
    )


def place_of(network: PlantNetwork, body: Body, running: Iterable[LineJob]) -> Place | None:
    """Return where a body is in the words of a plan; None for one that is nowhere yet."""
    place = body.place
    if place.kind in (PlaceKind.STORE, PlaceKind.FINISHED) and place.store is not None:
        try:
            line = network.line_giving_to(place.store)
        except KeyError:
            return None
        return Place(
            line=line.id,
            entered_at=body.since_at,
            since=body.since_at,
            store=place.store,
            lane=place.lane,
        )
    if place.line is None or place.kind not in (PlaceKind.LINE, PlaceKind.BAY):
        return None
    started = [
        job.started_at
        for job in running
        if job.body_id == body.id and job.line == place.line and job.started_at is not None
    ]
    entered = min(started, default=body.since_at)
    return Place(
        line=place.line,
        entered_at=min(entered, body.since_at),
        since=body.since_at,
        station=place.station,
        worked=body.since_at > entered,
        bay=place.bay,
    )


async def body_numbers(conn: ReadConn, ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the numbers of bodies, scrapped ones included."""
    found = await execution.find_bodies(conn, ids)
    return {body_id: body.number for body_id, body in found.items()}


def down_fact(down: Downtime, at: datetime) -> DownFact:
    """Return a downtime; one that lasts longer than expected ends at the earliest in five minutes."""
    until = max(down.until_at, at + timedelta(minutes=5))
    return DownFact(line=down.line, station=down.station, until_at=until)


async def _quoted_cars(conn: ReadConn, at: datetime) -> tuple[CarFact, ...]:
    return tuple(
        CarFact(
            order_id=quote.id,
            number=f"Q-{quote.number}",
            model=quote.model,
            color=quote.color,
            options=quote.options,
            due_at=quote.promised_at,
            quoted=True,
        )
        for quote in await capacity_repository.held_quotes(conn, now=at)
    )


def running_lots(
    lots: Iterable[repository.LotRow], running: Iterable[LineJob]
) -> tuple[LotFact, ...]:
    """Return the die lots that run, one a press: the last that began."""
    good = {(job.line, job.panel): job.good for job in running if job.kind is JobKind.DIE_LOT}
    by_press: dict[str, LotFact] = {}
    for lot in sorted(lots, key=lambda one: one.begun_at):
        if lot.actual_start_at is not None and lot.actual_end_at is None:
            done = good.get((lot.line, lot.panel), 0)
            by_press[lot.line] = LotFact(
                lot_id=lot.lot_id,
                panel=lot.panel,
                press=lot.line,
                quantity=lot.quantity,
                started_at=lot.actual_start_at,
                good=min(done, lot.quantity - 1),
            )
    return tuple(by_press.values())


def mounted(lots: Iterable[repository.LotRow]) -> dict[str, str]:
    """Return the panel whose die was used last on each press."""
    begun = sorted((one for one in lots if one.actual_start_at), key=lambda one: one.begun_at)
    return {lot.line: lot.panel for lot in begun}
