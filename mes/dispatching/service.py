"""The door of dispatching: jobs looked up; following plans, hearing lines and decisions are beside it."""

from __future__ import annotations

from uuid import UUID

from mes.dispatching import repository
from mes.dispatching.decisions import answer_reading as answer_reading
from mes.dispatching.decisions import scrap_body as scrap_body
from mes.dispatching.decisions import send_rework as send_rework
from mes.dispatching.decisions import set_hold as set_hold
from mes.dispatching.decisions import take_rework_back as take_rework_back
from mes.dispatching.following import Sent as Sent
from mes.dispatching.following import dispatch as dispatch
from mes.dispatching.following import dispatch_wished as dispatch_wished
from mes.dispatching.following import wish as wish
from mes.dispatching.hearing import command_done as command_done
from mes.dispatching.hearing import job_list_reported as job_list_reported
from mes.dispatching.hearing import job_reported as job_reported
from mes.dispatching.model import Job, UnknownJobOrder
from mes.dispatching.repository import Difference
from mes.dispatching.stores import NextBody as NextBody
from mes.dispatching.stores import next_body as next_body
from mes.platform.db import ReadConn


async def job(conn: ReadConn, job_id: UUID) -> Job:
    """Return a job order.

    Raises:
        UnknownJobOrder: there is none.
    """
    found = await repository.job(conn, job_id)
    if found is None:
        raise UnknownJobOrder(job=job_id)
    return found


async def open_jobs(conn: ReadConn, line: str) -> list[Job]:
    """Return the jobs of a line to which something may still happen, in order of work."""
    return await repository.open_jobs(conn, line)


async def find_job(conn: ReadConn, job_id: UUID) -> Job | None:
    """Return a job order; None: there is none, or it is over and forgotten."""
    return await repository.job(conn, job_id)


async def ended_jobs(conn: ReadConn, line: str, *, limit: int) -> list[Job]:
    """Return the jobs of a line that ended last, the newest first."""
    return await repository.ended_jobs(conn, line, limit=limit)


async def differing(conn: ReadConn) -> list[Difference]:
    """Return the jobs whose line last reported another state than is known here."""
    return await repository.differing(conn)
