"""The API of what is observed of the equipment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel

from mes.equipment import service, telemetry
from mes.equipment.telemetry import GapRow, MinuteRow, TagValue
from mes.identity.access import require_scope
from mes.identity.model import Caller, Scope
from mes.platform.clock import Clock
from mes.platform.db import ReadConn
from mes.platform.errors import Invalid, NotFound
from mes.platform.http import ClockDep, ReadDb
from mes.resources import service as resources

router = APIRouter(prefix="/api", tags=["equipment"])

Reader = Annotated[Caller, Depends(require_scope(Scope.PLAN_READ))]
FromAt = Annotated[AwareDatetime | None, Query(alias="from")]
ToAt = Annotated[AwareDatetime | None, Query(alias="to")]
FRESH = timedelta(minutes=10)
"""Plant time in which a value counts as the newest."""
MAX_STRETCH = timedelta(days=14)


class UnknownLine(NotFound):
    """The plant has no line {line}; its lines are {known}."""

    code = "line.unknown"


class StretchTooWide(Invalid):
    """At most {days} days are shown at once, and from before to; ask for less."""

    code = "telemetry.too_wide"


class StationOut(BaseModel):
    """A station (null: the line as a whole) now. `age_s`: plant seconds since it was last heard of."""

    line: str
    station: str | None
    state: str
    reason: str
    since_at: datetime | None
    heard_at: datetime | None
    age_s: float | None


class StopOut(BaseModel):
    """A line that is down longer than a short stop."""

    line: str
    station: str | None
    started_at: datetime
    reason: str


@router.get("/equipment/stops")
async def get_stops(caller: Reader, conn: ReadDb) -> list[StopOut]:
    """List the lines that are down."""
    stops = (await service.down_lines(conn)).values()
    return [StopOut.model_validate(stop, from_attributes=True) for stop in stops]


@router.get("/equipment")
async def get_equipment(
    caller: Reader,
    conn: ReadDb,
    clock: ClockDep,
) -> list[StationOut]:
    """Show every station now; what is silent is unknown, never idle."""
    now = clock.now()
    return [
        StationOut(
            line=station.line,
            station=station.station or None,
            state=station.state,
            reason=station.reason,
            since_at=station.since_at,
            heard_at=station.heard_at,
            age_s=max((now - station.heard_at).total_seconds(), 0) if station.heard_at else None,
        )
        for station in await service.stations_now(conn)
    ]


@router.get("/lines/{line}/values")
async def get_values(line: str, caller: Reader, conn: ReadDb, clock: ClockDep) -> list[TagValue]:
    """Show the newest process values of a line; null: bad, or no number."""
    await _must_know(conn, line)
    return await telemetry.last_values(conn, line, since_at=clock.now() - FRESH)


@router.get("/lines/{line}/gaps")
async def get_gaps(
    line: str,
    caller: Reader,
    conn: ReadDb,
    clock: ClockDep,
    from_at: FromAt = None,
    to_at: ToAt = None,
) -> list[GapRow]:
    """List the stretches of plant time in which values of a line may be missing, and why."""
    await _must_know(conn, line)
    begin, end = _stretch(clock, from_at, to_at)
    return await telemetry.gaps(conn, line, from_at=begin, to_at=end)


@router.get("/stations/{station}/values/{name}")
async def get_trend(
    station: str,
    name: str,
    caller: Reader,
    conn: ReadDb,
    clock: ClockDep,
    from_at: FromAt = None,
    to_at: ToAt = None,
) -> list[MinuteRow]:
    """Show one process value of a station by minute; without a stretch, its last hour."""
    begin, end = _stretch(clock, from_at, to_at)
    return await telemetry.trend(conn, station, name, from_at=begin, to_at=end)


async def _must_know(conn: ReadConn, line: str) -> None:
    plant = await resources.active_plant(conn)
    if all(known.id != line for known in plant.lines):
        raise UnknownLine(line=line, known=", ".join(known.id for known in plant.lines))


def _stretch(
    clock: Clock, from_at: datetime | None, to_at: datetime | None
) -> tuple[datetime, datetime]:
    end = to_at or clock.now()
    begin = from_at or end - timedelta(hours=1)
    if not timedelta(0) < end - begin <= MAX_STRETCH:
        raise StretchTooWide(days=MAX_STRETCH.days)
    return begin, end
