"""A branch: open → solving → solved → published, or failed, or discarded; changed, it is open again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from mes.planning.whatif.changes import CHANGES, Change
from mes.platform.errors import Conflict, NotFound

MAX_CHANGES = 50


class BranchState(StrEnum):
    """How far a branch is."""

    OPEN = "open"
    SOLVING = "solving"
    SOLVED = "solved"
    FAILED = "failed"
    PUBLISHED = "published"
    DISCARDED = "discarded"


class UnknownBranch(NotFound):
    """There is no what-if {branch}."""

    code = "whatif.unknown"


class BranchBusy(Conflict):
    """What-if “{name}” is being solved; wait for its plan."""

    code = "whatif.busy"


class BranchClosed(Conflict):
    """What-if “{name}” is {state}; start a new one."""

    code = "whatif.closed"


class BranchNotSolved(Conflict):
    """What-if “{name}” has no plan yet; solve it first."""

    code = "whatif.not_solved"


class BranchFull(Conflict):
    """What-if “{name}” has {count} changes already; a branch takes at most that many."""

    code = "whatif.full"


class BranchOutdated(Conflict):
    """What-if “{name}” was made on {made_at}; the plant has gone on for {hours} h. Start a new one."""

    code = "whatif.outdated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A what-if without its plan; times are plant time."""

    id: UUID
    site: str
    name: str
    state: BranchState
    snapshot: str
    """The plant it starts from, shared with other branches of the same moment."""
    base_id: UUID | None
    changes: list[dict[str, Any]]
    kpis: dict[str, Any] | None
    unplaced: list[dict[str, Any]]
    violations: list[dict[str, Any]] | None
    outcome: dict[str, Any] | None
    failure: str | None
    solved_s: float | None
    plan_id: UUID | None
    created_by: str
    created_at: datetime
    row_version: int

    def __post_init__(self) -> None:
        """Read the text of a database row as what it means."""
        object.__setattr__(self, "state", BranchState(self.state))

    @property
    def meant(self) -> tuple[Change, ...]:
        """Its changes."""
        return CHANGES.validate_python(tuple(self.changes))

    def changed(self, changes: tuple[Change, ...]) -> Branch:
        """Return the branch with other changes, to be solved again.

        Raises:
            BranchBusy, BranchClosed, BranchFull
        """
        self._must_be_alive()
        if len(changes) > MAX_CHANGES:
            raise BranchFull(name=self.name, count=MAX_CHANGES)
        return replace(
            self,
            state=BranchState.OPEN,
            changes=CHANGES.dump_python(changes, mode="json"),
            kpis=None,
            unplaced=[],
            violations=None,
            outcome=None,
            failure=None,
            row_version=self.row_version + 1,
        )

    def solving(self) -> Branch:
        """Return the branch while its plan is made.

        Raises:
            BranchBusy, BranchClosed
        """
        self._must_be_alive()
        state = BranchState.SOLVING
        return replace(self, state=state, failure=None, row_version=self.row_version + 1)

    def published(self, plan_id: UUID) -> Branch:
        """Return the branch whose plan is in force.

        Raises:
            BranchBusy, BranchClosed, BranchNotSolved
        """
        self._must_be_alive()
        if self.state is not BranchState.SOLVED:
            raise BranchNotSolved(name=self.name)
        state = BranchState.PUBLISHED
        return replace(self, state=state, plan_id=plan_id, row_version=self.row_version + 1)

    def discarded(self) -> Branch:
        """Return the branch given up.

        Raises:
            BranchClosed: it is published or discarded.
        """
        if self.state in (BranchState.PUBLISHED, BranchState.DISCARDED):
            raise BranchClosed(name=self.name, state=self.state.value)
        return replace(self, state=BranchState.DISCARDED, row_version=self.row_version + 1)

    def _must_be_alive(self) -> None:
        if self.state is BranchState.SOLVING:
            raise BranchBusy(name=self.name)
        if self.state in (BranchState.PUBLISHED, BranchState.DISCARDED):
            raise BranchClosed(name=self.name, state=self.state.value)
