"""Orders as they are loaded for a change, saved after it, and the change written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from mes.identity import service as identity
from mes.orders import repository
from mes.orders.model import Order, editable
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


async def audited(
    conn: WriteConn,
    actor: str,
    action: str,
    before: Order | None,
    after: Order,
    *,
    now: datetime,
) -> None:
    """Write down what of an order was changed."""
    new = _facts(after)
    old = _facts(before) if before else dict.fromkeys(new)
    changed = [field for field in new if new[field] != old[field]]
    await identity.audit(
        conn,
        actor,
        action,
        f"order:{after.number}",
        {field: old[field] for field in changed} if before else None,
        {field: new[field] for field in changed},
        now=now,
    )


def _facts(order: Order) -> dict[str, object]:
    return {**editable(order), "stage": order.stage.value, "stage_reason": order.stage_reason}
