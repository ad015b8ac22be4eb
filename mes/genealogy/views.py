"""Which cars hold what: the containment list of a lot or serial number, the parts of a VIN."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.platform import db
from mes.platform.db import ReadConn
from mes.platform.sql import load_queries

queries = load_queries(__package__, "views.sql")


@dataclass(frozen=True, slots=True)
class Holding:
    """A part, lot or panel in a car: which car, where it is now, where and when it was built in."""

    body_id: UUID
    number: str
    vin: str
    model: str
    color: str
    condition: str
    place: str
    at: str | None
    material: str
    lot: str | None
    serial: str | None
    quantity: int
    line: str
    station: str
    built_at: datetime


async def bodies_with_lot(conn: ReadConn, lot: str) -> list[Holding]:
    """Return every holding of a lot, without limit."""
    return await db.fetch_all(conn, queries["bodies_with_lot"], {"lot": lot}, Holding)


async def bodies_with_serial(conn: ReadConn, serial: str) -> list[Holding]:
    """Return every holding of a serial number."""
    return await db.fetch_all(conn, queries["bodies_with_serial"], {"serial": serial}, Holding)


async def parts_of_vin(conn: ReadConn, vin: str) -> list[Holding]:
    """Return everything built into the bodies of a VIN."""
    return await db.fetch_all(conn, queries["parts_of_vin"], {"vin": vin}, Holding)
