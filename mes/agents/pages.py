"""The screen of plant IT."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response

from mes.agents import certificates, views
from mes.identity.model import Role
from mes.platform.http import ClockDep, ReadDb
from mes.web.listing import csv_answer
from mes.web.reader import page_for
from mes.web.shell import Shell

router = APIRouter()

ItPage = Annotated[Shell, Depends(page_for(Role.MAINTENANCE))]
EXPORTED = ("line", "link", "epoch", "config_version", "seen_at", "heard_at", "link_detail")


@router.get("/it")
async def it_page(shell: ItPage, conn: ReadDb, clock: ClockDep) -> HTMLResponse:
    """Show agents and their links, what is in quarantine, what failed, how far workers are."""
    return shell.page(
        "agents/it.html",
        {
            "h": await views.health(conn),
            "certificates": await certificates.held(conn),
            "may_decide": shell.user is not None and Role.ADMIN in shell.user.roles,
            "real_now": clock.real_now(),
            "topics": "agents,map,jobs",
        },
    )


@router.get("/it.csv")
async def it_export(shell: ItPage, conn: ReadDb) -> Response:
    """Give the agents as CSV."""
    return csv_answer("agents", EXPORTED, await views.agents(conn), shell.f)
