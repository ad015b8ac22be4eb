"""Inspections and their pictures are shown to people (agents deliver them to `mes.ingest`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from mes.agents import service as agents
from mes.identity.access import CurrentUser, require, require_scope
from mes.identity.model import Caller, Role, Scope, User
from mes.inspection import drift_alarms, registry, second_looks, service, track_record
from mes.inspection.drift_alarm_model import Measure
from mes.inspection.images import FolderImageStore, ImageStore
from mes.inspection.model import UnknownImage
from mes.inspection.rollout import MAX_PACKAGE_BYTES, PackageTooLarge
from mes.inspection.schemas import (
    CameraFiguresOut,
    ConfirmDriftIn,
    DriftAlarmOut,
    InspectionOut,
    ModelOut,
    PromoteIn,
    RollBackIn,
    SecondLookIn,
    ShadowIn,
)
from mes.platform.http import ClockDep, ContextDep, ReadDb, SettingsDep, WriteDb

router = APIRouter(tags=["inspection"])

Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Camera = Annotated[str, Path(max_length=80)]
Engineer = Annotated[User, Depends(require(Role.QUALITY))]
Keeper = Annotated[User, Depends(require(Role.QUALITY, Role.MAINTENANCE))]
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
    png = await track_record.heatmap(conn, images, data, model_sha256=seen.model_sha256)
    return Response(png, media_type="image/png", headers={"Cache-Control": _FOR_EVER})


@router.put("/api/inspections/{inspection_id}/second-look", status_code=204)
async def look_again(
    inspection_id: UUID, body: SecondLookIn, user: Engineer, conn: WriteDb, clock: ClockDep
) -> Response:
    """Judge a picture that somebody else has reviewed; part and hold stay as they are."""
    await second_looks.look(
        conn,
        inspection_id,
        defect=body.defect,
        code=body.defect_code,
        by=user.name,
        now=clock.now(),
    )
    return Response(status_code=204)


@router.delete("/api/inspections/{inspection_id}/second-look", status_code=204)
async def take_second_look_back(inspection_id: UUID, user: Engineer, conn: WriteDb) -> Response:
    """Take one's own second word back."""
    await second_looks.take_back(conn, inspection_id, by=user.name)
    return Response(status_code=204)


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


@router.get("/api/cameras/drift")
async def get_drift_alarms(
    caller: Annotated[Caller, Depends(require_scope(Scope.QUALITY_READ))], conn: ReadDb
) -> list[DriftAlarmOut]:
    """List the cameras that no longer see or judge as they did."""
    return [DriftAlarmOut.model_validate(alarm) for alarm in await drift_alarms.standing(conn)]


@router.post("/api/cameras/{camera}/drift/{measure}/confirmation")
async def confirm_drift(
    camera: Camera,
    measure: Measure,
    body: ConfirmDriftIn,
    user: Keeper,
    conn: WriteDb,
    clock: ClockDep,
) -> DriftAlarmOut:
    """Note that somebody knows of a camera's drift, and what was done."""
    alarm = await drift_alarms.confirm(
        conn, camera, measure, body.comment.strip(), actor=user.actor, now=clock.now()
    )
    return DriftAlarmOut.model_validate(alarm)


@router.post("/api/models", status_code=201)
async def register_model(
    request: Request, user: Engineer, conn: WriteDb, clock: ClockDep, images: ImagesDep
) -> ModelOut:
    """Register a model package: the body is its archive (`python -m qc_vision pack`)."""
    archive = bytearray()
    async for chunk in request.stream():
        archive += chunk
        if len(archive) > MAX_PACKAGE_BYTES:
            raise PackageTooLarge(limit_bytes=MAX_PACKAGE_BYTES)
    model = await registry.register(
        conn, images, bytes(archive), actor=user.actor, now=clock.real_now()
    )
    return ModelOut.of(model)


@router.get("/api/models")
async def get_models(
    caller: Annotated[Caller, Depends(require_scope(Scope.QUALITY_READ))], conn: ReadDb
) -> list[ModelOut]:
    """List every registered model package."""
    return [ModelOut.of(model) for model in await registry.models(conn)]


@router.post("/api/cameras/{camera}/shadow", status_code=204)
async def begin_shadow(
    camera: Camera,
    body: ShadowIn,
    user: Engineer,
    conn: WriteDb,
    clock: ClockDep,
    context: ContextDep,
) -> Response:
    """Let a registered package look on at a camera."""
    await registry.begin_shadow(
        conn, camera, body.package_sha256, actor=user.actor, now=clock.now()
    )
    await agents.refresh_configs(conn, models=context.services["camera_models"])
    return Response(status_code=204)


@router.post("/api/cameras/{camera}/promote", status_code=204)
async def promote(
    camera: Camera,
    user: Engineer,
    conn: WriteDb,
    clock: ClockDep,
    context: ContextDep,
    body: PromoteIn | None = None,
) -> Response:
    """Move the model on trial one state further: shadow, canary (a share of the parts), active."""
    every = (body or PromoteIn()).every
    await registry.promote(conn, camera, every=every, actor=user.actor, now=clock.now())
    await agents.refresh_configs(conn, models=context.services["camera_models"])
    return Response(status_code=204)


@router.post("/api/cameras/{camera}/roll-back", status_code=204)
async def roll_back(
    camera: Camera,
    body: RollBackIn,
    user: Engineer,
    conn: WriteDb,
    clock: ClockDep,
    context: ContextDep,
) -> Response:
    """End the trial, or give the place back to the model that judged before."""
    await registry.roll_back(conn, camera, reason=body.reason, actor=user.actor, now=clock.now())
    await agents.refresh_configs(conn, models=context.services["camera_models"])
    return Response(status_code=204)
