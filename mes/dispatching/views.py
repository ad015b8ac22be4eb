"""What a store's controller asks: what stands there and may leave, beside what the plan says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.platform import db
from mes.platform.db import ReadConn
from mes.platform.sql import load_queries

queries = load_queries(__package__, "views.sql")


@dataclass(frozen=True, slots=True)
class Standing:
    """A body in a store that nothing holds back."""

    id: UUID
    number: str
    lane: int | None
    """Counted from 0; none where the store has no lanes, or nobody has noted it."""
    start_at: datetime | None
    """When the plan in force has it on the line behind the store; none: it is not in the plan."""
    sequence: int | None


async def standing(conn: ReadConn, store: str, line: str) -> list[Standing]:
    """Return what may leave a store for a line, first in first."""
    return await db.fetch_all(conn, queries["standing"], {"store": store, "line": line}, Standing)
