"""Holds, decisions and nonconformances, as the API takes and shows them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mes.contracts.quality import Disposition, DrawnRegion
from mes.execution.schemas import BodyOut
from mes.inspection.schemas import InspectionOut
from mes.quality.model import Hold, HoldState, Rework, ReworkState
from mes.quality.queue import QueueItem
from mes.quality.repository import Nonconformance


class HoldOut(BaseModel):
    """A hold; times are plant time. `row_version` is what a decision sends as If-Match."""

    id: UUID
    body_id: UUID | None
    rack: str | None
    line: str
    inspection_id: UUID | None
    cause: str
    defect_kind: str | None
    state: HoldState
    disposition: Disposition | None
    reason: str
    defect_code: str | None
    reviewer: str | None
    placed_at: datetime
    decided_at: datetime | None
    closed_at: datetime | None
    row_version: int

    @classmethod
    def of(cls, hold: Hold) -> HoldOut:
        """Show one hold."""
        return cls.model_validate(hold, from_attributes=True)


class ReworkOut(BaseModel):
    """The repair that a hold assumes or has confirmed."""

    id: UUID
    line: str
    bay: str
    defect_kind: str
    work_s: float
    state: ReworkState
    by_policy: bool
    review_by_at: datetime

    @classmethod
    def of(cls, rework: Rework) -> ReworkOut:
        """Show one rework."""
        return cls.model_validate(rework, from_attributes=True)


class QueueItemOut(BaseModel):
    """What waits for a verdict; larger priority first."""

    hold: HoldOut
    inspection: InspectionOut | None
    body: BodyOut | None
    rework: ReworkOut | None
    priority: float

    @classmethod
    def of(cls, item: QueueItem) -> QueueItemOut:
        """Show one item of the queue."""
        return cls(
            hold=HoldOut.of(item.hold),
            inspection=InspectionOut.of(item.inspection) if item.inspection else None,
            body=BodyOut.of(item.body) if item.body else None,
            rework=ReworkOut.of(item.rework) if item.rework else None,
            priority=item.priority,
        )


class DispositionIn(BaseModel):
    """A person's decision; use as is needs a reason."""

    model_config = ConfigDict(extra="forbid")

    disposition: Disposition
    reason: str = Field(default="", max_length=500)
    defect_code: str | None = Field(default=None, min_length=1, max_length=40)
    regions: list[DrawnRegion] | None = Field(default=None, max_length=50)
    """Where the defect is, as the person corrected it; null: as the model says."""


class NonconformanceIn(BaseModel):
    """Holds to be dealt with together."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=200)
    hold_ids: list[UUID] = Field(min_length=1, max_length=500)


class NonconformanceOut(BaseModel):
    """A nonconformance with its containment list."""

    id: UUID
    number: str
    title: str
    state: str
    opened_by: str
    opened_at: datetime
    closed_by: str | None
    closed_at: datetime | None
    items: list[HoldOut]

    @classmethod
    def of(cls, nonconformance: Nonconformance, items: list[Hold]) -> NonconformanceOut:
        """Show one nonconformance and its items."""
        return cls(
            id=nonconformance.id,
            number=nonconformance.number,
            title=nonconformance.title,
            state=nonconformance.state,
            opened_by=nonconformance.opened_by,
            opened_at=nonconformance.opened_at,
            closed_by=nonconformance.closed_by,
            closed_at=nonconformance.closed_at,
            items=[HoldOut.of(item) for item in items],
        )
