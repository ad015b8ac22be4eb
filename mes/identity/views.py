"""What the administrator's page shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mes.platform import db
from mes.platform.db import ReadConn
from mes.platform.sql import load_queries

queries = load_queries(__package__, "views.sql")


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the audit."""

    actor: str
    action: str
    subject: str
    plant_at: datetime


async def recent_changes(conn: ReadConn, *, limit: int = 50) -> list[Change]:
    """Return who changed what, newest first."""
    return await db.fetch_all(conn, queries["recent_changes"], {"limit": limit}, Change)
