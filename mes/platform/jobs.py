"""Background work: jobs deferred inside the business transaction, and periodic work.

A job runs when a worker is free (procrastinate, same database). Periodic work runs every so many real
seconds in exactly one worker, the one that leads.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import procrastinate
import structlog
from procrastinate.jobs import Status

from mes.platform import db
from mes.platform.clock import Clock
from mes.platform.db import Database, WriteConn
from mes.platform.settings import Settings
from mes.platform.sql import load_queries

log = structlog.get_logger()
queries = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job may use."""

    database: Database
    clock: Clock
    settings: Settings
    services: dict[str, Any]


JobFunction = Callable[..., Awaitable[None]]
"""`async def f(context: JobContext, **arguments)`."""
PeriodicFunction = Callable[[JobContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Periodic:
    """Work that is due every `seconds` real seconds."""

    name: str
    seconds: float
    function: PeriodicFunction


ATTEMPTS = 5
"""A job that failed, or took its worker with it, so often is given up."""
ABANDONED_S = 30.0
"""A worker that was not heard of for so long, in real seconds, has left its jobs to others."""

LOOK_EVERY_S = 5.0

JOBS: dict[str, JobFunction] = {}
PERIODIC: dict[str, Periodic] = {}


def job(name: str) -> Callable[[JobFunction], JobFunction]:
    """Register the function that runs jobs of this name."""

    def register(function: JobFunction) -> JobFunction:
        if JOBS.setdefault(name, function) is not function:
            raise ValueError(f"two jobs are named {name!r}")
        return function

    return register


def every(*, seconds: float, name: str) -> Callable[[PeriodicFunction], PeriodicFunction]:
    """Register periodic work; a run that fails is logged and tried again at the next time."""

    def register(function: PeriodicFunction) -> PeriodicFunction:
        if PERIODIC.setdefault(name, Periodic(name, seconds, function)).function is not function:
            raise ValueError(f"two periodic works are named {name!r}")
        return function

    return register


async def defer(
    conn: WriteConn,
    name: str,
    arguments: Mapping[str, object] | None = None,
    *,
    lock: str | None = None,
    once: str | None = None,
    priority: int = 0,
) -> int:
    """Queue a job; workers see it when the caller's transaction commits. Returns its number.

    Args:
        lock: jobs with the same lock run one after the other.
        once: while a job with this key waits, another is refused (`psycopg.errors.UniqueViolation`).
    """
    number: int = await db.fetch_value(
        conn,
        queries["defer_job"],
        {
            "task": name,
            "args": json.dumps(dict(arguments or {})),
            "lock": lock,
            "queueing_lock": once,
            "priority": priority,
        },
    )
    return number


def job_app(dsn: str, context: JobContext) -> procrastinate.App:
    """Return the procrastinate application that runs every registered job."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn, max_size=4))
    retry = procrastinate.RetryStrategy(max_attempts=ATTEMPTS, exponential_wait=2)
    for name, function in JOBS.items():
        app.task(name=name, queue="default", retry=retry)(_bound(function, context))
    return app


async def take_up_abandoned(app: procrastinate.App) -> None:
    """Put the jobs of workers that are gone back into the queue; for ever, in the worker that leads."""
    while True:
        for left in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=ABANDONED_S):
            if left.attempts < ATTEMPTS:
                log.warning("job.abandoned", job=left.id, work=left.task_name)
                await app.job_manager.retry_job(left)
            else:
                log.error("job.given_up", job=left.id, work=left.task_name)
                await app.job_manager.finish_job(left, Status.FAILED, delete_job=False)
        await asyncio.sleep(LOOK_EVERY_S)


def _bound(function: JobFunction, context: JobContext) -> Callable[..., Awaitable[None]]:
    async def run(**arguments: Any) -> None:
        await function(context, **arguments)

    return run


async def run_periodic(work: Periodic, context: JobContext) -> None:
    """Run one periodic work for ever."""
    failing = False
    while True:
        try:
            await work.function(context)
            if failing:
                log.info("periodic.recovered", work=work.name)
            failing = False
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if not failing:
                log.error("periodic.failed", work=work.name, exc_info=error)
            failing = True
        await asyncio.sleep(work.seconds)
