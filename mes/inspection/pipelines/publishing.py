"""Pipelines at the cameras: published, taken back, told to the agents."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from mes.contracts.agent import CameraModel, ModelHealth, ModelRole
from mes.contracts.events import PipelineMoved
from mes.contracts.ids import uuid7
from mes.contracts.plant import Line, PlantModel
from mes.events import service as events
from mes.identity import service as identity
from mes.inspection import registry
from mes.inspection.images import ImageStore
from mes.inspection.pipelines import bridge, model, repository, service
from mes.inspection.pipelines.model import (
    NothingPublished,
    PipelineCannotRun,
    Publication,
    PublicationState,
)
from mes.inspection.rollout import UnknownCamera, WrongScene
from mes.platform.db import ReadConn, WriteConn
from mes.resources import service as resources


async def publish(
    conn: WriteConn,
    store: ImageStore,
    pipeline_id: UUID,
    number: int,
    cameras: Sequence[str],
    *,
    actor: str,
    now: datetime,
) -> list[Publication]:
    """Let a version judge at cameras, once it has proved that it loads and judges.

    Raises:
        UnknownPipeline, UnknownPipelineVersion, UnknownCamera: there is no such thing.
        PipelineCannotRun: it is unfinished, or something it names cannot be used.
        WrongScene: a model of it is for another shop.
        AlreadyPublished: it judges there already.
    """
    pipeline = await service.get(conn, pipeline_id)
    chosen = await service.version(conn, pipeline, number)
    document = bridge.read(chosen.document)
    wrong = bridge.faults(document)
    if wrong:
        raise PipelineCannotRun(why=wrong[0].message, errors=wrong)
    await _check_scenes(conn, document, cameras)
    parts = await service.parts_of(conn, store, document)
    bundle = await asyncio.to_thread(bridge.bundled, document, parts)
    await store.put(bundle.sha256, bundle.archive)
    published = []
    for camera in dict.fromkeys(cameras):
        new = Publication(
            uuid7(),
            camera,
            pipeline.id,
            number,
            chosen.content_sha256,
            bundle.sha256,
            PublicationState.PUBLISHED,
            now,
            now,
            actor,
            None,
            None,
            pipeline.name,
        )
        changed = model.published(new, await repository.at_camera(conn, camera))
        await _apply(conn, changed, now=now, actor=actor)
        published.append(changed[-1])
    return published


async def roll_back(
    conn: WriteConn, camera: str, *, reason: str, actor: str, now: datetime
) -> None:
    """Give a camera back to the pipeline before, or to its model alone; raises NothingPublished."""
    present = await repository.at_camera(conn, camera)
    former = await _former(conn, present)
    changed = model.rolled_back(camera, present, former, now=now, actor=actor, reason=reason)
    await _apply(conn, changed, now=now, actor=actor)


async def take_back_unusable(
    conn: WriteConn, reported: Iterable[ModelHealth], *, now: datetime
) -> list[str]:
    """Roll back the pipelines that agents cannot use; returns the cameras where something changed."""
    taken = []
    for health in reported:
        present = await repository.at_camera(conn, health.camera)
        if present is None or present.bundle_sha256 != health.package_sha256:
            continue
        try:
            await roll_back(conn, health.camera, reason=health.reason, actor="system", now=now)
        except NothingPublished:
            continue
        taken.append(health.camera)
    return taken


async def in_force(conn: ReadConn) -> dict[str, Publication]:
    """Return what is published, by camera."""
    return {one.camera: one for one in await repository.in_force(conn)}


async def publications_of(conn: ReadConn, pipeline_id: UUID) -> list[Publication]:
    """Return where a pipeline was published, the newest change first."""
    return await repository.publications_of(conn, pipeline_id)


async def camera_models(conn: ReadConn, plant: PlantModel, line: Line) -> tuple[CameraModel, ...]:
    """Return what judges and what looks on at each camera of a line.

    A published pipeline takes the place of the camera's model. A model on trial there only looks on: as a
    canary it would judge parts without the pipeline's gauges.
    """
    models = await registry.camera_models(conn, plant, line)
    published = await in_force(conn)
    cameras = [station.camera.id for station in line.stations if station.camera is not None]
    found = [_instead(published[name]) for name in cameras if name in published]
    for one in models:
        if one.camera not in published:
            found.append(one)
        elif one.role is not ModelRole.ACTIVE:
            found.append(one.model_copy(update={"role": ModelRole.SHADOW}))
    return tuple(found)


async def archive_of(conn: ReadConn, store: ImageStore, sha256: str) -> bytes:
    """Return the bytes of a published bundle or of a registered package; raises UnknownModel."""
    if await repository.is_bundle(conn, sha256):
        data = await store.get(sha256)
        if data is not None:
            return data
    return await registry.archive_of(conn, store, sha256)


def _instead(publication: Publication) -> CameraModel:
    return CameraModel(
        camera=publication.camera,
        package=publication.name,
        version=f"v{publication.number}",
        sha256=publication.content_sha256,
        package_sha256=publication.bundle_sha256,
    )


async def _check_scenes(conn: ReadConn, document: bridge.Graph, cameras: Sequence[str]) -> None:
    plant = await resources.active_plant(conn)
    scenes = {
        station.camera.id: station.camera.scene
        for _, station in registry.stations_with_camera(plant)
        if station.camera is not None
    }
    _, packages = bridge.named(document)
    models = [await registry.get(conn, sha256) for sha256 in packages]
    for camera in cameras:
        if camera not in scenes:
            raise UnknownCamera(camera=camera)
        for one in models:
            if one.shop not in (scenes[camera], "any"):
                raise WrongScene(
                    model=one.title, shop=one.shop, camera=camera, scene=scenes[camera]
                )


async def _former(conn: ReadConn, present: Publication | None) -> Publication | None:
    if present is None or present.followed is None:
        return None
    return await repository.publication(conn, present.followed)


async def _apply(
    conn: WriteConn, changed: Sequence[Publication], *, now: datetime, actor: str
) -> None:
    for publication in changed:
        await repository.save_publication(conn, publication)
        moved = PipelineMoved(
            camera=publication.camera,
            package_sha256=publication.bundle_sha256,
            pipeline=publication.title,
            state=publication.state.value,
            reason=publication.reason,
        )
        await events.record(conn, moved, now=now, actor=actor)
        await identity.audit(
            conn,
            actor,
            "pipeline.moved",
            f"camera:{publication.camera}",
            None,
            moved.model_dump(mode="json", exclude={"camera"}),
            now=now,
        )
