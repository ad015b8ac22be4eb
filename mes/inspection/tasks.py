"""Pictures of good parts are kept for a while, pictures of all others for good."""

from __future__ import annotations

from datetime import timedelta

import structlog

from mes.inspection import service
from mes.inspection.images import FolderImageStore
from mes.platform.jobs import JobContext, every

log = structlog.get_logger()

KEEP_GOOD = timedelta(days=7)
"""Real time; retention is about disks, not about the plant."""
_AT_ONCE = 500


@every(seconds=300, name="inspection-drop-good-images")
async def drop_good_images(context: JobContext) -> None:
    """Drop old pictures that were passed as good and that nobody reviewed."""
    images = FolderImageStore(context.settings.image_dir)
    before = context.clock.real_now() - KEEP_GOOD
    async with context.database.write() as conn:
        dropped = await service.drop_good_images(conn, images, before=before, limit=_AT_ONCE)
    if dropped:
        log.info("inspection.images_dropped", images=dropped)
