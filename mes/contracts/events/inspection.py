"""Events of cameras, and of the models and pipelines that judge their pictures."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from mes.contracts.events.base import Payload
from mes.contracts.quality import Verdict


class InspectionRecorded(Payload):
    type = "inspection.recorded"
    subject_field = "inspection_id"
    inspection_id: UUID
    body_id: UUID | None
    lot: str | None
    line: str
    station: str
    camera: str
    verdict: Verdict
    score: float
    defect_kind: str | None = None


class ModelMoved(Payload):
    """A model package went to another state at a camera; `reason` is given when it was rolled back."""

    type = "model.moved"
    subject_field = "camera"
    camera: str
    package_sha256: str
    model: str
    state: str
    reason: str | None = None


class ModelTraining(Payload):
    """A training of a camera's model went to another state."""

    type = "model.training"
    subject_field = "training_id"
    training_id: UUID
    camera: str
    training: str


class PipelineMoved(Payload):
    """A pipeline went to another state at a camera; `reason`: why it was rolled back."""

    type = "pipeline.moved"
    subject_field = "camera"
    camera: str
    package_sha256: str
    pipeline: str
    state: Literal["shadow", "canary", "published", "retired"]
    reason: str | None = None


class HelpAsked(Payload):
    """A station's pipeline asks for help: what it saw is to be looked at by a person, now."""

    type = "inspection.help_asked"
    subject_field = "station"
    line: str
    station: str
    inspection_id: UUID
    reason: str
