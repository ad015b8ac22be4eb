"""The door of orders: changed, cancelled, held, looked up; placing, promises and production are beside it.

Other features call what is named here; the functions themselves stand in `placing`, `promises` and
`production`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from mes.catalog import service as catalog
from mes.contracts.events import (
    OrderCancelled,
    OrderChanged,
    OrderHeld,
    OrderResumed,
)
from mes.events import service as events
from mes.orders import frozen, repository
from mes.orders.frozen import FrozenPart, FrozenStep
from mes.orders.model import (
    PLANNABLE,
    Order,
    OrderNotChangeable,
    OrderStage,
    differences,
    editable,
)
from mes.orders.model import OrderChange as OrderChange
from mes.orders.placing import DuplicateOrder as DuplicateOrder
from mes.orders.placing import OrderDraft as OrderDraft
from mes.orders.placing import Refused as Refused
from mes.orders.placing import confirm
from mes.orders.placing import place_order as place_order
from mes.orders.placing import place_orders as place_orders
from mes.orders.placing import register_order as register_order
from mes.orders.production import LockRefused as LockRefused
from mes.orders.production import lock_order as lock_order
from mes.orders.production import lock_orders as lock_orders
from mes.orders.production import reach_stage as reach_stage
from mes.orders.production import replace_body as replace_body
from mes.orders.promises import change_promise as change_promise
from mes.orders.promises import make_promise as make_promise
from mes.orders.promises import promises as promises
from mes.orders.promises import settle_promise as settle_promise
from mes.orders.repository import OpenOrder, OrderBody
from mes.orders.stored import NoSuchOrder as NoSuchOrder
from mes.orders.stored import audited, for_update, saved
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Conflict


class OrderChangedMeanwhile(Conflict):
    """Order {number} was changed while you were looking at it; look at the difference and try again."""

    code = "order.changed_meanwhile"


async def confirm_order(conn: WriteConn, number: str, *, now: datetime, actor: str) -> Order:
    """The customer agrees: from here on the plant plans the order.

    Raises:
        NoSuchOrder, OrderNotInStage
    """
    return await confirm(conn, await _numbered(conn, number), now=now, actor=actor)


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
    wanted, current = editable(change), editable(order)
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
    await audited(conn, actor, "order.changed", order, changed, now=now)
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
    await audited(conn, actor, "order.cancelled", order, cancelled, now=now)
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
    await audited(conn, actor, "order.held", order, held, now=now)
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
    await audited(conn, actor, "order.resumed", order, resumed, now=now)
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
    return await frozen.bom(conn, order_id)


async def frozen_boms(conn: ReadConn, order_ids: Sequence[UUID]) -> dict[UUID, list[FrozenPart]]:
    """Return the frozen BOMs of many orders."""
    return await frozen.boms(conn, order_ids)


async def frozen_routing(conn: ReadConn, order_id: UUID) -> list[FrozenStep]:
    """Return the routing frozen at lock; empty before lock."""
    return await frozen.routing(conn, order_id)


async def _numbered(conn: WriteConn, number: str) -> Order:
    found = await order(conn, number)
    return await for_update(conn, found.id)
