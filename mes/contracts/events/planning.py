"""Events of plans: made, published, proposed, failed, and what moved in them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from mes.contracts.events.base import Payload


class PlanCreated(Payload):
    type = "plan.created"
    subject_field = "plan_id"
    plan_id: UUID
    number: int
    cause: str
    cars: int
    unplaced: int


class PlanPublished(Payload):
    type = "plan.published"
    subject_field = "plan_id"
    plan_id: UUID
    number: int
    automatic: bool
    note: str


class PlanFailed(Payload):
    """A solve ended without a plan; the published one stays in force."""

    type = "plan.failed"
    subject_field = "site"
    site: str
    cause: str
    detail: str
    violation: dict[str, Any] | None = None
    """The broken rule behind it, if one is: code, subject, facts."""


class PlanBranchSolved(Payload):
    """A what-if has its plan; nothing of the live plant has changed."""

    type = "plan.branch_solved"
    subject_field = "branch_id"
    branch_id: UUID
    name: str


class PlanChangeEntered(Payload):
    """A planner changed what the live plan goes by (a shift, a stop, a part, an order, a rule), or ended it."""

    type = "plan.change_entered"
    subject_field = "site"
    site: str
    change: dict[str, Any]
    ended: bool = False


class PlanProposed(Payload):
    """A repair is larger than the planner permits without being asked; the plan in force stays until decided."""

    type = "plan.proposed"
    subject_field = "proposal_id"
    proposal_id: UUID
    cause: str
    cars_moved: int
    minutes: int
    promises_later: int


class PlanProposalDecided(Payload):
    """A proposal was accepted or rejected by a planner, or overtaken by what happened since."""

    type = "plan.proposal_decided"
    subject_field = "proposal_id"
    proposal_id: UUID
    state: str
    note: str = ""


class MovedCar(BaseModel):
    """A car whose planned start on the assembly line (or projected finish) moved."""

    model_config = ConfigDict(frozen=True)

    order_id: UUID
    body_number: str
    old_start_at: AwareDatetime | None
    new_start_at: AwareDatetime | None
    old_finish_at: AwareDatetime | None
    new_finish_at: AwareDatetime | None


class SlotMissed(Payload):
    """A body cannot keep its planned slot; a repair moved it (and perhaps others)."""

    type = "plan.slot_missed"
    subject_field = "body_id"
    body_id: UUID
    order_id: UUID
    plan_id: UUID
    number: int
    line: str
    old_start_at: AwareDatetime | None
    new_start_at: AwareDatetime | None
    moved: tuple[MovedCar, ...] = ()


class SlotRestored(Payload):
    """What had delayed a body went away; it is back in its slot."""

    type = "plan.slot_restored"
    subject_field = "body_id"
    body_id: UUID
    order_id: UUID
    plan_id: UUID
    number: int
    moved: tuple[MovedCar, ...] = ()
