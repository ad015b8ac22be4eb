"""The API of the floor: where bodies are, what is in them, and what people at the line say."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from mes.execution import calls, history, service, shifts
from mes.execution.schemas import (
    AndonIn,
    AndonOut,
    AnswerIn,
    AsBuiltOut,
    BodyOut,
    ReportIn,
    ShiftOut,
)
from mes.identity.access import require, require_scope
from mes.identity.model import Caller, Role, Scope, User
from mes.platform.http import ClockDep, ReadDb, WriteDb

router = APIRouter(prefix="/api", tags=["execution"])

Reader = Annotated[Caller, Depends(require_scope(Scope.PLAN_READ))]
AtTheLine = Annotated[
    User, Depends(require(Role.OPERATOR, Role.QUALITY, Role.MAINTENANCE, Role.PLANNER))
]


@router.get("/bodies")
async def get_bodies(caller: Reader, conn: ReadDb) -> list[BodyOut]:
    """List the bodies on lines, in bays and in stores, first in first."""
    return [BodyOut.of(body) for body in await service.where_bodies_are(conn)]


@router.get("/bodies/{number}")
async def get_body(
    number: str,
    caller: Annotated[Caller, Depends(require_scope(Scope.QUALITY_READ))],
    conn: ReadDb,
) -> AsBuiltOut:
    """Show the as-built record of a body."""
    body = await service.body_by_number(conn, number)
    return AsBuiltOut.of(await history.body_history(conn, body))


@router.get("/buffers")
async def get_buffers(caller: Reader, conn: ReadDb) -> dict[str, list[BodyOut]]:
    """Show what stands in each body store, first in first."""
    stores = await service.buffers(conn)
    return {store: [BodyOut.of(body) for body in content] for store, content in stores.items()}


@router.post("/lines/{line}/stations/{station}/reading", status_code=204)
async def answer_reading(
    line: str, station: str, body: AnswerIn, user: AtTheLine, conn: WriteDb, clock: ClockDep
) -> Response:
    """Answer a line that stands because it read a body it did not expect."""
    await calls.answer_mismatch(conn, line, station, body.answer, actor=user.actor, now=clock.now())
    return Response(status_code=204)


@router.get("/lines/{line}/shift")
async def get_shift(line: str, caller: Reader, conn: ReadDb, clock: ClockDep) -> ShiftOut:
    """Show how the stations of a line did since the running shift began."""
    return ShiftOut.of(line, await shifts.stations_in_shift(conn, line, now=clock.now()))


@router.get("/andon")
async def get_andon(caller: Reader, conn: ReadDb) -> list[AndonOut]:
    """List the calls for help that nobody has cleared."""
    return [AndonOut.of(call) for call in await calls.open_andons(conn)]


@router.put("/lines/{line}/stations/{station}/andon")
async def call_andon(
    line: str, station: str, body: AndonIn, user: AtTheLine, conn: WriteDb, clock: ClockDep
) -> AndonOut:
    """Call for help; pressed twice it is one call."""
    call = await calls.call_andon(
        conn, station, body.reason, line=line, actor=user.actor, now=clock.now()
    )
    return AndonOut.of(call)


@router.delete("/lines/{line}/stations/{station}/andon", status_code=204)
async def clear_andon(
    line: str, station: str, user: AtTheLine, conn: WriteDb, clock: ClockDep
) -> Response:
    """End a call; without one nothing changes."""
    await calls.clear_andon(conn, station, line=line, actor=user.actor, now=clock.now())
    return Response(status_code=204)


@router.post("/bodies/{number}/reports", status_code=204)
async def report(
    number: str, body: ReportIn, user: AtTheLine, conn: WriteDb, clock: ClockDep
) -> Response:
    """Report a body as good, to be reworked or scrap; the same report again changes nothing."""
    await calls.report(
        conn,
        await service.body_by_number(conn, number),
        body.outcome,
        line=body.line,
        station=body.station,
        defect_kind=body.defect_kind,
        note=body.note,
        actor=user.actor,
        now=clock.now(),
    )
    return Response(status_code=204)
