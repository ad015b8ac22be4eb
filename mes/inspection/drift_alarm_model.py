"""When a camera's drift becomes an alarm, and when it is over. Decides, never asks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from mes.contracts.ids import uuid7
from mes.platform.errors import Conflict

BACK: Final = 0.8
"""Share of what raises an alarm below which it is over; between the two it stays as it is."""


class NoDriftToConfirm(Conflict):
    """No alarm of this kind waits for confirmation at {camera}."""

    code = "drift.nothing_to_confirm"


class Measure(StrEnum):
    """What has moved."""

    SCORES = "scores"
    FEATURES = "features"


class EndedBy(StrEnum):
    """Why an alarm is over."""

    BACK = "back"
    MODEL = "model"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class ModelId:
    """One graph with one threshold."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a camera lies from where it should under its present model, in spreads; above `most` is too far."""

    camera: str
    measure: Measure
    distance: float
    most: float


@dataclass(frozen=True, slots=True)
class DriftAlarm:
    """One time that a camera drifted. Times are plant time."""

    id: UUID
    camera: str
    measure: Measure
    model_name: str
    model_version: str
    model_sha256: str
    raised_at: datetime
    distance: float
    most: float
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None
    comment: str = ""
    ended_at: datetime | None = None
    ended_by: EndedBy | None = None

    @property
    def model(self) -> ModelId:
        """What judged when it was raised."""
        return ModelId(self.model_name, self.model_version, self.model_sha256)

    def confirmed(self, *, by: str, comment: str, now: datetime) -> DriftAlarm:
        """Return it as one that somebody knows of; raises NoDriftToConfirm."""
        if self.ended_at is not None or self.confirmed_at is not None:
            raise NoDriftToConfirm(camera=self.camera)
        return replace(self, confirmed_at=now, confirmed_by=by, comment=comment)

    def ended(self, why: EndedBy, *, now: datetime) -> DriftAlarm:
        """Return it as over."""
        return replace(self, ended_at=now, ended_by=why)


def follow(
    standing: Iterable[DriftAlarm],
    readings: Iterable[Reading],
    judging: Mapping[str, ModelId],
    cameras: Collection[str],
    *,
    now: datetime,
) -> list[DriftAlarm]:
    """Return the alarms that begin, change or end.

    A camera of which nothing can be said now (too few pictures, none lately) keeps the alarms it has.

    Args:
        standing: those not over.
        judging: by camera, what judges there now.
        cameras: those the plant has.
    """
    found = {(reading.camera, reading.measure): reading for reading in readings}
    changed, kept = [], set()
    for alarm in standing:
        reading = found.get((alarm.camera, alarm.measure))
        if alarm.camera not in cameras:
            changed.append(alarm.ended(EndedBy.GONE, now=now))
        elif judging.get(alarm.camera, alarm.model) != alarm.model:
            changed.append(alarm.ended(EndedBy.MODEL, now=now))
            continue  # what the new model makes of it may be an alarm of its own
        elif reading is not None and reading.distance < BACK * reading.most:
            changed.append(alarm.ended(EndedBy.BACK, now=now))
        elif reading is not None and round(reading.distance, 1) != round(alarm.distance, 1):
            changed.append(replace(alarm, distance=reading.distance, most=reading.most))
        kept.add((alarm.camera, alarm.measure))
    for key, reading in found.items():
        model = judging.get(reading.camera)
        if key in kept or model is None or reading.distance <= reading.most:
            continue
        if reading.camera in cameras:
            changed.append(
                DriftAlarm(
                    uuid7(), reading.camera, reading.measure, model.name, model.version,
                    model.sha256, now, reading.distance, reading.most,
                )
            )  # fmt: skip
    return changed
