"""Orders as they are loaded for a change, and saved after it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from mes.orders import repository
from mes.orders.model import Order
from mes.platform.db import WriteConn
from mes.platform.errors import NotFound


class NoSuchOrder(NotFound):
    """There is no order {number}."""

    code = "order.unknown"


async def for_update(conn: WriteConn, order_id: UUID) -> Order:
    """Load an order that nobody else can change until this transaction ends.

    Raises:
        NoSuchOrder: there is none.
    """
    found = await repository.by_ids_for_update(conn, [order_id])
    if not found:
        raise NoSuchOrder(number=order_id)
    return found[0]


async def saved(conn: WriteConn, order: Order) -> Order:
    """Save an order that was loaded `for_update`; return it with its new version."""
    if not await repository.save(conn, order):
        raise RuntimeError(f"order {order.number} was saved without being loaded for update")
    return replace(order, row_version=order.row_version + 1)
