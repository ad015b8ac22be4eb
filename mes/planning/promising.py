"""Promises: made when an order is confirmed, moved when the plan can no longer keep them, and moved back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from mes.contracts.events import Reason
from mes.contracts.plant import Line
from mes.events.model import Event
from mes.orders import service as orders
from mes.planning import books, bridge, capacity_repository, news_repository, repository
from mes.planning.facts import CarFact
from mes.planning.model import Plan
from mes.planning.network import PlantNetwork
from mes.planning.operations import PlannedOperation
from mes.planning.promise import (
    Floats,
    Promise,
    Record,
    confidence_of,
    delays,
    make_promise,
    may_return,
    must_move,
)
from mes.planning.quotes import NoCapacity, ShiftCapacity
from mes.planning.words import Words
from mes.platform.db import ReadConn, WriteConn

AT_ONCE = 200
"""Promises changed with one plan version; the most urgent first, the next version does the rest."""
ACTOR = "policy:promise"
SAMPLE_SEED = 2026


@dataclass(frozen=True, slots=True)
class Cause:
    """Why cars finish later, link by link, with the event that is the last link."""

    reasons: tuple[Reason, ...]
    event: Event
    hold_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Causes:
    """What a plan version answers: causes by the order they hit, and the one that may push others."""

    published: Event
    by_order: dict[UUID, Cause] = field(default_factory=dict)
    pushing: Cause | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that a car can have: its shift, its start on the drum and its finish."""

    shift: ShiftCapacity
    start_at: datetime
    finish_at: datetime


def way_of(net: PlantNetwork, car: CarFact) -> tuple[Line, ...]:
    """Return the lines that a car has still to pass, the one it is on included."""
    if car.place is None:
        return net.way
    ids = [line.id for line in net.way]
    at = ids.index(car.place.line) + (1 if car.place.store is not None else 0)
    return net.way[at:]


