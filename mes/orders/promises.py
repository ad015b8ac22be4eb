"""The date a customer was told: made, kept or changed, each time with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from mes.contracts.events import PromiseChanged, PromiseMade, Reason
from mes.contracts.ids import uuid7
from mes.events import service as events
from mes.events.model import Event
from mes.orders import repository
from mes.orders.model import Order, OrderStage
from mes.orders.repository import Promise
from mes.orders.stored import for_update, saved
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Conflict


class AlreadyPromised(Conflict):
    """Order {number} is promised for {promised_at} already; a promise is changed, not made again."""

    code = "promise.exists"


class NothingPromised(Conflict):
    """Order {number} has no promise yet that could change."""

    code = "promise.none"


class ReasonMissing(Conflict):
    """The promise of order {number} cannot change without a reason."""

    code = "promise.reason_missing"


async def make_promise(
    conn: WriteConn,
    order_id: UUID,
    promised_at: datetime,
    *,
    confidence: float,
    assumed: bool,
    reasons: Sequence[Reason] = (),
    now: datetime,
    actor: str,
    causation: Event | None = None,
) -> Event:
    """Promise a date for the first time; a validated order is quoted by it.

    Args:
        promised_at: plant time by which the car leaves the last check.
        confidence: probability that it does, 0 to 1.
        assumed: whether the confidence rests on the plant file's priors, not yet on history.

    Raises:
        AlreadyPromised: there is a promise; change it.
    """
    order = await for_update(conn, order_id)
    if order.promised_at is not None:
        raise AlreadyPromised(number=order.number, promised_at=order.promised_at.isoformat())
    payload = PromiseMade(
        order_id=order_id,
        promised_at=promised_at,
        confidence=confidence,
        assumed=assumed,
        reasons=tuple(reasons),
    )
    event = await events.record(
        conn, payload, now=now, actor=actor, causation=causation, correlation=order_id
    )
    await _remember(conn, event, promised_at, confidence, assumed, reasons)
    await _settle_stage(conn, order, now)
    return event


async def change_promise(
    conn: WriteConn,
    order_id: UUID,
    new_at: datetime,
    reasons: Sequence[Reason],
    *,
    confidence: float,
    assumed: bool,
    now: datetime,
    actor: str,
    causation: Event | None = None,
) -> Event:
    """Promise another date; the reasons run from the first cause to the new date.

    Raises:
        NothingPromised: there is no promise yet.
        ReasonMissing: `reasons` is empty.
    """
    order = await for_update(conn, order_id)
    if order.promised_at is None:
        raise NothingPromised(number=order.number)
    if not reasons:
        raise ReasonMissing(number=order.number)
    payload = PromiseChanged(
        order_id=order_id,
        old_at=order.promised_at,
        new_at=new_at,
        confidence=confidence,
        assumed=assumed,
        reasons=tuple(reasons),
    )
    event = await events.record(
        conn, payload, now=now, actor=actor, causation=causation, correlation=order_id
    )
    await _remember(conn, event, new_at, confidence, assumed, reasons)
    await _settle_stage(conn, order, now)
    return event


async def settle_promise(
    conn: WriteConn,
    order_id: UUID,
    promised_at: datetime,
    *,
    confidence: float,
    assumed: bool,
    reasons: Sequence[Reason],
    now: datetime,
    actor: str,
    causation: Event | None = None,
) -> Event | None:
    """Make the promise, change it, or leave it when it is this date already (then None).

    A reconfigured order is confirmed again by it, also when its date stays.
    """
    order = await for_update(conn, order_id)
    if order.promised_at is None:
        return await make_promise(
            conn,
            order_id,
            promised_at,
            confidence=confidence,
            assumed=assumed,
            reasons=reasons,
            now=now,
            actor=actor,
            causation=causation,
        )
    if order.promised_at != promised_at:
        return await change_promise(
            conn,
            order_id,
            promised_at,
            reasons,
            confidence=confidence,
            assumed=assumed,
            now=now,
            actor=actor,
            causation=causation,
        )
    await _settle_stage(conn, order, now)
    return None


async def promises(conn: ReadConn, order_id: UUID) -> list[Promise]:
    """Return everything that was promised for an order, oldest first."""
    return await repository.promises(conn, order_id)


async def _remember(
    conn: WriteConn,
    event: Event,
    promised_at: datetime,
    confidence: float,
    assumed: bool,
    reasons: Sequence[Reason],
) -> None:
    await repository.add_promise(
        conn,
        Promise(
            id=uuid7(),
            order_id=UUID(event.subject),
            promised_at=promised_at,
            confidence=confidence,
            assumed=assumed,
            reasons=tuple(reasons),
            event_id=event.id,
            made_at=event.plant_at,
        ),
    )


async def _settle_stage(conn: WriteConn, order: Order, now: datetime) -> None:
    match order.stage:
        case OrderStage.VALIDATED:
            await saved(conn, order.moved_to(OrderStage.QUOTED, now))
        case OrderStage.RECONFIGURED:
            await saved(conn, order.moved_to(OrderStage.CONFIRMED, now))
        case _:
            pass
