"""Keep the next jobs of the plan stored at every line, and pass on what people decided about bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

import structlog

from mes.agents import service as agents
from mes.catalog import service as catalog
from mes.contracts.dispatch import (
    Command,
    CommandKind,
    JobKind,
    JobOrder,
    JobState,
    ListedJobState,
    ReadingAnswer,
)
from mes.contracts.events import CommandDone, JobDispatched, JobStateRecorded
from mes.contracts.ids import job_order_id, uuid7
from mes.contracts.plant import PlantModel
from mes.dispatching import repository
from mes.dispatching.model import (
    Job,
    Reach,
    UnknownJobOrder,
    Wanted,
    as_they_come,
    left_behind,
    orders_for,
    reconciled,
)
from mes.dispatching.repository import Difference, Ended
from mes.events import service as events
from mes.events.model import Event
from mes.execution import service as execution
from mes.execution.model import Body, PlaceKind
from mes.orders import service as orders
from mes.planning import service as planning
from mes.planning.repository import BoardRow
from mes.planning.tickets import body_job, body_of, lot_job
from mes.platform.db import ReadConn, WriteConn
from mes.quality import reworks
from mes.quality import service as quality
from mes.resources import service as resources

log = structlog.get_logger()

ACTOR = "policy:dispatch"
_COMMANDS = UUID("0192f7a0-0000-7000-8000-00000000c0de")
LOOK_AHEAD = 4
"""Rows of the plan read for a line, as a multiple of what it stores."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a comparison of a line with its plan told the line."""

    stored: int = 0
    moved: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class _Times:
    """Plant time for what is said, real time for the outbox."""

    now: datetime
    real_now: datetime


# Follow the plan


async def wish(conn: WriteConn, lines: Sequence[str], *, now: datetime) -> None:
    """Have lines compared with their plan soon; many wishes make one comparison."""
    for line in lines:
        await repository.wish(conn, line, since=now)


async def dispatch_wished(conn: WriteConn, *, now: datetime, real_now: datetime) -> str | None:
    """Compare the line that waits longest with its plan; return it, or None when nobody wishes."""
    line = await repository.take_wishes(conn)
    if line is not None:
        await dispatch(conn, line, now=now, real_now=real_now)
    return line


async def dispatch(conn: WriteConn, line: str, *, now: datetime, real_now: datetime) -> Sent:
    """Tell a line what makes its stored jobs those of the plan in force; jobs that run are left alone."""
    await repository.lock_line(conn, line)
    plant = await resources.active_plant(conn)
    ahead = plant.dispatch_ahead
    bodies = await execution.where_bodies_are(conn)
    reach = _reach(plant, line, bodies)
    rows = await planning.next_on_line(conn, line, limit=LOOK_AHEAD * ahead)
    known = {row.body_id for row in rows}
    behind = [body.order_id for body in bodies if body.id in reach.here - known]
    rows += [
        row
        for row in (await planning.on_line(conn, line, behind)).values()
        if not row.started and row.actual_start_at is None
    ]
    rows = [row for row in rows if row.kind == "die_lot" or row.body_id is not None]
    rows.sort(key=lambda row: (row.start_at, row.sequence))
    jobs = await repository.open_jobs(conn, line)
    by_subject = {_subject(row): row for row in rows}
    past = await repository.ended(conn, line, list(by_subject))
    waiting = [j.subject_id for j in jobs if not j.has_begun and j.subject_id not in by_subject]
    passed = await execution.passed(conn, line, [*by_subject, *waiting])
    wanted = [s for s in by_subject if s not in passed and (s not in past or not past[s].done)]
    gone = await _gone(conn, line, [j for j in jobs if j.subject_id not in by_subject])
    gone |= {j.subject_id for j in jobs if j.subject_id in passed and left_behind(j, now)}
    held = {hold.body_id for hold in await quality.open_holds(conn)}
    there = (reach.here - held) | {j.subject_id for j in jobs if j.kind is JobKind.DIE_LOT}
    told = orders_for(
        jobs,
        Wanted(as_they_come(wanted, reach), ahead, gone, there),
        refused={subject: one.refused for subject, one in past.items()},
    )
    times = _Times(now, real_now)
    for job_id in told.cancel:
        await _cancel(conn, next(j for j in jobs if j.id == job_id), times)
    for job_id, number in told.move:
        await _move(conn, next(j for j in jobs if j.id == job_id), number, times)
    await _store(conn, line, told.store, by_subject, past, times)
    return Sent(len(told.store), len(told.move), len(told.cancel))


