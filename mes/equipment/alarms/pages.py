"""The page of what the machines raise: what stands, what stood, and the button that acknowledges."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from mes.agents import service as agents
from mes.equipment.alarms import model, service
from mes.identity.model import Role
from mes.platform.http import ReadDb
from mes.web.reader import page_for
from mes.web.shell import Shell

router = APIRouter()


@router.get("/alarms/machines")
async def machine_alarms(
    shell: Annotated[
        Shell, Depends(page_for(Role.MAINTENANCE, Role.QUALITY, Role.PLANNER, Role.OPERATOR))
    ],
    conn: ReadDb,
    line: Annotated[str, Query(max_length=80)] = "",
) -> HTMLResponse:
    """Show the alarms of the machines, of one line or of all."""
    known = line if any(one.id == line for one in shell.plant.lines) else None
    return shell.page(
        "equipment/machine_alarms.html",
        {
            "line": known or "",
            "standing": await service.standing(conn, known),
            "over": await service.newest(conn, known),
            "grave": model.GRAVE,
            "may_acknowledge": shell.may(Role.MAINTENANCE, Role.OPERATOR),
            "may_shelve": shell.may(Role.MAINTENANCE),
            "silent": [one for one in await agents.polled(conn) if known in (None, one)],
            "topics": "map",
        },
    )
