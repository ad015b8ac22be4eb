"""The worker: event handlers, background jobs, periodic work, and batches that come through NATS.

Every worker runs jobs and takes in batches. One of them leads (it holds an advisory lock) and runs the event
handlers and the periodic work; when it goes, another takes the lock within a second.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from prometheus_client import start_http_server
from psycopg import AsyncConnection

from mes.entrypoints import bootstrap
from mes.events.handlers import LEADER_LOCK, HandlerContext, HandlerRunner
from mes.ingest.by_nats import NatsIntake
from mes.planning import service as planning
from mes.platform.clock import ServerClock, read_plant_clock
from mes.platform.db import Database
from mes.platform.jobs import PERIODIC, JobContext, job_app, run_periodic, take_up_abandoned
from mes.platform.settings import Settings

log = structlog.get_logger()

GRACE_S = 2.0
"""Real seconds a job has to end by itself when the worker stops; after that it goes back into the queue."""


def main(settings: Settings, dsn: str) -> None:
    """Work until SIGTERM or SIGINT, then end at once.

    What the threads of this process and its solvers still compute (kernels take them up to a minute to compile)
    belongs to nobody any more, and Python would wait for it. Solvers end when this process does.
    """

    async def work_and_end() -> None:
        await run(settings, dsn)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    asyncio.run(work_and_end())


async def run(settings: Settings, dsn: str) -> None:
    """Work until SIGTERM or SIGINT."""
    bootstrap.subscribe_all()
    services = bootstrap.worker_services(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if settings.worker.metrics_port is not None:
        server, _ = start_http_server(settings.worker.metrics_port, addr="127.0.0.1")
        log.info("worker.metrics", port=server.server_port)
    pool_max = 12 + (settings.nats.at_once if settings.nats.url else 0)
    async with Database(dsn, pool_min=2, pool_max=pool_max, statement_timeout_s=300) as database:
        async with database.read() as conn:
            clock = ServerClock(await read_plant_clock(conn))
        context = JobContext(database, clock, settings, services)
        endless: dict[str, Callable[[], Awaitable[None]]] = {
            "clock": lambda: clock.follow(database),
            "lead": lambda: _lead(context),
            "jobs": lambda: _run_jobs(context),
        }
        if settings.nats.url:
            endless["ingest.nats"] = NatsIntake(database, clock, settings.nats).run
        works = [
            asyncio.create_task(bootstrap.keep_running(name, work))
            for name, work in endless.items()
        ]
        works.append(asyncio.create_task(planning.warm_up(services["solvers"])))
        log.info("worker.started")
        await stop.wait()
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
    services["solvers"].close()
    log.info("worker.stopped")


async def _run_jobs(context: JobContext) -> None:
    app = job_app(context.database.dsn, context)
    async with app.open_async():
        await app.run_worker_async(
            concurrency=2,
            install_signal_handlers=False,
            fetch_job_polling_interval=5.0,
            shutdown_graceful_timeout=GRACE_S,
        )


async def _lead(context: JobContext) -> None:
    """Wait for the lead, then run handlers and periodic work until the connection that holds it is lost."""
    async with context.database.dedicated() as lead:
        await lead.execute("SELECT pg_advisory_lock(%s)", (LEADER_LOCK,))
        log.info("worker.leads")
        await lead.execute("LISTEN c2m_event")
        woken = asyncio.Event()
        runner = HandlerRunner(
            context.database, HandlerContext(context.clock, context.settings, context.services)
        )
        app = job_app(context.database.dsn, context)
        async with app.open_async(), asyncio.TaskGroup() as group:
            group.create_task(_listen(lead, woken))
            group.create_task(take_up_abandoned(app))
            group.create_task(runner.run(woken))
            for work in PERIODIC.values():
                group.create_task(run_periodic(work, context))


async def _listen(conn: AsyncConnection[Any], woken: asyncio.Event) -> None:
    async for _ in conn.notifies():
        woken.set()
        await asyncio.sleep(0.05)  # bursts coalesce
    raise ConnectionError("the connection that listens for events was lost")
