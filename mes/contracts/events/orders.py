"""Events of customer orders and of what was promised for them."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from mes.contracts.events.base import Payload, Reason


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