class Spread:
    """Draws of how late cars come; the same question is drawn once."""

    def __init__(self, net: PlantNetwork) -> None:
        self._net = net
        self._drawn: dict[tuple[int, int], Floats] = {}

    def of(self, car: CarFact, finish_at: datetime, now: datetime) -> Floats:
        """Return the draws for a car planned to finish then; the time ahead counts in ten minutes."""
        way = way_of(self._net, car)
        ahead = max(0, int((finish_at - now).total_seconds()) // 600)
        key = (len(way), ahead)
        if key not in self._drawn:
            self._drawn[key] = delays(way, ahead_s=ahead * 600, seed=SAMPLE_SEED)
        return self._drawn[key]


async def settle(
    conn: WriteConn,
    net: PlantNetwork,
    head: Plan,
    snap: bridge.Snapshot,
    rows: Sequence[PlannedOperation],
    causes: Causes,
    *,
    now: datetime,
) -> int:
    """Make the promises that are missing and move those that the plan in force cannot keep.

    Small noise moves nothing: a promise changes only when its car finishes beyond it. Returns how many.
    """
    record = await capacity_repository.record_of_promises(conn)
    spread, words = Spread(net), Words(net.plant.site.time_zone)
    finishes = {row.order_id: row.finish_at for row in rows if row.order_id and row.finish_at}
    cars = [car for car in snap.cars.values() if not car.quoted and car.order_id in finishes]
    broken = [
        car
        for car in cars
        if car.promised_at is not None
        and (finish := finishes[car.order_id]) is not None
        and must_move(car.promised_at, finish)
    ]
    broken.sort(key=lambda car: (car.order_id not in causes.by_order, car.promised_at, car.number))
    for car in broken[:AT_ONCE]:
        finish_at = finishes[car.order_id]
        late = spread.of(car, finish_at, now)
        await _move(conn, car, make_promise(finish_at, late, record), head, causes, words, now=now)
    for car in cars:
        if car.promised_at is None:
            finish_at = finishes[car.order_id]
            promise = make_promise(finish_at, spread.of(car, finish_at, now), record)
            await _first(conn, car.order_id, promise, finish_at, words, causes.published, now=now)
    return len(broken[:AT_ONCE])


async def _move(
    conn: WriteConn,
    car: CarFact,
    promise: Promise,
    head: Plan,
    causes: Causes,
    words: Words,
    *,
    now: datetime,
) -> None:
    cause = causes.by_order.get(car.order_id) or causes.pushing
    published = causes.published
    if cause is None:
        cause = Cause((words.replanned(head.number, published.id),), published)
    former = car.promised_at
    if former is None or promise.at == former:
        return
    reasons = (*cause.reasons, words.new_date(former, promise.at, published.id))
    await orders.change_promise(
        conn,
        car.order_id,
        promise.at,
        reasons,
        confidence=promise.confidence.value,
        assumed=promise.confidence.assumed,
        now=now,
        actor=ACTOR,
        causation=cause.event,
    )
    await repository.set_promised(conn, car.order_id, promise.at)
    if cause.hold_id is not None:
        move = news_repository.PromiseMove(cause.hold_id, car.order_id, former, promise.at)
        await news_repository.add_move(conn, move)


async def _first(
    conn: WriteConn,
    order_id: UUID,
    promise: Promise,
    finish_at: datetime,
    words: Words,
    causation: Event,
    *,
    now: datetime,
) -> Event | None:
    event = await orders.settle_promise(
        conn,
        order_id,
        promise.at,
        confidence=promise.confidence.value,
        assumed=promise.confidence.assumed,
        reasons=(words.first_date(finish_at, causation.id),),
        now=now,
        actor=ACTOR,
        causation=causation,
    )
    await repository.set_promised(conn, order_id, promise.at)
    return event


async def take_back(
    conn: WriteConn,
    net: PlantNetwork,
    hold_id: UUID,
    reasons: Sequence[Reason],
    rows: Sequence[PlannedOperation],
    *,
    cause: Event,
    now: datetime,
) -> int:
    """Return the promises that a delay had moved to where they were, if the plan keeps them again.

    A promise that has moved on for another cause, or whose former date is out of reach, stays.
    """
    words, spread = Words(net.plant.site.time_zone), Spread(net)
    record = await capacity_repository.record_of_promises(conn)
    finishes = {row.order_id: row.finish_at for row in rows if row.order_id and row.finish_at}
    returned = 0
    for move in await news_repository.moves_of_hold(conn, hold_id):
        order = await orders.order_by_id(conn, move.order_id)
        finish_at = finishes.get(move.order_id)
        if order is None or order.promised_at != move.moved_at or finish_at is None:
            continue
        if not may_return(move.former_at, finish_at):
            continue
        car = CarFact(order_id=order.id, number=order.number, model=order.model, color=order.color)
        late = spread.of(car, finish_at, now)
        confidence = confidence_of(move.former_at, finish_at, late, record)
        await orders.change_promise(
            conn,
            move.order_id,
            move.former_at,
            (*reasons, words.new_date(move.moved_at, move.former_at, cause.id)),
            confidence=confidence.value,
            assumed=confidence.assumed,
            now=now,
            actor=ACTOR,
            causation=cause,
        )
        await repository.set_promised(conn, move.order_id, move.former_at)
        returned += 1
    await news_repository.drop_moves(conn, hold_id)
    return returned


# The first promise: capacity and best insertion, never a solver


async def best_slot(conn: WriteConn, net: PlantNetwork, car: CarFact, *, now: datetime) -> Slot:
    """Return the best free place of the drum line; its shift stays locked until the caller commits.

    Two processes that ask at once get two places: the second waits for the first one's debit, and looks
    again.

    Raises:
        NoCapacity: every shift that is planned so far is full.
    """
    line = net.drum_line
    earliest = now + timedelta(seconds=_lead_to_drum_s(net))
    sequence = await books.book(conn, net.plant.site.id)
    after = now - timedelta(days=7)
    while True:
        shift = await capacity_repository.open_shift(conn, line.id, earliest=earliest, after=after)
        if shift is None:
            if await _is_contended(conn, line, earliest=earliest, after=after):
                continue
            ahead = await capacity_repository.shifts_ahead(conn, line.id, now)
            until = ahead[-1].end_at.isoformat() if ahead else "no shift is planned"
            raise NoCapacity(until_at=until)
        found = None
        begin = max(earliest, shift.start_at)
        if sequence is not None:
            found = sequence.place(car, net, earliest=begin, latest=shift.end_at)
        ahead_of_it = timedelta(seconds=shift.reserved * line.takt_s)
        if found is not None:
            return Slot(shift, found[0], found[1] + ahead_of_it)
        used = timedelta(seconds=(shift.planned + shift.reserved) * line.takt_s)
        start = max(begin, shift.start_at + used)
        if start < shift.end_at:
            return Slot(shift, start, start + timedelta(seconds=net.drum_lead_s))
        after = shift.start_at


async def _is_contended(
    conn: WriteConn, line: Line, *, earliest: datetime, after: datetime
) -> bool:
    """Say whether a place was there that another process took while this one waited for it."""
    ahead = await capacity_repository.shifts_ahead(conn, line.id, earliest)
    return any(shift.free and shift.start_at > after for shift in ahead)


def _lead_to_drum_s(net: PlantNetwork) -> float:
    """Return the seconds from the first weld step to the drum, each shop at its nominal pace."""
    weld = sum(line.lead_s for line in net.weld_lines)
    return weld + net.takes_s(net.paint_line) + 2 * net.drum_line.takt_s


async def promise_for(
    conn: ReadConn, net: PlantNetwork, car: CarFact, finish_at: datetime, *, now: datetime
) -> Promise:
    """Return the promise that a projected finish allows."""
    record: Record = await capacity_repository.record_of_promises(conn)
    return make_promise(finish_at, Spread(net).of(car, finish_at, now), record)


async def promise_order(
    conn: WriteConn, net: PlantNetwork, order_id: UUID, *, cause: Event, now: datetime
) -> bool:
    """Promise a confirmed (or reconfigured) order: a place debited under lock, then the date.

    An order from a quote keeps the quote's date and place. Returns False when nothing can be promised
    yet: the plan that will hold the order promises it.
    """
    order = await orders.order_by_id(conn, order_id)
    if order is None or order.stage.value not in ("confirmed", "reconfigured"):
        return False
    words = Words(net.plant.site.time_zone)
    quote = await capacity_repository.quote_of_order(conn, order_id)
    if quote is not None and order.promised_at is None:
        await orders.settle_promise(
            conn,
            order_id,
            quote.promised_at,
            confidence=quote.confidence,
            assumed=quote.assumed,
            reasons=(words.first_date(quote.promised_at, cause.id),),
            now=now,
            actor=ACTOR,
            causation=cause,
        )
        return True
    car = CarFact(
        order_id=order.id,
        number=order.number,
        model=order.model,
        color=order.color,
        options=tuple(order.options),
        due_at=order.promised_at or order.requested_at,
    )
    if order.promised_at is not None:
        await capacity_repository.give_back(conn, "order", order_id)
    try:
        slot = await best_slot(conn, net, car, now=now)
    except NoCapacity:
        return False
    await capacity_repository.reserve(
        conn,
        slot.shift,
        holder="order",
        holder_id=order_id,
        start_at=slot.start_at,
        expires_at=None,
    )
    promise = await promise_for(conn, net, car, slot.finish_at, now=now)
    await _first(conn, order_id, promise, slot.finish_at, words, cause, now=now)
    return True
