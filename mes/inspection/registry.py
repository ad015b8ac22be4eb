"""Model packages: registered, tried beside the active one, made active, rolled back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mes.contracts.agent import CameraModel, ModelHealth, ModelRole
from mes.contracts.events import ModelMoved
from mes.contracts.ids import uuid7
from mes.contracts.plant import Camera as PlannedCamera
from mes.contracts.plant import Line, PlantModel, Station
from mes.events import service as events
from mes.identity import service as identity
from mes.inspection import bridge
from mes.inspection.images import ImageStore
from mes.inspection.rollout import (
    CANARY_EVERY,
    MAX_PACKAGE_BYTES,
    AlreadyActive,
    Camera,
    JudgesItself,
    Model,
    NothingToRollBack,
    PackageTooLarge,
    PipelineTrialRuns,
    Rollout,
    RolloutState,
    TrialRuns,
    UnknownCamera,
    UnknownModel,
    WrongScene,
)
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries
from mes.resources import service as resources

queries = load_queries(__package__, "models.sql")

_ROLES: Final = {
    RolloutState.ACTIVE: ModelRole.ACTIVE,
    RolloutState.CANARY: ModelRole.CANARY,
    RolloutState.SHADOW: ModelRole.SHADOW,
}


async def register(
    conn: WriteConn, store: ImageStore, archive: bytes, *, actor: str, now: datetime
) -> Model:
    """Take a package in once it has proved that it loads and judges; the same again changes nothing.

    Args:
        now: real time.

    Raises:
        PackageTooLarge, PackageRefused: it cannot be used; the message says why.
    """
    if len(archive) > MAX_PACKAGE_BYTES:
        raise PackageTooLarge(limit_bytes=MAX_PACKAGE_BYTES)
    facts = await asyncio.to_thread(bridge.examined, archive)
    await store.put(facts["package_sha256"], archive)
    parameters = {**facts, "bytes": len(archive), "registered_at": now, "registered_by": actor}
    parameters["manifest"] = json.dumps(facts["manifest"])
    await db.execute(conn, queries["add_model"], parameters)
    return await get(conn, facts["package_sha256"])


async def models(conn: ReadConn) -> list[Model]:
    """Return every registered package, by shop, the newest first."""
    return await db.fetch_all(conn, queries["models"], {}, Model)


async def get(conn: ReadConn, package_sha256: str) -> Model:
    """Return a registered package; raises UnknownModel."""
    found = await db.fetch_one(conn, queries["model"], {"package_sha256": package_sha256}, Model)
    if found is None:
        raise UnknownModel(package=package_sha256)
    return found


async def archive_of(conn: ReadConn, store: ImageStore, package_sha256: str) -> bytes:
    """Return the bytes of a registered package; raises UnknownModel."""
    await get(conn, package_sha256)
    data = await store.get(package_sha256)
    if data is None:
        raise UnknownModel(package=package_sha256)
    return data


async def package_judging(
    conn: ReadConn, store: ImageStore, camera: str, folder: Path
) -> tuple[Path, str] | None:
    """Return where the package lies that judges at a camera now, unpacked into `folder`, and what it is called.

    Returns:
        None where the camera's scene has no package that ships, and none was made active.

    Raises:
        UnknownCamera: there is none of this name.
    """
    scene = await scene_of(conn, camera)
    at = (await cameras(conn)).get(camera)
    if at is not None and at.active is not None:
        model = await get(conn, at.active.package_sha256)
        archive = await archive_of(conn, store, model.package_sha256)
        return await asyncio.to_thread(bridge.unpacked, archive, folder / "judging"), model.title
    shipped = bridge.shipped_folder(scene)
    return None if shipped is None else (shipped, bridge.title_of(shipped))


async def camera_models(conn: ReadConn, plant: PlantModel, line: Line) -> tuple[CameraModel, ...]:
    """Return what judges and what looks on at each camera of a line.

    A camera without an active package of its own has the one that ships for its scene; one whose scene has
    none is left out, and its pictures are UNFIT. A vision system judges by itself and needs none.
    """
    shipped = {model.camera: model for model in bridge.shipped_models(line)}
    in_force = await _in_force(conn)
    known = {model.package_sha256: model for model in await models(conn)}
    found = []
    for station in line.stations:
        if station.camera is None or station.camera.vision_system is not None:
            continue
        at = Camera.of(station.camera.id, in_force)
        if at.active is not None:
            found.append(_camera_model(at.active, known))
        elif at.id in shipped:
            found.append(shipped[at.id])
        if at.trial is not None:
            found.append(_camera_model(at.trial, known))
    return tuple(found)


async def cameras(conn: ReadConn) -> dict[str, Camera]:
    """Return what is in force at each camera where a registered package is."""
    in_force = await _in_force(conn)
    return {rollout.camera: Camera.of(rollout.camera, in_force) for rollout in in_force}


async def history(conn: ReadConn, camera: str) -> list[Rollout]:
    """Return the models of a camera, the newest change first."""
    return await _rollouts(conn, "rollouts_of", {"camera": camera})


async def taken_back(conn: ReadConn) -> dict[str, Rollout]:
    """Return, by camera, the model that its agent could not use, until something else happens there."""
    return {rollout.camera: rollout for rollout in await _rollouts(conn, "taken_back", {})}


async def begin_shadow(
    conn: WriteConn, camera: str, package_sha256: str, *, actor: str, now: datetime
) -> None:
    """Let a package look on at a camera.

    Raises:
        UnknownModel, UnknownCamera: there is no such thing.
        WrongScene: the package is for another shop.
        JudgesItself: the camera is a vision system.
        TrialRuns, PipelineTrialRuns: the camera is busy with another trial.
        AlreadyActive: this package judges there.
    """
    model = await get(conn, package_sha256)
    scene = await scene_to_judge(conn, camera)
    if model.shop not in (scene, "any"):
        raise WrongScene(model=model.title, shop=model.shop, camera=camera, scene=scene)
    await take_turns(conn, camera)
    at = await _locked(conn, camera)
    if at.trial is not None:
        raise TrialRuns(camera=camera)
    pipeline = await db.fetch_value(conn, queries["pipeline_on_trial"], {"camera": camera})
    if pipeline is not None:
        raise PipelineTrialRuns(camera=camera, pipeline=pipeline)
    if at.active is not None and at.active.package_sha256 == package_sha256:
        raise AlreadyActive(model=model.title, camera=camera)
    rollout = Rollout(
        uuid7(), camera, package_sha256, RolloutState.SHADOW, now, now, actor, None, None
    )
    await _apply(conn, [rollout], now=now, actor=actor)


async def take_turns(conn: WriteConn, camera: str) -> None:
    """Let nobody else begin a trial at a camera before this transaction ends."""
    await db.execute(conn, queries["take_turns_at_camera"], {"camera": camera})


async def promote(
    conn: WriteConn, camera: str, *, actor: str, now: datetime, every: int = CANARY_EVERY
) -> None:
    """Move the model on trial one state further: shadow → canary → active.

    Args:
        every: a canary judges one part of so many, 2 to 100.

    Raises:
        NothingOnTrial: no model is on trial at the camera.
    """
    at = await _locked(conn, camera)
    await _apply(conn, at.promoted(now=now, actor=actor, every=every), now=now, actor=actor)


async def roll_back(
    conn: WriteConn, camera: str, *, reason: str, actor: str, now: datetime
) -> None:
    """Take the newest step back: end the trial, or give the place to the model that judged before.

    Raises:
        NothingToRollBack: the shipped package judges, and nothing is on trial.
    """
    at = await _locked(conn, camera)
    former = await _former(conn, at)
    changed = at.rolled_back(former, now=now, actor=actor, reason=reason)
    await _apply(conn, changed, now=now, actor=actor)


async def take_back_unusable(
    conn: WriteConn, reported: Iterable[ModelHealth], *, now: datetime
) -> list[str]:
    """Roll back the packages that agents cannot use; what is out of force already changes nothing.

    Returns:
        the cameras where something changed.
    """
    taken = []
    for health in reported:
        at = await _locked(conn, health.camera)
        if at.trial is None or at.trial.package_sha256 != health.package_sha256:
            at = Camera(at.id, at.active, None)
            if at.active is None or at.active.package_sha256 != health.package_sha256:
                continue
        try:
            former = await _former(conn, at)
            changed = at.rolled_back(former, now=now, actor="system", reason=health.reason)
        except NothingToRollBack:
            continue
        await _apply(conn, changed, now=now, actor="system")
        taken.append(health.camera)
    return taken


def stations_with_camera(plant: PlantModel) -> list[tuple[Line, Station]]:
    """Return the stations of a plant that have a camera, in the plant's order."""
    return [
        (line, station)
        for line in plant.lines
        for station in line.stations
        if station.camera is not None
    ]


