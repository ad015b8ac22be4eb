"""Everything that happens, as typed payloads of the append-only event table.

A payload is additive: a new field has a default; a break makes a new `version` with an upcaster in
`mes/events`. `subject` of an event is what the payload's `subject_field` names. `correlation_id` is the
order (or the lot) the chain is about; `causation_id` the event that led to this one, so that the
explanation of a promise is a walk from event to event.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mes.contracts.dispatch import (
    CommandKind,
    JobKind,
    JobState,
    ListedJobState,
    ReadingAnswer,
    ValueChange,
)
from mes.contracts.line_records import StationState
from mes.contracts.quality import Disposition, Verdict
from mes.contracts.text import Text


class Payload(BaseModel):
    """What happened. Subclasses name their event type and the field that is its subject."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    version: ClassVar[int] = 1
    subject_field: ClassVar[str]

    @property
    def subject(self) -> str:
        """The id of the thing this event is about."""
        return str(getattr(self, self.subject_field))


class Reason(BaseModel):
    """One link of an explanation, in both languages, with the event that is its evidence."""

    model_config = ConfigDict(frozen=True)

    code: str
    text: Text
    event_id: UUID | None = None


# Orders


class OrderCreated(Payload):
    type = "order.created"
    subject_field = "order_id"
    order_id: UUID
    number: str
    channel: str
    external_id: str | None
    model: str
    color: str
    options: tuple[str, ...]
    requested_at: AwareDatetime | None


class OrderConfirmed(Payload):
    type = "order.confirmed"
    subject_field = "order_id"
    order_id: UUID
    number: str


class OrderChanged(Payload):
    """The configuration or the wish of an order that is not locked yet was changed."""

    type = "order.changed"
    subject_field = "order_id"
    order_id: UUID
    number: str
    model: str
    color: str
    options: tuple[str, ...]


class OrderCancelled(Payload):
    type = "order.cancelled"
    subject_field = "order_id"
    order_id: UUID
    number: str
    reason: str


class OrderHeld(Payload):
    """The order waits by a person's decision: nothing is planned for it until it is resumed."""

    type = "order.held"
    subject_field = "order_id"
    order_id: UUID
    number: str
    reason: str


class OrderResumed(Payload):
    """A held order goes on where it was."""

    type = "order.resumed"
    subject_field = "order_id"
    order_id: UUID
    number: str


class OrderLocked(Payload):
    """BOM and routing are frozen onto the order; body number and VIN belong to it from now on."""

    type = "order.locked"
    subject_field = "order_id"
    order_id: UUID
    number: str
    vin: str
    body_id: UUID
    body_number: str


class OrderStageReached(Payload):
    """A commercial milestone derived from execution."""

    type = "order.stage_reached"
    subject_field = "order_id"
    order_id: UUID
    number: str
    stage: Literal["in_production", "line_off", "quality_released", "shipped", "delivered"]


class PromiseMade(Payload):
    type = "promise.made"
    subject_field = "order_id"
    order_id: UUID
    promised_at: AwareDatetime
    confidence: float = Field(ge=0, le=1)
    assumed: bool
    """Whether the confidence rests on the plant file's priors, not yet on history."""
    reasons: tuple[Reason, ...] = ()


class PromiseChanged(Payload):
    """The promise moved; the reasons run from the first cause to the new date."""

    type = "promise.changed"
    subject_field = "order_id"
    order_id: UUID
    old_at: AwareDatetime
    new_at: AwareDatetime
    confidence: float = Field(ge=0, le=1)
    assumed: bool
    reasons: tuple[Reason, ...] = Field(min_length=1)


# Planning


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


# Dispatching


class JobDispatched(Payload):
    """A job order was handed to the line's agent."""

    type = "job.dispatched"
    subject_field = "job_order_id"
    job_order_id: UUID
    kind: JobKind
    line: str
    body_id: UUID | None
    sequence: int


class JobStateRecorded(Payload):
    type = "job.state"
    subject_field = "job_order_id"
    job_order_id: UUID
    kind: JobKind
    line: str
    body_id: UUID | None
    state: JobState
    good: int = 0
    scrap: int = 0
    reason: str = ""


class CommandDone(Payload):
    """An agent reported what became of a command."""

    type = "command.done"
    subject_field = "command_id"
    command_id: UUID
    line: str
    kind: CommandKind
    ok: bool
    code: str
    message: str = ""
    changes: tuple[ValueChange, ...] = ()


class JobListReported(Payload):
    """An agent read its line's own job list, as after every reconnect: jobs it does not have were lost."""

    type = "job.list_reported"
    subject_field = "line"
    line: str
    jobs: tuple[ListedJobState, ...]


# Execution


class BodyEnteredLine(Payload):
    type = "body.entered"
    subject_field = "body_id"
    body_id: UUID
    order_id: UUID | None
    line: str
    station: str
    job_order_id: UUID


class OperationCompleted(Payload):
    type = "operation.completed"
    subject_field = "body_id"
    body_id: UUID
    line: str
    station: str
    step: str
    ok: bool


class BodyLeftLine(Payload):
    type = "body.left"
    subject_field = "body_id"
    body_id: UUID
    order_id: UUID | None
    line: str
    store: str
    last: bool = False
    """Whether this was the last line of the way: the car is finished."""


