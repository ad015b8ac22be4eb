"""How the models at the cameras do: what judged last, how its scores move, who differs from whom."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from mes.contracts.quality import InspectionResult
from mes.inspection import bridge, registry
from mes.inspection.drift import (
    EARLIER,
    RECENT,
    Drift,
    FeatureDrift,
    drift_of,
    feature_drift_of,
)
from mes.inspection.images import ImageStore
from mes.inspection.rollout import Comparison, Model
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries

queries = load_queries(__package__, "models.sql")


async def note_beside(conn: WriteConn, result: InspectionResult) -> None:
    """Keep what the other model said of a picture."""
    beside = result.beside
    if beside is None:
        return
    parameters = {
        **beside.model_dump(exclude={"regions", "measures", "verdict"}),
        "verdict": beside.verdict.value,
        "regions": json.dumps([region.model_dump() for region in beside.regions]),
        "measures": json.dumps([one.model_dump(mode="json") for one in beside.measures]),
        "inspection_id": result.id,
        "camera": result.camera,
        "triggered_at": result.triggered_at,
    }
    await db.execute(conn, queries["add_beside"], parameters)


async def compared(conn: ReadConn, camera: str, package_sha256: str) -> Comparison:
    """Return how a package judged the pictures of a camera against what judged beside it."""
    parameters = {"camera": camera, "package_sha256": package_sha256}
    row = await db.fetch_dicts(conn, queries["compared"], parameters)
    return Comparison(camera=camera, **row[0])


async def pairs(
    conn: ReadConn, camera: str, package_sha256: str, *, limit: int
) -> list[dict[str, Any]]:
    """Return the pictures that two models judged, those they differ on first."""
    return await db.fetch_dicts(
        conn,
        queries["pairs"],
        {"camera": camera, "package_sha256": package_sha256, "limit": limit},
    )


@dataclass(frozen=True, slots=True)
class Judging:
    """The model that judged last at a camera."""

    camera: str
    model_name: str
    model_version: str
    model_sha256: str


async def judging(conn: ReadConn, *, since_at: datetime) -> dict[str, Judging]:
    """Return what judged last at each camera since an instant of plant time."""
    rows = await db.fetch_all(conn, queries["judging"], {"since_at": since_at}, Judging)
    return {row.camera: row for row in rows}


async def drift(
    conn: ReadConn, at: Judging, *, since_at: datetime, before_at: datetime | None = None
) -> Drift | None:
    """Return how a camera's scores have moved under its present model; None while there are too few.

    Args:
        before_at: compare with the pictures before those that were the newest then; None: before the newest now.
    """
    scores = await recent_scores(conn, at, since_at=since_at)
    if before_at is None:
        return drift_of(scores)
    facts = {**asdict(at), "before_at": before_at, "skip": RECENT, "limit": EARLIER}
    earlier = await db.fetch_dicts(conn, queries["scores_before"], facts)
    return drift_of([float(row["score"]) for row in earlier] + scores[-RECENT:])


async def recent_scores(conn: ReadConn, at: Judging, *, since_at: datetime) -> list[float]:
    """Return a camera's newest scores under its present model, oldest first: those compared and those before."""
    facts = {**asdict(at), "since_at": since_at, "limit": RECENT + EARLIER}
    rows = await db.fetch_dicts(conn, queries["recent_scores"], facts)
    return [float(row["score"]) for row in rows]


async def feature_drift(
    conn: ReadConn, at: Judging, model: Model, *, since_at: datetime
) -> FeatureDrift | None:
    """Return how far a camera's pictures look from those of its model's training; None while there are too few."""
    if model.watch_limit is None:
        return None
    watched = await recent_watch(conn, at, since_at=since_at, count=RECENT)
    return feature_drift_of(watched, limit=model.watch_limit)


async def recent_watch(
    conn: ReadConn, at: Judging, *, since_at: datetime, count: int
) -> list[list[float]]:
    """Return where a camera's newest pictures lie among those of its model's training, the newest first."""
    facts = {**asdict(at), "since_at": since_at, "limit": count}
    return [row["watch"] for row in await db.fetch_dicts(conn, queries["recent_watch"], facts)]


async def heatmap(conn: ReadConn, store: ImageStore, image: bytes, *, model_sha256: str) -> bytes:
    """Judge a stored picture again with the model that judged it; raises HeatmapUnavailable."""
    archive = None
    for model in await registry.models(conn):
        if model.model_sha256 == model_sha256:
            archive = await store.get(model.package_sha256)
    return await asyncio.to_thread(
        bridge.heatmap, image, model_sha256=model_sha256, archive=archive
    )
