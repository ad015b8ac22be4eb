"""Bodies of the dispatching API."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from mes.contracts.dispatch import JobKind, JobOrder, JobState
from mes.dispatching.model import Job
from mes.dispatching.repository import Difference


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
