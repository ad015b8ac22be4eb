"""Job orders as lines get them: one body through one line, one die lot, one rework."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from mes.contracts.dispatch import JobKind, JobOrder
from mes.contracts.ids import job_order_id
from mes.execution.model import Body
from mes.orders.frozen import FrozenPart
from mes.orders.model import Order


class OrderNotLocked(ValueError):
    """An order without a body cannot go to a line."""


def body_job(
    order: Order,
    line: str,
    *,
    parts: Iterable[FrozenPart],
    color_hex: str | None,
    sequence: int,
    start_at: datetime,
    attempt: int = 1,
) -> JobOrder:
    """Return the job that takes the body of a locked order through a line.

    Raises:
        OrderNotLocked: it has no body yet.
    """
    if order.body_id is None:
        raise OrderNotLocked(order.number)
    return JobOrder(
        id=job_order_id(str(order.body_id), line, attempt),
        kind=JobKind.BODY,
        line=line,
        attempt=attempt,
        sequence=sequence,
        start_at=start_at,
        body_id=order.body_id,
        body_number=order.body_number,
        vin=order.vin,
        model=order.model,
        color=order.color,
        color_hex=color_hex,
        options=tuple(order.options),
        parts=tuple(f"{p.family}:{p.part_number}" for p in parts if p.line == line),
    )


def body_of(order: Order, *, now: datetime) -> Body:
    """Return the body of a locked order as it begins: nowhere yet.

    Raises:
        OrderNotLocked: it has no body yet.
    """
    if order.body_id is None or order.body_number is None or order.vin is None:
        raise OrderNotLocked(order.number)
    return Body(
        id=order.body_id,
        number=order.body_number,
        order_id=order.id,
        vin=order.vin,
        model=order.model,
        color=order.color,
        since_at=now,
    )


def lot_job(
    subject_id: UUID,
    line: str,
    *,
    panel: str,
    quantity: int,
    sequence: int,
    start_at: datetime,
    attempt: int = 1,
) -> JobOrder:
    """Return the job that stamps a die lot."""
    return JobOrder(
        id=job_order_id(str(subject_id), line, attempt),
        kind=JobKind.DIE_LOT,
        line=line,
        attempt=attempt,
        sequence=sequence,
        start_at=start_at,
        panel=panel,
        quantity=quantity,
    )
