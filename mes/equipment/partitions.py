"""Telemetry on plain PostgreSQL: one partition a plant day, and sums of the minutes that batches mark.

What comes for a day without a partition waits in the default one and is moved when the partition is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from psycopg import sql

from mes.equipment.model import Keep
from mes.platform import db
from mes.platform.db import WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__, "partitions.sql")

DAYS_AHEAD = 2


@dataclass(frozen=True, slots=True)
class _Daily:
    """A table with one partition a day of `time`."""

    table: str
    time: str

    def of(self, day: date) -> str:
        return f"{self.table}_p{day:%Y%m%d}"


@dataclass(frozen=True, slots=True)
class _Minute:
    line: str
    minute: datetime


_RAW = _Daily("telemetry", "time")
_SECONDS = _Daily("telemetry_seconds_of_minute", "minute")


async def make_room(conn: WriteConn, *, now: datetime, keep: Keep) -> int:
    """Make partitions up to two plant days ahead and drop what is past keeping.

    Returns:
        rows that lie in the default partition still: values from days that nobody expected.
    """
    today = now.date()
    for daily, days in ((_RAW, keep.raw_days), (_SECONDS, keep.second_days)):
        for ahead in range(-1, DAYS_AHEAD + 1):
            await _make_partition(conn, daily, today + timedelta(days=ahead))
        await _drop_before(conn, daily, today - timedelta(days=days))
    for query, summed_days in (("drop_minutes", keep.minute_days), ("drop_hours", keep.hour_days)):
        if summed_days is not None:
            before = now - timedelta(days=summed_days)
            await db.execute(conn, queries[query], {"before": before})
    return int(await db.fetch_value(conn, queries["strays"]))


async def sum_up(conn: WriteConn, *, before: datetime, limit: int = 200) -> int:
    """Sum up the minutes that ended before `before` (plant time), by second, minute and hour.

    Late values open their minute again.

    Returns:
        how many minutes (of a line) were summed up.
    """
    facts = {"before": before - timedelta(minutes=1), "limit": limit}
    dirty = await db.fetch_all(conn, queries["take_dirty"], facts, _Minute)
    for minute in dirty:
        await db.execute(
            conn, queries["sum_minute"], {"line": minute.line, "minute": minute.minute}
        )
    for line, hour in sorted({(one.line, _hour(one.minute)) for one in dirty}):
        await db.execute(conn, queries["sum_hour"], {"line": line, "hour": hour})
    return len(dirty)


async def _make_partition(conn: WriteConn, daily: _Daily, day: date) -> None:
    name = daily.of(day)
    if await db.fetch_value(conn, queries["partition_exists"], {"name": name}):
        return
    limits = {
        "table": sql.Identifier(name),
        "whole": sql.Identifier(daily.table),
        "default": sql.Identifier(f"{daily.table}_default"),
        "time": sql.Identifier(daily.time),
        "first": sql.Literal(day.isoformat()),
        "after": sql.Literal((day + timedelta(1)).isoformat()),
    }
    for statement in (
        "CREATE TABLE {table} (LIKE {whole} INCLUDING ALL)",
        "WITH moved AS (DELETE FROM {default}"
        " WHERE {time} >= {first}::timestamptz AND {time} < {after}::timestamptz RETURNING *)"
        " INSERT INTO {table} SELECT * FROM moved",
        "ALTER TABLE {whole} ATTACH PARTITION {table} FOR VALUES FROM ({first}) TO ({after})",
    ):
        await conn.execute(sql.SQL(statement).format(**limits))


async def _drop_before(conn: WriteConn, daily: _Daily, day: date) -> None:
    for row in await db.fetch_dicts(conn, queries["partitions"], {"table": daily.table}):
        if row["name"] < daily.of(day):
            await conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(row["name"])))


def _hour(minute: datetime) -> datetime:
    return minute.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