def _camera_model(rollout: Rollout, known: dict[str, Model]) -> CameraModel:
    model = known[rollout.package_sha256]
    return CameraModel(
        camera=rollout.camera,
        package=model.name,
        version=model.version,
        sha256=model.model_sha256,
        package_sha256=model.package_sha256,
        role=_ROLES[rollout.state],
        every=rollout.every,
    )


async def scene_of(conn: ReadConn, camera: str) -> str:
    """Return what a camera looks at; raises UnknownCamera."""
    return (await _planned(conn, camera)).scene


async def scene_to_judge(conn: ReadConn, camera: str) -> str:
    """Return what a camera looks at for which a model or pipeline is wanted.

    Raises:
        UnknownCamera, JudgesItself: there is none of this name, or it is a vision system.
    """
    planned = await _planned(conn, camera)
    if planned.vision_system is not None:
        raise JudgesItself(camera=camera)
    return planned.scene


async def _planned(conn: ReadConn, camera: str) -> PlannedCamera:
    plant = await resources.active_plant(conn)
    for _, station in stations_with_camera(plant):
        if station.camera is not None and station.camera.id == camera:
            return station.camera
    raise UnknownCamera(camera=camera)


async def _in_force(conn: ReadConn) -> list[Rollout]:
    return await _rollouts(conn, "in_force", {})


