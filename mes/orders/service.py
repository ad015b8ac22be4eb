"""The life of an order: placed, confirmed, changed, cancelled; what follows the lock is in `production`.

The functions of `mes.orders.production` and `mes.orders.promises` are part of this door.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from mes.catalog import configure as rules
from mes.catalog import service as catalog
from mes.catalog.configure import BrokenRule, NotBuildable
from mes.catalog.model import Catalog, Configuration
from mes.contracts.events import (
    OrderCancelled,
    OrderChanged,
    OrderConfirmed,
    OrderCreated,
    OrderHeld,
    OrderResumed,
)
from mes.contracts.ids import uuid7
from mes.events import service as events
from mes.orders import links, repository
from mes.orders.model import PLANNABLE, Order, OrderNotChangeable, OrderStage, differences
from mes.orders.production import LockRefused as LockRefused
from mes.orders.production import lock_order as lock_order
from mes.orders.production import lock_orders as lock_orders
from mes.orders.production import reach_stage as reach_stage
from mes.orders.production import replace_body as replace_body
from mes.orders.promises import change_promise as change_promise
from mes.orders.promises import make_promise as make_promise
from mes.orders.promises import promises as promises
from mes.orders.promises import settle_promise as settle_promise
from mes.orders.repository import FrozenPart, FrozenStep, OpenOrder, OrderBody
from mes.orders.stored import NoSuchOrder, for_update, saved
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Conflict

LINK_DAYS = 400
"""Real days for which a customer's link is good: from the order until well after delivery."""
_BREATHE_EVERY = 200


class DuplicateOrder(Conflict):
    """Channel {channel} has sent order {external_id} before; it is order {number}."""

    code = "order.duplicate"


class OrderChangedMeanwhile(Conflict):
    """Order {number} was changed while you were looking at it; look at the difference and try again."""

    code = "order.changed_meanwhile"


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """What a channel sends: a car wished by somebody, perhaps for a date."""

    channel: str
    model: str
    color: str
    options: tuple[str, ...] = ()
    external_id: str | None = None
    customer: str | None = None
    language: str = "en"
    requested_at: datetime | None = None
    priority: int = 5
    """1 (first) to 9 (last)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A draft of a batch that did not become an order: which rules it breaks, or which order it repeats."""

    broken: tuple[BrokenRule, ...] = ()
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True)
class OrderChange:
    """The whole of what a person may edit, as they want it to be."""

    model: str
    color: str
    options: tuple[str, ...]
    customer: str | None
    language: str
    requested_at: datetime | None
    priority: int


async def place_order(
    conn: WriteConn, draft: OrderDraft, *, now: datetime, real_now: datetime, actor: str
) -> Order:
    """Take a confirmed order.

    Raises:
        NotBuildable: the car breaks rules of the catalogue.
        DuplicateOrder: the channel has sent this external id before.
    """
    order = await register_order(conn, draft, now=now, real_now=real_now, actor=actor)
    return await _confirm(conn, order, now=now, actor=actor)


async def register_order(
    conn: WriteConn, draft: OrderDraft, *, now: datetime, real_now: datetime, actor: str
) -> Order:
    """Take an order that can be built but is not confirmed yet; it waits for a quote or for its customer.

    Raises:
        NotBuildable: the car breaks rules of the catalogue.
        DuplicateOrder: the channel has sent this external id before.
    """
    (outcome,) = await _register(conn, [draft], now=now, real_now=real_now, actor=actor)
    if isinstance(outcome, Order):
        return outcome
    if outcome.broken:
        raise NotBuildable(outcome.broken)
    raise DuplicateOrder(
        channel=draft.channel, external_id=draft.external_id, number=outcome.duplicate_of
    )


async def place_orders(
    conn: WriteConn,
    drafts: Sequence[OrderDraft],
    *,
    now: datetime,
    real_now: datetime,
    actor: str,
) -> list[Order | Refused]:
    """Take many confirmed orders; for each draft, in order, its order or why it was refused."""
    outcomes = await _register(conn, drafts, now=now, real_now=real_now, actor=actor)
    confirmed: list[Order | Refused] = []
    facts: list[events.Fact] = []
    for outcome in outcomes:
        if isinstance(outcome, Order):
            facts.append(
                events.Fact(
                    OrderConfirmed(order_id=outcome.id, number=outcome.number), now, outcome.id
                )
            )
            outcome = replace(outcome.moved_to(OrderStage.CONFIRMED, now), row_version=2)
        confirmed.append(outcome)
    await repository.confirm_new(
        conn, [one.id for one in confirmed if isinstance(one, Order)], at=now
    )
    await events.record_all(conn, facts, actor=actor)
    return confirmed


