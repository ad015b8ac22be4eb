"""Rows of locked starts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class Lock:
    """A locked start of an order or of a die lot; times are plant time."""

    id: UUID
    line: str
    subject_id: UUID
    """The order, or the lot as job orders know it."""
    order_id: UUID | None
    order_number: str | None
    lot_id: str | None
    panel: str | None
    quantity: int | None
    from_at: datetime
    to_at: datetime | None
    """None: it only does not start before."""
    locked_by: str
    locked_at: datetime


@dataclass(frozen=True, slots=True)
class Start:
    """A start that the plan in force has and that is still to come."""

    line: str
    subject_id: UUID
    order_id: UUID | None
    order_number: str | None
    lot_id: str | None
    panel: str | None
    quantity: int | None
    start_at: datetime


async def locks(conn: ReadConn, site: str) -> list[Lock]:
    """Return what is locked at a site, by time."""
    return await db.fetch_all(conn, queries["locks"], {"site": site}, Lock)


async def starts_of(conn: ReadConn, cars: Collection[str], lines: Sequence[str]) -> list[Start]:
    """Return the starts of cars on these lines, by time."""
    given = {"lines": list(lines), "cars": list(cars)}
    return await db.fetch_all(conn, queries["to_lock"], given, Start)


async def starts_of_lots(conn: ReadConn, lots: Collection[str]) -> list[Start]:
    """Return the starts of die lots, by time."""
    return await db.fetch_all(conn, queries["lots_to_lock"], {"lots": list(lots)}, Start)


async def starts_between(
    conn: ReadConn, line: str, from_at: datetime, to_at: datetime, *, limit: int
) -> list[Start]:
    """Return what starts on a line between two instants, the first ones if there are too many."""
    given = {"line": line, "from_at": from_at, "to_at": to_at, "limit": limit}
    return await db.fetch_all(conn, queries["to_lock_between"], given, Start)


async def save(conn: WriteConn, site: str, made: Sequence[Lock]) -> list[Lock]:
    """Write locks; one that is there already gets the new window and who gave it."""
    given = {
        "site": site,
        "ids": [one.id for one in made],
        "lines": [one.line for one in made],
        "subject_ids": [one.subject_id for one in made],
        "order_ids": [one.order_id for one in made],
        "order_numbers": [one.order_number for one in made],
        "lot_ids": [one.lot_id for one in made],
        "panels": [one.panel for one in made],
        "quantities": [one.quantity for one in made],
        "from_ats": [one.from_at for one in made],
        "to_ats": [one.to_at for one in made],
        "locked_by": [one.locked_by for one in made],
        "locked_ats": [one.locked_at for one in made],
    }
    await db.execute(conn, queries["unlock_elsewhere"], given)
    return await db.fetch_all(conn, queries["lock"], given, Lock)


async def drop(conn: WriteConn, site: str, ids: Collection[UUID]) -> list[Lock]:
    """Drop locks; return those that were there."""
    return await db.fetch_all(conn, queries["unlock"], {"site": site, "ids": list(ids)}, Lock)


async def forget_begun(conn: WriteConn, *, now: datetime) -> int:
    """Drop locks of work that has begun, or has left the plan; return how many."""
    return await db.execute(conn, queries["forget_begun"], {"now": now})
