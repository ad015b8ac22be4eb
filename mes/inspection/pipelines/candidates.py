"""A version of a pipeline that may come to cameras: it fits them, and has proved that it loads and judges."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mes.contracts.ids import uuid7
from mes.inspection import registry
from mes.inspection.images import ImageStore
from mes.inspection.pipelines import bridge, service
from mes.inspection.pipelines.model import PipelineCannotRun, Version
from mes.inspection.pipelines.publication import Publication, PublicationState
from mes.inspection.rollout import WrongScene
from mes.platform.db import ReadConn


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version, and the archive of it that agents fetch."""

    version: Version
    name: str
    bundle_sha256: str

    def at(self, camera: str, *, actor: str, now: datetime) -> Publication:
        """Return it as it would judge every part at a camera."""
        return Publication(
            uuid7(),
            camera,
            self.version.pipeline_id,
            self.version.number,
            self.version.content_sha256,
            self.bundle_sha256,
            PublicationState.PUBLISHED,
            now,
            now,
            actor,
            None,
            None,
            self.name,
        )


async def bundled(
    conn: ReadConn, store: ImageStore, pipeline_id: UUID, number: int, cameras: Sequence[str]
) -> Candidate:
    """Store a version with everything it names as one archive.

    Raises:
        UnknownPipeline, UnknownPipelineVersion, UnknownCamera: there is no such thing.
        PipelineCannotRun: it is unfinished, or something it names cannot be used.
        WrongScene, JudgesItself: a model of it is for another shop, or a camera is a vision system.
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
    return Candidate(chosen, pipeline.name, bundle.sha256)


async def _check_scenes(conn: ReadConn, document: bridge.Graph, cameras: Sequence[str]) -> None:
    _, packages = bridge.named(document)
    models = [await registry.get(conn, sha256) for sha256 in packages]
    for camera in cameras:
        scene = await registry.scene_to_judge(conn, camera)
        for one in models:
            if one.shop not in (scene, "any"):
                raise WrongScene(model=one.title, shop=one.shop, camera=camera, scene=scene)
