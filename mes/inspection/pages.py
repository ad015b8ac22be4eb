"""Screens of the models: what judges at each camera, what is on trial, old against new."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from mes.contracts.plant import Line, Station
from mes.identity.model import Role
from mes.inspection import drift_alarms, registry, track_record
from mes.inspection.drift import EARLIER, RECENT, Drift, FeatureDrift
from mes.inspection.drift_alarms import LOOK_BACK
from mes.inspection.drift_chart import HEIGHT, WIDTH, feature_chart, score_chart
from mes.inspection.gauge_pairs import GaugePair, gauge_pairs, readings_beside
from mes.inspection.pipelines import publishing
from mes.inspection.pipelines.publication import Place
from mes.inspection.rollout import Camera, Comparison, Model, Rollout, UnknownCamera
from mes.inspection.track_record import Judging
from mes.platform.db import ReadConn
from mes.platform.http import ReadDb
from mes.web.reader import page_for
from mes.web.shell import Shell

router = APIRouter()

ModelsPage = Annotated[Shell, Depends(page_for(Role.QUALITY, Role.MAINTENANCE))]
PAIRS_SHOWN = 24


@dataclass(frozen=True, slots=True)
class Row:
    """One camera of the list."""

    line: Line
    station: Station
    at: Camera
    judging: Judging | None
    drift: Drift | None
    features: FeatureDrift | None
    watches: bool
    """Whether the model that judges says how its pictures look."""
    active: Model | None
    trial: Model | None
    compared: Comparison | None
    refused: Rollout | None
    """What the agent could not use, when nothing has happened at the camera since."""
    refused_model: Model | None
    place: Place
    """The pipelines in force here; one that is published judges instead of the model."""

    @property
    def trial_sha256(self) -> str | None:
        """Of the archive of the model or pipeline on trial."""
        if self.place.trial is not None:
            return self.place.trial.bundle_sha256
        return self.at.trial.package_sha256 if self.at.trial is not None else None

    @property
    def judging_sha256(self) -> str | None:
        """Of the archive of what judges; None where it ships with the agents."""
        if self.place.present is not None:
            return self.place.present.bundle_sha256
        return self.at.active.package_sha256 if self.at.active is not None else None


@dataclass(frozen=True, slots=True)
class Step:
    """A model or pipeline that went to another state at a camera."""

    title: str
    kind: str
    """Of the state's label."""
    state: str
    changed_at: datetime
    changed_by: str
    reason: str | None


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
    seen = row.trial_sha256 or row.judging_sha256
    pairs: list[dict[str, Any]] = []
    gauges: list[GaugePair] = []
    if seen is not None:
        pairs = await track_record.pairs(conn, camera, seen, limit=PAIRS_SHOWN)
        gauges = await gauge_pairs(conn, camera, seen)
    return shell.page(
        "inspection/camera.html",
        {
            "row": row,
            "pairs": [_sides(pair) for pair in pairs],
            "gauges": gauges,
            "history": await _history(conn, camera, models),
            "drifts": await drift_alarms.standing(conn, camera),
            "drifts_over": await drift_alarms.over(conn, camera),
            **await _charts(conn, shell, row),
            "choices": [model for model in models if _fits(model, row)],
            "topics": "quality",
        },
    )


async def _rows(
    conn: ReadConn, shell: Shell, models: list[Model], *, only: str | None = None
) -> list[Row]:
    cameras = await registry.cameras(conn)
    since_at = shell.now - LOOK_BACK
    judging = await track_record.judging(conn, since_at=since_at)
    known = {model.package_sha256: model for model in models}
    by_graph = {(model.model_sha256, model.version): model for model in models}
    taken_back = await registry.taken_back(conn)
    places = await publishing.places(conn)
    rows = []
    for line, station in registry.stations_with_camera(shell.plant):
        if station.camera is None or only not in (None, station.camera.id):
            continue
        camera = station.camera.id
        at = cameras.get(camera, Camera(camera, None, None))
        last, refused = judging.get(camera), taken_back.get(camera)
        place = places.get(camera, Place(camera, None, None))
        model = by_graph.get((last.model_sha256, last.model_version)) if last else None
        row = Row(
            line,
            station,
            at,
            last,
            await track_record.drift(conn, last, since_at=since_at) if last else None,
            await track_record.feature_drift(conn, last, model, since_at=since_at)
            if last and model
            else None,
            model is not None and model.watch_limit is not None,
            known.get(at.active.package_sha256) if at.active else None,
            known.get(at.trial.package_sha256) if at.trial else None,
            None,
            refused,
            known.get(refused.package_sha256) if refused else None,
            place,
        )
        if row.trial_sha256 is not None:
            compared = await track_record.compared(conn, camera, row.trial_sha256)
            row = replace(row, compared=compared)
        rows.append(row)
    return rows


async def _charts(conn: ReadConn, shell: Shell, row: Row) -> dict[str, Any]:
    """Return what the charts of a camera's drift show."""
    charts: dict[str, Any] = {"chart_width": WIDTH, "chart_height": HEIGHT}
    if row.judging is None:
        return {**charts, "score_chart": None, "feature_chart": None}
    since_at, features = shell.now - LOOK_BACK, None
    if row.features is not None:
        watched = await track_record.recent_watch(
            conn, row.judging, since_at=since_at, count=RECENT + EARLIER
        )
        features = feature_chart(watched, limit=row.features.limit)
    scores = await track_record.recent_scores(conn, row.judging, since_at=since_at)
    return {**charts, "score_chart": score_chart(scores), "feature_chart": features}


async def _history(conn: ReadConn, camera: str, models: list[Model]) -> list[Step]:
    """Return what went to another state at a camera, the newest first."""
    titles = {model.package_sha256: model.title for model in models}
    steps = [
        Step(
            titles[one.package_sha256],
            "model_state",
            one.state.value,
            one.changed_at,
            one.changed_by,
            one.reason,
        )
        for one in await registry.history(conn, camera)
    ]
    steps += [
        Step(
            one.title,
            "pipeline_state",
            one.state.value,
            one.changed_at,
            one.changed_by,
            one.reason,
        )
        for one in await publishing.history(conn, camera)
    ]
    return sorted(steps, key=lambda step: step.changed_at, reverse=True)


def _fits(model: Model, row: Row) -> bool:
    """Whether a package may be tried at a camera."""
    camera = row.station.camera
    if camera is None or camera.vision_system or model.shop not in (camera.scene, "any"):
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
    names = ("verdict", "score", "threshold", "regions", "measures")
    line = {name: pair[name] for name in names}
    beside = {name: pair[f"beside_{name}"] for name in line}
    old, new = (line, beside) if pair["new_looked_on"] else (beside, line)
    return {
        **pair,
        "old": old,
        "new": new,
        "readings": readings_beside(old["measures"], new["measures"]),
        "differ": (old["verdict"] == "OK") != (new["verdict"] == "OK"),
    }
