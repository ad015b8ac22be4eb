"""Bodies and what people at the line say, as the API takes and shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mes.contracts.dispatch import JobKind, JobState, ReadingAnswer
from mes.execution.calls_repository import AndonCall
from mes.execution.history import AsBuilt
from mes.execution.model import Body, Condition, PlaceKind
from mes.execution.shifts import StationShift
from mes.inspection.schemas import InspectionOut


class BodyOut(BaseModel):
    """A body: who it is, how it stands, where it is since when (plant time)."""

    id: UUID
    number: str
    vin: str
    model: str
    color: str
    condition: Condition
    line_hold: bool
    place: PlaceKind
    line: str | None
    station: str | None
    store: str | None
    bay: str | None
    lane: int | None
    since_at: datetime
    predecessor_id: UUID | None

    @classmethod
    def of(cls, body: Body) -> BodyOut:
        """Show one body."""
        return cls(
            id=body.id,
            number=body.number,
            vin=body.vin,
            model=body.model,
            color=body.color,
            condition=body.condition,
            line_hold=body.line_hold,
            place=body.place.kind,
            line=body.place.line,
            station=body.place.station,
            store=body.place.store,
            bay=body.place.bay,
            lane=body.place.lane,
            since_at=body.since_at,
            predecessor_id=body.predecessor_id,
        )


class JobOut(BaseModel):
    """A job of the body at a line: its way, or a rework."""

    id: UUID
    kind: JobKind
    line: str
    state: JobState
    started_at: datetime | None
    ended_at: datetime | None


class OperationOut(BaseModel):
    """What a station did; values by tag name, in the tag's unit."""

    line: str
    station: str
    step: str
    ok: bool
    started_at: datetime
    ended_at: datetime
    values: dict[str, float]


class PartOut(BaseModel):
    """What was built in."""

    material: str
    lot: str | None
    serial: str | None
    quantity: int
    line: str
    station: str
    built_at: datetime


class ReportOut(BaseModel):
    """What an operator said."""

    line: str
    station: str
    outcome: str
    defect_kind: str | None
    note: str
    reported_by: str
    reported_at: datetime


class AsBuiltOut(BaseModel):
    """The as-built record."""

    body: BodyOut
    jobs: list[JobOut]
    operations: list[OperationOut]
    parts: list[PartOut]
    inspections: list[InspectionOut]
    reports: list[ReportOut]

    @classmethod
    def of(cls, built: AsBuilt) -> AsBuiltOut:
        """Show everything of one body."""
        return cls(
            body=BodyOut.of(built.body),
            jobs=[JobOut.model_validate(j, from_attributes=True) for j in built.jobs],
            operations=[
                OperationOut(
                    line=done.line,
                    station=done.station,
                    step=done.step,
                    ok=done.state == "completed",
                    started_at=done.started_at,
                    ended_at=done.ended_at,
                    values=done.process_values,
                )
                for done in built.operations
            ],
            parts=[PartOut.model_validate(p, from_attributes=True) for p in built.parts],
            inspections=[InspectionOut.of(seen) for seen in built.inspections],
            reports=[ReportOut.model_validate(r, from_attributes=True) for r in built.reports],
        )


class StationShiftOut(BaseModel):
    """A station in the shift: plant seconds by state (unknown: nobody heard), ISO 22400 indicators."""

    station: str
    seconds: dict[str, float]
    produced: int
    good: int
    availability: float | None
    effectiveness: float | None
    quality_ratio: float | None
    oee: float | None


class ShiftOut(BaseModel):
    """The running shift of a line; `started_at` is null between shifts."""

    line: str
    started_at: datetime | None
    stations: list[StationShiftOut]

    @classmethod
    def of(cls, line: str, found: tuple[datetime, list[StationShift]] | None) -> ShiftOut:
        """Show the stations of a line in their shift."""
        start, stations = found or (None, [])
        return cls(
            line=line,
            started_at=start,
            stations=[
                StationShiftOut(
                    station=row.station,
                    seconds=row.seconds,
                    produced=row.produced,
                    good=row.good,
                    availability=row.figures.availability,
                    effectiveness=row.figures.effectiveness,
                    quality_ratio=row.figures.quality_ratio,
                    oee=row.figures.oee,
                )
                for row in stations
            ],
        )


class AnswerIn(BaseModel):
    """What to do with a body that was not expected."""

    model_config = ConfigDict(extra="forbid")

    answer: ReadingAnswer


class AndonIn(BaseModel):
    """Why help is called."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=200)


class AndonOut(BaseModel):
    """A call for help."""

    line: str
    station: str
    reason: str
    called_by: str
    called_at: datetime

    @classmethod
    def of(cls, call: AndonCall) -> AndonOut:
        """Show one call."""
        return cls.model_validate(call, from_attributes=True)


class ReportIn(BaseModel):
    """Good, rework or scrap: one report in one place."""

    model_config = ConfigDict(extra="forbid")

    outcome: Literal["good", "rework", "scrap"]
    line: str = Field(max_length=40)
    station: str = Field(max_length=40)
    defect_kind: str | None = Field(default=None, min_length=1, max_length=40)
    note: str = Field(default="", max_length=500)
