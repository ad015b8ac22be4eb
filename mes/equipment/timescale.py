"""Telemetry in TimescaleDB: chunks compressed after a plant day, dropped past keeping; aggregates kept up to date.

Continuous aggregates are refreshed where batches have marked minutes, as on plain PostgreSQL: TimescaleDB's own
policies count from the real time and know nothing of the plant's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mes.equipment.model import Keep
from mes.platform import db
from mes.platform.db import Database, ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__, "timescale.sql")

COMPRESS_AFTER = timedelta(days=1)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
_STEPS = ("telemetry_by_second", "telemetry_minute")
"""Refreshed by the minutes that are marked; the hours are made of them."""


@dataclass(frozen=True, slots=True)
class _Mark:
    line: str
    minute: datetime
    marks: int


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A part of a hypertable: all rows of some hours."""

    chunk: str


async def is_used(conn: ReadConn) -> bool:
    """Whether this database keeps its process values in TimescaleDB."""
    return bool(await db.fetch_value(conn, queries["is_used"]))


async def make_room(conn: WriteConn, *, now: datetime, keep: Keep) -> int:
    """Drop what is past keeping, by whole chunks, and compress one chunk that is older than a plant day.

    One at a time: a chunk is locked until the caller commits. Nothing has to be made ahead.

    Returns:
        how many chunks were dropped or compressed.
    """
    days = {
        "telemetry": keep.raw_days,
        "telemetry_by_second": keep.second_days,
        "telemetry_minute": keep.minute_days,
        "telemetry_hour": keep.hour_days,
    }
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    changed = 0
    for table, kept in days.items():
        if kept is not None:
            facts = {"table": table, "before": today - timedelta(days=kept)}
            changed += len(await db.fetch_all(conn, queries["drop_chunks"], facts, _Chunk))
    facts = {"before": now - COMPRESS_AFTER}
    ripe = await db.fetch_one(conn, queries["ripe_chunk"], facts, _Chunk)
    if ripe is not None:
        await db.execute(conn, queries["take_time"])
        await db.execute(conn, queries["compress_chunk"], {"chunk": ripe.chunk})
        changed += 1
    return changed


async def sum_up(database: Database, *, before: datetime, limit: int = 200) -> int:
    """Refresh the aggregates where minutes that ended before `before` (plant time) are marked.

    A refresh commits by itself, so a mark is taken away afterwards, unless it was set again meanwhile: what fails
    in between is done once more.

    Returns:
        how many minutes (of a line) were summed up.
    """
    facts = {"before": before - MINUTE, "limit": limit}
    async with database.read() as conn:
        marked = await db.fetch_all(conn, queries["marked"], facts, _Mark)
    minutes = sorted({mark.minute.astimezone(UTC) for mark in marked})
    for step in _STEPS:
        await _refresh(database, step, stretches(minutes, MINUTE))
    hours = sorted({minute.replace(minute=0) for minute in minutes})
    await _refresh(database, "telemetry_hour", stretches(hours, HOUR))
    async with database.write() as conn:
        done = [{"line": mark.line, "minute": mark.minute, "marks": mark.marks} for mark in marked]
        await db.execute_many(conn, queries["unmark"], done)
    return len(marked)


def stretches(begins: Sequence[datetime], length: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Join neighbouring spans of one length, given by their beginnings in order."""
    first: datetime | None = None
    for number, begin in enumerate(begins):
        first = first or begin
        if number + 1 == len(begins) or begins[number + 1] != begin + length:
            yield first, begin + length
            first = None


async def _refresh(
    database: Database, aggregate: str, spans: Iterator[tuple[datetime, datetime]]
) -> None:
    for first, end in spans:
        async with database.glance() as conn:  # a refresh is several transactions of its own
            facts = {"aggregate": aggregate, "first": first, "end": end}
            await conn.execute(queries["refresh"].text, facts)
