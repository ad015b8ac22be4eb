"""Everything that happens, as typed payloads of the append-only event table.

A payload is additive: a new field has a default; a break makes a new `version` with an upcaster in
`mes/events`. `subject` of an event is what the payload's `subject_field` names. `correlation_id` is the
order (or the lot) the chain is about; `causation_id` the event that led to this one, so that the
explanation of a promise is a walk from event to event.
"""

from __future__ import annotations

from mes.contracts.events.base import Payload, Reason
from mes.contracts.events.dispatching import (
    CommandDone,
    JobDispatched,
    JobListReported,
    JobStateRecorded,
)
from mes.contracts.events.equipment import (
    AgentBack,
    AgentEnrolled,
    AgentLost,
    CertificateEnds,
    ClockChanged,
    EquipmentStateChanged,
    LineDown,
    LineUp,
)
from mes.contracts.events.execution import (
    AndonCalled,
    AndonCleared,
    BodyEnteredLine,
    BodyLeftBay,
    BodyLeftLine,
    BodyMismatch,
    BodyMismatchAnswered,
    BodyParkedInBay,
    BodyScrapped,
    LineHoldChanged,
    OperationCompleted,
    OperatorReported,
    RackReceived,
)
from mes.contracts.events.inspection import (
    HelpAsked,
    InspectionRecorded,
    ModelMoved,
    ModelTraining,
    PipelineMoved,
)
from mes.contracts.events.orders import (
    OrderCancelled,
    OrderChanged,
    OrderConfirmed,
    OrderCreated,
    OrderHeld,
    OrderLocked,
    OrderResumed,
    OrderStageReached,
    PromiseChanged,
    PromiseMade,
)
from mes.contracts.events.planning import (
    MovedCar,
    PlanBranchSolved,
    PlanChangeEntered,
    PlanCreated,
    PlanFailed,
    PlanProposalDecided,
    PlanProposed,
    PlanPublished,
    SlotMissed,
    SlotRestored,
)
from mes.contracts.events.quality import (
    DispositionDecided,
    DispositionUndone,
    HoldPlaced,
    HoldReleased,
    NonconformanceClosed,
    NonconformanceOpened,
    ReworkConfirmed,
    ReworkDone,
    ReworkOpened,
    ReworkReverted,
)

__all__ = [
    "PAYLOADS",
    "AgentBack",
    "AgentEnrolled",
    "AgentLost",
    "AndonCalled",
    "AndonCleared",
    "BodyEnteredLine",
    "BodyLeftBay",
    "BodyLeftLine",
    "BodyMismatch",
    "BodyMismatchAnswered",
    "BodyParkedInBay",
    "BodyScrapped",
    "CertificateEnds",
    "ClockChanged",
    "CommandDone",
    "DispositionDecided",
    "DispositionUndone",
    "EquipmentStateChanged",
    "HelpAsked",
    "HoldPlaced",
    "HoldReleased",
    "InspectionRecorded",
    "JobDispatched",
    "JobListReported",
    "JobStateRecorded",
    "LineDown",
    "LineHoldChanged",
    "LineUp",
    "ModelMoved",
    "ModelTraining",
    "MovedCar",
    "NonconformanceClosed",
    "NonconformanceOpened",
    "OperationCompleted",
    "OperatorReported",
    "OrderCancelled",
    "OrderChanged",
    "OrderConfirmed",
    "OrderCreated",
    "OrderHeld",
    "OrderLocked",
    "OrderResumed",
    "OrderStageReached",
    "Payload",
    "PipelineMoved",
    "PlanBranchSolved",
    "PlanChangeEntered",
    "PlanCreated",
    "PlanFailed",
    "PlanProposalDecided",
    "PlanProposed",
    "PlanPublished",
    "PromiseChanged",
    "PromiseMade",
    "RackReceived",
    "Reason",
    "ReworkConfirmed",
    "ReworkDone",
    "ReworkOpened",
    "ReworkReverted",
    "SlotMissed",
    "SlotRestored",
]


def _all_payloads(base: type[Payload]) -> list[type[Payload]]:
    return [p for sub in base.__subclasses__() for p in (sub, *_all_payloads(sub))]


PAYLOADS: dict[str, type[Payload]] = {payload.type: payload for payload in _all_payloads(Payload)}
"""Event type → payload class."""
