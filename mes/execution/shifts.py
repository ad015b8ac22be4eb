"""How the stations of a line did in the shift that runs: ISO 22400 indicators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mes.equipment import service as equipment
from mes.equipment.model import ShiftFigures, shift_figures
from mes.execution import repository
from mes.execution.model import line_of
from mes.platform.db import ReadConn
from mes.resources import service as resources
from mes.resources.model import shift_at

_LONGEST_SHIFT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StationShift:
    """A station in a shift up to now: plant seconds by state, what it finished, its indicators."""

    station: str
    seconds: dict[str, float]
    produced: int
    good: int
    figures: ShiftFigures


async def stations_in_shift(
    conn: ReadConn, line_id: str, *, now: datetime
) -> tuple[datetime, list[StationShift]] | None:
    """Return the start of the running shift of a line and how its stations did; None between shifts.

    Raises:
        UnknownPlace: the plant has no such line.
    """
    line = line_of(await resources.active_plant(conn), line_id)
    rows = await resources.shifts(
        conn, line.calendar, now - _LONGEST_SHIFT, now + timedelta(seconds=1)
    )
    shift = shift_at(rows, now)
    if shift is None:
        return None
    start = shift.start_at
    worked = await resources.working_time(conn, line.calendar, start, now)
    busy_s = sum(piece.seconds for piece in worked)
    seconds = await equipment.seconds_in_states(conn, line_id, from_at=start, to_at=now)
    done = {row.station: row for row in await repository.produced(conn, line_id, start, now)}
    found = []
    for station in line.stations:
        by_state, row = seconds.get(station.id, {}), done.get(station.id)
        produced, good = (row.produced, row.good) if row else (0, 0)
        figures = shift_figures(
            by_state, busy_s=busy_s, cycle_s=station.cycle_s, produced=produced, good=good
        )
        found.append(StationShift(station.id, by_state, produced, good, figures))
    return start, found
