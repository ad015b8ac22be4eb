"""An order and its life: what may follow what, and until when a customer may change their mind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mes.catalog.model import Configuration
from mes.contracts.text import Text
from mes.platform.errors import Conflict


class OrderStage(StrEnum):
    """How far an order is, commercially; where its body is, `execution` knows."""

    DRAFT = "draft"
    """A wish that is not checked."""
    VALIDATED = "validated"
    """It can be built."""
    QUOTED = "quoted"
    """A date was named, the customer has not agreed yet."""
    CONFIRMED = "confirmed"
    """The customer has ordered; the plant plans it."""
    RECONFIGURED = "reconfigured"
    """Changed after it was confirmed; waits for its new promise."""
    LOCKED = "locked"
    """BOM, routing, body number and VIN stand; no more changes."""
    IN_PRODUCTION = "in_production"
    LINE_OFF = "line_off"
    QUALITY_RELEASED = "quality_released"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    HELD = "held"
    """Waits by a person's decision; `held_stage` says where it goes on."""
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to an order in this stage."""
        return not FOLLOWING[self]


S = OrderStage
FOLLOWING: dict[OrderStage, frozenset[OrderStage]] = {
    S.DRAFT: frozenset({S.VALIDATED, S.CANCELLED}),
    S.VALIDATED: frozenset({S.QUOTED, S.CONFIRMED, S.HELD, S.CANCELLED}),
    S.QUOTED: frozenset({S.CONFIRMED, S.VALIDATED, S.HELD, S.CANCELLED}),
    S.CONFIRMED: frozenset({S.RECONFIGURED, S.LOCKED, S.HELD, S.CANCELLED}),
    S.RECONFIGURED: frozenset({S.CONFIRMED, S.LOCKED, S.HELD, S.CANCELLED}),
    S.LOCKED: frozenset({S.IN_PRODUCTION, S.HELD, S.CANCELLED}),
    S.IN_PRODUCTION: frozenset({S.LINE_OFF}),
    S.LINE_OFF: frozenset({S.QUALITY_RELEASED}),
    S.QUALITY_RELEASED: frozenset({S.SHIPPED}),
    S.SHIPPED: frozenset({S.DELIVERED}),
    S.DELIVERED: frozenset(),
    S.HELD: frozenset({S.VALIDATED, S.QUOTED, S.CONFIRMED, S.RECONFIGURED, S.LOCKED, S.CANCELLED}),
    S.CANCELLED: frozenset(),
}
"""What may follow what."""

PLANNABLE = (S.CONFIRMED, S.RECONFIGURED, S.LOCKED, S.IN_PRODUCTION, S.LINE_OFF)
"""The stages in which an order needs a place in the plan."""
CHANGEABLE = (S.DRAFT, S.VALIDATED, S.QUOTED, S.CONFIRMED, S.RECONFIGURED)
"""The stages in which the car itself may still be changed."""
BUILD = (S.IN_PRODUCTION, S.LINE_OFF, S.QUALITY_RELEASED, S.SHIPPED, S.DELIVERED)
"""The milestones that execution reports, in order."""


class OrderNotInStage(Conflict):
    """Order {number} is {stage}; it cannot become {wanted}."""

    code = "order.wrong_stage"


class OrderNotChangeable(Conflict):
    """Order {number} is {stage}; a car can be changed until its order is locked for production."""

    code = "order.not_changeable"


class OrderNotCancellable(Conflict):
    """Order {number} is {stage}; an order can be cancelled until production of its car begins."""

    code = "order.not_cancellable"


class OrderNotLockable(Conflict):
    """Order {number} is {stage}; only a confirmed order can be locked."""

    code = "order.not_lockable"


@dataclass(frozen=True, slots=True)
class Order:
    """One customer's order. `row_version` grows with every change; edits name the one they saw."""

    id: UUID
    number: str
    channel: str
    external_id: str | None
    customer: str | None
    language: str
    model: str
    color: str
    options: tuple[str, ...]
    catalog_version: str
    requested_at: datetime | None
    priority: int
    stage: OrderStage
    held_stage: OrderStage | None
    stage_at: datetime
    stage_reason: str | None
    row_version: int
    created_at: datetime
    created_by: str
    link_expires_at: datetime
    locked_at: datetime | None = None
    vin: str | None = None
    body_id: UUID | None = None
    body_number: str | None = None
    promised_at: datetime | None = None
    promise_confidence: float | None = None
    promise_assumed: bool | None = None

    @property
    def is_changeable(self) -> bool:
        """Whether the car may still be changed."""
        return self.stage in CHANGEABLE

    @property
    def is_cancellable(self) -> bool:
        """Whether the order may still be cancelled."""
        return S.CANCELLED in FOLLOWING[self.stage]

    def is_late(self, now: datetime) -> bool:
        """Whether the promised time has passed and the car has not left the last check."""
        waiting = self.stage not in (*BUILD[2:], S.CANCELLED)
        return waiting and self.promised_at is not None and now >= self.promised_at

    def moved_to(self, stage: OrderStage, now: datetime, *, reason: str | None = None) -> Order:
        """Return the order in its next stage.

        Raises:
            OrderNotInStage: `stage` does not follow the one it is in.
        """
        if stage not in FOLLOWING[self.stage] or (
            self.stage is S.HELD and stage not in (self.held_stage, S.CANCELLED)
        ):
            raise OrderNotInStage(number=self.number, stage=self.stage, wanted=stage)
        return replace(
            self,
            stage=stage,
            held_stage=self.stage if stage is S.HELD else None,
            stage_at=now,
            stage_reason=reason,
        )

    def cancelled(self, now: datetime, *, reason: str) -> Order:
        """Return the order cancelled.

        Raises:
            OrderNotCancellable: production of its car has begun, or it is cancelled already.
        """
        if not self.is_cancellable:
            raise OrderNotCancellable(number=self.number, stage=self.stage)
        return self.moved_to(S.CANCELLED, now, reason=reason)

    def resumed(self, now: datetime) -> Order:
        """Return a held order where it was.

        Raises:
            OrderNotInStage: it is not held.
        """
        if self.held_stage is None:
            raise OrderNotInStage(number=self.number, stage=self.stage, wanted="resumed")
        return self.moved_to(self.held_stage, now)

    def with_car(self, car: Configuration, now: datetime) -> Order:
        """Return the order with another car; a confirmed one waits for a new promise, a quote is void.

        Raises:
            OrderNotChangeable: the order is locked, held or over.
        """
        if not self.is_changeable:
            raise OrderNotChangeable(number=self.number, stage=self.stage)
        changed = replace(
            self,
            model=car.model,
            color=car.color,
            options=car.options,
            catalog_version=car.catalog_version,
        )
        match self.stage:
            case S.DRAFT | S.QUOTED:
                return changed.moved_to(S.VALIDATED, now)
            case S.CONFIRMED:
                return changed.moved_to(S.RECONFIGURED, now)
            case _:
                return changed

    def locked(
        self, now: datetime, *, vin: str, body_id: UUID, body_number: str, catalog_version: str
    ) -> Order:
        """Return the order locked: the VIN belongs to it from here on, the body to build too.

        Raises:
            OrderNotLockable: the order is not confirmed.
        """
        if S.LOCKED not in FOLLOWING[self.stage] or self.stage is S.HELD:
            raise OrderNotLockable(number=self.number, stage=self.stage)
        return replace(
            self.moved_to(S.LOCKED, now),
            locked_at=now,
            vin=vin,
            body_id=body_id,
            body_number=body_number,
            catalog_version=catalog_version,
        )

    def with_successor(self, body_id: UUID, body_number: str, now: datetime) -> Order:
        """Return the order with a new body after its first was scrapped: it waits to be built again."""
        return replace(
            self,
            body_id=body_id,
            body_number=body_number,
            stage=S.LOCKED,
            stage_at=now,
            stage_reason=None,
        )


