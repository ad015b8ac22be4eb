"""The page of a line: what can be asked of it, what was asked, and one command from dry run to answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, Response

from mes.commanding import service, views
from mes.contracts.dispatch import CommandKind
from mes.identity.model import Role
from mes.platform.http import ClockDep, ReadDb
from mes.web.listing import csv_answer
from mes.web.reader import page_for
from mes.web.shell import Shell

router = APIRouter()

LinePage = Annotated[
    Shell, Depends(page_for(Role.PLANNER, Role.QUALITY, Role.OPERATOR, Role.MAINTENANCE))
]
EXPORTED = ("sent_at", "kind", "dry_run", "actor", "reason", "state", "code", "changed")


@router.get("/lines/{line}")
async def line_page(line: str, shell: LinePage, conn: ReadDb) -> HTMLResponse:
    """Show the jobs of a line with what can be asked about them, and the history of what was asked."""
    await service.require_line(conn, line)
    history = await service.history(conn, line)
    jobs = await views.jobs(conn, line, shell.roles)
    return shell.page(
        "commanding/line.html",
        {
            "line": shell.plant.line(line),
            "jobs": jobs,
            "recipes": await views.recipes(conn, shell.plant.line(line), jobs),
            "may_set_recipe": views.may_ask(CommandKind.DOWNLOAD_RECIPE, shell.roles),
            "may_set_interlock": views.may_ask(CommandKind.SET_INTERLOCK, shell.roles),
            "bodies": await views.bodies(conn, line),
            "may_hold": views.may_ask(CommandKind.SET_HOLD, shell.roles),
            "history": history,
            "body_numbers": await views.body_numbers(conn, history),
            "topics": "jobs,map",
        },
    )


@router.get("/lines/{line}/commands.csv")
async def history_export(line: str, shell: LinePage, conn: ReadDb) -> Response:
    """Give the history of a line as CSV, dry runs included."""
    await service.require_line(conn, line)
    rows = [
        {
            **{name: getattr(command, name) for name in EXPORTED if name != "changed"},
            "changed": "; ".join(f"{c.name}: {c.old} > {c.new} {c.unit}" for c in command.changes),
        }
        for command in await service.history(conn, line, dry_runs=True, limit=500)
    ]
    return csv_answer(f"{line}-commands", EXPORTED, rows, shell.f)


@router.get("/lines/{line}/commands/{command_id}")
async def command_page(
    line: str, command_id: UUID, shell: LinePage, conn: ReadDb, clock: ClockDep
) -> HTMLResponse:
    """Show what a dry run found, with the button that does it; or what became of a command."""
    command = await service.command_of(conn, line, command_id)
    return shell.page(
        "commanding/command.html",
        {
            "line": shell.plant.line(line),
            "c": command,
            "job": await views.job_of(conn, command),
            "body_numbers": await views.body_numbers(conn, [command]),
            "may_carry_out": command.may_be_carried_out(clock.real_now())
            and views.may_ask(command.kind, shell.roles),
            "topics": "jobs",
        },
    )
