"""Judged pictures and what people said of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from mes.contracts.line_records import InspectionAnswered
from mes.contracts.quality import DrawnRegion, InspectionResult, Region, Verdict
from mes.inspection.model import CameraFigures, Inspection, Review, defect_kind_of
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import Query, load_queries

queries = load_queries(__package__)

SAME_REQUEST = timedelta(hours=1)
"""A camera's counter that comes again after so much plant time is another request: the PLC was replaced."""


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    line: str
    station: str
    camera: str
    counter: int
    body_id: UUID | None
    lot: str | None
    job_order_id: UUID | None
    variant: str
    verdict: str
    score: float
    threshold: float
    defect_kind: str | None
    regions: list[dict[str, Any]]
    reason: str | None
    image_sha256: str | None
    image_w: int | None
    image_h: int | None
    image_is_here: bool
    model_name: str
    model_version: str
    model_sha256: str
    pipeline_version: str
    triggered_at: datetime
    decided_at: datetime
    deadline_at: datetime
    inference_ms: float
    total_ms: float
    accepted: bool
    review: str | None
    defect_code: str | None
    reviewed_regions: list[dict[str, Any]] | None
    reviewed_by: str | None
    reviewed_at: datetime | None

    def inspection(self) -> Inspection:
        same = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _CONVERTED}
        size = (self.image_w, self.image_h) if self.image_w and self.image_h else None
        return Inspection(
            **same,
            verdict=Verdict(self.verdict),
            regions=tuple(Region.model_validate(region) for region in self.regions),
            reviewed_regions=None
            if self.reviewed_regions is None
            else tuple(DrawnRegion.model_validate(region) for region in self.reviewed_regions),
            image_px=size,
            review=Review(self.review) if self.review else None,
        )


_CONVERTED = frozenset({"verdict", "regions", "reviewed_regions", "image_w", "image_h", "review"})


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """What is known of one request of a camera: its row, its verdict, and whether it was judged."""

    id: UUID
    verdict: str
    model_name: str

    @property
    def was_judged(self) -> bool:
        """Whether an agent's result stands in the row, not only the line's word."""
        return self.model_name != ""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image whose bytes are here."""

    sha256: str
    bytes: int
    media: str


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


async def add(conn: WriteConn, result: InspectionResult) -> bool:
    """Add a result; False when it is there already."""
    return await db.execute(conn, queries["add"], _params(result)) == 1


async def exists(conn: ReadConn, inspection_id: UUID) -> bool:
    return bool(await db.fetch_value(conn, queries["exists"], {"id": inspection_id}))


async def of_request(
    conn: WriteConn, asked: InspectionResult | InspectionAnswered, *, at: datetime
) -> KnownRequest | None:
    return await db.fetch_one(
        conn,
        queries["of_request"],
        {
            "line": asked.line,
            "camera": asked.camera,
            "counter": asked.counter,
            "body_id": asked.body_id,
            "lot": asked.lot,
            "after": at - SAME_REQUEST,
        },
        KnownRequest,
    )


async def complete_late(conn: WriteConn, late_id: UUID, result: InspectionResult) -> None:
    await db.execute(conn, queries["complete_late"], {**_params(result), "late_id": late_id})


async def line_took_none(conn: WriteConn, inspection_id: UUID) -> None:
    await db.execute(conn, queries["line_took_none"], {"id": inspection_id})


async def by_id(conn: ReadConn, inspection_id: UUID) -> Inspection | None:
    row = await db.fetch_one(conn, queries["by_id"], {"id": inspection_id}, _Row)
    return row.inspection() if row else None


async def by_ids(conn: ReadConn, ids: Collection[UUID]) -> dict[UUID, Inspection]:
    found = await _inspections(conn, queries["by_ids"], {"ids": list(ids)})
    return {inspection.id: inspection for inspection in found}


async def of_body(conn: ReadConn, body_id: UUID) -> list[Inspection]:
    return await _inspections(conn, queries["of_body"], {"body_id": body_id})


async def recent(conn: ReadConn, *, camera: str | None, limit: int) -> list[Inspection]:
    return await _inspections(conn, queries["recent"], {"camera": camera, "limit": limit})


async def last_good(conn: ReadConn, lots: Collection[str], *, before: datetime) -> datetime | None:
    found: datetime | None = await db.fetch_value(
        conn, queries["last_good"], {"lots": list(lots), "before": before}
    )
    return found


async def passed_at(conn: ReadConn, body_id: UUID, line: str) -> list[UUID]:
    rows = await db.fetch_all(conn, queries["passed_at"], {"body_id": body_id, "line": line}, _Id)
    return [row.id for row in rows]


async def save_review(
    conn: WriteConn,
    inspection_id: UUID,
    review: Review | None,
    *,
    defect_code: str | None,
    regions: Sequence[DrawnRegion] | None,
    reviewer: str | None,
    at: datetime | None,
) -> None:
    drawn = None if regions is None else json.dumps([one.model_dump() for one in regions])
    await db.execute(
        conn,
        queries["review"],
        {
            "id": inspection_id,
            "review": review,
            "defect_code": defect_code,
            "regions": drawn,
            "reviewed_by": reviewer,
            "reviewed_at": at,
        },
    )


async def figures(conn: ReadConn, *, since_at: datetime) -> list[CameraFigures]:
    return await db.fetch_all(conn, queries["figures"], {"since_at": since_at}, CameraFigures)


async def add_image(conn: WriteConn, sha256: str, *, size: int, media: str, now: datetime) -> None:
    await db.execute(
        conn,
        queries["add_image"],
        {"sha256": sha256, "bytes": size, "media": media, "stored_at": now},
    )


async def forget_good_images(conn: WriteConn, *, before: datetime, limit: int) -> list[StoredImage]:
    return await db.fetch_all(
        conn, queries["forget_good_images"], {"before": before, "limit": limit}, StoredImage
    )


async def image(conn: ReadConn, sha256: str) -> StoredImage | None:
    return await db.fetch_one(conn, queries["image"], {"sha256": sha256}, StoredImage)


async def _inspections(conn: ReadConn, query: Query, params: dict[str, object]) -> list[Inspection]:
    return [row.inspection() for row in await db.fetch_all(conn, query, params, _Row)]


def _params(result: InspectionResult) -> dict[str, object]:
    width, height = result.image_px or (None, None)
    return {
        **result.model_dump(exclude={"type", "image_px", "regions", "verdict", "beside"}),
        "verdict": result.verdict.value,
        "regions": json.dumps([region.model_dump() for region in result.regions]),
        "defect_kind": defect_kind_of(result.regions),
        "image_w": width,
        "image_h": height,
        "watch": list(result.watch) or None,
    }
