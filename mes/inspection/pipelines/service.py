"""Save pipelines version by version, compare them, run them on stored pictures."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from mes.contracts.ids import uuid7
from mes.identity import service as identity
from mes.inspection import registry
from mes.inspection import service as inspection
from mes.inspection.images import ImageStore
from mes.inspection.model import UnknownImage
from mes.inspection.pipelines import bridge, repository
from mes.inspection.pipelines.bridge import Parts
from mes.inspection.pipelines.model import (
    Pipeline,
    PipelineHasJudged,
    UnknownPipeline,
    UnknownPipelineVersion,
    Version,
)
from mes.inspection.rollout import UnknownModel
from mes.platform.db import ReadConn, WriteConn
from mes.platform.errors import FieldError


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
    parts = await parts_of(conn, store, read)
    return await asyncio.to_thread(bridge.run, read, parts, image, large=large)


async def parts_of(conn: ReadConn, store: ImageStore, document: bridge.Graph) -> Parts:
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


async def _audit(
    conn: WriteConn, action: str, pipeline: Pipeline, number: int, *, actor: str, now: datetime
) -> None:
    after = {"name": pipeline.name, "version": number}
    await identity.audit(conn, actor, action, f"pipeline:{pipeline.id}", None, after, now=now)
