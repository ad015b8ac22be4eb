"""Quotes: what can be promised, a place held until it expires, and no place promised twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from mes.catalog.configure import NotBuildable
from mes.orders import service as orders
from mes.orders.service import OrderDraft
from mes.planning import service as planning
from mes.planning.quotes import NoCapacity, Quote, QuoteClosed, QuoteExpired, QuoteState
from mes.planning.quoting import HOLD
from tests.support.orders import REAL_NOW
from tests.support.planning import PlannedPlant

WISH = planning.Wish("S2", "WHT", ("SUN",))


async def held(plant: PlannedPlant) -> Quote:
    """Hold a place for a car."""
    async with plant.database.write() as conn:
        return await planning.hold_quote(conn, WISH, now=plant.clock.now(), actor="user:dee")


async def taken(plant: PlannedPlant) -> int:
    """Return how many places of all shifts are promised or quoted beside the plan."""
    async with plant.database.read() as conn:
        cursor = await conn.execute("SELECT coalesce(sum(reserved), 0) FROM capacity_shift")
        row = await cursor.fetchone()
        return 0 if row is None else int(row[0])


async def leave_places(plant: PlannedPlant, places: int) -> None:
    """Let the plant have so many free places, all in its first open shift."""
    async with plant.database.write() as conn:
        await conn.execute(
            "UPDATE capacity_shift SET places = planned + reserved + CASE WHEN start_at = "
            "(SELECT max(start_at) FROM capacity_shift) THEN %s ELSE 0 END",
            [places],
        )


async def test_an_inquiry_names_a_date_and_holds_nothing(planned: PlannedPlant) -> None:
    async with planned.database.write() as conn:
        offer = await planning.inquire(conn, WISH, now=planned.clock.now())
    assert offer.promise.at > planned.clock.now()
    assert offer.promise.confidence.assumed
    assert offer.promise.confidence.value <= 0.95
    assert await taken(planned) == 0


async def test_a_car_that_cannot_be_built_is_not_quoted(planned: PlannedPlant) -> None:
    wish = planning.Wish("S2", "NO-SUCH-COLOUR")
    async with planned.database.write() as conn:
        with pytest.raises(NotBuildable):
            await planning.inquire(conn, wish, now=planned.clock.now())


async def test_a_quote_keeps_its_date_when_it_becomes_an_order(planned: PlannedPlant) -> None:
    quote = await held(planned)
    assert await taken(planned) == 1
    async with planned.database.write() as conn:
        order = await planning.confirm_quote(
            conn,
            quote.id,
            OrderDraft(channel="dealer", model="", color=""),
            now=planned.clock.now(),
            real_now=REAL_NOW,
            actor="user:dee",
        )
    await planned.react()
    async with planned.database.read() as conn:
        found = await orders.order_by_id(conn, order.id)
        assert found is not None
        assert found.promised_at == quote.promised_at
        assert (await planning.get_quote(conn, quote.id)).state is QuoteState.CONFIRMED
    await planned.repair()
    assert await taken(planned) == 0
    async with planned.database.read() as conn:
        why = await planning.why(conn, order.number)
    assert why.finish_at is not None


async def test_a_cancelled_quote_gives_its_place_back_once(planned: PlannedPlant) -> None:
    quote = await held(planned)
    async with planned.database.write() as conn:
        await planning.cancel_quote(conn, quote.id, now=planned.clock.now())
    assert await taken(planned) == 0
    async with planned.database.write() as conn:
        with pytest.raises(QuoteClosed):
            await planning.cancel_quote(conn, quote.id, now=planned.clock.now())


async def test_a_quote_expires_in_plant_time(planned: PlannedPlant) -> None:
    quote = await held(planned)
    planned.clock.forward(seconds=(HOLD + timedelta(minutes=1)).total_seconds())
    async with planned.database.write() as conn:
        with pytest.raises(QuoteExpired):
            await planning.cancel_quote(conn, quote.id, now=planned.clock.now())
    async with planned.database.write() as conn:
        assert await planning.expire_quotes(conn, now=planned.clock.now()) == 1
    assert await taken(planned) == 0


async def test_processes_that_quote_at_once_never_promise_a_place_twice(
    planned: PlannedPlant,
) -> None:
    await leave_places(planned, 3)

    async def try_one() -> UUID | None:
        try:
            return (await held(planned)).id
        except NoCapacity:
            return None

    quotes = await asyncio.gather(*(try_one() for _ in range(8)))
    assert len([quote for quote in quotes if quote is not None]) == 3
    assert await taken(planned) == 3
    async with planned.database.read() as conn:
        cursor = await conn.execute(
            "SELECT count(*) FROM capacity_shift WHERE planned + reserved > places"
        )
        row = await cursor.fetchone()
    assert row is not None
    assert row[0] == 0
