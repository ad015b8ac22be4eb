"""Pipelines, their versions, and where they are published."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from mes.contracts.quality import InspectionResult, Measure
from mes.inspection.pipelines.model import (
    Pipeline,
    PipelineNameTaken,
    Steps,
    Version,
)
from mes.inspection.pipelines.publication import Place, Publication, PublicationState
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__)


async def add(conn: WriteConn, pipeline: Pipeline) -> None:
    """Add a pipeline; raises PipelineNameTaken."""
    parameters = {name: getattr(pipeline, name) for name in pipeline.__dataclass_fields__}
    if await db.execute(conn, queries["add_pipeline"], parameters) == 0:
        raise PipelineNameTaken(name=pipeline.name)


async def pipelines(conn: ReadConn) -> list[Pipeline]:
    return await db.fetch_all(conn, queries["pipelines"], {}, Pipeline)


async def pipeline(conn: ReadConn, pipeline_id: UUID) -> Pipeline | None:
    return await db.fetch_one(conn, queries["pipeline"], {"id": pipeline_id}, Pipeline)


async def locked(conn: WriteConn, pipeline_id: UUID) -> Pipeline | None:
    return await db.fetch_one(conn, queries["pipeline_for_update"], {"id": pipeline_id}, Pipeline)


async def drop(conn: WriteConn, pipeline_id: UUID) -> None:
    await db.execute(conn, queries["drop_pipeline"], {"id": pipeline_id})


async def add_version(conn: WriteConn, version: Version, *, pictures: Iterable[str]) -> None:
    """Add a version, make it the newest, and keep the pictures it names."""
    parameters = {name: getattr(version, name) for name in version.__dataclass_fields__}
    parameters["document"] = json.dumps(dict(version.document), ensure_ascii=False)
    await db.execute(conn, queries["add_version"], parameters)
    head = {"id": version.pipeline_id, "head": version.number}
    await db.execute(conn, queries["set_head"], head)
    for sha256 in pictures:
        await db.execute(
            conn,
            queries["keep_picture"],
            {"pipeline_id": version.pipeline_id, "sha256": sha256},
        )


async def versions(conn: ReadConn, pipeline_id: UUID) -> list[Version]:
    return await db.fetch_all(conn, queries["versions"], {"pipeline_id": pipeline_id}, Version)


async def version(conn: ReadConn, pipeline_id: UUID, number: int) -> Version | None:
    return await db.fetch_one(
        conn, queries["version"], {"pipeline_id": pipeline_id, "number": number}, Version
    )


async def save_publication(conn: WriteConn, publication: Publication) -> None:
    parameters = {name: getattr(publication, name) for name in publication.__dataclass_fields__}
    await db.execute(conn, queries["save_publication"], parameters)


async def in_force(conn: ReadConn) -> list[Publication]:
    return await _publications(conn, "in_force", {})


async def place(conn: WriteConn, camera: str) -> Place:
    """Return what is in force at a camera; nobody else changes it before the transaction ends."""
    return Place.of(camera, await _publications(conn, "at_camera_for_update", {"camera": camera}))


async def publication(conn: ReadConn, publication_id: UUID) -> Publication | None:
    found = await _publications(conn, "publication", {"id": publication_id})
    return found[0] if found else None


async def publications_of(conn: ReadConn, pipeline_id: UUID) -> list[Publication]:
    return await _publications(conn, "publications_of", {"pipeline_id": pipeline_id})


async def history_of(conn: ReadConn, camera: str) -> list[Publication]:
    return await _publications(conn, "history_of", {"camera": camera})


async def is_bundle(conn: ReadConn, sha256: str) -> bool:
    return bool(await db.fetch_value(conn, queries["is_bundle"], {"sha256": sha256}))


async def add_steps(conn: WriteConn, inspection_id: UUID, result: InspectionResult) -> bool:
    """Keep what the nodes said; False when it is there already."""
    added = await db.execute(
        conn,
        queries["add_steps"],
        {
            "inspection_id": inspection_id,
            "measures": json.dumps([one.model_dump(mode="json") for one in result.measures]),
            "step_ms": json.dumps({node: round(ms, 2) for node, ms in result.step_ms.items()}),
        },
    )
    return added == 1


async def steps(conn: ReadConn, inspection_id: UUID) -> Steps | None:
    rows = await db.fetch_dicts(conn, queries["steps"], {"inspection_id": inspection_id})
    if not rows:
        return None
    measures = tuple(Measure.model_validate(one) for one in rows[0]["measures"])
    return Steps(measures, rows[0]["step_ms"])


async def pictures_of(conn: ReadConn, camera: str, *, limit: int) -> list[dict[str, Any]]:
    return await db.fetch_dicts(conn, queries["pictures_of"], {"camera": camera, "limit": limit})


async def _publications(
    conn: ReadConn, query: str, parameters: Mapping[str, Any]
) -> list[Publication]:
    rows = await db.fetch_dicts(conn, queries[query], dict(parameters))
    return [Publication(**{**row, "state": PublicationState(row["state"])}) for row in rows]
