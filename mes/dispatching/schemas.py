"""Bodies of the dispatching API."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from mes.contracts.dispatch import JobKind, JobOrder, JobState
from mes.dispatching.model import Job
from mes.dispatching.repository import Difference
from mes.dispatching.stores import NextBody


class JobOut(BaseModel):
    """A job order and how far it is; times are plant time."""

    id: UUID
    kind: JobKind
    line: str
    attempt: int
    state: JobState
    state_at: datetime
    sequence: int
    cancelling: bool
    body_id: UUID | None
    order_id: UUID | None
    good: int
    scrap: int
    reason: str
    order: JobOrder

    @classmethod
    def of(cls, job: Job) -> JobOut:
        """Return a job as the API shows it."""
        return cls(**{name: getattr(job, name) for name in cls.model_fields})


class NextBodyOut(BaseModel):
    """The body that a store should give next."""

    body_id: UUID
    number: str
    lane: int | None
    """Counted from 0; none where the store has no lanes, or nobody has noted it."""
    line: str
    """Where it goes."""

    @classmethod
    def of(cls, found: NextBody) -> NextBodyOut:
        """Return the answer as the API gives it."""
        body = found.body
        return cls(body_id=body.id, number=body.number, lane=body.lane, line=found.line)


class DifferenceOut(BaseModel):
    """A job that its line last reported in another state than is known here."""

    id: UUID
    line: str
    state: str
    reported_state: str | None
    reported_at: datetime

    @classmethod
    def of(cls, found: Difference) -> DifferenceOut:
        """Return a difference as the API shows it."""
        return cls(**{name: getattr(found, name) for name in cls.model_fields})
