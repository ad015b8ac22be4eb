"""What plant IT sees: agents, what waits or failed, how far the workers are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mes.platform import db
from mes.platform.db import ReadConn
from mes.platform.sql import load_queries

queries = load_queries(__package__, "views.sql")

Row = dict[str, Any]


@dataclass(frozen=True)
class Health:
    """The plant's machinery behind the screens."""

    agents: list[Row]
    quarantine: list[Row]
    gaps: list[Row]
    failures: list[Row]
    handlers: list[Row]
    schema: str
    sizes: Row


def link_state(agent: Row) -> str:
    """Return how an agent stands: never enrolled, lost, its line not reached, or connected."""
    if agent["id"] is None or agent["epoch"] == 0:
        return "never"
    if agent["lost"]:
        return "lost"
    return "connected" if agent["link_connected"] else "disconnected"


async def agents(conn: ReadConn) -> list[Row]:
    """Return every line with its agent."""
    rows = await db.fetch_dicts(conn, queries["agents"])
    return [{**row, "link": link_state(row), "beat": row["heartbeat"] or {}} for row in rows]


async def health(conn: ReadConn) -> Health:
    """Collect the page of plant IT."""
    limit = {"limit": 50}
    return Health(
        agents=await agents(conn),
        quarantine=await db.fetch_dicts(conn, queries["quarantine"], limit),
        gaps=await db.fetch_dicts(conn, queries["gaps"]),
        failures=await db.fetch_dicts(conn, queries["failures"], limit),
        handlers=await db.fetch_dicts(conn, queries["handlers"]),
        schema=await db.fetch_value(conn, queries["schema"]),
        sizes=(await db.fetch_dicts(conn, queries["sizes"]))[0],
    )
