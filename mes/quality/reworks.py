"""The repair of a held body: assumed, then confirmed or reverted, then done."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from mes.contracts.events import ReworkConfirmed, ReworkOpened, ReworkReverted
from mes.contracts.ids import job_order_id, uuid7
from mes.contracts.plant import Line
from mes.execution import service as execution
from mes.platform.db import ReadConn, WriteConn
from mes.quality import model, repository
from mes.quality.chain import Chain
from mes.quality.model import Hold, Rework

_ATTEMPTS = 5
"""More job orders than this are not made for one rework."""


async def assume(
    conn: WriteConn, hold: Hold, gate: Line, work_s: float, chain: Chain, *, now: datetime
) -> None:
    """Open the provisional rework; a gate line without a bay leaves the body to a person's decision."""
    if hold.body_id is None or gate.repair_bay is None:
        return
    bay = gate.repair_bay
    rework = Rework(
        id=uuid7(),
        hold_id=hold.id,
        body_id=hold.body_id,
        line=gate.id,
        bay=bay.id,
        defect_kind=hold.defect_kind or model.UNCLASSIFIED,
        work_s=work_s,
        opened_at=now,
        review_by_at=now + timedelta(minutes=bay.review_timeout_min),
    )
    await repository.add_rework(conn, rework)
    await chain.add(
        ReworkOpened(
            rework_id=rework.id,
            hold_id=hold.id,
            body_id=rework.body_id,
            line=rework.line,
            bay=rework.bay,
            defect_kind=rework.defect_kind,
            work_s=rework.work_s,
            provisional=True,
        )
    )


async def confirm(conn: WriteConn, rework: Rework | None, chain: Chain, *, by_policy: bool) -> None:
    """It is really to be done: dispatching sends its job order."""
    if rework is None:
        return
    await repository.save_rework(conn, rework.confirmed(by_policy=by_policy))
    await chain.add(
        ReworkConfirmed(
            rework_id=rework.id,
            hold_id=rework.hold_id,
            body_id=rework.body_id,
            line=rework.line,
            by_policy=by_policy,
        )
    )


async def revert(conn: WriteConn, rework: Rework | None, chain: Chain, *, now: datetime) -> None:
    """It is not needed, or not possible any more; without a rework there is nothing to revert."""
    if rework is None:
        return
    await repository.save_rework(conn, rework.reverted(now))
    await chain.add(
        ReworkReverted(
            rework_id=rework.id, hold_id=rework.hold_id, body_id=rework.body_id, line=rework.line
        )
    )


async def has_begun(conn: ReadConn, rework: Rework) -> bool:
    """Say whether the line has begun a job order of this rework."""
    jobs = {job.id: job for job in await execution.jobs_of_body(conn, rework.body_id)}
    return any(jobs[job_id].started_at is not None for job_id in job_ids(rework) if job_id in jobs)


def job_ids(rework: Rework) -> list[UUID]:
    """Return the ids that the job order of a rework may have: its subject is the rework."""
    return [
        job_order_id(str(rework.id), rework.line, attempt) for attempt in range(1, _ATTEMPTS + 1)
    ]


async def find_rework(conn: ReadConn, rework_id: UUID) -> Rework | None:
    """Return a rework (its bay, kind and standard seconds make the job order), or None."""
    return await repository.rework(conn, rework_id)


async def reworks_alive(conn: ReadConn) -> list[Rework]:
    """Return the reworks that are assumed or to be done, oldest first."""
    return await repository.alive_reworks(conn)


async def reworks_to_do(conn: ReadConn, body_id: UUID) -> list[Rework]:
    """Return the confirmed reworks of a body, in order of opening."""
    return await repository.confirmed_reworks(conn, body_id)
