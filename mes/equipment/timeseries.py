"""Room for the process values that come, and sums of those that came, wherever the database keeps them.

`partitions` is plain PostgreSQL, `timescale` is TimescaleDB; `mes.db.timescale` decides which of them a database
has. Tables and views have the same names and columns in both.
"""

from __future__ import annotations

from datetime import datetime

from mes.equipment import partitions, timescale
from mes.equipment.model import Keep
from mes.platform.db import Database, WriteConn

__all__ = ["Keep", "make_room", "sum_up"]


async def make_room(conn: WriteConn, *, now: datetime, keep: Keep | None = None) -> int:
    """Make room for what comes and drop what is past keeping; `now` is plant time.

    Returns:
        rows for which there was no room in their place: values from days that nobody expected.
    """
    if await timescale.is_used(conn):
        await timescale.make_room(conn, now=now, keep=keep or Keep())
        return 0
    return await partitions.make_room(conn, now=now, keep=keep or Keep())


async def sum_up(database: Database, *, before: datetime) -> int:
    """Sum up the marked minutes that ended before `before` (plant time), by second, minute and hour.

    Returns:
        how many minutes (of a line) were summed up.
    """
    async with database.write() as conn:
        if not await timescale.is_used(conn):
            return await partitions.sum_up(conn, before=before)
    return await timescale.sum_up(database, before=before)
