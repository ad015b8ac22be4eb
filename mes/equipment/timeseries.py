"""How telemetry is laid out: one partition a plant day, made two days ahead, old ones dropped.

What comes for a day without a partition waits in the default one and is moved when the partition is made.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from psycopg import sql

from mes.equipment.telemetry import queries
from mes.platform import db
from mes.platform.db import WriteConn

DAYS_AHEAD = 2
KEEP_DAYS = 14
"""Plant days of raw values; minutes are kept."""


async def make_room(conn: WriteConn, *, now: datetime) -> int:
    """Make partitions up to two plant days ahead and drop those past keeping.

    Returns:
        rows that lie in the default partition still: values from days that nobody expected.
    """
    today = now.date()
    for ahead in range(-1, DAYS_AHEAD + 1):
        await _make_partition(conn, today + timedelta(days=ahead))
    await _drop_before(conn, today - timedelta(days=KEEP_DAYS))
    return int(await db.fetch_value(conn, queries["strays"]))


async def _make_partition(conn: WriteConn, day: date) -> None:
    name = f"telemetry_p{day:%Y%m%d}"
    if await db.fetch_value(conn, queries["partition_exists"], {"name": name}):
        return
    table, first, after = sql.Identifier(name), day.isoformat(), (day + timedelta(1)).isoformat()
    limits = {"table": table, "first": sql.Literal(first), "after": sql.Literal(after)}
    for statement in (
        "CREATE TABLE {table} (LIKE telemetry INCLUDING ALL)",
        "WITH moved AS (DELETE FROM telemetry_default"
        " WHERE time >= {first}::timestamptz AND time < {after}::timestamptz RETURNING *)"
        " INSERT INTO {table} SELECT * FROM moved",
        "ALTER TABLE telemetry ATTACH PARTITION {table} FOR VALUES FROM ({first}) TO ({after})",
    ):
        await conn.execute(sql.SQL(statement).format(**limits))


async def _drop_before(conn: WriteConn, day: date) -> None:
    oldest = f"telemetry_p{day:%Y%m%d}"
    for row in await db.fetch_dicts(conn, queries["partitions"]):
        if row["name"] < oldest:
            await conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(row["name"])))
