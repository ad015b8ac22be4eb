"""Bodies of the API of proposals and of what is permitted without a planner."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mes.planning.proposals.model import Occasion, Permit, Proposal, ProposalState

MOST = 1_000_000


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class VerdictIn(_In):
    """What a planner says of a proposal; `row_version` is the one that was looked at."""

    row_version: int = Field(ge=1)
    note: str = Field(min_length=1, max_length=500)


class PermitIn(_In):
    """What happens without a planner: kinds of event, and limits of one repair (null: none)."""

    occasions: list[Occasion] = Field(default_factory=list, max_length=len(Occasion))
    max_cars_moved: int | None = Field(default=None, ge=0, le=MOST)
    max_minutes: int | None = Field(default=None, ge=0, le=MOST)
    """Minutes that any one car may finish later."""
    max_promises: int | None = Field(default=None, ge=0, le=MOST)
    """Promises that the plan in force keeps and the repair does not."""
    max_locks: int | None = Field(default=None, ge=0, le=MOST)
    """Locked starts that the plan in force keeps and the repair does not."""
    row_version: int = Field(ge=0)


class PermitOut(BaseModel):
    """What happens without a planner; `row_version` 0: nobody has said so yet, everything does."""

    occasions: tuple[Occasion, ...]
    max_cars_moved: int | None
    max_minutes: int | None
    max_promises: int | None
    max_locks: int | None
    entered_by: str | None
    entered_at: datetime | None
    row_version: int

    @classmethod
    def of(cls, one: Permit) -> PermitOut:
        """Return a permit as the API shows it."""
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class ProposalOut(BaseModel):
    """A repair that waits, or waited, for a planner: its difference, and why it needs one."""

    id: UUID
    state: ProposalState
    cause: str
    base_id: UUID
    difference: dict[str, Any]
    breaches: list[dict[str, Any]]
    event_id: UUID
    made_at: datetime
    created_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    note: str
    plan_id: UUID | None
    row_version: int

    @classmethod
    def of(cls, one: Proposal) -> ProposalOut:
        """Return a proposal as the API shows it."""
        plain = {name: getattr(one, name) for name in cls.model_fields}
        plain["difference"] = one.difference.plain()
        plain["breaches"] = [asdict(breach) for breach in one.breaches]
        return cls(**plain)
