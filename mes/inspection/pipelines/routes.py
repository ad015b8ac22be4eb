"""The API of pipelines: drawn, saved, compared, run on stored pictures, published, taken back."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response, status

from mes.agents import service as agents
from mes.identity.access import require, require_scope
from mes.identity.model import Caller, Role, Scope, User
from mes.inspection import service as inspection
from mes.inspection import track_record
from mes.inspection.images import FolderImageStore, ImageStore
from mes.inspection.pipelines import bridge, judged, publishing, service
from mes.inspection.pipelines.publication import NoPipelineOnTrial
from mes.inspection.pipelines.schemas import (
    ChangeOut,
    CheckOut,
    ComparedOut,
    DocumentIn,
    PipelineIn,
    PipelineOut,
    PublicationOut,
    PublishIn,
    RunIn,
    TakeBackIn,
    VersionOut,
)
from mes.inspection.schemas import PromoteIn
from mes.platform.errors import Invalid, Problem
from mes.platform.http import ClockDep, ContextDep, ReadDb, SettingsDep, WriteDb

router = APIRouter(tags=["pipelines"])

Engineer = Annotated[User, Depends(require(Role.QUALITY))]
Reader = Annotated[Caller, Depends(require_scope(Scope.QUALITY_READ))]
IfMatch = Annotated[str | None, Header(alias="If-Match")]
Camera = Annotated[str, Path(max_length=80)]
EMPTY: dict[str, Any] = {"format": "c2m-pipeline/1", "nodes": []}


class PipelineVersionMissing(Problem):
    """Send the version of the pipeline that you edited in the header If-Match; the ETag of the pipeline has it."""

    status = 428
    code = "pipeline.if_match_required"


class PipelineVersionUnreadable(Invalid):
    """If-Match has the version of the pipeline in quotation marks, as "3", not {given}."""

    code = "pipeline.if_match_unreadable"


def store_of(settings: SettingsDep) -> ImageStore:
    """Return where pictures, packages and bundles are kept."""
    return FolderImageStore(settings.image_dir)


StoreDep = Annotated[ImageStore, Depends(store_of)]


@router.get("/api/pipelines/kinds")
async def get_kinds(_: Reader) -> list[dict[str, Any]]:
    """List every kind of node with its ports and settings."""
    return bridge.palette()


@router.get("/api/pipelines/samples")
async def get_samples(_: Reader) -> dict[str, str]:
    """List the samples that ship: what each is called, by its name."""
    return bridge.sample_names()


@router.get("/api/pipelines")
async def get_pipelines(_: Reader, conn: ReadDb) -> list[PipelineOut]:
    """List every pipeline."""
    return [PipelineOut.of(one) for one in await service.pipelines(conn)]


@router.post("/api/pipelines", status_code=status.HTTP_201_CREATED)
async def post_pipeline(
    body: PipelineIn, user: Engineer, conn: WriteDb, clock: ClockDep, store: StoreDep
) -> PipelineOut:
    """Save a new pipeline: empty, from a document, or from a sample."""
    now = clock.now()
    if body.sample is not None:
        made = await service.create_from_sample(
            conn,
            store,
            body.sample,
            body.name,
            actor=user.actor,
            now=now,
            real_now=clock.real_now(),
        )
    else:
        made = await service.create(
            conn, body.name, body.document or EMPTY, note=body.note, actor=user.actor, now=now
        )
    return PipelineOut.of(made)


@router.post("/api/pipelines/check")
async def check(_: Reader, body: DocumentIn) -> CheckOut:
    """Say whether a document can run, and what keeps it from running."""
    document = bridge.read(body.document)
    wrong = bridge.faults(document)
    return CheckOut(
        can_run=not wrong,
        content_sha256=document.sha256,
        remarks=[ChangeOut.of(one) for one in wrong],
    )


@router.post("/api/pipelines/run")
async def run(_: Engineer, body: RunIn, conn: ReadDb, store: StoreDep) -> dict[str, Any]:
    """Judge a stored picture with a document, saved or not, and show what each node made of it."""
    return await service.run(conn, store, body.document, body.image_sha256, large=body.large)


@router.post("/api/pipelines/pictures", status_code=status.HTTP_201_CREATED)
async def post_picture(
    request: Request,
    _: Engineer,
    conn: WriteDb,
    clock: ClockDep,
    store: StoreDep,
) -> dict[str, str]:
    """Store a golden picture or a pattern (JPEG or PNG) that no camera of the plant took; answers its name."""
    data = await request.body()
    sha256 = bridge.sha256_of(data)
    await inspection.store_image(conn, store, sha256, data, now=clock.real_now())
    return {"sha256": sha256}


@router.get("/api/pipelines/{pipeline_id}")
async def get_pipeline(
    pipeline_id: UUID, _: Reader, conn: ReadDb, response: Response
) -> VersionOut:
    """Show the newest version of a pipeline; its ETag is what a save sends as If-Match."""
    pipeline = await service.get(conn, pipeline_id)
    response.headers["ETag"] = f'"{pipeline.head}"'
    return VersionOut.of(await service.version(conn, pipeline))


@router.put("/api/pipelines/{pipeline_id}")
async def put_pipeline(
    pipeline_id: UUID,
    body: DocumentIn,
    user: Engineer,
    conn: WriteDb,
    clock: ClockDep,
    response: Response,
    if_match: IfMatch = None,
) -> VersionOut:
    """Save the next version of a pipeline."""
    saved = await service.save(
        conn,
        pipeline_id,
        body.document,
        seen=_version(if_match),
        note=body.note,
        actor=user.actor,
        now=clock.now(),
    )
    response.headers["ETag"] = f'"{saved.number}"'
    return VersionOut.of(saved)


@router.delete("/api/pipelines/{pipeline_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_pipeline(
    pipeline_id: UUID, user: Engineer, conn: WriteDb, clock: ClockDep
) -> Response:
    """Remove a pipeline that was never published."""
    await service.drop(conn, pipeline_id, actor=user.actor, now=clock.now())
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/api/pipelines/{pipeline_id}/versions")
async def get_versions(pipeline_id: UUID, _: Reader, conn: ReadDb) -> list[VersionOut]:
    """List the versions of a pipeline, the newest first."""
    await service.get(conn, pipeline_id)
    return [VersionOut.of(one) for one in await service.versions(conn, pipeline_id)]


@router.get("/api/pipelines/{pipeline_id}/versions/{number}")
async def get_version(
    pipeline_id: UUID, number: Annotated[int, Path(ge=1)], _: Reader, conn: ReadDb
) -> VersionOut:
    """Show one version."""
    return VersionOut.of(await service.version(conn, await service.get(conn, pipeline_id), number))


@router.get("/api/pipelines/{pipeline_id}/difference")
async def get_difference(
    pipeline_id: UUID,
    _: Reader,
    conn: ReadDb,
    old: Annotated[int, Query(ge=1)],
    new: Annotated[int, Query(ge=1)],
) -> list[ChangeOut]:
    """Say what differs between two versions."""
    pipeline = await service.get(conn, pipeline_id)
    return [ChangeOut.of(one) for one in await service.difference(conn, pipeline, old, new)]


@router.get("/api/pipelines/{pipeline_id}/publications")
async def get_publications(pipeline_id: UUID, _: Reader, conn: ReadDb) -> list[PublicationOut]:
    """List where a pipeline judges and judged, the newest change first."""
    await service.get(conn, pipeline_id)
    return [PublicationOut.of(one) for one in await publishing.publications_of(conn, pipeline_id)]


@router.post("/api/pipelines/{pipeline_id}/publish")
async def publish(
    pipeline_id: UUID,
    body: PublishIn,
    user: Engineer,
    conn: WriteDb,
    clock: ClockDep,
    context: ContextDep,
    store: StoreDep,
) -> list[PublicationOut]:
    """Let a version judge at cameras: their agents fetch it by its hash and go over between two parts."""
    done = await publishing.publish(
        conn,
        store,
        pipeline_id,
        body.number,
        body.cameras,
        actor=user.actor,
        now=clock.now(),
    )
    await agents.refresh_configs(conn, models=context.services["camera_models"])
    return [PublicationOut.of(one) for one in done]


@router.post("/api/pipelines/{pipeline_id}/shadow")
async def begin_shadow(
    pipeline_id: UUID,
    body: PublishIn,
    user: Engineer,
    conn: WriteDb,
    clock: ClockDep,
    context: ContextDep,
    store: StoreDep,
) -> list[PublicationOut]:
    """Let a version look on at cameras: its verdicts are compared, the line never hears them."""
    begun = await publishing.begin_shadow(
        conn,
        store,
        pipeline_id,
        body.number,
        body.cameras,
        actor=user.actor,
        now=clock.now(),
    )
    await agents.refresh_configs(conn, models=context.services["camera_models"])
    return [PublicationOut.of(one) for one in begun]


@router.post("/api/cameras/{camera}/pipeline/promote")
async def promote(
    camera: Camera,
    user: Engineer,
    conn: WriteDb,
    clock: ClockDep,
    context: ContextDep,
    body: PromoteIn | None = None,
) -> PublicationOut:
    """Move the version on trial one state further: shadow, canary (a share of the parts), published."""
    every = (body or PromoteIn()).every
    moved = await publishing.promote(conn, camera, every=every, actor=user.actor, now=clock.now())
    await agents.refresh_configs(conn, models=context.services["camera_models"])
    return PublicationOut.of(moved)


@router.get("/api/cameras/{camera}/pipeline/compared")
async def get_compared(camera: Camera, _: Reader, conn: ReadDb) -> ComparedOut:
    """Show how the version on trial judged the same pictures as what judges."""
    place = (await publishing.places(conn)).get(camera)
    if place is None or place.trial is None:
        raise NoPipelineOnTrial(camera=camera)
    compared = await track_record.compared(conn, camera, place.trial.bundle_sha256)
    return ComparedOut.of(place.trial, compared)


@router.post("/api/cameras/{camera}/pipeline/roll-back", status_code=status.HTTP_204_NO_CONTENT)
async def roll_back(
    camera: Camera,
    body: TakeBackIn,
    user: Engineer,
    conn: WriteDb,
    clock: ClockDep,
    context: ContextDep,
) -> Response:
    """End the trial, or give a camera back to the pipeline before, or to its model alone."""
    await publishing.roll_back(conn, camera, reason=body.reason, actor=user.actor, now=clock.now())
    await agents.refresh_configs(conn, models=context.services["camera_models"])
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/api/cameras/{camera}/pictures")
async def get_pictures(
    camera: Camera, _: Reader, conn: ReadDb, limit: Annotated[int, Query(ge=1, le=100)] = 24
) -> list[dict[str, Any]]:
    """List the newest pictures of a camera that are here."""
    return [
        {
            "id": str(row["id"]),
            "sha256": row["image_sha256"],
            "image": f"/api/images/{row['image_sha256']}",
            "px": [row["image_w"], row["image_h"]],
            "verdict": row["verdict"],
            "score": row["score"],
            "variant": row["variant"],
            "triggered_at": row["triggered_at"],
        }
        for row in await judged.pictures_of(conn, camera, limit=limit)
    ]


def _version(if_match: str | None) -> int:
    if if_match is None:
        raise PipelineVersionMissing
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isdigit():
        raise PipelineVersionUnreadable(given=if_match)
    return int(text)
