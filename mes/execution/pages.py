"""Screens of the floor: the live plant map, the buffers, and the operator's page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, Response

from mes.execution import views
from mes.identity.model import Role
from mes.platform.errors import NotFound
from mes.platform.http import ClockDep, ReadDb
from mes.web.listing import csv_answer
from mes.web.names import catalog_names
from mes.web.reader import page_for
from mes.web.shell import Shell

router = APIRouter()

FloorPage = Annotated[
    Shell, Depends(page_for(Role.PLANNER, Role.QUALITY, Role.OPERATOR, Role.MAINTENANCE))
]
BODY_COLUMNS = (
    "store",
    "lane",
    "number",
    "order_number",
    "model",
    "color",
    "condition",
    "since_at",
)


class NoSuchStation(NotFound):
    """The plant has no station {station}."""

    code = "station.unknown"


@router.get("/map")
async def map_page(shell: FloorPage, conn: ReadDb, clock: ClockDep) -> HTMLResponse:
    """Show every station of the plant now."""
    return shell.page(
        "execution/map.html",
        {
            "m": await views.plant_map(conn, shell.plant),
            "real_now": clock.real_now(),
            "catalog": await catalog_names(conn, shell.language, shell.now),
            "topics": "map,agents,holds",
        },
    )


@router.get("/buffers")
async def buffers_page(
    shell: FloorPage, conn: ReadDb, hours: Annotated[int, Query(ge=1, le=72)] = 8
) -> HTMLResponse:
    """Show what stands in each store, in order, and how full it was."""
    found = await views.plant_map(conn, shell.plant)
    stores = [store for store in shell.plant.stores if store.kind == "body"]
    return shell.page(
        "execution/buffers.html",
        {
            "stores": stores,
            "content": found.stores,
            "panels": {row["panel"]: row for row in found.panels},
            "curves": {
                store.id: await views.fill_curve(
                    conn,
                    store.id,
                    len(found.stores.get(store.id, [])),
                    now=shell.now,
                    hours=hours,
                )
                for store in stores
            },
            "catalog": await catalog_names(conn, shell.language, shell.now),
            "hours": hours,
            "topics": "map",
        },
    )


@router.get("/buffers.csv")
async def buffers_export(shell: FloorPage, conn: ReadDb) -> Response:
    """Give the content of the stores as CSV."""
    found = await views.plant_map(conn, shell.plant)
    rows = [body for content in found.stores.values() for body in content]
    return csv_answer("buffers", BODY_COLUMNS, rows, shell.f)


@router.get("/stations")
async def stations_page(shell: FloorPage, conn: ReadDb) -> HTMLResponse:
    """Let an operator choose the station they stand at."""
    return shell.page(
        "execution/stations.html",
        {
            "m": await views.plant_map(conn, shell.plant),
            "lines": views.body_lines(shell.plant),
            "topics": "map",
        },
    )


@router.get("/station/{station_id}")
async def station_page(station_id: str, shell: FloorPage, conn: ReadDb) -> HTMLResponse:
    """Show an operator the body at a station, what to fit, and how to say what happened."""
    found = views.find_station(shell.plant, station_id)
    if found is None:
        raise NoSuchStation(station=station_id)
    line, station = found
    return shell.page(
        "execution/station.html",
        {
            "line": line,
            "station": station,
            "s": await views.at_station(conn, line, station, now=shell.now),
            "kinds": views.defect_kinds(line),
            "catalog": await catalog_names(conn, shell.language, shell.now),
            "topics": "map",
        },
    )
