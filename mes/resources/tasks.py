"""Work that keeps itself up: shift rows run ahead of the plant clock."""

from __future__ import annotations

from datetime import timedelta

from mes.platform.jobs import JobContext, every
from mes.resources import service

AHEAD = timedelta(days=14)


@every(seconds=60, name="resources.shifts")
async def keep_shifts_ahead(context: JobContext) -> None:
    """Write the shift rows of the next plant days; those that stand stay."""
    now = context.clock.now()
    async with context.database.write() as conn:
        if await service.has_plant(conn):
            await service.ensure_shifts(conn, now - timedelta(days=1), now + AHEAD)
