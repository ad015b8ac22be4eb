"""The API of dispatching: what each line is told to do."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from mes.dispatching import service
from mes.dispatching.model import UnknownLine
from mes.dispatching.schemas import DifferenceOut, JobOut, NextBodyOut
from mes.identity.access import require_scope
from mes.identity.model import Caller, Scope
from mes.platform.http import ReadDb
from mes.resources import service as resources

router = APIRouter(prefix="/api", tags=["dispatching"])

Reader = Annotated[Caller, Depends(require_scope(Scope.PLAN_READ))]


@router.get("/lines/{line}/jobs")
async def get_jobs(line: str, _: Reader, conn: ReadDb) -> list[JobOut]:
    """List the jobs of a line to which something may still happen, in order of work."""
    plant = await resources.active_plant(conn)
    known = [one.id for one in plant.lines]
    if line not in known:
        raise UnknownLine(line=line, known=", ".join(known))
    return [JobOut.of(job) for job in await service.open_jobs(conn, line)]


@router.get("/stores/{store}/next")
async def get_next_body(store: str, _: Reader, conn: ReadDb) -> NextBodyOut | None:
    """Answer which body a store should give next, as its lanes and the plan in force have it; null: none."""
    found = await service.next_body(conn, store)
    return None if found is None else NextBodyOut.of(found)


@router.get("/jobs/differing")
async def get_differing(_: Reader, conn: ReadDb) -> list[DifferenceOut]:
    """List the jobs whose line last reported another state than is known here."""
    return [DifferenceOut.of(found) for found in await service.differing(conn)]


@router.get("/jobs/{job_id}")
async def get_job(job_id: UUID, _: Reader, conn: ReadDb) -> JobOut:
    """Show one job order."""
    return JobOut.of(await service.job(conn, job_id))
