"""The API of what-ifs, and of the changes that the live plan goes by."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Response, status

from mes.planning.routes import Planner, PlanWriter, Reader
from mes.planning.schemas import PlanOut
from mes.planning.whatif import live, service
from mes.planning.whatif.changes import Change
from mes.planning.whatif.live import LiveChange
from mes.planning.whatif.model import Branch
from mes.planning.whatif.schemas import BranchIn, ChangesIn, PublishBranchIn
from mes.platform.errors import NotFound
from mes.platform.http import ClockDep, ReadDb, WriteDb

router = APIRouter(prefix="/api", tags=["planning"])


class NoSuchChangeOfBranch(NotFound):
    """What-if “{name}” has no change number {number}."""

    code = "whatif.branch_change_unknown"


@router.get("/whatif")
async def get_branches(_: Reader, conn: ReadDb) -> list[Branch]:
    """List the what-ifs that are not discarded, newest first."""
    return await service.newest(conn)


@router.post("/whatif", status_code=status.HTTP_201_CREATED)
async def post_branch(
    body: BranchIn, caller: PlanWriter, conn: WriteDb, clock: ClockDep, response: Response
) -> Branch:
    """Make a what-if of the plant as it is at this moment."""
    branch = await service.create(conn, body.name, now=clock.now(), actor=caller.actor)
    response.headers["Location"] = f"/api/whatif/{branch.id}"
    return branch


@router.get("/whatif/{branch_id}")
async def get_branch(branch_id: UUID, _: Reader, conn: ReadDb) -> Branch:
    """Show a what-if; once it is solved, with its figures and what it does to promises."""
    return await service.get(conn, branch_id)


@router.put("/whatif/{branch_id}/changes")
async def put_changes(branch_id: UUID, body: ChangesIn, _: PlanWriter, conn: WriteDb) -> Branch:
    """Give a what-if all its changes; it has to be solved again."""
    return await service.change(conn, branch_id, body.changes)


@router.post("/whatif/{branch_id}/changes")
async def add_change(
    branch_id: UUID, change: Annotated[Change, Body()], _: PlanWriter, conn: WriteDb
) -> Branch:
    """Add one change to a what-if; it has to be solved again."""
    former = await service.get(conn, branch_id)
    return await service.change(conn, branch_id, (*former.meant, change))


@router.delete("/whatif/{branch_id}/changes/{number}")
async def drop_change(branch_id: UUID, number: int, _: PlanWriter, conn: WriteDb) -> Branch:
    """Take a change out of a what-if; `number` counts from 0."""
    former = await service.get(conn, branch_id)
    if not 0 <= number < len(former.changes):
        raise NoSuchChangeOfBranch(name=former.name, number=number)
    kept = tuple(one for at, one in enumerate(former.meant) if at != number)
    return await service.change(conn, branch_id, kept)


@router.post("/whatif/{branch_id}/solve", status_code=status.HTTP_202_ACCEPTED)
async def solve_branch(branch_id: UUID, _: PlanWriter, conn: WriteDb) -> Branch:
    """Solve a what-if in the background; the live plan and other what-ifs notice nothing."""
    return await service.request_solve(conn, branch_id)


@router.post("/whatif/{branch_id}/publish")
async def publish_branch(
    branch_id: UUID, body: PublishBranchIn, planner: Planner, conn: WriteDb, clock: ClockDep
) -> PlanOut:
    """Put a what-if in force: its changes for the live plant, and its plan."""
    plan = await service.publish(conn, branch_id, now=clock.now(), by=planner.actor, note=body.note)
    return PlanOut.of(plan)


@router.post("/whatif/{branch_id}/discard")
async def discard_branch(branch_id: UUID, _: PlanWriter, conn: WriteDb) -> Branch:
    """Give a what-if up."""
    return await service.discard(conn, branch_id)


@router.get("/plan/changes")
async def get_live_changes(_: Reader, conn: ReadDb) -> list[LiveChange]:
    """List what planners have changed for the live plan."""
    site = await service.site_of(conn)
    return await live.in_force(conn, site)


@router.post("/plan/changes", status_code=status.HTTP_204_NO_CONTENT)
async def enter_live_change(
    change: Annotated[Change, Body()], caller: PlanWriter, conn: WriteDb, clock: ClockDep
) -> None:
    """Change what the live plan goes by; the next repair follows."""
    await service.enter_live(conn, change, now=clock.now(), actor=caller.actor)


@router.delete("/plan/changes/{change_id}", status_code=status.HTTP_204_NO_CONTENT)
async def take_back_live_change(
    change_id: UUID, caller: PlanWriter, conn: WriteDb, clock: ClockDep
) -> None:
    """End a change of the live plan; the next repair follows."""
    await service.take_back_live(conn, change_id, now=clock.now(), actor=caller.actor)
