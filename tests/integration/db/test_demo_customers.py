"""The customers of the demo keep its book full, and no fuller."""

from __future__ import annotations

from mes.entrypoints.demo.customers import AT_MOST, Customers, top_up
from mes.orders import service as orders
from mes.orders.model import OrderStage
from mes.platform import clock as plant_clock
from mes.platform.db import Database
from tests.support.orders import PLANT_NOW, install_demo
from tests.support.waiting import eventually


async def _book(database: Database) -> int:
    async with database.read() as conn:
        return (await orders.counts_by_stage(conn)).get(OrderStage.CONFIRMED, 0)


async def test_customers_order_in_steps_until_the_book_is_full(database: Database) -> None:
    async with database.write() as conn:
        await plant_clock.set_speed(conn, 0, plant_at=PLANT_NOW)
        await install_demo(conn)
    wanted = AT_MOST + 5
    assert await top_up(database.dsn, wanted, seed=1) == AT_MOST
    assert await top_up(database.dsn, wanted, seed=1) == 5
    assert await top_up(database.dsn, wanted, seed=1) == 0
    async with database.write() as conn:
        first = (await orders.open_orders(conn))[0]
        await orders.cancel_order(conn, first.number, now=PLANT_NOW, actor="test", reason="x")
    with Customers(database.dsn, open_orders=wanted, seed=1):
        await eventually(lambda: _full(database, wanted), what="the cancelled order is replaced")


async def _full(database: Database, wanted: int) -> bool:
    return await _book(database) == wanted
