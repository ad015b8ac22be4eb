"""Work that keeps itself up: answers nobody asks for again are forgotten."""

from __future__ import annotations

from datetime import timedelta

from mes.orders import idempotency
from mes.platform.jobs import JobContext, every


@every(seconds=3600, name="orders.forget_answers")
async def forget_answers(context: JobContext) -> None:
    """Delete the answers of requests that are older than a program would repeat them."""
    before = context.clock.real_now() - timedelta(days=idempotency.KEPT_DAYS)
    async with context.database.write() as conn:
        await idempotency.forget(conn, before=before)
