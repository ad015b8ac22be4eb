"""What a customer sees through their link: how far the car is, when it comes, and why that changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mes.catalog import service as catalog
from mes.contracts.events import Reason
from mes.contracts.text import Text
from mes.identity import service as identity
from mes.orders import links, repository
from mes.orders.links import LinkExpired, LinkUnknown
from mes.orders.model import CustomerStage, Order, OrderStage, customer_stages
from mes.platform.db import WriteConn
from mes.platform.errors import TooMany

VIEWS_LIMIT = 240
"""Views of customers' pages from one address in a window of real time."""
VIEWS_WINDOW = timedelta(minutes=10)


class TooManyViews(TooMany):
    """This page was asked for too often; try again in {retry_after_s} seconds."""

    code = "customer_link.too_many"


@dataclass(frozen=True, slots=True)
class PromisedDate:
    """A date of the history: when it was promised, what it replaced, and why."""

    promised_at: datetime
    previous_at: datetime | None
    made_at: datetime
    confidence: float
    assumed: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class CustomerView:
    """An order as its customer sees it."""

    number: str
    model: Text
    color: Text
    color_hex: str
    options: tuple[Text, ...]
    vin: str | None
    stages: tuple[CustomerStage, ...]
    delivered: bool
    waiting: bool
    cancelled: bool
    requested_at: datetime | None
    promised_at: datetime | None
    confidence: float | None
    assumed: bool | None
    is_late: bool
    history: tuple[PromisedDate, ...]
    language: str


async def customer_view(
    conn: WriteConn, token: str, *, address: str, now: datetime, real_now: datetime
) -> CustomerView | TooManyViews | LinkUnknown | LinkExpired:
    """Return what a customer's link shows, or the problem to raise after the commit: every try is counted."""
    wait_s = await identity.spend(
        conn, f"customer@{address}", limit=VIEWS_LIMIT, window=VIEWS_WINDOW, real_now=real_now
    )
    if wait_s:
        return TooManyViews(retry_after_s=wait_s)
    try:
        order = await links.order_of_token(conn, token, real_now=real_now)
    except (LinkUnknown, LinkExpired) as refusal:
        return refusal
    return await view_of(conn, order, now=now)


async def view_of(conn: WriteConn, order: Order, *, now: datetime) -> CustomerView:
    """Return an order as its customer sees it."""
    active = await catalog.active_catalog(conn, now)
    names = {option.code: option.name for option in active.options}
    colors = {color.code: color for color in active.colors}
    models = {model.code: model.name for model in active.models}
    color = colors.get(order.color)
    return CustomerView(
        number=order.number,
        model=models.get(order.model, Text(en=order.model, zh=order.model)),
        color=color.name if color else Text(en=order.color, zh=order.color),
        color_hex=color.hex if color else "#808080",
        options=tuple(names.get(code, Text(en=code, zh=code)) for code in order.options),
        vin=order.vin,
        stages=customer_stages(order),
        delivered=order.stage is OrderStage.DELIVERED,
        waiting=order.stage is OrderStage.HELD,
        cancelled=order.stage is OrderStage.CANCELLED,
        requested_at=order.requested_at,
        promised_at=order.promised_at,
        confidence=order.promise_confidence,
        assumed=order.promise_assumed,
        is_late=order.is_late(now),
        history=await _history(conn, order),
        language=order.language,
    )


async def _history(conn: WriteConn, order: Order) -> tuple[PromisedDate, ...]:
    made = await repository.promises(conn, order.id)
    previous = [None, *(one.promised_at for one in made)]
    return tuple(
        PromisedDate(
            promised_at=one.promised_at,
            previous_at=before,
            made_at=one.made_at,
            confidence=one.confidence,
            assumed=one.assumed,
            reasons=one.reasons,
        )
        for one, before in zip(made, previous, strict=False)
    )
