"""What time it is: plant time for the plant, real time for machines (DECISIONS: Time)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from mes.contracts.clock import ClockSegment, PlantClock
from mes.platform import db
from mes.platform.db import Database, ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


class Clock(Protocol):
    """Both times, as of now."""

    def now(self) -> datetime:
        """Plant time, aware, UTC."""
        ...

    def real_now(self) -> datetime:
        """Real time, aware, UTC."""
        ...

    @property
    def factor(self) -> float:
        """Plant seconds in a real second; 0 while the plant is stopped."""
        ...


@dataclass(frozen=True, slots=True)
class _SegmentRow:
    """A row of `plant_clock`."""

    real_at: datetime
    plant_at: datetime
    factor: float

    def segment(self) -> ClockSegment:
        return ClockSegment(real_at=self.real_at, plant_at=self.plant_at, factor=self.factor)


class ServerClock:
    """The plant clock as the database has it, re-read every real second by `follow`."""

    def __init__(self, plant: PlantClock) -> None:
        self.plant = plant

    def now(self) -> datetime:
        return self.plant.at(self.real_now())

    def real_now(self) -> datetime:
        return datetime.now(UTC)

    @property
    def factor(self) -> float:
        return self.plant.factor

    async def follow(self, database: Database, *, every_s: float = 1.0) -> None:
        """Keep reading the segments, so that every process sees a change of speed."""
        while True:
            await asyncio.sleep(every_s)
            async with database.read() as conn:
                self.plant = await read_plant_clock(conn)


async def read_plant_clock(conn: ReadConn) -> PlantClock:
    """Return the persisted segments; a plant that never ran follows real time."""
    rows = await db.fetch_all(conn, queries["clock_segments"], None, _SegmentRow)
    if not rows:
        start = datetime.now(UTC)
        rows = [_SegmentRow(real_at=start, plant_at=start, factor=1.0)]
    return PlantClock(segments=tuple(row.segment() for row in rows))


async def set_speed(
    conn: WriteConn, factor: float, *, plant_at: datetime | None = None
) -> PlantClock:
    """Start a new segment now: `factor` plant seconds a second; the plant does not jump back.

    Args:
        factor: 0 stops the plant.
        plant_at: plant time of the first segment of a new plant; ignored when one exists.
    """
    real = datetime.now(UTC)
    existing = await db.fetch_all(conn, queries["clock_segments"], None, _SegmentRow)
    if existing:
        plant = PlantClock(segments=tuple(row.segment() for row in existing)).at(real)
    else:
        plant = plant_at or real
    return await _add(conn, ClockSegment(real_at=real, plant_at=plant, factor=factor))


async def stand_since(conn: WriteConn, real_at: datetime) -> PlantClock:
    """Say afterwards that the plant has stood since `real_at`: nobody was there to run it, or to stop its clock.

    Raises:
        ValueError: the clock was changed later than that.
    """
    clock = await read_plant_clock(conn)
    if clock.segments[-1].real_at > real_at:
        raise ValueError("the plant clock was changed after that")
    return await _add(conn, ClockSegment(real_at=real_at, plant_at=clock.at(real_at), factor=0))


async def _add(conn: WriteConn, segment: ClockSegment) -> PlantClock:
    await db.execute(conn, queries["add_segment"], segment.model_dump())
    return await read_plant_clock(conn)
