"""What the demo asks its database while it starts, and the clock it sets."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg

from mes.platform import clock as plant_clock
from mes.platform.db import Database, fetch_value
from mes.platform.sql import load_queries

queries = load_queries("mes.entrypoints")

UNHEARD_S = 10.0
"""So long may a plant have run on, in real seconds, after the last it was heard of."""


def has_plant(dsn: str) -> bool:
    """Say whether a plant was seeded."""
    with psycopg.connect(dsn) as conn:
        row = conn.execute(queries["has_plant"].text).fetchone()
    return bool(row and row[0])


def connected_lines(dsn: str, since: datetime) -> set[str]:
    """Return the lines whose agent has said after `since` (real time) that it is connected to its PLC.

    None while the database is busy.
    """
    try:
        with psycopg.connect(dsn, connect_timeout=5) as conn:
            found = conn.execute(queries["connected_lines"].text, {"since": since})
            return {row[0] for row in found}
    except psycopg.OperationalError:
        return set()


def set_clock(dsn: str, speed: float) -> None:
    """Let plant time run, or stop it (0)."""

    async def change() -> None:
        async with Database(dsn, pool_max=1) as database, database.write() as conn:
            await plant_clock.set_speed(conn, speed)

    asyncio.run(change())


def settle_clock(dsn: str) -> None:
    """Let a plant that was killed while its clock ran go on from where it was, not where it would be by now."""

    async def settle() -> None:
        async with Database(dsn, pool_max=1) as database, database.write() as conn:
            clock = await plant_clock.read_plant_clock(conn)
            last = await fetch_value(conn, queries["last_sign_of_life"])
            if last is None or clock.factor == 0:
                return
            stood = min(last + timedelta(seconds=UNHEARD_S), datetime.now(UTC))
            await plant_clock.stand_since(conn, max(stood, clock.segments[-1].real_at))

    asyncio.run(settle())
