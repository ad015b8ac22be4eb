"""Cameras are asked again and again whether they drift; what is found stands until it is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from mes.identity import service as identity
from mes.inspection import registry, track_record
from mes.inspection.drift_alarm_model import (
    DriftAlarm,
    EndedBy,
    Measure,
    ModelId,
    NoDriftToConfirm,
    Reading,
    follow,
)
from mes.platform import db
from mes.platform.db import ReadConn, WriteConn
from mes.platform.sql import load_queries
from mes.resources import service as resources

queries = load_queries(__package__, "drift_alarms.sql")

LOOK_BACK: Final = timedelta(days=14)
"""Plant time; a camera that has judged nothing for longer says nothing of itself."""
_OVER_SHOWN: Final = 20


async def watch(conn: WriteConn, *, now: datetime) -> list[DriftAlarm]:
    """Measure every camera and keep what begins, changes or ends; return that."""
    since_at = now - LOOK_BACK
    plant = await resources.active_plant(conn)
    cameras = {
        station.camera.id
        for _, station in registry.stations_with_camera(plant)
        if station.camera is not None and station.camera.vision_system is None
    }
    standing = await _fetched(conn, "standing_for_change", {"camera": None})
    by_graph = {(one.model_sha256, one.version): one for one in await registry.models(conn)}
    judging, readings = {}, list[Reading]()
    for camera, last in (await track_record.judging(conn, since_at=since_at)).items():
        if camera not in cameras:
            continue
        judging[camera] = ModelId(last.model_name, last.model_version, last.model_sha256)
        frozen = _reference(standing, camera, judging[camera])
        scores = await track_record.drift(conn, last, since_at=since_at, before_at=frozen)
        if scores is not None:
            readings.append(Reading(camera, Measure.SCORES, abs(scores.shift), scores.most))
        model = by_graph.get((last.model_sha256, last.model_version))
        features = model and await track_record.feature_drift(conn, last, model, since_at=since_at)
        if features:
            readings.append(Reading(camera, Measure.FEATURES, features.distance, features.limit))
    changed = follow(standing, readings, judging, cameras, now=now)
    await _save(conn, changed)
    return changed


def _reference(standing: Iterable[DriftAlarm], camera: str, model: ModelId) -> datetime | None:
    """Return the instant before which scores were as they should be; None: they are compared as they come.

    Scores that stay where they have moved would soon be compared with themselves, and an alarm that nobody has
    seen would end. Once it is confirmed it ends when they are steady again, wherever that is.
    """
    for alarm in standing:
        if (alarm.camera, alarm.measure, alarm.model) == (camera, Measure.SCORES, model):
            return alarm.raised_at if alarm.confirmed_at is None else None
    return None


async def standing(conn: ReadConn, camera: str | None = None) -> list[DriftAlarm]:
    """Return what is not over, of one camera or of all."""
    return await _fetched(conn, "standing", {"camera": camera})


async def over(conn: ReadConn, camera: str) -> list[DriftAlarm]:
    """Return what a camera had before, the newest first."""
    return await _fetched(conn, "over", {"camera": camera, "limit": _OVER_SHOWN})


async def confirm(
    conn: WriteConn, camera: str, measure: Measure, comment: str, *, actor: str, now: datetime
) -> DriftAlarm:
    """Note that somebody knows of a drift and what was done; it stands until pictures look as before.

    Raises:
        NoDriftToConfirm: nothing of this kind waits there.
    """
    for alarm in await _fetched(conn, "standing_for_change", {"camera": camera}):
        if alarm.measure is measure:
            known = alarm.confirmed(by=actor, comment=comment, now=now)
            await _save(conn, [known])
            facts = {"measure": measure.value, "comment": comment}
            await identity.audit(
                conn, actor, "drift.confirmed", f"camera:{camera}", None, facts, now=now
            )
            return known
    raise NoDriftToConfirm(camera=camera)


async def _fetched(conn: ReadConn, query: str, facts: dict[str, Any]) -> list[DriftAlarm]:
    rows = await db.fetch_dicts(conn, queries[query], facts)
    return [_alarm(row) for row in rows]


def _alarm(row: dict[str, Any]) -> DriftAlarm:
    ended_by = None if row["ended_by"] is None else EndedBy(row["ended_by"])
    return DriftAlarm(**{**row, "measure": Measure(row["measure"]), "ended_by": ended_by})


async def _save(conn: WriteConn, alarms: list[DriftAlarm]) -> None:
    if alarms:
        await db.execute_many(conn, queries["save"], [asdict(alarm) for alarm in alarms])
