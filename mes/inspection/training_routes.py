"""The API of trainings: count pictures, ask, start, stop, see what came of it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse
from pydantic import AwareDatetime
from starlette.background import BackgroundTask

from mes.identity.access import require, require_scope
from mes.identity.model import Caller, Role, Scope, User
from mes.inspection import region_export, training
from mes.inspection.routes import ImagesDep
from mes.inspection.training_model import Regions, Training
from mes.inspection.training_schemas import (
    ChoiceOut,
    StartIn,
    TrainingIn,
    TrainingOut,
    TrainingPictureOut,
)
from mes.platform.http import ClockDep, ReadDb, WriteDb

router = APIRouter(prefix="/api", tags=["training"])

Engineer = Annotated[User, Depends(require(Role.QUALITY))]
Reader = Annotated[Caller, Depends(require_scope(Scope.QUALITY_READ))]


@router.get("/cameras/{camera}/training-pictures")
async def get_choice(
    camera: str,
    caller: Reader,
    conn: ReadDb,
    from_at: AwareDatetime,
    to_at: AwareDatetime,
    variant: Annotated[str | None, Query(max_length=80)] = None,
    assumed_good: bool = False,
    regions: Regions = Regions.DRAWN,
) -> ChoiceOut:
    """Count a camera's pictures by what people said of them, and say what so many can promise and teach."""
    found = await training.choice(conn, camera, variant, from_at, to_at)
    taught = await training.taught(conn, camera, variant, from_at, to_at, regions=regions)
    return ChoiceOut.of(found, taught, assumed_good=assumed_good)


@router.get("/cameras/{camera}/regions.zip", response_class=FileResponse)
async def get_regions(
    camera: str,
    caller: Reader,
    conn: ReadDb,
    images: ImagesDep,
    from_at: AwareDatetime,
    to_at: AwareDatetime,
    variant: Annotated[str | None, Query(max_length=80)] = None,
    regions: Regions = Regions.DRAWN,
) -> FileResponse:
    """Give a camera's reviewed pictures with their regions in COCO's form, as `train --boxes` reads it.

    Pictures that people found good are among them, without regions; those with a region without a code are not.
    """
    archive = await region_export.archive(
        conn, images, camera, variant, from_at, to_at, regions=regions
    )
    return FileResponse(
        archive,
        media_type="application/zip",
        filename=f"{camera}-regions.zip",
        background=BackgroundTask(archive.unlink),
    )


@router.post("/trainings", status_code=201)
async def ask(body: TrainingIn, user: Engineer, conn: WriteDb, clock: ClockDep) -> TrainingOut:
    """Choose the pictures of a training and have them looked over."""
    asked = await training.ask(
        conn,
        body.camera,
        variant=body.variant,
        from_at=body.from_at,
        to_at=body.to_at,
        assumed_good=body.assumed_good,
        target=body.target,
        regions=body.regions,
        epochs=body.epochs,
        actor=user.actor,
        now=clock.now(),
    )
    return TrainingOut.of(asked)


@router.get("/trainings")
async def get_trainings(caller: Reader, conn: ReadDb) -> list[TrainingOut]:
    """List the newest trainings."""
    return [TrainingOut.of(one) for one in await training.newest(conn)]


@router.get("/trainings/{training_id}")
async def get_training(training_id: UUID, caller: Reader, conn: ReadDb) -> TrainingOut:
    """Show a training: how far it is, or what came of it."""
    return TrainingOut.of(await training.get(conn, training_id))


@router.get("/trainings/{training_id}/pictures")
async def get_pictures(training_id: UUID, caller: Reader, conn: ReadDb) -> list[TrainingPictureOut]:
    """List a training's pictures: findings, what each is for, what old and new model said."""
    found: Training = await training.get(conn, training_id)
    return [TrainingPictureOut.of(one) for one in await training.pictures(conn, found.id)]


@router.post("/trainings/{training_id}/start")
async def start(
    training_id: UUID, body: StartIn, user: Engineer, conn: WriteDb, clock: ClockDep
) -> TrainingOut:
    """Start a training whose pictures were looked over, without those to be left out."""
    started = await training.start(
        conn, training_id, left_out=body.leave_out, actor=user.actor, now=clock.now()
    )
    return TrainingOut.of(started)


@router.post("/trainings/{training_id}/stop")
async def stop(training_id: UUID, user: Engineer, conn: WriteDb, clock: ClockDep) -> TrainingOut:
    """Stop a training; its worker ends it within a second."""
    stopped = await training.stop(conn, training_id, actor=user.actor, now=clock.now())
    return TrainingOut.of(stopped)
