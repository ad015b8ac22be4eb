"""What the order list and an order's page show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.orders.model import Order
from mes.platform import db
from mes.platform.db import ReadConn
from mes.platform.sql import load_queries
from mes.web.happenings import EventRow

queries = load_queries(__package__, "views.sql")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """What the list is narrowed to; None: not narrowed."""

    stage: str | None = None
    model: str | None = None
    color: str | None = None
    channel: str | None = None
    search: str | None = None
    late: bool = False

    def parameters(self, now: datetime) -> Row:
        """Return the parameters of the queries."""
        escaped = (self.search or "").replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        return {
            "stage": self.stage or None,
            "model": self.model or None,
            "color": self.color or None,
            "channel": self.channel or None,
            "search": f"%{escaped.strip()}%" if escaped.strip() else None,
            "late": self.late,
            "now": now,
        }


async def orders(
    conn: ReadConn, wanted: Filter, *, now: datetime, limit: int, offset: int
) -> list[Row]:
    """Return a page of orders."""
    parameters = {**wanted.parameters(now), "limit": limit, "offset": offset}
    return await db.fetch_dicts(conn, queries["orders"], parameters)


async def count(conn: ReadConn, wanted: Filter, *, now: datetime) -> int:
    """Return how many orders a filter leaves."""
    found: int = await db.fetch_value(conn, queries["orders_count"], wanted.parameters(now))
    return found


async def channels(conn: ReadConn) -> list[str]:
    """Return the channels that ever sent an order."""
    return [row["channel"] for row in await db.fetch_dicts(conn, queries["channels"])]


@dataclass(frozen=True)
class OrderDetail:
    """What is known of an order beyond its own row."""

    bodies: list[Row]
    way: list[Row]
    built_in: list[Row]
    pictures: list[Row]
    history: list[EventRow]


async def detail(conn: ReadConn, order: Order) -> OrderDetail:
    """Collect an order's bodies, way, genealogy, pictures and history."""
    about = {"order_id": order.id, "body_id": order.body_id}
    bodies = await db.fetch_dicts(conn, queries["bodies"], about)
    subjects = [str(order.id), *(str(body["id"]) for body in bodies if body["id"])]
    return OrderDetail(
        bodies=bodies,
        way=await db.fetch_dicts(conn, queries["way"], about),
        built_in=await _of_body(conn, "built_in", order.body_id),
        pictures=await _of_body(conn, "pictures", order.body_id),
        history=await db.fetch_all(
            conn,
            queries["history"],
            {"subjects": subjects, "order_id": order.id, "limit": 200},
            EventRow,
        ),
    )


async def _of_body(conn: ReadConn, query: str, body_id: UUID | None) -> list[Row]:
    if body_id is None:
        return []
    return await db.fetch_dicts(conn, queries[query], {"body_id": body_id})
