"""How orders come in: one by one, or a whole file at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mes.catalog import configure as rules
from mes.catalog import service as catalog
from mes.catalog.configure import BrokenRule, NotBuildable
from mes.catalog.model import Catalog, Configuration
from mes.contracts.events import OrderConfirmed, OrderCreated
from mes.contracts.ids import uuid7
from mes.events import service as events
from mes.orders import links, repository
from mes.orders.model import Order, OrderStage
from mes.orders.stored import audited, saved
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import Conflict

LINK_DAYS = 400
"""Real days for which a customer's link is good: from the order until well after delivery."""
_BREATHE_EVERY = 200


class DuplicateOrder(Conflict):
    """Channel {channel} has sent order {external_id} before; it is order {number}."""

    code = "order.duplicate"


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


async def place_order(
    conn: WriteConn, draft: OrderDraft, *, now: datetime, real_now: datetime, actor: str
) -> Order:
    """Take a confirmed order.

    Raises:
        NotBuildable: the car breaks rules of the catalogue.
        DuplicateOrder: the channel has sent this external id before.
    """
    order = await register_order(conn, draft, now=now, real_now=real_now, actor=actor)
    return await confirm(conn, order, now=now, actor=actor)


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
        await audited(conn, actor, "order.registered", None, outcome, now=now)
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


async def confirm(conn: WriteConn, order: Order, *, now: datetime, actor: str) -> Order:
    """Take an order from validated or quoted to confirmed."""
    confirmed = await saved(conn, order.moved_to(OrderStage.CONFIRMED, now))
    payload = OrderConfirmed(order_id=order.id, number=order.number)
    await events.record(conn, payload, now=now, actor=actor, correlation=order.id)
    await audited(conn, actor, "order.confirmed", order, confirmed, now=now)
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
    known = await _known(conn, [one for one in fresh.values() if one.id not in added])
    outcomes: list[Order | Refused] = []
    for n, car in enumerate(cars):
        if isinstance(car, Refused):
            outcomes.append(car)
        elif fresh[n].id in added:
            outcomes.append(fresh[n])
        else:
            outcomes.append(Refused(duplicate_of=known[drafts[n].channel, drafts[n].external_id]))
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


async def _known(conn: ReadConn, repeated: Sequence[Order]) -> dict[tuple[str, str | None], str]:
    """Return the numbers under which repeated orders are there, by channel and external id."""
    wanted: dict[str, list[str]] = {}
    for order in repeated:
        wanted.setdefault(order.channel, []).append(order.external_id or "")
    found: dict[tuple[str, str | None], str] = {}
    for channel, external_ids in wanted.items():
        numbers = await repository.numbers_by_external_id(conn, channel, external_ids)
        found |= {(channel, external_id): number for external_id, number in numbers.items()}
    return found
