"""Save pipelines version by version, run them on stored pictures, publish them to cameras, take them back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.contracts.agent import CameraModel, ModelHealth, ModelRole
from mes.contracts.events import HelpAsked, PipelineMoved
from mes.contracts.ids import uuid7
from mes.contracts.plant import Line, PlantModel
from mes.contracts.quality import InspectionResult
from mes.events import service as events
from mes.identity import service as identity
from mes.inspection import registry
from mes.inspection import repository as results
from mes.inspection import service as inspection
from mes.inspection.images import ImageStore
from mes.inspection.model import UnknownImage
from mes.inspection.pipelines import bridge, model, repository
from mes.inspection.pipelines.bridge import Parts
from mes.inspection.pipelines.model import (
    NothingPublished,
    Pipeline,
    PipelineCannotRun,
    PipelineHasJudged,
    Publication,
    PublicationState,
    Steps,
    UnknownPipeline,
    UnknownPipelineVersion,
    Version,
)
from mes.inspection.rollout import UnknownCamera, UnknownModel, WrongScene
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import FieldError
from mes.resources import service as resources


async def pipelines(conn: ReadConn) -> list[Pipeline]:
    """Return every pipeline, by name."""
    return await repository.pipelines(conn)


async def get(conn: ReadConn, pipeline_id: UUID) -> Pipeline:
    """Return a pipeline; raises UnknownPipeline."""
    found = await repository.pipeline(conn, pipeline_id)
    if found is None:
        raise UnknownPipeline(pipeline=pipeline_id)
    return found


async def versions(conn: ReadConn, pipeline_id: UUID) -> list[Version]:
    """Return the versions of a pipeline, the newest first."""
    return await repository.versions(conn, pipeline_id)


async def version(conn: ReadConn, pipeline: Pipeline, number: int | None = None) -> Version:
    """Return a version, the newest by default; raises UnknownPipelineVersion."""
    wanted = pipeline.head if number is None else number
    found = await repository.version(conn, pipeline.id, wanted)
    if found is None:
        raise UnknownPipelineVersion(name=pipeline.name, number=wanted, head=pipeline.head)
    return found


async def create(
    conn: WriteConn, name: str, document: Any, *, note: str, actor: str, now: datetime
) -> Pipeline:
    """Save a new pipeline as version 1; it may be unfinished.

    Raises:
        PipelineUnreadable, PipelineNameTaken: it is none, or the name is another's.
    """
    pipeline = Pipeline(uuid7(), name, 1, now, actor)
    read = bridge.read(document)
    await repository.add(conn, pipeline)
    await _add_version(conn, pipeline.id, 1, read, note=note, actor=actor, now=now)
    await _audit(conn, "pipeline.created", pipeline, 1, actor=actor, now=now)
    return pipeline


async def create_from_sample(
    conn: WriteConn,
    store: ImageStore,
    sample: str,
    name: str,
    *,
    actor: str,
    now: datetime,
    real_now: datetime,
) -> Pipeline:
    """Save a sample as a pipeline of its own; its pictures and packages are stored with it.

    Raises:
        UnknownSample, PipelineNameTaken: there is no such sample, or the name is another's.
    """
    made = await asyncio.to_thread(bridge.sample, sample)
    for picture in made.pictures:
        await inspection.store_image(conn, store, bridge.sha256_of(picture), picture, now=real_now)
    for archive in made.packages:
        try:
            await registry.get(conn, bridge.sha256_of(archive))
        except UnknownModel:
            await registry.register(conn, store, archive, actor="system", now=real_now)
    document = made.document.plain()
    return await create(conn, name, document, note=sample, actor=actor, now=now)


async def save(
    conn: WriteConn,
    pipeline_id: UUID,
    document: Any,
    *,
    seen: int,
    note: str,
    actor: str,
    now: datetime,
) -> Version:
    """Save the next version of a pipeline; it may be unfinished.

    Args:
        seen: the version that was edited.

    Raises:
        UnknownPipeline, PipelineUnreadable: there is none, or it is none.
        PipelineChanged: somebody saved meanwhile; the message says what differs.
    """
    read = bridge.read(document)
    pipeline = await repository.locked(conn, pipeline_id)
    if pipeline is None:
        raise UnknownPipeline(pipeline=pipeline_id)
    if seen != pipeline.head:
        newest = await version(conn, pipeline)
        changed = bridge.changes(bridge.read(newest.document), read)
        said = "; ".join(change.message for change in changed) or "the content is the same"
        pipeline.seen_as(seen, by=newest.saved_by, difference=said)
    number = pipeline.head + 1
    await _add_version(conn, pipeline_id, number, read, note=note, actor=actor, now=now)
    await _audit(conn, "pipeline.saved", pipeline, number, actor=actor, now=now)
    return await version(conn, pipeline, number)


async def drop(conn: WriteConn, pipeline_id: UUID, *, actor: str, now: datetime) -> None:
    """Remove a pipeline that never judged.

    Raises:
        UnknownPipeline, PipelineHasJudged: there is none, or verdicts refer to it.
    """
    pipeline = await get(conn, pipeline_id)
    places = await repository.publications_of(conn, pipeline_id)
    if places:
        cameras = ", ".join(sorted({place.camera for place in places}))
        raise PipelineHasJudged(name=pipeline.name, cameras=cameras)
    await repository.drop(conn, pipeline_id)
    await _audit(conn, "pipeline.dropped", pipeline, pipeline.head, actor=actor, now=now)


async def difference(conn: ReadConn, pipeline: Pipeline, old: int, new: int) -> list[FieldError]:
    """Return what differs between two versions, each change at its node; raises UnknownPipelineVersion."""
    before, after = await version(conn, pipeline, old), await version(conn, pipeline, new)
    return bridge.changes(bridge.read(before.document), bridge.read(after.document))


async def run(
    conn: ReadConn,
    store: ImageStore,
    document: Any,
    image_sha256: str,
    *,
    large: str | None = None,
) -> dict[str, Any]:
    """Judge a stored picture with a document, saved or not; what is unfinished is left out.

    Raises:
        PipelineUnreadable, PipelineCannotRun, UnknownImage: the document or the picture cannot be used.
    """
    read = bridge.read(document)
    image, _ = await inspection.load_image(conn, store, image_sha256)
    parts = await _parts(conn, store, read)
    return await asyncio.to_thread(bridge.run, read, parts, image, large=large)


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
    pipeline = await get(conn, pipeline_id)
    chosen = await version(conn, pipeline, number)
    document = bridge.read(chosen.document)
    wrong = bridge.faults(document)
    if wrong:
        raise PipelineCannotRun(why=wrong[0].message, errors=wrong)
    await _check_scenes(conn, document, cameras)
    parts = await _parts(conn, store, document)
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


async def note_steps(conn: WriteConn, result: InspectionResult) -> None:
    """Keep what the nodes of a pipeline said of a recorded picture, and call for help when they do; once."""
    if not result.step_ms and not result.measures:
        return
    inspection_id = await _row_of(conn, result)
    if inspection_id is None or not await repository.add_steps(conn, inspection_id, result):
        return
    if result.help_wanted:
        await events.record(
            conn,
            HelpAsked(
                line=result.line,
                station=result.station,
                inspection_id=inspection_id,
                reason=result.help_wanted,
            ),
            now=result.decided_at,
            actor=f"agent:{result.line}",
        )


async def steps_of(conn: ReadConn, inspection_id: UUID) -> Steps | None:
    """Return what the nodes said of a picture; None where no pipeline judged it."""
    return await repository.steps(conn, inspection_id)


async def pictures_of(conn: ReadConn, camera: str, *, limit: int) -> list[dict[str, Any]]:
    """Return the newest pictures of a camera that are here."""
    return await repository.pictures_of(conn, camera, limit=limit)


async def _row_of(conn: WriteConn, result: InspectionResult) -> UUID | None:
    """Return the row that a result belongs to: its own, or the LATE one that it completed."""
    if await results.exists(conn, result.id):
        return result.id
    late = await results.of_request(conn, result, at=result.triggered_at)
    return late.id if late is not None else None


def _instead(publication: Publication) -> CameraModel:
    return CameraModel(
        camera=publication.camera,
        package=publication.name,
        version=f"v{publication.number}",
        sha256=publication.content_sha256,
        package_sha256=publication.bundle_sha256,
    )


async def _parts(conn: ReadConn, store: ImageStore, document: bridge.Graph) -> Parts:
    """Fetch what a document names, as far as it is here; who needs the rest says so at its node."""
    pictures, packages = bridge.named(document)
    seen: dict[str, bytes] = {}
    for sha256 in pictures:
        try:
            seen[sha256], _ = await inspection.load_image(conn, store, sha256)
        except UnknownImage:
            continue
    archives: dict[str, bytes] = {}
    for sha256 in packages:
        try:
            archives[sha256] = await registry.archive_of(conn, store, sha256)
        except UnknownModel:
            continue
    return Parts(seen, archives)


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


async def _add_version(
    conn: WriteConn,
    pipeline_id: UUID,
    number: int,
    document: bridge.Graph,
    *,
    note: str,
    actor: str,
    now: datetime,
) -> None:
    pictures, _ = bridge.named(document)
    new = Version(
        pipeline_id,
        number,
        document.sha256,
        document.plain(),
        not bridge.faults(document),
        note,
        now,
        actor,
    )
    hashes = [name for name in pictures if len(name) == 64]
    await repository.add_version(conn, new, pictures=hashes)


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


async def _audit(
    conn: WriteConn, action: str, pipeline: Pipeline, number: int, *, actor: str, now: datetime
) -> None:
    after = {"name": pipeline.name, "version": number}
    await identity.audit(conn, actor, action, f"pipeline:{pipeline.id}", None, after, now=now)
