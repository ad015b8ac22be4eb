"""The API of proposals, and of what is permitted without a planner."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from mes.planning.proposals import service
from mes.planning.proposals.schemas import PermitIn, PermitOut, ProposalOut, VerdictIn
from mes.planning.routes import Planner, Reader
from mes.planning.schemas import PlanOut
from mes.platform.http import ClockDep, ReadDb, WriteDb

router = APIRouter(prefix="/api/plan", tags=["planning"])


@router.get("/proposals")
async def get_proposals(_: Reader, conn: ReadDb) -> list[ProposalOut]:
    """List the newest proposals, the one that waits first."""
    return [ProposalOut.of(one) for one in await service.newest(conn)]


@router.post("/proposals/{proposal_id}/accept")
async def accept_proposal(
    proposal_id: UUID, body: VerdictIn, planner: Planner, conn: WriteDb, clock: ClockDep
) -> PlanOut:
    """Put a proposal in force, laid over the plant as it is now."""
    verdict = service.Verdict(body.row_version, planner.actor, body.note)
    return PlanOut.of(await service.accept(conn, proposal_id, verdict, now=clock.now()))


@router.post("/proposals/{proposal_id}/reject")
async def reject_proposal(
    proposal_id: UUID, body: VerdictIn, planner: Planner, conn: WriteDb, clock: ClockDep
) -> ProposalOut:
    """Leave the plan in force as it is."""
    verdict = service.Verdict(body.row_version, planner.actor, body.note)
    return ProposalOut.of(await service.reject(conn, proposal_id, verdict, now=clock.now()))


@router.get("/permit")
async def get_permit(_: Reader, conn: ReadDb) -> PermitOut:
    """Show what happens without a planner."""
    return PermitOut.of(await service.permit(conn))


@router.put("/permit")
async def put_permit(body: PermitIn, planner: Planner, conn: WriteDb, clock: ClockDep) -> PermitOut:
    """Say what happens without a planner from now on."""
    permit = await service.set_permit(
        conn,
        occasions=body.occasions,
        max_cars_moved=body.max_cars_moved,
        max_minutes=body.max_minutes,
        max_promises=body.max_promises,
        max_locks=body.max_locks,
        row_version=body.row_version,
        now=clock.now(),
        actor=planner.actor,
    )
    return PermitOut.of(permit)
