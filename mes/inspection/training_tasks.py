"""The worker trains, and gives up trainings whose workers ended again and again."""

from __future__ import annotations

from uuid import UUID

from mes.inspection import training, training_runs
from mes.inspection.images import FolderImageStore
from mes.platform.jobs import JobContext, every, job


@job(training.JOB)
async def train(context: JobContext, training_id: str) -> None:
    """Look a training's pictures over, or train."""
    images = FolderImageStore(context.settings.image_dir)
    await training_runs.run(context.database, context.clock, images, UUID(training_id))


@every(seconds=10, name="inspection-training-abandoned")
async def fail_abandoned(context: JobContext) -> None:
    """Fail trainings that nobody runs any more."""
    async with context.database.write() as conn:
        await training.fail_abandoned(conn, now=context.clock.now())
