"""Say something to a line: a job, a change of it, a hold; what is said is remembered here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from mes.agents import service as agents
from mes.contracts.dispatch import Command, CommandKind, JobOrder, JobState, ReadingAnswer
from mes.contracts.events import JobDispatched
from mes.contracts.ids import uuid7
from mes.dispatching import repository
from mes.dispatching.model import Job
from mes.events import service as events
from mes.events.model import Event
from mes.execution import service as execution
from mes.platform.db import WriteConn

ACTOR = "policy:dispatch"


@dataclass(frozen=True, slots=True)
class Times:
    """Plant time for what is said, real time for the outbox."""

    now: datetime
    real_now: datetime


async def hand_over(
    conn: WriteConn,
    order: JobOrder,
    subject: UUID,
    order_id: UUID | None,
    times: Times,
    *,
    rework_id: UUID | None = None,
    causation: Event | None = None,
) -> None:
    """Make a job known everywhere and send it to its line, all in one transaction."""
    job = Job(
        id=order.id,
        kind=order.kind,
        line=order.line,
        subject_id=subject,
        attempt=order.attempt,
        state=JobState.WAITING,
        state_at=times.now,
        sequence=order.sequence,
        order=order,
        order_id=order_id,
        body_id=order.body_id,
        rework_id=rework_id,
    )
    await repository.add_job(conn, job, now=times.now)
    await execution.register_job(conn, order, now=times.now)
    await send(conn, CommandKind.STORE_JOB, order.line, times, job=order)
    await events.record(
        conn,
        JobDispatched(
            job_order_id=order.id,
            kind=order.kind,
            line=order.line,
            body_id=order.body_id,
            sequence=order.sequence,
        ),
        now=times.now,
        actor=ACTOR,
        causation=causation,
        correlation=order_id,
    )


async def move(conn: WriteConn, job: Job, number: int, times: Times) -> None:
    """Give a stored job another place in its line's order of work."""
    moved = replace(job, sequence=number, order=job.order.model_copy(update={"sequence": number}))
    await repository.save_job(conn, moved)
    await send(conn, CommandKind.UPDATE_JOB, job.line, times, job=moved.order)


async def cancel(conn: WriteConn, job: Job, times: Times) -> None:
    """Take a stored job back from its line."""
    await repository.save_job(conn, job.taken_back())
    await send(conn, CommandKind.CANCEL_JOB, job.line, times, job_order_id=job.id)


async def send(
    conn: WriteConn,
    kind: CommandKind,
    line: str,
    times: Times,
    *,
    job: JobOrder | None = None,
    job_order_id: UUID | None = None,
    command_id: UUID | None = None,
    body_id: UUID | None = None,
    held: bool | None = None,
    reason: str | None = None,
    station: str | None = None,
    answer: ReadingAnswer | None = None,
    actor: str = ACTOR,
) -> None:
    """Put a command into the outbox of a line's agent; one about a job is remembered until it is answered."""
    command = Command(
        id=command_id or uuid7(),
        kind=kind,
        line=line,
        issued_at=times.now,
        actor=actor,
        job=job,
        job_order_id=job_order_id,
        body_id=body_id,
        held=held,
        reason=reason,
        station=station,
        answer=answer,
    )
    about = job.id if job is not None else job_order_id
    if about is not None:
        await repository.add_command(conn, command.id, about, line, kind, now=times.now)
    await agents.send_command(conn, line, command, real_now=times.real_now)
