"""Screens of the models: what judges at each camera, what is on trial, old against new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from mes.contracts.plant import Line, Station
from mes.identity.model import Role
from mes.inspection import registry
from mes.inspection.drift import Drift
from mes.inspection.pipelines import publishing
from mes.inspection.pipelines.model import Publication
from mes.inspection.registry import Judging
from mes.inspection.rollout import Camera, Comparison, Model, Rollout, UnknownCamera
from mes.platform.db import ReadConn
from mes.platform.http import ReadDb
from mes.web.reader import page_for
from mes.web.shell import Shell

router = APIRouter()

ModelsPage = Annotated[Shell, Depends(page_for(Role.QUALITY, Role.MAINTENANCE))]
LOOK_BACK = timedelta(days=14)
PAIRS_SHOWN = 24


@dataclass(frozen=True, slots=True)
class Row:
    """One camera of the list."""

    line: Line
    station: Station
    at: Camera
    judging: Judging | None
    drift: Drift | None
    active: Model | None
    trial: Model | None
    compared: Comparison | None
    refused: Rollout | None
    """What the agent could not use, when nothing has happened at the camera since."""
    refused_model: Model | None
    pipeline: Publication | None
    """What judges instead of the model, when one is published."""


@router.get("/quality/models")
async def models_page(shell: ModelsPage, conn: ReadDb) -> HTMLResponse:
    """List cameras with what judges there and what looks on, and every registered package."""
    models = await registry.models(conn)
    return shell.page(
        "inspection/models.html",
        {"rows": await _rows(conn, shell, models), "models": models, "topics": "quality"},
    )


@router.get("/quality/models/{camera}")
async def camera_page(camera: str, shell: ModelsPage, conn: ReadDb) -> HTMLResponse:
    """Show a camera's models: the trial against the active one on the same pictures, and its history."""
    models = await registry.models(conn)
    rows = await _rows(conn, shell, models, only=camera)
    if not rows:
        raise UnknownCamera(camera=camera)
    (row,) = rows
    seen = row.at.trial or row.at.active
    pairs: list[dict[str, Any]] = []
    if seen is not None:
        pairs = await registry.pairs(conn, camera, seen.package_sha256, limit=PAIRS_SHOWN)
    known = {model.package_sha256: model for model in models}
    return shell.page(
        "inspection/camera.html",
        {
            "row": row,
            "pairs": [_sides(pair) for pair in pairs],
            "history": await registry.history(conn, camera),
            "known": known,
            "choices": [model for model in models if _fits(model, row)],
            "topics": "quality",
        },
    )


async def _rows(
    conn: ReadConn, shell: Shell, models: list[Model], *, only: str | None = None
) -> list[Row]:
    cameras = await registry.cameras(conn)
    since_at = shell.now - LOOK_BACK
    judging = await registry.judging(conn, since_at=since_at)
    known = {model.package_sha256: model for model in models}
    taken_back = await registry.taken_back(conn)
    published = await publishing.in_force(conn)
    rows = []
    for line, station in registry.stations_with_camera(shell.plant):
        if station.camera is None or only not in (None, station.camera.id):
            continue
        camera = station.camera.id
        at = cameras.get(camera, Camera(camera, None, None))
        last, refused = judging.get(camera), taken_back.get(camera)
        rows.append(
            Row(
                line,
                station,
                at,
                last,
                await registry.drift(conn, last, since_at=since_at) if last else None,
                known.get(at.active.package_sha256) if at.active else None,
                known.get(at.trial.package_sha256) if at.trial else None,
                await registry.compared(conn, camera, at.trial.package_sha256)
                if at.trial
                else None,
                refused,
                known.get(refused.package_sha256) if refused else None,
                published.get(camera),
            )
        )
    return rows


def _fits(model: Model, row: Row) -> bool:
    """Whether a package may be tried at a camera."""
    camera = row.station.camera
    if camera is None or model.shop not in (camera.scene, "any"):
        return False
    if row.active is not None:
        return model.package_sha256 != row.active.package_sha256
    last = row.judging
    judges = last and (
        last.model_sha256,
        last.model_version,
    )  # one graph may have several thresholds
    return (model.model_sha256, model.version) != judges


def _sides(pair: dict[str, Any]) -> dict[str, Any]:
    """Return one picture with the verdicts of the old and of the new model."""
    line = {name: pair[name] for name in ("verdict", "score", "threshold", "regions")}
    beside = {name: pair[f"beside_{name}"] for name in line}
    old, new = (line, beside) if pair["new_looked_on"] else (beside, line)
    return {
        **pair,
        "old": old,
        "new": new,
        "differ": (old["verdict"] == "OK") != (new["verdict"] == "OK"),
    }
