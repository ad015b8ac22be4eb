"""Promises: made when an order is confirmed, moved when the plan can no longer keep them, and moved back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from mes.contracts.events import Reason
from mes.events import service as events
from mes.events.model import Event
from mes.orders import service as orders
from mes.planning import (
    bridge,
    capacity_repository,
    history_repository,
    news_repository,
    repository,
)
from mes.planning.facts import CarFact
from mes.planning.model import Plan
from mes.planning.network import PlantNetwork
from mes.planning.operations import PlannedOperation
from mes.planning.promise import (
    NO_PATIENCE,
    Promise,
    Verdict,
    confidence_of,
    make_promise,
    may_return,
    verdict,
)
from mes.planning.quotes import NoCapacity
from mes.planning.slots import best_slot, need_of
from mes.planning.spread import spread_now
from mes.planning.words import Words
from mes.platform.db import ReadConn, WriteConn

AT_ONCE = 200
"""Promises changed with one plan version; the most urgent first, the next version does the rest."""
ACTOR = "policy:promise"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why cars finish later, link by link, with the event that is the last link."""

    reasons: tuple[Reason, ...]
    event: Event
    hold_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Causes:
    """What a plan version answers: causes by the order they hit, and what moves the others."""

    published: Event
    by_order: dict[UUID, Cause] = field(default_factory=dict)
    pushing: Cause | None = None
    """A car that takes another place and moves others with it."""
    finished_before: Mapping[UUID, datetime] = field(default_factory=dict)
    """When cars were to finish before it did."""
    outage: Cause | None = None
    """A line that is down; how long is a guess."""
    patience: timedelta = NO_PATIENCE
    """How long a car without a cause of its own has to stay late before its promise moves."""

    def of(self, car: CarFact) -> Cause | None:
        """Return why this very car is late: its own cause, or the push that broke its promise now."""
        own = self.by_order.get(car.order_id)
        if own is not None or self.pushing is None or car.promised_at is None:
            return own
        before = self.finished_before.get(car.order_id)
        pushed = before is not None and before <= car.promised_at
        return self.pushing if pushed else None


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

    Small noise moves nothing: a promise changes only when its car finishes beyond it, and without a cause
    of its own only when that lasts (`promise.verdict`). Returns how many.
    """
    (spread, record), words = await spread_now(conn, net), Words(net.plant.site.time_zone)
    finishes = {row.order_id: row.finish_at for row in rows if row.order_id and row.finish_at}
    cars = [car for car in snap.cars.values() if not car.quoted and car.order_id in finishes]
    broken = await _broken(conn, cars, finishes, causes, now=now)
    for car, cause in broken[:AT_ONCE]:
        finish_at = finishes[car.order_id]
        late = spread.of(car, finish_at, now)
        promise = make_promise(finish_at, late, record)
        await _move(conn, car, promise, head, cause, causes.published, words, now=now)
    for car in cars:
        if car.promised_at is None:
            finish_at = finishes[car.order_id]
            promise = make_promise(finish_at, spread.of(car, finish_at, now), record)
            await _first(conn, car.order_id, promise, finish_at, words, causes.published, now=now)
    return len(broken[:AT_ONCE])


async def _broken(
    conn: WriteConn,
    cars: Sequence[CarFact],
    finishes: Mapping[UUID, datetime],
    causes: Causes,
    *,
    now: datetime,
) -> list[tuple[CarFact, Cause | None]]:
    """Return the cars whose promises have to move, most urgent first, and remember those in doubt."""
    doubts = await history_repository.doubts(conn)
    broken: list[tuple[CarFact, Cause | None]] = []
    settled: list[UUID] = []
    for car in cars:
        if car.promised_at is None:
            continue
        doubt, cause = doubts.get(car.order_id), causes.of(car)
        found = verdict(
            car.promised_at,
            finishes[car.order_id],
            now=now,
            late_since=None if doubt is None else doubt.late_since,
            patience=causes.patience if cause is None else NO_PATIENCE,
        )
        if found is Verdict.WATCHED:
            if doubt is None:
                await _remember(conn, car, causes, now=now)
            continue
        if found is Verdict.BROKEN:
            if cause is None:
                cause = causes.outage if doubt is None else await _doubted(conn, doubt)
            broken.append((car, cause))
        if doubt is not None:
            settled.append(car.order_id)
    if settled:
        await history_repository.drop_doubts(conn, settled)
    broken.sort(
        key=lambda one: (one[0].order_id not in causes.by_order, one[0].promised_at, one[0].number)
    )
    return broken


async def _remember(conn: WriteConn, car: CarFact, causes: Causes, *, now: datetime) -> None:
    cause = causes.outage
    doubt = history_repository.Doubt(
        order_id=car.order_id,
        late_since=now,
        reasons=[] if cause is None else [one.model_dump(mode="json") for one in cause.reasons],
        event_id=causes.published.id if cause is None else cause.event.id,
    )
    await history_repository.add_doubt(conn, doubt)


async def _doubted(conn: WriteConn, doubt: history_repository.Doubt) -> Cause | None:
    """Return what put a promise in doubt, as it was written down then."""
    event = await events.get(conn, doubt.event_id) if doubt.reasons else None
    if event is None:
        return None
    return Cause(tuple(Reason.model_validate(one) for one in doubt.reasons), event)


async def _move(
    conn: WriteConn,
    car: CarFact,
    promise: Promise,
    head: Plan,
    cause: Cause | None,
    published: Event,
    words: Words,
    *,
    now: datetime,
) -> None:
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
    words, (spread, record) = Words(net.plant.site.time_zone), await spread_now(conn, net)
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


async def promise_for(
    conn: ReadConn, net: PlantNetwork, car: CarFact, finish_at: datetime, *, now: datetime
) -> Promise:
    """Return the promise that a projected finish allows."""
    spread, record = await spread_now(conn, net)
    return make_promise(finish_at, spread.of(car, finish_at, now), record)


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
        need_of(car),
        holder="order",
        holder_id=order_id,
        start_at=slot.start_at,
        expires_at=None,
    )
    promise = await promise_for(conn, net, car, slot.finish_at, now=now)
    await _first(conn, order_id, promise, slot.finish_at, words, cause, now=now)
    return True
