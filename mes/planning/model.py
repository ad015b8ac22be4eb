"""Plan versions: solving → draft → published → superseded, or failed, or discarded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from mes.platform.errors import Conflict, Invalid, NotFound


class PlanState(StrEnum):
    """How far a plan version is."""

    SOLVING = "solving"
    DRAFT = "draft"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    DISCARDED = "discarded"


class PlanKind(StrEnum):
    """Whether a version comes from a full solve, or from a repair of the published one."""

    SOLVE = "solve"
    REPAIR = "repair"


UNCHECKED = {"code": "unchecked", "subject": "", "facts": {}, "reason": "the checker did not run"}
"""Stands for the broken rules of a plan that nobody checked."""


class UnknownPlan(NotFound):
    """There is no plan {plan}."""

    code = "plan.unknown"


class NoPlanYet(NotFound):
    """No plan has been published yet; a planner starts one on the plan board."""

    code = "plan.none_published"


class NoSnapshotKept(NotFound):
    """No plan version keeps what it was made from; `c2m plan --solve` makes one that does."""

    code = "plan.no_snapshot"


class PlanAlreadyPublished(Conflict):
    """Plan {number} is already published; it was published at {published_at} by {published_by}."""

    code = "plan.already_published"


class PlanNotPublishable(Conflict):
    """Plan {number} is {state}; only a draft can be published."""

    code = "plan.not_publishable"


class PlanBroken(Conflict):
    """Plan {number} breaks {count} rules of the plant and is not published: {first}"""

    code = "plan.broken"


class PlanNotPermitted(Conflict):
    """Plan {number} changes more than is permitted without a planner; it waits as a draft."""

    code = "plan.not_permitted"


class PlanChanged(Conflict):
    """Plan {number} was changed meanwhile: you saw version {seen}, it is at version {current}."""

    code = "plan.changed"


class PlanOutdated(Conflict):
    """Plan {number} is based on {anchor_at}; the frozen zone of {frozen_min} min has passed since."""

    code = "plan.outdated"


class SolveRunning(Conflict):
    """Plan {number} is being solved; wait for it or look at its progress."""

    code = "plan.solving"


class FrozenZoneTooShort(Invalid):
    """The frozen zone is {zone_s} s of plant time; a solve of {budget_s} s at {factor}× and the dispatch
    lead of {lead_s} s need {needed_s} s."""

    code = "plan.frozen_zone_too_short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One plan version, without its problem and schedule."""

    id: UUID
    site: str
    number: int
    state: PlanState
    kind: PlanKind
    cause: str
    base_id: UUID | None
    anchor_at: datetime
    """Second 0 of the schedule, plant time."""
    horizon_s: int
    snapshot_hash: str | None
    budget_s: float
    solved_s: float | None
    progress: dict[str, Any]
    kpis: dict[str, Any] | None
    unplaced: list[dict[str, Any]]
    violations: list[dict[str, Any]] | None
    """What the checker says; None before it ran."""
    failure: str | None
    requested_by: str
    created_at: datetime
    published_at: datetime | None
    published_by: str | None
    automatic: bool
    note: str
    superseded_at: datetime | None
    row_version: int

    def __post_init__(self) -> None:
        """Read the texts of a database row as what they mean."""
        object.__setattr__(self, "state", PlanState(self.state))
        object.__setattr__(self, "kind", PlanKind(self.kind))

    def published(self, *, now: datetime, by: str, automatic: bool, note: str) -> Plan:
        """Return the plan in force.

        Raises:
            PlanAlreadyPublished: it is, or was, in force.
            PlanNotPublishable: it is no draft.
            PlanBroken: the checker found broken rules, or did not run.
        """
        if self.state in (PlanState.PUBLISHED, PlanState.SUPERSEDED):
            raise PlanAlreadyPublished(
                number=self.number, published_at=self.published_at, published_by=self.published_by
            )
        if self.state is not PlanState.DRAFT:
            raise PlanNotPublishable(number=self.number, state=self.state.value)
        if self.violations is None or self.violations:
            found = self.violations or [UNCHECKED]
            raise PlanBroken(
                number=self.number,
                count=len(found),
                first=found[0]["reason"],
                violation=found[0],
            )
        return replace(
            self,
            state=PlanState.PUBLISHED,
            published_at=now,
            published_by=by,
            automatic=automatic,
            note=note,
            row_version=self.row_version + 1,
        )

    def seen_as(self, row_version: int | None) -> Plan:
        """Return the plan if the caller saw its present version (`If-Match`).

        Raises:
            PlanChanged: somebody changed it since.
        """
        if row_version is not None and row_version != self.row_version:
            raise PlanChanged(number=self.number, seen=row_version, current=self.row_version)
        return self


@dataclass(frozen=True, slots=True)
class FrozenZone:
    """How far ahead of now a new plan may not move anything."""

    seconds: int

    @classmethod
    def of(cls, *, budget_s: float, factor: float, dispatch_lead_s: float) -> FrozenZone:
        """Return the shortest zone in which a solve can end before its first free decision is due.

        Args:
            budget_s: wall seconds of a solve.
            factor: plant seconds in a real second.
            dispatch_lead_s: plant seconds of work that lines store ahead.
        """
        return cls(int(-(-(budget_s * factor + dispatch_lead_s) // 1)))

    def check(self, *, budget_s: float, factor: float, dispatch_lead_s: float) -> None:
        """Raise `FrozenZoneTooShort` when a solve could outlast the zone."""
        needed = FrozenZone.of(budget_s=budget_s, factor=factor, dispatch_lead_s=dispatch_lead_s)
        if self.seconds < needed.seconds:
            raise FrozenZoneTooShort(
                zone_s=self.seconds,
                budget_s=budget_s,
                factor=factor,
                lead_s=dispatch_lead_s,
                needed_s=needed.seconds,
            )

    def end(self, anchor: datetime) -> datetime:
        """Return the plant time until which a plan made at `anchor` moves nothing."""
        return anchor + timedelta(seconds=self.seconds)

    def outlived(self, anchor: datetime, now: datetime) -> bool:
        """Say whether a plan made at `anchor` decides about times that have come already."""
        return now > self.end(anchor)


def due_for_a_solve(*, last_solve_at: datetime | None, shift_start: datetime, news: bool) -> bool:
    """Say whether the plant plans by itself: at most once a shift, and only when something is new."""
    return news and (last_solve_at is None or last_solve_at < shift_start)
