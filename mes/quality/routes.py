"""The API of quality: holds and their queue, decisions, nonconformances."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response

from mes.identity.access import require, require_scope
from mes.identity.model import Caller, Role, Scope, User
from mes.inspection import service as inspection
from mes.inspection.schemas import InspectionOut
from mes.platform.errors import Invalid, Problem
from mes.platform.http import ClockDep, ReadDb, WriteDb
from mes.quality import containment, queue, service
from mes.quality.schemas import (
    DispositionIn,
    HoldOut,
    NonconformanceIn,
    NonconformanceOut,
    QueueItemOut,
)

router = APIRouter(prefix="/api", tags=["quality"])

Reader = Annotated[Caller, Depends(require_scope(Scope.QUALITY_READ))]
Reviewer = Annotated[User, Depends(require(Role.QUALITY))]
IfMatch = Annotated[str | None, Header(alias="If-Match")]


class VersionRequired(Problem):
    """Send the row_version of the hold that you saw in the header If-Match."""

    status = 428
    code = "hold.if_match_required"


class VersionUnreadable(Invalid):
    """If-Match has the row_version of the hold in quotation marks, as "3", not {given}."""

    code = "hold.if_match_unreadable"


@router.get("/holds")
async def get_holds(
    caller: Reader, conn: ReadDb, closed: Annotated[bool, Query()] = False
) -> list[HoldOut]:
    """List what is held now, oldest first; with `closed=1` the newest holds, closed ones too."""
    holds = await (service.newest_holds(conn) if closed else service.open_holds(conn))
    return [HoldOut.of(hold) for hold in holds]


@router.get("/holds/{hold_id}")
async def get_hold(hold_id: UUID, caller: Reader, conn: ReadDb, response: Response) -> HoldOut:
    """Show one hold; its ETag is what a decision sends as If-Match."""
    hold = await service.get_hold(conn, hold_id)
    response.headers["ETag"] = f'"{hold.row_version}"'
    return HoldOut.of(hold)


@router.get("/inspections", response_model=list[QueueItemOut] | list[InspectionOut])
async def get_inspections(
    caller: Reader,
    conn: ReadDb,
    waiting: Annotated[bool, Query(alias="queue")] = False,
    camera: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[QueueItemOut] | list[InspectionOut]:
    """List the newest inspections; with `queue=1` what waits for a verdict, by risk × uncertainty."""
    if waiting:
        return [QueueItemOut.of(item) for item in (await queue.review_queue(conn))[:limit]]
    found = await inspection.recent(conn, camera=camera, limit=limit)
    return [InspectionOut.of(seen) for seen in found]


@router.post("/holds/{hold_id}/disposition")
async def decide(
    hold_id: UUID,
    body: DispositionIn,
    user: Reviewer,
    conn: WriteDb,
    clock: ClockDep,
    response: Response,
    if_match: IfMatch = None,
) -> HoldOut:
    """Decide about a hold; 409 when somebody else decided meanwhile."""
    hold = await service.decide(
        conn,
        hold_id,
        body.disposition,
        reason=body.reason,
        defect_code=body.defect_code,
        regions=body.regions,
        reviewer=user.name,
        row_version=_version(if_match),
        now=clock.now(),
    )
    response.headers["ETag"] = f'"{hold.row_version}"'
    return HoldOut.of(hold)


@router.post("/holds/{hold_id}/undo")
async def undo(
    hold_id: UUID,
    user: Reviewer,
    conn: WriteDb,
    clock: ClockDep,
    response: Response,
    if_match: IfMatch = None,
) -> HoldOut:
    """Take a decision back while its effect has not reached the line."""
    hold = await service.undo(
        conn, hold_id, reviewer=user.name, row_version=_version(if_match), now=clock.now()
    )
    response.headers["ETag"] = f'"{hold.row_version}"'
    return HoldOut.of(hold)


@router.get("/nonconformances")
async def get_nonconformances(caller: Reader, conn: ReadDb) -> list[NonconformanceOut]:
    """List the newest nonconformances with their items."""
    return [
        NonconformanceOut.of(found, await containment.items_of(conn, found.id))
        for found in await containment.nonconformances(conn)
    ]


@router.post("/nonconformances", status_code=201)
async def open_nonconformance(
    body: NonconformanceIn, user: Reviewer, conn: WriteDb, clock: ClockDep
) -> NonconformanceOut:
    """Open a nonconformance over holds; each is an item with its own disposition."""
    opened = await containment.open_nonconformance(
        conn, body.hold_ids, title=body.title, actor=user.actor, now=clock.now()
    )
    return NonconformanceOut.of(opened, await containment.items_of(conn, opened.id))


@router.post("/nonconformances/{nonconformance_id}/close")
async def close_nonconformance(
    nonconformance_id: UUID, user: Reviewer, conn: WriteDb, clock: ClockDep
) -> NonconformanceOut:
    """Close a nonconformance whose items are all decided."""
    closed = await containment.close_nonconformance(
        conn, nonconformance_id, actor=user.actor, now=clock.now()
    )
    return NonconformanceOut.of(closed, await containment.items_of(conn, closed.id))


def _version(if_match: str | None) -> int:
    if if_match is None:
        raise VersionRequired
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isdigit():
        raise VersionUnreadable(given=if_match)
    return int(text)