class BodyMismatch(Payload):
    """The body read is not the one expected: the line has stopped and asks a person."""

    type = "body.mismatch"
    subject_field = "read_body_id"
    line: str
    station: str
    expected_body_id: UUID | None
    read_body_id: UUID


class BodyMismatchAnswered(Payload):
    type = "body.mismatch_answered"
    subject_field = "body_id"
    line: str
    station: str
    body_id: UUID
    answer: ReadingAnswer


class BodyParkedInBay(Payload):
    type = "body.parked"
    subject_field = "body_id"
    body_id: UUID
    line: str
    bay: str


class BodyLeftBay(Payload):
    type = "body.released"
    subject_field = "body_id"
    body_id: UUID
    line: str
    bay: str
    scrapped: bool


class LineHoldChanged(Payload):
    """The line's own hold flag of a body: raised by a verdict at its camera, or set by command."""

    type = "body.hold_flag"
    subject_field = "body_id"
    body_id: UUID
    line: str
    held: bool
    by: Literal["verdict", "command"]
    reason: str = ""


class OperatorReported(Payload):
    """An operator reported a body at a station as good, to be reworked, or scrap."""

    type = "operation.reported"
    subject_field = "body_id"
    body_id: UUID
    line: str
    station: str
    outcome: Literal["good", "rework", "scrap"]
    defect_kind: str | None = None
    note: str = ""


class AndonCalled(Payload):
    type = "andon.called"
    subject_field = "station"
    line: str
    station: str
    reason: str


class AndonCleared(Payload):
    type = "andon.cleared"
    subject_field = "station"
    line: str
    station: str


class BodyScrapped(Payload):
    """A body is scrapped; its order goes on with a successor body that re-enters the plan."""

    type = "body.scrapped"
    subject_field = "body_id"
    body_id: UUID
    order_id: UUID
    successor_id: UUID
    successor_number: str


class RackReceived(Payload):
    type = "rack.received"
    subject_field = "rack"
    rack: str
    panel: str
    quantity: int
    line: str
    job_order_id: UUID | None


# Inspection and quality


class InspectionRecorded(Payload):
    type = "inspection.recorded"
    subject_field = "inspection_id"
    inspection_id: UUID
    body_id: UUID | None
    lot: str | None
    line: str
    station: str
    camera: str
    verdict: Verdict
    score: float
    defect_kind: str | None = None


class ModelMoved(Payload):
    """A model package went to another state at a camera; `reason` is given when it was rolled back."""

    type = "model.moved"
    subject_field = "camera"
    camera: str
    package_sha256: str
    model: str
    state: str
    reason: str | None = None


class ModelTraining(Payload):
    """A training of a camera's model went to another state."""

    type = "model.training"
    subject_field = "training_id"
    training_id: UUID
    camera: str
    training: str


class PipelineMoved(Payload):
    """A pipeline judges at a camera (`published`), or no longer (`retired`); `reason`: why it was rolled back."""

    type = "pipeline.moved"
    subject_field = "camera"
    camera: str
    package_sha256: str
    pipeline: str
    state: Literal["published", "retired"]
    reason: str | None = None


class HelpAsked(Payload):
    """A station's pipeline asks for help: what it saw is to be looked at by a person, now."""

    type = "inspection.help_asked"
    subject_field = "station"
    line: str
    station: str
    inspection_id: UUID
    reason: str


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


# Equipment and agents


class EquipmentStateChanged(Payload):
    """`station` None: the line as a whole."""

    type = "equipment.state"
    subject_field = "line"
    line: str
    station: str | None
    state: StationState
    reason: str = ""


class LineDown(Payload):
    """A line is down longer than a short stop: planning looks at what it means."""

    type = "line.down"
    subject_field = "line"
    line: str
    station: str | None
    since: AwareDatetime
    reason: str


class LineUp(Payload):
    type = "line.up"
    subject_field = "line"
    line: str
    down_s: float


class AgentEnrolled(Payload):
    type = "agent.enrolled"
    subject_field = "agent_id"
    agent_id: UUID
    line: str


class AgentLost(Payload):
    """Nothing was heard of an agent for longer than its lease: its line is unknown, not idle."""

    type = "agent.lost"
    subject_field = "agent_id"
    agent_id: UUID
    line: str


class AgentBack(Payload):
    type = "agent.back"
    subject_field = "agent_id"
    agent_id: UUID
    line: str


class CertificateEnds(Payload):
    """An OPC UA certificate that a line's agent uses or trusts ends in 60, 30 or 7 days, or has ended."""

    type = "agent.certificate_ends"
    subject_field = "line"
    line: str
    thumbprint: str
    certificate: str
    days_left: int


class ClockChanged(Payload):
    """The plant clock got a new speed (0: stopped)."""

    type = "clock.changed"
    subject_field = "site"
    site: str
    factor: float


def _all_payloads(base: type[Payload]) -> list[type[Payload]]:
    return [p for sub in base.__subclasses__() for p in (sub, *_all_payloads(sub))]


PAYLOADS: dict[str, type[Payload]] = {payload.type: payload for payload in _all_payloads(Payload)}
"""Event type → payload class."""
