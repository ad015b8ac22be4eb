"""Pictures are dropped, shipped packages registered, unusable models rolled back, cameras watched for drift."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from mes.agents import service as agents
from mes.contracts.agent import Heartbeat, ModelHealth
from mes.inspection import bridge, drift_alarms, registry, service
from mes.inspection.images import FolderImageStore
from mes.inspection.pipelines import publishing
from mes.platform.jobs import JobContext, every
from mes.resources.service import NoPlantInstalled

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


@every(seconds=600, name="inspection-register-shipped")
async def register_shipped(context: JobContext) -> None:
    """Register the packages that ship, so that they can be compared with and returned to."""
    images = FolderImageStore(context.settings.image_dir)
    async with context.database.read() as conn:
        known = {model.package_sha256 for model in await registry.models(conn)}
    for archive in await asyncio.to_thread(bridge.shipped_archives):
        if bridge.name_of(archive) in known:
            continue
        async with context.database.write() as conn:
            model = await registry.register(
                conn, images, archive, actor="system", now=context.clock.real_now()
            )
        log.info("model.registered", model=model.title)


@every(seconds=5, name="inspection-take-back-unusable")
async def take_back_unusable(context: JobContext) -> None:
    """Roll back a model that an agent says it cannot use.

    What an agent said of an older configuration counts no more: the same model may have been let in anew.
    """
    async with context.database.read() as conn:
        overview = await agents.overview(conn)
    reported: list[ModelHealth] = []
    for view in overview:
        if view.heartbeat is not None:
            beat = Heartbeat.model_validate(view.heartbeat)
            if beat.config_version == view.config_version:
                reported += beat.unusable_models
    if not reported:
        return
    async with context.database.write() as conn:
        now = context.clock.now()
        cameras = await registry.take_back_unusable(conn, reported, now=now)
        cameras += await publishing.take_back_unusable(conn, reported, now=now)
        if cameras:
            await agents.refresh_configs(conn, models=context.services["camera_models"])
    for camera in cameras:
        log.warning("model.rolled_back", camera=camera)


@every(seconds=60, name="inspection-watch-drift")
async def watch_drift(context: JobContext) -> None:
    """Raise an alarm where a camera no longer sees or judges as it did, and end it when it does again."""
    try:
        async with context.database.write() as conn:
            changed = await drift_alarms.watch(conn, now=context.clock.now())
    except NoPlantInstalled:
        return
    for alarm in changed:
        log.warning(
            "camera.drift",
            camera=alarm.camera,
            measure=alarm.measure.value,
            distance=round(alarm.distance, 2),
            most=round(alarm.most, 2),
            ended_by=None if alarm.ended_by is None else alarm.ended_by.value,
        )
