"""Whether the time series of a database lie in TimescaleDB, and how they get there.

Migrations make plain tables, partitioned by plant day, on any PostgreSQL. In a database in which somebody has said
`CREATE EXTENSION timescaledb`, `adopt` makes hypertables and continuous aggregates of them behind the last
migration, with what is in them, under the same names. A migration that changes these tables afterwards has to do
it for both.

Nothing is left to TimescaleDB's own policies: they count from the real time, and the plant has its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

import psycopg
import structlog
from psycopg import sql

from mes.platform.errors import Problem
from mes.platform.sql import load_queries

log = structlog.get_logger()

OLDEST = (2, 18)
"""Before it a continuous aggregate that is compressed cannot take late values."""
COMMUNITY = "timescale"
"""The licence under which it compresses and aggregates; its Apache edition does neither."""

_LOCK = 0x43324D01
_LAYOUT = load_queries(__package__, "timescale.sql")
_MATERIALIZED = """
SELECT materialization_hypertable_schema, materialization_hypertable_name
  FROM timescaledb_information.continuous_aggregates WHERE view_name = %s"""
_FOUND = """
SELECT available.default_version, available.installed_version,
       current_setting('timescaledb.license', true),
       to_regprocedure('time_bucket(interval, timestamptz)') IS NOT NULL,
       (SELECT relkind FROM pg_class WHERE oid = to_regclass('telemetry'))
  FROM (SELECT 1) AS always
  LEFT JOIN pg_available_extensions AS available ON available.name = 'timescaledb'"""
_INSTALLED = "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'"
_MOVED = {
    "telemetry_by_second": ("telemetry_second_plain", "second"),
    "telemetry_minute": ("telemetry_minute_plain", "minute"),
    "telemetry_hour": ("telemetry_hour_plain", "hour"),
}
"""Continuous aggregates, what they hold from the beginning, and their column of time."""


class PlantInTimescale(Problem):
    """This database keeps its values in TimescaleDB; `c2m backup` and `c2m restore` need plain PostgreSQL.
    Back it up with the server's own tools (pg_basebackup, pgBackRest) and copy the images' folder beside it;
    restore a C2M backup into an empty database."""

    code = "database.in_timescale"
    status = 409


class Standing(Enum):
    """How a database stands to TimescaleDB; the value is the sentence of `c2m check`."""

    ABSENT = "plain PostgreSQL, one partition a plant day"
    NOT_CREATED = (
        "plain PostgreSQL, one partition a plant day. The server has TimescaleDB {offered}: to use it,"
        " say CREATE EXTENSION timescaledb in this database, then run c2m migrate"
    )
    UNFIT = (
        "plain PostgreSQL, one partition a plant day. TimescaleDB {version} ({licence}) is in this database and is"
        " not used: 2.18 or newer, its community edition and its functions on the search path are needed"
    )
    READY = "TimescaleDB {version} is in this database and not used yet: run c2m migrate"
    IN_USE = "TimescaleDB {version}: hypertables, compressed after a plant day"


def standing(conn: psycopg.Connection) -> tuple[Standing, str]:
    """Return how a migrated database stands to TimescaleDB, and that in a sentence."""
    row = conn.execute(_FOUND).fetchone()
    assert row is not None  # noqa: S101 - it has one row, whatever the server offers
    offered, version, licence, reachable, kind = row
    if version is None:
        found = Standing.ABSENT if offered is None else Standing.NOT_CREATED
    elif kind == "r":
        found = Standing.IN_USE
    elif licence != COMMUNITY or kind is None or not reachable or _number(version) < OLDEST:
        found = Standing.UNFIT
    else:
        found = Standing.READY
    return found, found.value.format(offered=offered, version=version, licence=licence or "unknown")


def adopt(dsn: str) -> Standing:
    """Move the time series into TimescaleDB when the database has it and they are not there yet.

    One transaction: it needs room for the raw values twice while it runs, and leaves all as it was when it fails.
    """
    with psycopg.connect(dsn) as conn:
        if standing(conn)[0] is not Standing.READY:
            return standing(conn)[0]
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        found, _ = standing(conn)
        if found is not Standing.READY:
            return found
        for statement in _LAYOUT.values():
            conn.execute(statement.text)
        for view, (before, time) in _MOVED.items():
            _take_over(conn, view, before, time)
        conn.execute("DROP VIEW telemetry_second_plain")
        conn.execute(
            "DROP TABLE telemetry_plain, telemetry_seconds_of_minute,"
            " telemetry_minute_plain, telemetry_hour_plain"
        )
        log.info("database.timescale_adopted")
    return Standing.IN_USE


@contextmanager
def set_aside(dsn: str) -> Iterator[None]:
    """Take the extension out of a database for the length of a block: a backup brings plain tables.

    Raises:
        PlantInTimescale: the plant's values lie in it.
    """
    with psycopg.connect(dsn, autocommit=True) as conn:
        found, _ = standing(conn)
        if found is Standing.IN_USE:
            raise PlantInTimescale
        extension = conn.execute(_INSTALLED).fetchone()
        if extension is not None:
            conn.execute("DROP EXTENSION timescaledb")
    try:
        yield
    finally:
        if extension is not None:
            with psycopg.connect(dsn, autocommit=True) as conn:
                conn.execute("CREATE EXTENSION timescaledb")


def _take_over(conn: psycopg.Connection, view: str, before: str, time: str) -> None:
    """Put what was summed up before into a continuous aggregate: the raw values of most of it are long gone."""
    row = conn.execute(_MATERIALIZED, (view,)).fetchone()
    assert row is not None  # noqa: S101 - it was made a statement ago
    columns = sql.SQL(", ").join(
        map(sql.Identifier, ("tag_id", time, "values_n", "bad_n", "mean", "low", "high"))
    )
    conn.execute(
        sql.SQL("INSERT INTO {} ({columns}) SELECT {columns} FROM {}").format(
            sql.Identifier(*row), sql.Identifier(before), columns=columns
        )
    )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
