"""How telemetry is laid out on this server: the one place that knows TimescaleDB from plain PostgreSQL.

Plain PostgreSQL: one partition a plant day, made two days ahead, old ones dropped; what comes for a day
without a partition waits in the default one and is moved when the partition is made. With TimescaleDB the
same table is a hypertable with compression; every query runs on both.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from psycopg import sql

from mes.equipment.telemetry import queries
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn

DAYS_AHEAD = 2
KEEP_DAYS = 14
"""Plant days of raw values; minutes are kept."""


async def has_timescale(conn: ReadConn) -> bool:
    """Say whether the TimescaleDB extension is installed in this database."""
    return bool(await db.fetch_value(conn, queries["timescale"]))


async def adopt_timescale(conn: WriteConn) -> None:
    """Turn the empty telemetry table into a hypertable that compresses after a plant day.

    For a new plant on a server with TimescaleDB, before the first value.
    """
    for statement in (
        "CREATE EXTENSION IF NOT EXISTS timescaledb",
        "DROP TABLE telemetry",
        "CREATE TABLE telemetry (time timestamptz NOT NULL, tag_id integer NOT NULL,"
        " value double precision, status bigint NOT NULL, received_at timestamptz NOT NULL)",
        "SELECT create_hypertable('telemetry', 'time', chunk_time_interval => interval '1 day')",
        "ALTER TABLE telemetry SET (timescaledb.compress,"
        " timescaledb.compress_segmentby = 'tag_id', timescaledb.compress_orderby = 'time DESC')",
    ):
        await conn.execute(statement)


async def make_room(conn: WriteConn, *, now: datetime) -> int:
    """Make partitions up to two plant days ahead and drop those past keeping.

    Returns:
        rows that lie in the default partition still: values from days that nobody expected.
    """
    if await has_timescale(conn):
        await conn.execute(
            "SELECT drop_chunks('telemetry', older_than => %s::timestamptz)",
            (now - timedelta(days=KEEP_DAYS),),
        )
        return 0
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
