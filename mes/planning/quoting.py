"""The door of sales: an inquiry holds nothing, a quote holds a place for a while, confirmed it is an order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from mes.catalog import service as catalog
from mes.contracts.events import Reason
from mes.contracts.ids import uuid7
from mes.orders import service as orders
from mes.orders.model import Order
from mes.planning import capacity_repository, promising, slots, versions
from mes.planning.facts import CarFact
from mes.planning.network import PlantNetwork
from mes.planning.promise import Promise
from mes.planning.quotes import Quote, QuoteState, UnknownQuote
from mes.planning.words import Words
from mes.platform.db import ReadConn, WriteConn

HOLD = timedelta(hours=8)
"""How long a quote holds its place, in plant time."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A car somebody asks for."""

    model: str
    color: str
    options: tuple[str, ...] = ()
    wanted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be promised for a wish at this moment."""

    wish: Wish
    promise: Promise
    start_at: datetime
    finish_at: datetime
    reasons: tuple[Reason, ...]
    not_sooner: tuple[Reason, ...] = ()
    """What keeps it from an earlier place."""

    @property
    def in_time(self) -> bool | None:
        """Whether it comes by the wanted date; None without one."""
        wanted = self.wish.wanted_at
        return None if wanted is None else self.promise.at <= wanted


async def inquire(conn: ReadConn, wish: Wish, *, now: datetime) -> Offer:
    """Say what could be promised; nothing is held.

    Raises:
        NotBuildable: the car breaks rules of the catalogue.
        NoCapacity: every shift that is planned so far is full.
    """
    net, full, car = await _wanted(conn, wish, now=now)
    slot = await slots.look_for_slot(conn, net, car, now=now)
    return await _offer(conn, net, full, car, slot, now=now)


async def hold_quote(conn: WriteConn, wish: Wish, *, now: datetime, actor: str) -> Quote:
    """Hold a place for a wish until it expires.

    Raises:
        NotBuildable, NoCapacity: as for an inquiry.
    """
    net, full, car = await _wanted(conn, wish, now=now)
    slot = await slots.best_slot(conn, net, car, now=now)
    offer = await _offer(conn, net, full, car, slot, now=now)
    found = Quote(
        id=uuid7(),
        number=0,
        state=QuoteState.HELD,
        model=offer.wish.model,
        color=offer.wish.color,
        options=offer.wish.options,
        wanted_at=wish.wanted_at,
        promised_at=offer.promise.at,
        confidence=offer.promise.confidence.value,
        assumed=offer.promise.confidence.assumed,
        reasons=[reason.model_dump(mode="json") for reason in offer.reasons],
        not_sooner=[reason.model_dump(mode="json") for reason in offer.not_sooner],
        expires_at=now + HOLD,
        order_id=None,
        created_at=now,
        created_by=actor,
        row_version=1,
    )
    found = await capacity_repository.add_quote(conn, found)
    await capacity_repository.reserve(
        conn,
        slot.shift,
        slots.need_of(car),
        holder="quote",
        holder_id=found.id,
        start_at=slot.start_at,
        expires_at=found.expires_at,
    )
    return found


async def get_quote(conn: ReadConn, quote_id: UUID) -> Quote:
    """Return a quote.

    Raises:
        UnknownQuote: there is none.
    """
    found = await capacity_repository.quote(conn, quote_id)
    if found is None:
        raise UnknownQuote(quote=quote_id)
    return found


async def confirm_quote(
    conn: WriteConn,
    quote_id: UUID,
    draft: orders.OrderDraft,
    *,
    now: datetime,
    real_now: datetime,
    actor: str,
) -> Order:
    """Make the quote an order that keeps its place and its date.

    Args:
        draft: channel and customer; the car is the quote's.

    Raises:
        UnknownQuote, QuoteClosed, QuoteExpired
        NotBuildable, DuplicateOrder: as for any order.
    """
    held = await _for_change(conn, quote_id)
    held.confirmed(held.id, now=now)
    car = replace(
        draft,
        model=held.model,
        color=held.color,
        options=held.options,
        requested_at=draft.requested_at or held.wanted_at,
    )
    order = await orders.place_order(conn, car, now=now, real_now=real_now, actor=actor)
    await capacity_repository.save_quote(conn, held.confirmed(order.id, now=now))
    await capacity_repository.pass_on(conn, held.id, order.id)
    return order


async def cancel_quote(conn: WriteConn, quote_id: UUID, *, now: datetime) -> Quote:
    """Give a quote up; its place is free at once.

    Raises:
        UnknownQuote, QuoteClosed, QuoteExpired
    """
    cancelled = (await _for_change(conn, quote_id)).cancelled(now=now)
    await capacity_repository.save_quote(conn, cancelled)
    await capacity_repository.give_back(conn, "quote", quote_id)
    return await get_quote(conn, quote_id)


async def expire_quotes(conn: WriteConn, *, now: datetime) -> int:
    """Give back the places of quotes whose time is over; return how many."""
    over = await capacity_repository.expired_quotes(conn, now=now)
    for quote_id in over:
        held = await _for_change(conn, quote_id)
        expired = held.expired(now=now)
        if expired.state is QuoteState.EXPIRED:
            await capacity_repository.save_quote(conn, expired)
            await capacity_repository.give_back(conn, "quote", quote_id)
    return len(over)


async def _for_change(conn: WriteConn, quote_id: UUID) -> Quote:
    found = await capacity_repository.quote_for_change(conn, quote_id)
    if found is None:
        raise UnknownQuote(quote=quote_id)
    return found


async def _wanted(
    conn: ReadConn, wish: Wish, *, now: datetime
) -> tuple[PlantNetwork, Wish, CarFact]:
    """Return the plant, the wish with the options that its rules add, and the car it would be."""
    net = await versions.network(conn)
    car = await catalog.configure(
        conn, model=wish.model, color=wish.color, options=wish.options, at=now
    )
    wanted = CarFact(
        order_id=uuid7(),
        number="inquiry",
        model=car.model,
        color=car.color,
        options=car.options,
        due_at=wish.wanted_at,
    )
    return net, replace(wish, options=car.options), wanted


async def _offer(
    conn: ReadConn, net: PlantNetwork, wish: Wish, car: CarFact, slot: slots.Slot, *, now: datetime
) -> Offer:
    promise = await promising.promise_for(conn, net, car, slot.finish_at, now=now)
    words = Words(net.plant.site.time_zone)
    return Offer(
        wish,
        promise,
        slot.start_at,
        slot.finish_at,
        reasons=(words.first_date(slot.finish_at, None),),
        not_sooner=await slots.why_not_sooner(conn, net, car, slot, words, now=now),
    )