async def _locked(conn: WriteConn, camera: str) -> Camera:
    return Camera.of(camera, await _rollouts(conn, "in_force_for_update", {"camera": camera}))


async def _former(conn: ReadConn, at: Camera) -> Rollout | None:
    if at.active is None or at.active.followed is None:
        return None
    found = await _rollouts(conn, "rollout", {"id": at.active.followed})
    return found[0] if found else None


async def _rollouts(conn: ReadConn, query: str, parameters: dict[str, Any]) -> list[Rollout]:
    rows = await db.fetch_dicts(conn, queries[query], parameters)
    return [Rollout(**{**row, "state": RolloutState(row["state"])}) for row in rows]


async def _apply(conn: WriteConn, changed: Sequence[Rollout], *, now: datetime, actor: str) -> None:
    for rollout in changed:
        model = await get(conn, rollout.package_sha256)
        await db.execute(
            conn,
            queries["save_rollout"],
            {name: getattr(rollout, name) for name in rollout.__dataclass_fields__},
        )
        await events.record(
            conn,
            ModelMoved(
                camera=rollout.camera,
                package_sha256=rollout.package_sha256,
                model=model.title,
                state=rollout.state.value,
                reason=rollout.reason,
            ),
            now=now,
            actor=actor,
        )
        await identity.audit(
            conn,
            actor,
            "model.moved",
            f"camera:{rollout.camera}",
            None,
            {"model": model.title, "state": rollout.state.value, "reason": rollout.reason},
            now=now,
        )
