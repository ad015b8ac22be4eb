"""Periodic work behind ingest: room for what comes, and values summed up."""

from __future__ import annotations

import structlog

from mes.equipment import timeseries
from mes.platform.jobs import JobContext, every

log = structlog.get_logger()


@every(seconds=5, name="telemetry.sum_up")
async def sum_up(context: JobContext) -> None:
    """Sum up the minutes that are over."""
    await timeseries.sum_up(context.database, before=context.clock.now())


@every(seconds=20, name="telemetry.make_room")
async def make_room(context: JobContext) -> None:
    """Make partitions ahead and drop old ones; say so when values lie outside of every partition."""
    keep = timeseries.Keep(**context.settings.telemetry.model_dump())
    async with context.database.write() as conn:
        strays = await timeseries.make_room(conn, now=context.clock.now(), keep=keep)
    if strays:
        log.error("telemetry.strays", rows=strays)
