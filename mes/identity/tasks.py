"""Work that keeps itself up: what has ended is forgotten."""

from __future__ import annotations

from mes.identity import service
from mes.platform.jobs import JobContext, every


@every(seconds=3600, name="identity.forget")
async def forget_what_ended(context: JobContext) -> None:
    """Delete sessions and counted attempts that are over."""
    async with context.database.write() as conn:
        await service.forget_what_ended(conn, real_now=context.clock.real_now())
