"""Pipelines at the cameras: tried beside what judges, published, taken back, told to the agents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from mes.contracts.agent import CameraModel, ModelHealth, ModelRole
from mes.contracts.events import PipelineMoved
from mes.contracts.plant import Line, PlantModel
from mes.events import service as events
from mes.identity import service as identity
from mes.inspection import registry
from mes.inspection.images import ImageStore
from mes.inspection.pipelines import candidates, repository
from mes.inspection.pipelines.publication import Place, Publication, PublicationState
from mes.inspection.rollout import CANARY_EVERY, TrialRuns
from mes.platform.db import ReadConn, WriteConn

_ROLES: Final = {
    PublicationState.SHADOW: ModelRole.SHADOW,
    PublicationState.CANARY: ModelRole.CANARY,
    PublicationState.PUBLISHED: ModelRole.ACTIVE,
}


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
    """Let a version judge every part at cameras, once it has proved that it loads and judges.

    Raises:
        UnknownPipeline, UnknownPipelineVersion, UnknownCamera: there is no such thing.
        PipelineCannotRun: it is unfinished, or something it names cannot be used.
        WrongScene: a model of it is for another shop.
        AlreadyPublished, PipelineTrialRuns: it judges there already, or is on trial there.
    """
    candidate = await candidates.bundled(conn, store, pipeline_id, number, cameras)
    published = []
    for camera in sorted(set(cameras)):
        place = await _place(conn, camera)
        changed = place.published(candidate.at(camera, actor=actor, now=now))
        await _apply(conn, changed, now=now, actor=actor)
        published.append(changed[-1])
    return published


async def begin_shadow(
    conn: WriteConn,
    store: ImageStore,
    pipeline_id: UUID,
    number: int,
    cameras: Sequence[str],
    *,
    actor: str,
    now: datetime,
) -> list[Publication]:
    """Let a version look on at cameras: it judges the same pictures, and the line never hears it.

    Raises:
        UnknownPipeline, UnknownPipelineVersion, UnknownCamera, PipelineCannotRun, WrongScene: as `publish`.
        AlreadyPublished: it judges there already.
        TrialRuns, PipelineTrialRuns: a camera is busy with another trial.
    """
    candidate = await candidates.bundled(conn, store, pipeline_id, number, cameras)
    models = await registry.cameras(conn)
    begun = []
    for camera in sorted(set(cameras)):
        place = await _place(conn, camera)
        if camera in models and models[camera].trial is not None:
            raise TrialRuns(camera=camera)
        changed = place.tried(candidate.at(camera, actor=actor, now=now))
        await _apply(conn, changed, now=now, actor=actor)
        begun += changed
    return begun


async def promote(
    conn: WriteConn, camera: str, *, actor: str, now: datetime, every: int = CANARY_EVERY
) -> Publication:
    """Move the version on trial at a camera one state further: shadow → canary → published.

    Args:
        every: a canary judges one part of so many, 2 to 100.

    Raises:
        NoPipelineOnTrial: none is.
    """
    place = await repository.place(conn, camera)
    changed = place.promoted(every=every, now=now, actor=actor)
    await _apply(conn, changed, now=now, actor=actor)
    return changed[-1]


async def roll_back(
    conn: WriteConn, camera: str, *, reason: str, actor: str, now: datetime
) -> None:
    """Take the newest step back: end the trial, or give the place to the pipeline before or the model alone.

    Raises:
        NothingPublished: no pipeline is in force there.
    """
    place = await repository.place(conn, camera)
    await _roll_back(conn, place, reason=reason, actor=actor, now=now)


async def take_back_unusable(
    conn: WriteConn, reported: Iterable[ModelHealth], *, now: datetime
) -> list[str]:
    """Roll back the pipelines that agents cannot use; returns the cameras where something changed."""
    taken = []
    for health in reported:
        place = await repository.place(conn, health.camera)
        if place.trial is None or place.trial.bundle_sha256 != health.package_sha256:
            place = place.without_trial()
            if place.present is None or place.present.bundle_sha256 != health.package_sha256:
                continue
        await _roll_back(conn, place, reason=health.reason, actor="system", now=now)
        taken.append(health.camera)
    return taken


async def places(conn: ReadConn) -> dict[str, Place]:
    """Return the pipelines in force, by camera."""
    in_force = await repository.in_force(conn)
    return {one.camera: Place.of(one.camera, in_force) for one in in_force}


async def history(conn: ReadConn, camera: str) -> list[Publication]:
    """Return the pipelines of a camera, the newest change first."""
    return await repository.history_of(conn, camera)


async def publications_of(conn: ReadConn, pipeline_id: UUID) -> list[Publication]:
    """Return where a pipeline was published, the newest change first."""
    return await repository.publications_of(conn, pipeline_id)


async def camera_models(conn: ReadConn, plant: PlantModel, line: Line) -> tuple[CameraModel, ...]:
    """Return what judges and what looks on at each camera of a line.

    A published pipeline takes the place of the camera's model. A model on trial there only looks on: as a
    canary it would judge parts without the pipeline's gauges.
    """
    models = await registry.camera_models(conn, plant, line)
    at = await places(conn)
    found = []
    for station in line.stations:
        if station.camera is not None and station.camera.id in at:
            place = at[station.camera.id]
            found += [_named(one) for one in (place.present, place.trial) if one is not None]
    for one in models:
        place = at.get(one.camera, Place(one.camera, None, None))
        if place.present is None:
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


def _named(publication: Publication) -> CameraModel:
    return CameraModel(
        camera=publication.camera,
        package=publication.name,
        version=f"v{publication.number}",
        sha256=publication.content_sha256,
        package_sha256=publication.bundle_sha256,
        role=_ROLES[publication.state],
        every=publication.every,
    )


async def _place(conn: WriteConn, camera: str) -> Place:
    """Return what is in force at a camera where a trial or a publication may begin now."""
    await registry.take_turns(conn, camera)
    return await repository.place(conn, camera)


async def _roll_back(
    conn: WriteConn, place: Place, *, reason: str, actor: str, now: datetime
) -> None:
    former = None
    if place.present is not None and place.present.followed is not None:
        former = await repository.publication(conn, place.present.followed)
    changed = place.rolled_back(former, now=now, actor=actor, reason=reason)
    await _apply(conn, changed, now=now, actor=actor)


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