@dataclass(frozen=True, slots=True)
class OrderChange:
    """The whole of what a person may edit, as they want it to be."""

    model: str
    color: str
    options: tuple[str, ...]
    customer: str | None
    language: str
    requested_at: datetime | None
    priority: int


def editable(source: Order | OrderChange) -> dict[str, object]:
    """Return what of an order a person may edit, comparable with how another one has it."""
    return {
        "model": source.model,
        "color": source.color,
        "options": tuple(sorted(source.options)),
        "customer": source.customer,
        "language": source.language,
        "requested_at": source.requested_at,
        "priority": source.priority,
    }


_VIN_YEARS = "ABCDEFGHJKLMNPRSTVWXY123456789"
"""Character 10 of a VIN, from 1980 on, the same again every 30 years (ISO 3779)."""


def vin_year(year: int) -> str:
    """Return the model year character of a VIN."""
    return _VIN_YEARS[(year - 1980) % len(_VIN_YEARS)]


@dataclass(frozen=True, slots=True)
class CustomerStage:
    """One of the six steps that a customer follows."""

    code: str
    name: Text
    state: str
    """`done`, `current` or `ahead`."""


_CUSTOMER_STAGES: tuple[tuple[str, Text, frozenset[OrderStage]], ...] = (
    (
        "ordered",
        Text(en="Ordered", zh="已下单"),
        frozenset({S.DRAFT, S.VALIDATED, S.QUOTED, S.CONFIRMED, S.RECONFIGURED}),
    ),
    ("scheduled", Text(en="Scheduled", zh="已排产"), frozenset({S.LOCKED})),
    ("building", Text(en="Being built", zh="生产中"), frozenset({S.IN_PRODUCTION})),
    ("checking", Text(en="Final checks", zh="终检中"), frozenset({S.LINE_OFF})),
    ("ready", Text(en="Ready to ship", zh="待发运"), frozenset({S.QUALITY_RELEASED})),
    ("on_its_way", Text(en="On its way", zh="运输中"), frozenset({S.SHIPPED})),
)


def customer_stages(order: Order) -> tuple[CustomerStage, ...]:
    """Return the six steps as the customer sees them; a held order stands where it was held."""
    stage = order.held_stage or order.stage
    position = next(
        (n for n, (_, _, stages) in enumerate(_CUSTOMER_STAGES) if stage in stages),
        len(_CUSTOMER_STAGES) if stage is S.DELIVERED else 0,
    )
    return tuple(
        CustomerStage(
            code, name, "done" if n < position else "current" if n == position else "ahead"
        )
        for n, (code, name, _) in enumerate(_CUSTOMER_STAGES)
    )


def differences(
    mine: dict[str, object], theirs: dict[str, object], fields: Iterable[str]
) -> dict[str, dict[str, object]]:
    """Return, for each field that is not the same, what is asked for and what stands now."""
    return {
        field: {"yours": mine[field], "current": theirs[field]}
        for field in fields
        if mine[field] != theirs[field]
    }
