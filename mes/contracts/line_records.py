"""What a line remembers: its numbered, persisted ring of the last 10,000 results and transitions.

The agent reads on from the last sequence number it has on disk, so no result is lost while it is away.
One record is one JSON object; `seq` counts from 1 without holes and survives restarts of the line.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from mes.contracts.dispatch import JobState, ReadingAnswer
from mes.contracts.quality import Verdict

RING_SIZE = 10_000

StationState = Literal["running", "starved", "blocked", "down", "idle", "stopped"]
"""`stopped`: it asks a person (wrong body, andon). `idle`: outside the shift. Silence is unknown."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    seq: int = Field(ge=1)
    line: str
    at: AwareDatetime
    """Plant time."""


class ConsumedMaterial(BaseModel):
    """A lot or serial built in: the genealogy edge (ISA-95 MaterialUse `Consumed`)."""

    model_config = ConfigDict(frozen=True)

    material: str
    """Part number, or panel code."""
    lot: str | None = None
    serial: str | None = None
    quantity: int = Field(default=1, ge=1)


class BodyEntered(_Record):
    """A body was taken on at the first step; its job runs."""

    kind: Literal["body_entered"] = "body_entered"
    station: str
    body_id: UUID
    job_order_id: UUID


class BodyRead(_Record):
    """A reading point (skid tag, AVI) read a body; the line stops and asks when it is not the one expected."""

    kind: Literal["body_read"] = "body_read"
    station: str
    expected_body_id: UUID | None
    read_body_id: UUID
    matches: bool


class ReadingAnswered(_Record):
    """The line acted on a person's answer to a mismatch."""

    kind: Literal["reading_answered"] = "reading_answered"
    station: str
    answer: ReadingAnswer
    body_id: UUID


class OperationDone(_Record):
    """A station finished its work on a body."""

    kind: Literal["operation_done"] = "operation_done"
    station: str
    step: str
    body_id: UUID
    job_order_id: UUID
    started_at: AwareDatetime
    ok: bool = True
    values: dict[str, float] = Field(default_factory=dict)
    """Process values of this cycle by tag name, in the tag's unit."""
    consumed: tuple[ConsumedMaterial, ...] = ()


class BodyLeft(_Record):
    """A body passed the exit gate into `store`."""

    kind: Literal["body_left"] = "body_left"
    body_id: UUID
    job_order_id: UUID
    store: str


class BodyParked(_Record):
    """A held body was pulled off into the repair bay."""

    kind: Literal["body_parked"] = "body_parked"
    bay: str
    body_id: UUID
    job_order_id: UUID | None


class BodyReleased(_Record):
    """A body left the repair bay: on to the exit gate, or out of the plant as scrap."""

    kind: Literal["body_released"] = "body_released"
    bay: str
    body_id: UUID
    scrapped: bool = False


class HoldChanged(_Record):
    """The line's own hold flag of a body changed: by a verdict at its camera, or by command."""

    kind: Literal["hold_changed"] = "hold_changed"
    body_id: UUID
    held: bool
    by: Literal["verdict", "command"]
    reason: str = ""


class JobStateChanged(_Record):
    """A job order changed state at the line."""

    kind: Literal["job_state"] = "job_state"
    job_order_id: UUID
    state: JobState
    good: int = Field(default=0, ge=0)
    scrap: int = Field(default=0, ge=0)
    reason: str = ""


class StationStateChanged(_Record):
    """A station changed state; `station` None is the line as a whole."""

    kind: Literal["station_state"] = "station_state"
    station: str | None
    state: StationState
    reason: str = ""


class RackFilled(_Record):
    """A press line filled a rack: a material lot that bodies will consume."""

    kind: Literal["rack_filled"] = "rack_filled"
    rack: str
    panel: str
    quantity: int = Field(ge=1)
    job_order_id: UUID | None
    held: bool = False


class InspectionRequested(_Record):
    """The line asked a camera for a verdict."""

    kind: Literal["inspection_requested"] = "inspection_requested"
    station: str
    camera: str
    counter: int = Field(ge=1)
    body_id: UUID | None
    lot: str | None = None
    deadline_at: AwareDatetime


class InspectionAnswered(_Record):
    """What the line made of a request: the verdict it took, or LATE when none came in time."""

    kind: Literal["inspection_answered"] = "inspection_answered"
    station: str
    camera: str
    counter: int = Field(ge=1)
    body_id: UUID | None
    lot: str | None = None
    verdict: Verdict


LineRecord = Annotated[
    BodyEntered
    | BodyRead
    | ReadingAnswered
    | OperationDone
    | BodyLeft
    | BodyParked
    | BodyReleased
    | HoldChanged
    | JobStateChanged
    | StationStateChanged
    | RackFilled
    | InspectionRequested
    | InspectionAnswered,
    Field(discriminator="kind"),
]

line_record: TypeAdapter[LineRecord] = TypeAdapter(LineRecord)
"""Parses one record: `line_record.validate_json(text)`."""