async def confirm_order(conn: WriteConn, number: str, *, now: datetime, actor: str) -> Order:
    """The customer agrees: from here on the plant plans the order.

    Raises:
        NoSuchOrder, OrderNotInStage
    """
    return await _confirm(conn, await _numbered(conn, number), now=now, actor=actor)


async def change_order(
    conn: WriteConn,
    number: str,
    change: OrderChange,
    *,
    row_version: int,
    now: datetime,
    actor: str,
) -> Order:
    """Make an order as `change` wants it; a change that changes nothing is no change.

    Args:
        row_version: the version of the order that the person saw.

    Raises:
        OrderChangedMeanwhile: somebody else changed it; carries the difference.
        OrderNotChangeable: it is locked, held or over.
        NotBuildable: the car breaks rules of the catalogue.
    """
    order = await _numbered(conn, number)
    wanted, current = _editable(change), _editable(order)
    if wanted == current:
        return order
    if order.row_version != row_version:
        raise OrderChangedMeanwhile(
            number=number,
            row_version=order.row_version,
            differences=differences(wanted, current, wanted),
        )
    if not order.is_changeable:
        raise OrderNotChangeable(number=number, stage=order.stage)
    changed = replace(
        order,
        customer=change.customer,
        language=change.language,
        requested_at=change.requested_at,
        priority=change.priority,
    )
    car = await catalog.configure(
        conn, model=change.model, color=change.color, options=change.options, at=now
    )
    if (car.model, car.color, car.options) != (order.model, order.color, order.options):
        changed = changed.with_car(car, now)
    changed = await saved(conn, changed)
    await events.record(
        conn,
        OrderChanged(
            order_id=order.id,
            number=order.number,
            model=changed.model,
            color=changed.color,
            options=changed.options,
        ),
        now=now,
        actor=actor,
        correlation=order.id,
    )
    return changed


async def cancel_order(
    conn: WriteConn, number: str, *, reason: str, now: datetime, actor: str
) -> Order:
    """End an order before its car is begun.

    Raises:
        OrderNotCancellable: production of its car has begun, or it is over.
    """
    order = await _numbered(conn, number)
    cancelled = await saved(conn, order.cancelled(now, reason=reason))
    payload = OrderCancelled(order_id=order.id, number=order.number, reason=reason)
    await events.record(conn, payload, now=now, actor=actor, correlation=order.id)
    return cancelled


async def hold_order(
    conn: WriteConn, number: str, *, reason: str, now: datetime, actor: str
) -> Order:
    """Let an order wait; planning leaves it out until it is resumed.

    Raises:
        OrderNotInStage: production of its car has begun, or it is over.
    """
    order = await _numbered(conn, number)
    held = await saved(conn, order.moved_to(OrderStage.HELD, now, reason=reason))
    payload = OrderHeld(order_id=order.id, number=order.number, reason=reason)
    await events.record(conn, payload, now=now, actor=actor, correlation=order.id)
    return held


async def resume_order(conn: WriteConn, number: str, *, now: datetime, actor: str) -> Order:
    """Let a held order go on where it was.

    Raises:
        OrderNotInStage: it is not held.
    """
    order = await _numbered(conn, number)
    resumed = await saved(conn, order.resumed(now))
    payload = OrderResumed(order_id=order.id, number=order.number)
    await events.record(conn, payload, now=now, actor=actor, correlation=order.id)
    return resumed


async def order(conn: ReadConn, number: str) -> Order:
    """Return the order with this number.

    Raises:
        NoSuchOrder: there is none.
    """
    found = await repository.by_number(conn, number)
    if found is None:
        raise NoSuchOrder(number=number)
    return found


async def order_by_id(conn: ReadConn, order_id: UUID) -> Order | None:
    """Return an order by its key, or None."""
    return await repository.by_id(conn, order_id)


async def order_of_body(conn: ReadConn, body_id: UUID) -> Order | None:
    """Return the order that a body is or was built for, or None."""
    return await repository.by_body(conn, body_id)


