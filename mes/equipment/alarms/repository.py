"""Alarms as the database has them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from mes.equipment.alarms.model import Key, LineAlarm
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


async def latest_for_change(conn: WriteConn, keys: Collection[Key]) -> dict[Key, LineAlarm]:
    """Return the newest alarm of each condition that has one."""
    lines, conditions, branches = zip(*sorted(keys), strict=True)
    facts = {"lines": list(lines), "conditions": list(conditions), "branches": list(branches)}
    rows = await db.fetch_all(conn, queries["latest_for_change"], facts, LineAlarm)
    return {row.key: row for row in rows}


async def save(conn: WriteConn, alarms: Sequence[LineAlarm]) -> None:
    """Keep alarms as they are now."""
    await db.execute_many(conn, queries["save"], [asdict(alarm) for alarm in alarms])


async def standing(conn: ReadConn, line: str | None, *, limit: int) -> list[LineAlarm]:
    """Return what is active or waits for somebody."""
    facts = {"line": line, "limit": limit}
    return await db.fetch_all(conn, queries["standing"], facts, LineAlarm)


async def newest(conn: ReadConn, line: str | None, *, limit: int) -> list[LineAlarm]:
    """Return what is over."""
    facts = {"line": line, "limit": limit}
    return await db.fetch_all(conn, queries["newest"], facts, LineAlarm)


async def by_id(conn: ReadConn, alarm_id: UUID) -> LineAlarm | None:
    """Return one alarm."""
    rows = await db.fetch_all(conn, queries["by_id"], {"id": alarm_id}, LineAlarm)
    return rows[0] if rows else None


async def forget(conn: WriteConn, before: datetime) -> int:
    """Drop what ended before a moment and waits for nobody; return how many."""
    return await db.execute(conn, queries["forget"], {"before": before})