def _reach(plant: PlantModel, line_id: str, bodies: Sequence[Body]) -> Reach:
    """Return which bodies stand before a line, or are about to."""
    store = plant.line(line_id).takes_from
    before = {line.id for line in plant.lines if line.gives_to == store}
    free = [body for body in bodies if not body.line_hold and not body.is_scrapped]
    return Reach(
        here=frozenset(
            body.id
            for body in free
            if body.place.kind is PlaceKind.STORE and body.place.store == store
        ),
        coming=frozenset(
            body.id
            for body in free
            if body.place.kind is PlaceKind.LINE and body.place.line in before
        ),
    )


def _subject(row: BoardRow) -> UUID:
    """Return what a job is about: the body, or the die lot."""
    return row.body_id if row.kind == "body" and row.body_id is not None else row.subject_id


async def _gone(conn: WriteConn, line: str, jobs: Sequence[Job]) -> frozenset[UUID]:
    """Return the subjects of stored jobs that the plan does not have, or has with another body."""
    waiting = [job for job in jobs if not job.has_begun and job.kind is not JobKind.REWORK]
    keys = [job.order_id or job.subject_id for job in waiting]
    rows = await planning.on_line(conn, line, keys)
    gone = set()
    for job, key in zip(waiting, keys, strict=True):
        row = rows.get(key)
        of_another = row is None or (job.body_id is not None and row.body_id != job.body_id)
        if of_another or (row is not None and not row.started and row.actual_start_at is None):
            gone.add(job.subject_id)
    return frozenset(gone)


async def _store(
    conn: WriteConn,
    line: str,
    wanted: Sequence[tuple[UUID, int]],
    rows: Mapping[UUID, BoardRow],
    past: Mapping[UUID, Ended],
    times: _Times,
) -> None:
    bodies = [rows[s].order_id for s, _ in wanted if rows[s].kind == "body"]
    boms = await orders.frozen_boms(conn, [o for o in bodies if o is not None]) if bodies else {}
    hexes: dict[str, str] = {}
    if bodies:
        book = await catalog.active_catalog(conn, times.now)
        hexes = {color.code: color.hex for color in book.colors}
    for subject, number in wanted:
        row = rows[subject]
        attempt = past[subject].attempts + 1 if subject in past else 1
        if row.kind == "die_lot":
            job = lot_job(
                subject,
                line,
                panel=row.panel or "",
                quantity=row.quantity or 1,
                sequence=number,
                start_at=row.start_at,
                attempt=attempt,
            )
            await _hand_over(conn, job, subject, None, times)
            continue
        order = None if row.order_id is None else await orders.order_by_id(conn, row.order_id)
        if order is None or order.body_id != subject:
            continue
        job = body_job(
            order,
            line,
            parts=boms.get(order.id, []),
            color_hex=hexes.get(order.color),
            sequence=number,
            start_at=row.start_at,
            attempt=attempt,
        )
        # The lock may be heard of here before execution has heard of it.
        await execution.register_body(conn, body_of(order, now=times.now))
        await _hand_over(conn, job, subject, order.id, times)