async def orders(
    conn: ReadConn,
    *,
    stage: OrderStage | None = None,
    model: str | None = None,
    channel: str | None = None,
    search: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> list[Order]:
    """Return a page of orders by number; `after` is the last number of the page before."""
    return await repository.page(
        conn,
        stage=stage,
        model=model,
        channel=channel,
        search=search,
        after=after,
        limit=limit,
    )


async def open_orders(conn: ReadConn) -> list[OpenOrder]:
    """Return every order that needs a place in the plan, in the order in which they came."""
    return await repository.open_orders(conn, PLANNABLE)


async def counts_by_stage(conn: ReadConn) -> dict[OrderStage, int]:
    """Return how many orders are in each stage."""
    return await repository.counts_by_stage(conn)


async def bodies(conn: ReadConn, order_id: UUID) -> list[OrderBody]:
    """Return every body that was ever built for an order, oldest first."""
    return await repository.bodies(conn, order_id)


async def body_of_number(conn: ReadConn, number: str) -> OrderBody | None:
    """Return the body with this number, or None."""
    return await repository.body_of_number(conn, number)


async def frozen_bom(conn: ReadConn, order_id: UUID) -> list[FrozenPart]:
    """Return the 100 % BOM frozen at lock, by place of fitting; empty before lock."""
    return await repository.bom(conn, order_id)


async def frozen_boms(conn: ReadConn, order_ids: Sequence[UUID]) -> dict[UUID, list[FrozenPart]]:
    """Return the frozen BOMs of many orders."""
    return await repository.boms(conn, order_ids)


async def frozen_routing(conn: ReadConn, order_id: UUID) -> list[FrozenStep]:
    """Return the routing frozen at lock; empty before lock."""
    return await repository.routing(conn, order_id)


async def _confirm(conn: WriteConn, order: Order, *, now: datetime, actor: str) -> Order:
    confirmed = await saved(conn, order.moved_to(OrderStage.CONFIRMED, now))
    payload = OrderConfirmed(order_id=order.id, number=order.number)
    await events.record(conn, payload, now=now, actor=actor, correlation=order.id)
    return confirmed


async def _register(
    conn: WriteConn,
    drafts: Sequence[OrderDraft],
    *,
    now: datetime,
    real_now: datetime,
    actor: str,
) -> list[Order | Refused]:
    active = await catalog.active_catalog(conn, now)
    cars: list[Configuration | Refused] = []
    for count, draft in enumerate(drafts, start=1):
        cars.append(_configured(active, draft, now))
        if count % _BREATHE_EVERY == 0:
            await asyncio.sleep(0)
    wanted = [n for n, car in enumerate(cars) if isinstance(car, Configuration)]
    numbers = await repository.take(conn, "order", len(wanted))
    fresh = {
        n: _new_order(drafts[n], car, number, now=now, real_now=real_now, actor=actor)
        for n, number in zip(wanted, numbers, strict=True)
        if isinstance(car := cars[n], Configuration)
    }
    await links.ensure_key(conn)
    added = await repository.add(conn, list(fresh.values()))
    outcomes: list[Order | Refused] = []
    for n, car in enumerate(cars):
        if isinstance(car, Refused):
            outcomes.append(car)
        elif fresh[n].id in added:
            outcomes.append(fresh[n])
        else:
            outcomes.append(Refused(duplicate_of=await _number_of(conn, drafts[n])))
    await events.record_all(
        conn,
        [events.Fact(_created(one), now, one.id) for one in outcomes if isinstance(one, Order)],
        actor=actor,
    )
    return outcomes


def _configured(active: Catalog, draft: OrderDraft, now: datetime) -> Configuration | Refused:
    try:
        return rules.configure(active, draft.model, draft.color, draft.options, now)
    except NotBuildable as refusal:
        return Refused(broken=refusal.broken)


def _new_order(
    draft: OrderDraft,
    car: Configuration,
    number: int,
    *,
    now: datetime,
    real_now: datetime,
    actor: str,
) -> Order:
    return Order(
        id=uuid7(),
        number=f"C2M-{number:07d}",
        channel=draft.channel,
        external_id=draft.external_id,
        customer=draft.customer,
        language=draft.language,
        model=car.model,
        color=car.color,
        options=car.options,
        catalog_version=car.catalog_version,
        requested_at=draft.requested_at,
        priority=draft.priority,
        stage=OrderStage.DRAFT,
        held_stage=None,
        stage_at=now,
        stage_reason=None,
        row_version=1,
        created_at=now,
        created_by=actor,
        link_expires_at=(real_now + timedelta(days=LINK_DAYS)).replace(microsecond=0),
    ).moved_to(OrderStage.VALIDATED, now)


def _created(order: Order) -> OrderCreated:
    return OrderCreated(
        order_id=order.id,
        number=order.number,
        channel=order.channel,
        external_id=order.external_id,
        model=order.model,
        color=order.color,
        options=order.options,
        requested_at=order.requested_at,
    )


async def _number_of(conn: ReadConn, draft: OrderDraft) -> str | None:
    external_id = draft.external_id or ""
    known = await repository.numbers_by_external_id(conn, draft.channel, [external_id])
    return known.get(external_id)


def _editable(source: Order | OrderChange) -> dict[str, object]:
    return {
        "model": source.model,
        "color": source.color,
        "options": tuple(sorted(source.options)),
        "customer": source.customer,
        "language": source.language,
        "requested_at": source.requested_at,
        "priority": source.priority,
    }


async def _numbered(conn: WriteConn, number: str) -> Order:
    found = await order(conn, number)
    return await for_update(conn, found.id)
