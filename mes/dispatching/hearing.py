"""Take what a line says of its jobs: a state, an answer, its whole list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from mes.contracts.dispatch import CommandKind, JobState, ListedJobState
from mes.contracts.events import CommandDone, JobStateRecorded
from mes.dispatching import repository, sending
from mes.dispatching.model import reconciled
from mes.dispatching.sending import Times
from mes.platform.db import WriteConn

log = structlog.get_logger()


async def job_reported(
    conn: WriteConn, report: JobStateRecorded, *, at: datetime, now: datetime
) -> None:
    """Take a line's report of a job; reports that are late, repeated or of nobody's job change nothing."""
    await repository.lock_line(conn, report.line)
    job = await repository.job_for_change(conn, report.job_order_id)
    if job is None:
        return
    after = job.reported(
        report.state, at, good=report.good, scrap=report.scrap, reason=report.reason
    )
    await repository.note_report(conn, job.id, report.state, at=at)
    if after != job:
        await repository.save_job(conn, after)
        await repository.wish(conn, [job.line], since=now)


async def command_done(conn: WriteConn, done: CommandDone, *, at: datetime, now: datetime) -> None:
    """Take a line's answer to a command about a job."""
    await repository.lock_line(conn, done.line)
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
        await repository.wish(conn, [job.line], since=now)


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
    await repository.lock_line(conn, line)
    reported = {entry.job_order_id: entry.state for entry in listed}
    times, again = Times(now, real_now), 0
    for job in await repository.open_jobs(conn, line):
        known = str(job.id) in reported
        state = reported.get(str(job.id))
        if known and state is None:
            continue
        after, resend = reconciled(job, state, at)
        await repository.note_report(conn, job.id, state, at=at)
        if resend:
            await sending.send(conn, CommandKind.STORE_JOB, line, times, job=job.order)
            again += 1
        if after != job:
            await repository.save_job(conn, after)
    await repository.wish(conn, [line], since=now)
    return again