async def _hand_over(
    conn: WriteConn,
    order: JobOrder,
    subject: UUID,
    order_id: UUID | None,
    times: _Times,
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
    await _send(conn, CommandKind.STORE_JOB, order.line, times, job=order)
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


async def _move(conn: WriteConn, job: Job, number: int, times: _Times) -> None:
    moved = replace(job, sequence=number, order=job.order.model_copy(update={"sequence": number}))
    await repository.save_job(conn, moved)
    await _send(conn, CommandKind.UPDATE_JOB, job.line, times, job=moved.order)


async def _cancel(conn: WriteConn, job: Job, times: _Times) -> None:
    await repository.save_job(conn, job.taken_back())
    await _send(conn, CommandKind.CANCEL_JOB, job.line, times, job_order_id=job.id)


async def _send(
    conn: WriteConn,
    kind: CommandKind,
    line: str,
    times: _Times,
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


# Hear the lines


async def job_reported(
    conn: WriteConn, report: JobStateRecorded, *, at: datetime, now: datetime
) -> None:
    """Take a line's report of a job; reports that are late, repeated or of nobody's job change nothing."""
    job = await repository.job_for_change(conn, report.job_order_id)
    if job is None:
        return
    after = job.reported(
        report.state, at, good=report.good, scrap=report.scrap, reason=report.reason
    )
    await repository.note_report(conn, job.id, report.state, at=at)
    if after != job:
        await repository.save_job(conn, after)
        await repository.wish(conn, job.line, since=now)


async def command_done(conn: WriteConn, done: CommandDone, *, at: datetime, now: datetime) -> None:
    """Take a line's answer to a command about a job."""
    job_id = await repository.finish_command(
        conn, done.command_id, ok=done.ok, code=done.code, message=done.message, at=at
    )
    job = None if job_id is None else await repository.job_for_change(conn, job_id)
    if job is None:
        return
    after = job.answered(done.kind.value, ok=done.ok, code=done.code, at=at)
    if not done.ok and after.state is not JobState.CANCELLED:
        log.warning(
            "command.refused", line=done.line, kind=done.kind.value, job=str(job.id), code=done.code
        )
    if after != job:
        await repository.save_job(conn, after)
        await repository.wish(conn, job.line, since=now)


async def job_list_reported(
    conn: WriteConn,
    line: str,
    listed: Sequence[ListedJobState],
    *,
    at: datetime,
    now: datetime,
    real_now: datetime,
) -> int:
    """Compare our open jobs with the line's own list after a reconnect; return how many were sent again."""
    reported = {entry.job_order_id: entry.state for entry in listed}
    times, again = _Times(now, real_now), 0
    for job in await repository.open_jobs(conn, line):
        known = str(job.id) in reported
        state = reported.get(str(job.id))
        if known and state is None:
            continue
        after, resend = reconciled(job, state, at)
        await repository.note_report(conn, job.id, state, at=at)
        if resend:
            await _send(conn, CommandKind.STORE_JOB, line, times, job=job.order)
            again += 1
        if after != job:
            await repository.save_job(conn, after)
    await repository.wish(conn, line, since=now)
    return again


# Pass on what was decided about bodies


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
    await _hand_over(
        conn,
        order,
        rework.id,
        body.order_id,
        _Times(now, real_now),
        rework_id=rework.id,
        causation=event,
    )
    return order


async def take_rework_back(
    conn: WriteConn, body_id: UUID, rework_id: UUID, *, now: datetime, real_now: datetime
) -> None:
    """Take back the job of a rework that is not needed, unless it has begun."""
    for job in await repository.jobs_of_body(conn, body_id):
        if job.rework_id == rework_id and job.is_open and not (job.has_begun or job.cancelling):
            await _cancel(conn, job, _Times(now, real_now))


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
    await _send(
        conn,
        CommandKind.SET_HOLD,
        line,
        _Times(now, real_now),
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
    times = _Times(now, real_now)
    jobs = await repository.jobs_of_body(conn, body_id)
    for job in jobs:
        if job.is_open and not job.has_begun and not job.cancelling:
            await _cancel(conn, job, times)
    line = await _line_of(conn, body_id)
    if line is not None:
        await _send(
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
    await _send(
        conn,
        CommandKind.ANSWER_READING,
        line,
        _Times(now, real_now),
        command_id=uuid5(_COMMANDS, f"{event.id}|answer"),
        body_id=body_id,
        station=station,
        answer=answer,
        actor=event.actor,
    )


# Read


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


async def differing(conn: ReadConn) -> list[Difference]:
    """Return the jobs whose line last reported another state than is known here."""
    return await repository.differing(conn)
