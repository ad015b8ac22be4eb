"""Pass on to the lines what people decided about bodies."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from mes.contracts.dispatch import CommandKind, JobKind, JobOrder, ReadingAnswer
from mes.contracts.ids import job_order_id
from mes.dispatching import repository, sending
from mes.dispatching.model import Job
from mes.dispatching.sending import Times
from mes.events.model import Event
from mes.execution import service as execution
from mes.planning import service as planning
from mes.platform.db import ReadConn, WriteConn
from mes.quality import reworks
from mes.quality import service as quality

_COMMANDS = UUID("0192f7a0-0000-7000-8000-00000000c0de")


async def send_rework(
    conn: WriteConn, rework_id: UUID, event: Event, *, now: datetime, real_now: datetime
) -> JobOrder | None:
    """Send the job of a confirmed rework to the bay of its line; once, however often it is asked for."""
    rework = await reworks.find_rework(conn, rework_id)
    body = None if rework is None else await execution.find_body(conn, rework.body_id)
    if rework is None or body is None:
        return None
    await repository.lock_line(conn, rework.line)
    past = (await repository.ended(conn, rework.line, [rework.id])).get(rework.id)
    if past is not None:
        jobs = [j for j in await repository.jobs_of_body(conn, body.id) if j.rework_id == rework.id]
        if past.done or any(j.is_open and not j.cancelling for j in jobs):
            return None
    attempt = past.attempts + 1 if past is not None else 1
    top = await repository.top_sequence(conn, rework.line)
    order = JobOrder(
        id=job_order_id(str(rework.id), rework.line, attempt),
        kind=JobKind.REWORK,
        line=rework.line,
        attempt=attempt,
        sequence=top + 1,
        start_at=now,
        body_id=body.id,
        body_number=body.number,
        vin=body.vin,
        model=body.model,
        color=body.color,
        defect_kind=rework.defect_kind,
        work_s=rework.work_s,
    )
    await sending.hand_over(
        conn,
        order,
        rework.id,
        body.order_id,
        Times(now, real_now),
        rework_id=rework.id,
        causation=event,
    )
    return order


async def take_rework_back(
    conn: WriteConn, body_id: UUID, rework_id: UUID, *, now: datetime, real_now: datetime
) -> None:
    """Take back the job of a rework that is not needed, unless it has begun."""
    for job in await _jobs_alone(conn, body_id):
        if job.rework_id == rework_id and job.is_open and not (job.has_begun or job.cancelling):
            await sending.cancel(conn, job, Times(now, real_now))


async def _jobs_alone(conn: WriteConn, body_id: UUID) -> list[Job]:
    """Return the jobs of a body, their lines compared with nobody's plan meanwhile."""
    for line in sorted({job.line for job in await repository.jobs_of_body(conn, body_id)}):
        await repository.lock_line(conn, line)
    return await repository.jobs_of_body(conn, body_id)


async def set_hold(
    conn: WriteConn,
    line: str,
    body_id: UUID,
    event: Event,
    *,
    held: bool,
    reason: str,
    now: datetime,
    real_now: datetime,
) -> None:
    """Raise or clear the hold of a body at its line; a body under another hold stays held."""
    if not held and await quality.is_held(conn, body_id):
        return
    await sending.send(
        conn,
        CommandKind.SET_HOLD,
        line,
        Times(now, real_now),
        command_id=uuid5(_COMMANDS, f"{event.id}|hold"),
        body_id=body_id,
        held=held,
        reason=reason or None,
        actor=event.actor,
    )


async def scrap_body(
    conn: WriteConn, body_id: UUID, event: Event, *, now: datetime, real_now: datetime
) -> None:
    """Have a scrapped body carried out, and take back the jobs it had before it."""
    times = Times(now, real_now)
    for job in await _jobs_alone(conn, body_id):
        if job.is_open and not job.has_begun and not job.cancelling:
            await sending.cancel(conn, job, times)
    line = await _line_of(conn, body_id)
    if line is not None:
        await sending.send(
            conn,
            CommandKind.SCRAP_BODY,
            line,
            times,
            command_id=uuid5(_COMMANDS, f"{event.id}|scrap"),
            body_id=body_id,
            actor=event.actor,
        )


async def _line_of(conn: ReadConn, body_id: UUID) -> str | None:
    """Return the line that has a body, or in whose store behind it the body waits."""
    body = await execution.find_body(conn, body_id)
    if body is None:
        return None
    if body.place.line is not None:
        return body.place.line
    net = await planning.network(conn)
    try:
        return net.line_giving_to(body.place.store).id if body.place.store else None
    except KeyError:
        return None


async def answer_reading(
    conn: WriteConn,
    line: str,
    station: str,
    body_id: UUID,
    answer: ReadingAnswer,
    event: Event,
    *,
    now: datetime,
    real_now: datetime,
) -> None:
    """Tell a line that stands and asks what a person said."""
    await sending.send(
        conn,
        CommandKind.ANSWER_READING,
        line,
        Times(now, real_now),
        command_id=uuid5(_COMMANDS, f"{event.id}|answer"),
        body_id=body_id,
        station=station,
        answer=answer,
        actor=event.actor,
    )
