"""Customers who go on ordering while the demo runs: a book of generated orders never empties."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from types import TracebackType

import psycopg
import structlog

from mes.orders import demo_book
from mes.orders import service as orders
from mes.orders.model import OrderStage
from mes.platform import clock as plant_clock
from mes.platform.db import Database

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0
"""Real seconds between two looks at the book."""
AT_MOST = 25
"""Orders placed at one look: a long pause is made up for in steps that no page notices."""
_OVER = frozenset({OrderStage.SHIPPED, OrderStage.DELIVERED, OrderStage.CANCELLED})


class Customers:
    """Keeps a number of orders open, from a thread of its own; a context manager.

    Args:
        open_orders: at so many open orders customers stop ordering.
        seed: the same seed goes on with the same cars.
    """

    def __init__(self, dsn: str, *, open_orders: int, seed: int) -> None:
        self._dsn = dsn
        self._open_orders = open_orders
        self._seed = seed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="customers", daemon=True)

    def __enter__(self) -> Customers:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            try:
                asyncio.run(top_up(self._dsn, self._open_orders, self._seed))
            except (psycopg.OperationalError, OSError, TimeoutError) as away:
                log.debug("customers.wait", reason=str(away))


async def top_up(dsn: str, open_orders: int, seed: int) -> int:
    """Place orders until `open_orders` are open, `AT_MOST` of them now; return how many."""
    async with Database(dsn, pool_max=1) as database, database.write() as conn:
        stages = await orders.counts_by_stage(conn)
        still_open = sum(count for stage, count in stages.items() if stage not in _OVER)
        count = min(open_orders - still_open, AT_MOST)
        if count <= 0:
            return 0
        now = (await plant_clock.read_plant_clock(conn)).at(datetime.now(UTC))
        first = sum(stages.values()) + 1
        return len(await demo_book.place(conn, count=count, seed=seed, now=now, first=first))
