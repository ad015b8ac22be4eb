"""Inspections and their pictures are shown to people (agents deliver them to `mes.ingest`)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from mes.identity.access import CurrentUser, require_scope
from mes.identity.model import Caller, Scope
from mes.inspection import bridge, service
from mes.inspection.images import FolderImageStore, ImageStore
from mes.inspection.model import UnknownImage
from mes.inspection.schemas import CameraFiguresOut, InspectionOut
from mes.platform.http import ClockDep, ReadDb, SettingsDep

router = APIRouter(tags=["inspection"])

Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
_FOR_EVER = "private, max-age=31536000, immutable"


def image_store(settings: SettingsDep) -> ImageStore:
    """Return where pictures are kept."""
    return FolderImageStore(settings.image_dir)


ImagesDep = Annotated[ImageStore, Depends(image_store)]


@router.get("/api/images/{sha256}")
async def get_image(sha256: Sha256, user: CurrentUser, conn: ReadDb, images: ImagesDep) -> Response:
    """Show a picture; what a hash names never changes, so it may be cached for ever."""
    data, media = await service.load_image(conn, images, sha256)
    headers = {"Cache-Control": _FOR_EVER, "ETag": f'"{sha256}"'}
    return Response(data, media_type=media, headers=headers)


@router.get("/api/inspections/{inspection_id}")
async def get_inspection(
    inspection_id: UUID,
    caller: Annotated[Caller, Depends(require_scope(Scope.QUALITY_READ))],
    conn: ReadDb,
) -> InspectionOut:
    """Show one inspection."""
    return InspectionOut.of(await service.get(conn, inspection_id))


@router.get("/api/inspections/{inspection_id}/heatmap.png")
async def get_heatmap(
    inspection_id: UUID, user: CurrentUser, conn: ReadDb, images: ImagesDep
) -> Response:
    """Show where the model saw what it saw: the picture, judged again, under its heat map."""
    seen = await service.get(conn, inspection_id)
    if seen.image_sha256 is None:
        raise UnknownImage(sha256="of this inspection")
    data, _ = await service.load_image(conn, images, seen.image_sha256)
    png = await asyncio.to_thread(bridge.heatmap, data, model_sha256=seen.model_sha256)
    return Response(png, media_type="image/png", headers={"Cache-Control": _FOR_EVER})


@router.get("/api/cameras/figures")
async def get_figures(
    caller: Annotated[Caller, Depends(require_scope(Scope.QUALITY_READ))],
    conn: ReadDb,
    clock: ClockDep,
    hours: Annotated[float, Query(gt=0, le=24 * 90)] = 24,
) -> list[CameraFiguresOut]:
    """Show how each camera did in the last hours of plant time, and how reviews judged it."""
    since_at = clock.now() - timedelta(hours=hours)
    return [CameraFiguresOut.of(f) for f in await service.figures(conn, since_at=since_at)]
