"""The API of what is observed of the equipment."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from mes.equipment import service
from mes.identity.access import require_scope
from mes.identity.model import Caller, Scope
from mes.platform.http import ClockDep, ReadDb

router = APIRouter(prefix="/api", tags=["equipment"])


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
async def get_stops(
    caller: Annotated[Caller, Depends(require_scope(Scope.PLAN_READ))], conn: ReadDb
) -> list[StopOut]:
    """List the lines that are down."""
    stops = (await service.down_lines(conn)).values()
    return [StopOut.model_validate(stop, from_attributes=True) for stop in stops]


@router.get("/equipment")
async def get_equipment(
    caller: Annotated[Caller, Depends(require_scope(Scope.PLAN_READ))],
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
