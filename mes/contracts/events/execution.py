"""Events of bodies, racks and operators on the lines."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from mes.contracts.dispatch import ReadingAnswer
from mes.contracts.events.base import Payload


class BodyEnteredLine(Payload):
    type = "body.entered"
    subject_field = "body_id"
    body_id: UUID
    order_id: UUID | None
    line: str
    station: str
    job_order_id: UUID


class OperationCompleted(Payload):
    type = "operation.completed"
    subject_field = "body_id"
    body_id: UUID
    line: str
    station: str
    step: str
    ok: bool


class BodyLeftLine(Payload):
    type = "body.left"
    subject_field = "body_id"
    body_id: UUID
    order_id: UUID | None
    line: str
    store: str
    last: bool = False
    """Whether this was the last line of the way: the car is finished."""


class BodyMismatch(Payload):
    """The body read is not the one expected: the line has stopped and asks a person."""

    type = "body.mismatch"
    subject_field = "read_body_id"
    line: str
    station: str
    expected_body_id: UUID | None
    read_body_id: UUID


class BodyMismatchAnswered(Payload):
    type = "body.mismatch_answered"
    subject_field = "body_id"
    line: str
    station: str
    body_id: UUID
    answer: ReadingAnswer


class BodyParkedInBay(Payload):
    type = "body.parked"
    subject_field = "body_id"
    body_id: UUID
    line: str
    bay: str


class BodyLeftBay(Payload):
    type = "body.released"
    subject_field = "body_id"
    body_id: UUID
    line: str
    bay: str
    scrapped: bool


class LineHoldChanged(Payload):
    """The line's own hold flag of a body: raised by a verdict at its camera, or set by command."""

    type = "body.hold_flag"
    subject_field = "body_id"
    body_id: UUID
    line: str
    held: bool
    by: Literal["verdict", "command"]
    reason: str = ""


class OperatorReported(Payload):
    """An operator reported a body at a station as good, to be reworked, or scrap."""

    type = "operation.reported"
    subject_field = "body_id"
    body_id: UUID
    line: str
    station: str
    outcome: Literal["good", "rework", "scrap"]
    defect_kind: str | None = None
    note: str = ""


class AndonCalled(Payload):
    type = "andon.called"
    subject_field = "station"
    line: str
    station: str
    reason: str


class AndonCleared(Payload):
    type = "andon.cleared"
    subject_field = "station"
    line: str
    station: str


class BodyScrapped(Payload):
    """A body is scrapped; its order goes on with a successor body that re-enters the plan."""

    type = "body.scrapped"
    subject_field = "body_id"
    body_id: UUID
    order_id: UUID
    successor_id: UUID
    successor_number: str


class RackReceived(Payload):
    type = "rack.received"
    subject_field = "rack"
    rack: str
    panel: str
    quantity: int
    line: str
    job_order_id: UUID | None
