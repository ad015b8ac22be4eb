"""The trends page: process values of a station over a day, with their gaps and the causes of these."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, Response

from mes.contracts.plant import Line, Station
from mes.equipment import views
from mes.identity.model import Role
from mes.platform.errors import NotFound
from mes.platform.http import ReadDb
from mes.web.listing import csv_answer
from mes.web.reader import page_for
from mes.web.shell import Shell

router = APIRouter()

TrendsPage = Annotated[Shell, Depends(page_for(Role.QUALITY, Role.MAINTENANCE, Role.PLANNER))]
MAX_TAGS = 8
USUAL_PX = 1400
MAX_EPOCH_S = 1 << 33
EXPORTED = ("minute", "tag", "unit", "mean", "low", "high")


class NoSuchMeasuringStation(NotFound):
    """The plant has no station {station} with process values."""

    code = "trends.station_unknown"


class _Asked:
    """A station, some of its values and a day of the plant, as the address has them."""

    def __init__(
        self,
        shell: TrendsPage,
        station: Annotated[str, Query(max_length=80)] = "",
        tags: Annotated[list[str] | None, Query(max_length=MAX_TAGS)] = None,
        day: date | None = None,
    ) -> None:
        self.shell = shell
        measuring = [(line, one) for line in shell.plant.lines for one in line.stations if one.tags]
        found = next(((l_, s) for l_, s in measuring if s.id == station), None)
        if found is None and (station or not measuring):
            raise NoSuchMeasuringStation(station=station or "?")
        self.measuring = measuring
        self.line, self.station = found or measuring[0]
        known = [tag.name for tag in self.station.tags]
        self.tags = [name for name in tags or [] if name in known] or known
        today = shell.f.local(shell.now).date()
        self.day = min(day or today, today)
        self.from_at = datetime.combine(self.day, time(0), shell.f.zone)
        self.to_at = datetime.combine(self.day + timedelta(days=1), time(0), shell.f.zone)
        self.is_today = self.day == today

    def part(self, from_s: int | None, to_s: int | None) -> tuple[datetime, datetime]:
        """Return a part of the day, seconds since the epoch; what lies outside is cut off."""
        begin = self.from_at if from_s is None else datetime.fromtimestamp(from_s, UTC)
        end = self.to_at if to_s is None else datetime.fromtimestamp(to_s, UTC)
        begin, end = max(begin, self.from_at), min(end, self.to_at)
        return (begin, end) if begin < end else (self.from_at, self.to_at)


Asked = Annotated[_Asked, Depends()]


@router.get("/trends")
async def trends_page(asked: Asked) -> HTMLResponse:
    """Show a day of a station's process values; the island fetches them."""
    shell = asked.shell
    return shell.page(
        "equipment/trends.html",
        {
            "asked": asked,
            "query": shell.request.url.query,
            "stations": _choices(asked.measuring),
            "yesterday": asked.day - timedelta(days=1),
            "tomorrow": asked.day + timedelta(days=1),
            "topics": "map",
        },
    )


@router.get("/trends/values.json")
async def trends_values(
    asked: Asked,
    conn: ReadDb,
    from_s: Annotated[int | None, Query(alias="from", ge=0, le=MAX_EPOCH_S)] = None,
    to_s: Annotated[int | None, Query(alias="to", ge=0, le=MAX_EPOCH_S)] = None,
    px: Annotated[int, Query(ge=100, le=8000)] = USUAL_PX,
) -> dict[str, Any]:
    """Answer the values and the gaps of the day, or of a part of it, by second, minute or hour.

    Args:
        from_s, to_s: the part, seconds since the epoch.
        px: how many pixels wide it is drawn.
    """
    begin, end = asked.part(from_s, to_s)
    step_s = views.step_for((end - begin).total_seconds(), px)
    return await _values(asked, conn, begin, end, step_s)


@router.get("/trends.csv")
async def trends_export(asked: Asked, conn: ReadDb) -> Response:
    """Give the day as CSV, one row a minute and value."""
    shown = await _values(asked, conn, asked.from_at, asked.to_at, 60)
    rows = [
        {
            "minute": datetime.fromtimestamp(at, asked.shell.f.zone),
            "tag": tag["name"],
            "unit": tag["unit"],
            "mean": mean,
            "low": low,
            "high": high,
        }
        for tag in shown["tags"]
        for at, mean, low, high in zip(
            tag["times"], tag["means"], tag["lows"], tag["highs"], strict=True
        )
    ]
    name = f"{asked.station.id}-{asked.day:%Y-%m-%d}"
    return csv_answer(name, EXPORTED, rows, asked.shell.f)


async def _values(
    asked: _Asked, conn: ReadDb, from_at: datetime, to_at: datetime, step_s: int
) -> dict[str, Any]:
    return await views.trends(
        conn,
        asked.line.id,
        asked.station,
        asked.tags,
        asked.shell.f,
        from_at=from_at,
        to_at=to_at,
        step_s=step_s,
    )


def _choices(measuring: list[tuple[Line, Station]]) -> list[tuple[str, str]]:
    return [(station.id, line.id) for line, station in measuring]
