"""Bodies of the what-if API."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mes.planning.whatif.changes import Change
from mes.planning.whatif.live import LiveChange
from mes.planning.whatif.model import MAX_CHANGES, Branch, BranchState


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BranchIn(_In):
    """A new what-if."""

    name: str = Field(min_length=1, max_length=80)


class ChangesIn(_In):
    """All changes of a branch, in the order in which they apply."""

    changes: tuple[Change, ...] = Field(max_length=MAX_CHANGES)


class PublishBranchIn(_In):
    """The planner's word on why this plan is put in force."""

    note: str = Field(min_length=1, max_length=500)


class BranchOut(BaseModel):
    """A what-if with its figures and what it does to promises; times are plant time."""

    id: UUID
    name: str
    state: BranchState
    base_id: UUID | None
    changes: list[dict[str, Any]]
    kpis: dict[str, Any] | None
    unplaced: list[dict[str, Any]]
    violations: list[str] | None
    outcome: dict[str, Any] | None
    failure: str | None
    solved_s: float | None
    plan_id: UUID | None
    created_by: str
    created_at: datetime
    row_version: int

    @classmethod
    def of(cls, branch: Branch) -> BranchOut:
        """Return a branch as the API shows it."""
        return cls(**{name: getattr(branch, name) for name in cls.model_fields})


class LiveChangeOut(BaseModel):
    """A change that the live plan goes by."""

    id: UUID
    change: dict[str, Any]
    entered_by: str
    entered_at: datetime
    branch_id: UUID | None

    @classmethod
    def of(cls, one: LiveChange) -> LiveChangeOut:
        """Return it as the API shows it."""
        return cls(**{name: getattr(one, name) for name in cls.model_fields})
