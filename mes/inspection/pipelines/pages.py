"""Screens of pipelines: the list, and the editor with its versions and where they judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from mes.identity.model import Role
from mes.inspection import registry, track_record
from mes.inspection.pipelines import bridge, publishing, service
from mes.inspection.pipelines.model import Pipeline, Version
from mes.inspection.pipelines.publication import Place, Publication
from mes.inspection.pipelines.schemas import DocumentIn
from mes.inspection.pipelines.words import GROUPS, KINDS, PORTS, SAMPLES, SETTINGS
from mes.inspection.rollout import Comparison
from mes.platform.errors import FieldError
from mes.platform.http import ReadDb
from mes.web.problem_words import message
from mes.web.reader import page_for
from mes.web.shell import Shell

router = APIRouter()

PipelinesPage = Annotated[Shell, Depends(page_for(Role.QUALITY))]


@dataclass(frozen=True, slots=True)
class Row:
    """One pipeline of the list."""

    pipeline: Pipeline
    newest: Version
    judges: list[Publication]
    tried: list[Publication]


@dataclass(frozen=True, slots=True)
class Trial:
    """A version on trial at a camera, and how it judged the same pictures as what judges there."""

    at: Publication
    compared: Comparison


@router.get("/quality/pipelines")
async def pipelines_page(shell: PipelinesPage, conn: ReadDb) -> HTMLResponse:
    """List the pipelines and where they judge."""
    places = (await publishing.places(conn)).values()
    rows = [
        Row(
            one,
            await service.version(conn, one),
            [p.present for p in places if p.present and p.present.pipeline_id == one.id],
            [p.trial for p in places if p.trial and p.trial.pipeline_id == one.id],
        )
        for one in await service.pipelines(conn)
    ]
    samples = [
        (name, shell._(SAMPLES.get(name, word))) for name, word in bridge.sample_names().items()
    ]
    return shell.page(
        "inspection/pipelines.html", {"rows": rows, "samples": samples, "topics": "quality"}
    )


@router.get("/quality/pipelines/{pipeline_id}")
async def pipeline_page(pipeline_id: UUID, shell: PipelinesPage, conn: ReadDb) -> HTMLResponse:
    """Edit a pipeline, compare its versions, publish them."""
    pipeline = await service.get(conn, pipeline_id)
    newest = await service.version(conn, pipeline)
    places = await publishing.places(conn)
    nothing = Place("", None, None)
    cameras = [
        {
            "id": station.camera.id,
            "name": f"{shell.names(station.camera.id)} · {shell.names(line.id)}",
            "scene": station.camera.scene,
            "judged_by": _title(places.get(station.camera.id, nothing).present),
            "tries": _title(places.get(station.camera.id, nothing).trial),
        }
        for line, station in registry.stations_with_camera(shell.plant)
        if station.camera is not None and station.camera.vision_system is None
    ]
    models = await registry.models(conn)
    return shell.page(
        "inspection/pipeline.html",
        {
            "pipeline": pipeline,
            "newest": newest,
            "versions": await service.versions(conn, pipeline_id),
            "publications": await publishing.publications_of(conn, pipeline_id),
            "cameras": cameras,
            "judging": [
                p.present
                for p in places.values()
                if p.present and p.present.pipeline_id == pipeline_id
            ],
            "trials": [
                Trial(p.trial, await track_record.compared(conn, p.camera, p.trial.bundle_sha256))
                for p in places.values()
                if p.trial and p.trial.pipeline_id == pipeline_id
            ],
            "tried_at": {p.camera for p in places.values() if p.trial},
            "facts": {
                "id": str(pipeline.id),
                "head": pipeline.head,
                "document": dict(newest.document),
                "palette": bridge.palette(),
                "words": _words(shell),
                "cameras": cameras,
                "packages": [
                    {"sha256": one.package_sha256, "title": one.title, "shop": one.shop}
                    for one in models
                ],
            },
        },
    )


@router.post("/quality/pipelines/check.json")
async def check(body: DocumentIn, shell: PipelinesPage) -> list[dict[str, str]]:
    """Answer what keeps a document from running, in the reader's language."""
    return [_said(one, shell) for one in bridge.faults(bridge.read(body.document))]


@router.get("/quality/pipelines/{pipeline_id}/difference.json")
async def difference(
    pipeline_id: UUID,
    shell: PipelinesPage,
    conn: ReadDb,
    old: Annotated[int, Query(ge=1)],
    new: Annotated[int, Query(ge=1)],
) -> list[dict[str, str]]:
    """Answer what differs between two versions, in the reader's language."""
    pipeline = await service.get(conn, pipeline_id)
    return [_said(one, shell) for one in await service.difference(conn, pipeline, old, new)]


def _title(publication: Publication | None) -> str | None:
    return publication.title if publication is not None else None


def _said(one: FieldError, shell: Shell) -> dict[str, str]:
    """Return a remark with the names of kinds and settings that the screen uses."""
    facts = {key: _word(key, str(value), shell) for key, value in one.context.items()}
    worded = FieldError(one.field, one.rule, one.message, facts)
    setting = str(one.context.get("setting", ""))
    return {"node": one.field, "setting": setting, "message": message(worded, shell.language)}


def _word(key: str, value: str, shell: Shell) -> str:
    match key:
        case "kind" if value in KINDS:
            return shell._(KINDS[value][0])
        case "setting" if value in SETTINGS:
            return shell._(SETTINGS[value])
        case "inlet" | "takes" | "gives":
            return " or ".join(shell._(PORTS.get(one, one)) for one in value.split(" or "))
        case _:
            return value


def _words(shell: Shell) -> dict[str, Any]:
    return {
        "groups": {name: shell._(word) for name, word in GROUPS.items()},
        "kinds": {name: shell._(word) for name, (word, _) in KINDS.items()},
        "hints": {name: shell._(hint) for name, (_, hint) in KINDS.items()},
        "ports": {name: shell._(word) for name, word in PORTS.items()},
        "settings": {name: shell._(word) for name, word in SETTINGS.items()},
    }
