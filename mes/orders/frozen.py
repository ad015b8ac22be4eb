"""What lock freezes onto an order: the 100 % BOM and the routing of its car."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from mes.contracts.text import Text
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__, "frozen.sql")


@dataclass(frozen=True, slots=True)
class FrozenPart:
    """A line of the frozen 100 % BOM, and where the part is fitted."""

    part_number: str
    family: str
    name_en: str
    name_zh: str
    quantity: Decimal
    unit: str
    line: str | None
    station: str | None

    @property
    def name(self) -> Text:
        """Its name in both languages."""
        return Text(en=self.name_en, zh=self.name_zh)


@dataclass(frozen=True, slots=True)
class FrozenStep:
    """A step of the frozen routing."""

    position: int
    line: str
    step: str
    stations: list[str]
    work_s: float


@dataclass(frozen=True, slots=True)
class _PartOfOrder:
    order_id: UUID
    part_number: str
    family: str
    name_en: str
    name_zh: str
    quantity: Decimal
    unit: str
    line: str | None
    station: str | None


async def add_bom(conn: WriteConn, items: Sequence[dict[str, object]]) -> None:
    await db.execute(conn, queries["add_bom"], {"items": json.dumps(items)})


async def bom(conn: ReadConn, order_id: UUID) -> list[FrozenPart]:
    return await db.fetch_all(conn, queries["bom"], {"order_id": order_id}, FrozenPart)


async def boms(conn: ReadConn, order_ids: Sequence[UUID]) -> dict[UUID, list[FrozenPart]]:
    rows = await db.fetch_all(conn, queries["boms"], {"order_ids": list(order_ids)}, _PartOfOrder)
    found: dict[UUID, list[FrozenPart]] = {order_id: [] for order_id in order_ids}
    for row in rows:
        found[row.order_id].append(
            FrozenPart(
                row.part_number,
                row.family,
                row.name_en,
                row.name_zh,
                row.quantity,
                row.unit,
                row.line,
                row.station,
            )
        )
    return found


async def add_routing(conn: WriteConn, steps: Sequence[dict[str, object]]) -> None:
    await db.execute(conn, queries["add_routing"], {"steps": json.dumps(steps)})


async def routing(conn: ReadConn, order_id: UUID) -> list[FrozenStep]:
    return await db.fetch_all(conn, queries["routing"], {"order_id": order_id}, FrozenStep)
