"""What the worker does for branches: solve them, drop old ones."""

from __future__ import annotations

from uuid import UUID

from mes.planning.whatif import service
from mes.platform.jobs import JobContext, every, job


@job("planning.branch")
async def solve_branch(context: JobContext, branch_id: str) -> None:
    """Solve a branch."""
    await service.run(
        context.database,
        context.clock,
        context.services["solvers"],
        context.settings.plan,
        UUID(branch_id),
    )


@every(seconds=60, name="planning.branches")
async def forget(context: JobContext) -> None:
    """Drop branches that nobody published."""
    async with context.database.write() as conn:
        await service.forget(conn, now=context.clock.now())
