"""Job orders, the commands about them, and the lines to compare with their plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.contracts.dispatch import CommandKind, JobKind, JobOrder, JobState
from mes.dispatching.model import Job
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    kind: str
    line: str
    subject_id: UUID
    attempt: int
    order_id: UUID | None
    body_id: UUID | None
    rework_id: UUID | None
    state: str
    state_at: datetime
    cancelling: bool
    sequence: int
    job: dict[str, Any]
    good: int
    scrap: int
    reason: str

    def model(self) -> Job:
        return Job(
            id=self.id,
            kind=JobKind(self.kind),
            line=self.line,
            subject_id=self.subject_id,
            attempt=self.attempt,
            state=JobState(self.state),
            state_at=self.state_at,
            sequence=self.sequence,
            order=JobOrder.model_validate(self.job),
            order_id=self.order_id,
            body_id=self.body_id,
            rework_id=self.rework_id,
            cancelling=self.cancelling,
            good=self.good,
            scrap=self.scrap,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a subject's jobs on a line so far."""

    subject_id: UUID
    attempts: int
    refused: int
    done: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A job that its line last reported in another state than is known here; None: not on its list."""

    id: UUID
    line: str
    state: str
    reported_state: str | None
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class _Line:
    line: str


async def lock_line(conn: WriteConn, line: str) -> None:
    await db.execute(conn, queries["lock_line"], {"line": line})


async def wish(conn: WriteConn, lines: Sequence[str], *, since: datetime) -> None:
    await db.execute(conn, queries["wish"], {"lines": list(lines), "since": since})


async def take_wishes(conn: WriteConn) -> str | None:
    """Take all wishes of the line that waits longest; return the line."""
    rows = await db.fetch_all(conn, queries["take_wishes"], None, _Line)
    return rows[0].line if rows else None


async def open_jobs(conn: ReadConn, line: str) -> list[Job]:
    rows = await db.fetch_all(conn, queries["open_jobs"], {"line": line}, _Row)
    return [row.model() for row in rows]


async def ended_jobs(conn: ReadConn, line: str, *, limit: int) -> list[Job]:
    rows = await db.fetch_all(conn, queries["ended_jobs"], {"line": line, "limit": limit}, _Row)
    return [row.model() for row in rows]


async def job(conn: ReadConn, job_id: UUID) -> Job | None:
    row = await db.fetch_one(conn, queries["job"], {"id": job_id}, _Row)
    return row.model() if row else None


async def job_for_change(conn: WriteConn, job_id: UUID) -> Job | None:
    row = await db.fetch_one(conn, queries["job_for_change"], {"id": job_id}, _Row)
    return row.model() if row else None


async def jobs_of_body(conn: ReadConn, body_id: UUID) -> list[Job]:
    rows = await db.fetch_all(conn, queries["jobs_of_body"], {"body_id": body_id}, _Row)
    return [row.model() for row in rows]


async def ended(conn: ReadConn, line: str, subjects: Sequence[UUID]) -> dict[UUID, Ended]:
    rows = await db.fetch_all(
        conn, queries["ended"], {"line": line, "subjects": list(subjects)}, Ended
    )
    return {row.subject_id: row for row in rows}


async def top_sequence(conn: ReadConn, line: str) -> int:
    return int(await db.fetch_value(conn, queries["top_sequence"], {"line": line}))


async def add_job(conn: WriteConn, job: Job, *, now: datetime) -> None:
    await db.execute(
        conn,
        queries["add_job"],
        {
            "id": job.id,
            "kind": job.kind,
            "line": job.line,
            "subject_id": job.subject_id,
            "attempt": job.attempt,
            "order_id": job.order_id,
            "body_id": job.body_id,
            "rework_id": job.rework_id,
            "state": job.state,
            "state_at": job.state_at,
            "sequence": job.sequence,
            "job": job.order.model_dump_json(),
            "created_at": now,
        },
    )


async def save_job(conn: WriteConn, job: Job) -> None:
    await db.execute(
        conn,
        queries["save_job"],
        {
            "id": job.id,
            "state": job.state,
            "state_at": job.state_at,
            "cancelling": job.cancelling,
            "sequence": job.sequence,
            "job": job.order.model_dump_json(),
            "good": job.good,
            "scrap": job.scrap,
            "reason": job.reason,
        },
    )


async def note_report(
    conn: WriteConn, job_id: UUID, state: JobState | None, *, at: datetime
) -> None:
    await db.execute(conn, queries["note_report"], {"id": job_id, "state": state, "at": at})


async def differing(conn: ReadConn) -> list[Difference]:
    return await db.fetch_all(conn, queries["differing"], None, Difference)


async def add_command(
    conn: WriteConn,
    command_id: UUID,
    job_order_id: UUID,
    line: str,
    kind: CommandKind,
    *,
    now: datetime,
) -> None:
    await db.execute(
        conn,
        queries["add_command"],
        {
            "command_id": command_id,
            "job_order_id": job_order_id,
            "line": line,
            "kind": kind,
            "issued_at": now,
        },
    )


async def finish_command(
    conn: WriteConn, command_id: UUID, *, ok: bool, code: str, message: str, at: datetime
) -> UUID | None:
    """Note the answer to a command; return its job, None when it is not ours or was answered before."""
    found: UUID | None = await db.fetch_value(
        conn,
        queries["finish_command"],
        {"command_id": command_id, "ok": ok, "code": code, "message": message, "done_at": at},
    )
    return found


async def forget(conn: WriteConn, *, before: datetime) -> int:
    await db.execute(conn, queries["forget_commands"], {"before": before})
    return await db.execute(conn, queries["forget_jobs"], {"before": before})
