"""Events of holds, rework, dispositions and nonconformances."""

from __future__ import annotations

from uuid import UUID

from mes.contracts.events.base import Payload
from mes.contracts.quality import Disposition


class HoldPlaced(Payload):
    type = "hold.placed"
    subject_field = "hold_id"
    hold_id: UUID
    body_id: UUID | None
    rack: str | None = None
    line: str
    inspection_id: UUID | None
    cause: str


class HoldReleased(Payload):
    type = "hold.released"
    subject_field = "hold_id"
    hold_id: UUID
    body_id: UUID | None
    rack: str | None = None
    line: str
    disposition: Disposition
    reason: str


class ReworkOpened(Payload):
    """A rework of standard minutes is assumed until a person reviews the defect."""

    type = "rework.opened"
    subject_field = "rework_id"
    rework_id: UUID
    hold_id: UUID
    body_id: UUID
    line: str
    bay: str
    defect_kind: str
    work_s: float
    provisional: bool


class ReworkConfirmed(Payload):
    type = "rework.confirmed"
    subject_field = "rework_id"
    rework_id: UUID
    hold_id: UUID
    body_id: UUID
    line: str
    by_policy: bool


class ReworkReverted(Payload):
    """The rework is not needed (false call, use as is) or impossible (scrap)."""

    type = "rework.reverted"
    subject_field = "rework_id"
    rework_id: UUID
    hold_id: UUID
    body_id: UUID
    line: str


class ReworkDone(Payload):
    type = "rework.done"
    subject_field = "rework_id"
    rework_id: UUID
    hold_id: UUID
    body_id: UUID
    line: str


class DispositionDecided(Payload):
    type = "disposition.decided"
    subject_field = "hold_id"
    hold_id: UUID
    body_id: UUID | None
    line: str
    disposition: Disposition
    reason: str
    reviewer: str


class DispositionUndone(Payload):
    """A decision was taken back before the body passed the gate; the hold stands again."""

    type = "disposition.undone"
    subject_field = "hold_id"
    hold_id: UUID
    body_id: UUID | None
    line: str
    disposition: Disposition
    reviewer: str


class NonconformanceOpened(Payload):
    type = "nonconformance.opened"
    subject_field = "nonconformance_id"
    nonconformance_id: UUID
    number: str
    title: str
    hold_ids: tuple[UUID, ...]


class NonconformanceClosed(Payload):
    type = "nonconformance.closed"
    subject_field = "nonconformance_id"
    nonconformance_id: UUID
    number: str
