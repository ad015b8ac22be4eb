"""The API of commands: a dry run, the thing itself, and the history of a line."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from mes.commanding import service
from mes.commanding.schemas import CarryOutIn, CommandIn, LineCommandOut
from mes.commanding.service import Asking
from mes.identity.access import CurrentUser, require_scope
from mes.identity.model import Caller, Scope
from mes.platform.http import ClockDep, ReadDb, WriteDb

router = APIRouter(prefix="/api", tags=["commanding"])

Reader = Annotated[Caller, Depends(require_scope(Scope.PLAN_READ))]


@router.post("/lines/{line}/commands", status_code=202)
async def ask(
    line: str, body: CommandIn, user: CurrentUser, conn: WriteDb, clock: ClockDep
) -> LineCommandOut:
    """Ask something of a line; its agent answers within moments, or when it reaches the line again."""
    asking = Asking(user, clock.now(), clock.real_now())
    return LineCommandOut.of(await service.ask(conn, line, body.wish(), asking, command_id=body.id))


@router.post("/lines/{line}/commands/{command_id}/carry-out", status_code=202)
async def carry_out(
    line: str,
    command_id: UUID,
    body: CarryOutIn,
    user: CurrentUser,
    conn: WriteDb,
    clock: ClockDep,
) -> LineCommandOut:
    """Do what a dry run has shown; asked twice, it is done once."""
    asking = Asking(user, clock.now(), clock.real_now())
    return LineCommandOut.of(
        await service.carry_out(conn, line, command_id, asking, reason=body.reason)
    )


@router.get("/lines/{line}/commands")
async def get_history(
    line: str,
    _: Reader,
    conn: ReadDb,
    dry_runs: bool = False,
    limit: Annotated[int, Query(ge=1, le=500)] = service.RECENT,
) -> list[LineCommandOut]:
    """List who asked what of a line and what came of it, the newest first."""
    await service.require_line(conn, line)
    found = await service.history(conn, line, dry_runs=dry_runs, limit=limit)
    return [LineCommandOut.of(command) for command in found]


@router.get("/lines/{line}/commands/{command_id}")
async def get_command(line: str, command_id: UUID, _: Reader, conn: ReadDb) -> LineCommandOut:
    """Show one command and its answer."""
    return LineCommandOut.of(await service.command_of(conn, line, command_id))
