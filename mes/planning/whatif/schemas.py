"""Bodies of the what-if API."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from mes.planning.whatif.changes import Change
from mes.planning.whatif.model import MAX_CHANGES


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
