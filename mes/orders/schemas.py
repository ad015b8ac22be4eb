"""Bodies of the orders API."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mes.contracts.events import Reason
from mes.contracts.text import Text
from mes.orders.customer import CustomerView
from mes.orders.frozen import FrozenPart, FrozenStep
from mes.orders.imports import ImportReport
from mes.orders.model import Order, OrderStage
from mes.orders.repository import Promise
from mes.orders.service import OrderChange, OrderDraft

Channel = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
CodeIn = Annotated[str, Field(min_length=1, max_length=20)]
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A line of text: no control characters, which PostgreSQL (NUL) or a screen could not take."""
Wished = AwareDatetime | date
"""An instant with its offset, or a day of the site (`2026-12-31`), which is over when it ends."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OrderIn(_Body):
    """An order as a channel sends it."""

    channel: Channel = "api"
    external_id: Line | None = Field(default=None, min_length=1, max_length=80)
    customer: Line | None = Field(default=None, max_length=200)
    language: Literal["en", "zh"] = "en"
    model: CodeIn
    color: CodeIn
    options: list[CodeIn] = Field(default_factory=list, max_length=100)
    requested_at: Wished | None = None
    priority: int = Field(default=5, ge=1, le=9)
    confirm: bool = True
    """False: only check and keep it; it is planned when it is confirmed."""

    def draft(self, *, time_zone: str) -> OrderDraft:
        """Return the draft that the service takes."""
        return OrderDraft(
            channel=self.channel,
            external_id=self.external_id,
            customer=self.customer,
            language=self.language,
            model=self.model,
            color=self.color,
            options=tuple(self.options),
            requested_at=instant(self.requested_at, time_zone=time_zone),
            priority=self.priority,
        )


class OrderPatch(_Body):
    """What to change of an order; what is not named stays."""

    customer: Line | None = Field(default=None, max_length=200)
    language: Literal["en", "zh"] = "en"
    model: CodeIn = ""
    color: CodeIn = ""
    options: list[CodeIn] = Field(default_factory=list, max_length=100)
    requested_at: Wished | None = None
    priority: int = Field(default=5, ge=1, le=9)

    def applied_to(self, order: Order, *, time_zone: str) -> OrderChange:
        """Return the order as it is wanted."""
        given = self.model_fields_set
        wished = instant(self.requested_at, time_zone=time_zone)
        return OrderChange(
            model=self.model if "model" in given else order.model,
            color=self.color if "color" in given else order.color,
            options=tuple(self.options) if "options" in given else order.options,
            customer=self.customer if "customer" in given else order.customer,
            language=self.language if "language" in given else order.language,
            requested_at=wished if "requested_at" in given else order.requested_at,
            priority=self.priority if "priority" in given else order.priority,
        )


class ReasonIn(_Body):
    """Why something is done."""

    reason: Line = Field(min_length=1, max_length=500)


class PromiseOut(_Body):
    """A date of the history of promises."""

    promised_at: datetime
    confidence: float
    assumed: bool
    made_at: datetime
    event_id: UUID
    reasons: list[Reason]

    @classmethod
    def of(cls, promise: Promise) -> PromiseOut:
        """Return the body of a promise."""
        return cls(
            promised_at=promise.promised_at,
            confidence=promise.confidence,
            assumed=promise.assumed,
            made_at=promise.made_at,
            event_id=promise.event_id,
            reasons=list(promise.reasons),
        )


class OrderOut(_Body):
    """An order."""

    id: UUID
    number: str
    channel: str
    external_id: str | None
    customer: str | None
    language: str
    model: str
    color: str
    options: list[str]
    requested_at: datetime | None
    priority: int
    stage: OrderStage
    held_stage: OrderStage | None
    stage_at: datetime
    stage_reason: str | None
    row_version: int
    created_at: datetime
    vin: str | None
    body_number: str | None
    promised_at: datetime | None
    promise_confidence: float | None
    promise_assumed: bool | None
    late: bool
    customer_url: str | None = None
    """The customer's page; given with a single order."""

    @classmethod
    def of(cls, order: Order, *, now: datetime, customer_url: str | None = None) -> OrderOut:
        """Return the body of an order at `now` (plant time)."""
        fields = cls.model_fields.keys() - {"options", "late", "customer_url"}
        return cls(
            **{name: getattr(order, name) for name in fields},
            options=list(order.options),
            late=order.is_late(now),
            customer_url=customer_url,
        )


class OrderPage(_Body):
    """A page of orders; `next` is what to give as `after` for the next one."""

    orders: list[OrderOut]
    next: str | None


class PartOut(_Body):
    """A line of the frozen BOM."""

    part_number: str
    family: str
    name: Text
    quantity: Decimal
    unit: str
    line: str | None
    station: str | None

    @classmethod
    def of(cls, part: FrozenPart) -> PartOut:
        """Return the body of a part."""
        fields = cls.model_fields.keys()
        return cls(**{name: getattr(part, name) for name in fields})


class StepOut(_Body):
    """A step of the frozen routing."""

    position: int
    line: str
    step: str
    stations: list[str]
    work_s: float

    @classmethod
    def of(cls, step: FrozenStep) -> StepOut:
        """Return the body of a step."""
        fields = cls.model_fields.keys()
        return cls(**{name: getattr(step, name) for name in fields})


class RowAccepted(_Body):
    """A row that became an order."""

    row: int
    number: str


class RowRejected(_Body):
    """A row that did not, and why."""

    row: int
    field: str
    value: str
    rule: str
    reason: Text


class ImportOut(_Body):
    """What became of a file."""

    encoding: str
    separator: str
    accepted: list[RowAccepted]
    rejected: list[RowRejected]

    @classmethod
    def of(cls, report: ImportReport) -> ImportOut:
        """Return the body of a report."""
        return cls(
            encoding=report.encoding,
            separator=report.separator,
            accepted=[RowAccepted(row=row, number=number) for row, number in report.accepted],
            rejected=[
                RowRejected(
                    row=one.row,
                    field=one.field,
                    value=one.value,
                    rule=one.rule,
                    reason=one.reason,
                )
                for one in report.rejected
            ],
        )


class CustomerLink(_Body):
    """A customer's link."""

    token: str
    url: str
    expires_at: datetime


def customer_body(view: CustomerView) -> dict[str, Any]:
    """Return the customer's view as JSON data; evidence stays inside, reasons go out in words."""
    return {
        "number": view.number,
        "model": view.model.model_dump(),
        "color": {**view.color.model_dump(), "hex": view.color_hex},
        "options": [option.model_dump() for option in view.options],
        "vin": view.vin,
        "stages": [
            {"code": one.code, "name": one.name.model_dump(), "state": one.state}
            for one in view.stages
        ],
        "delivered": view.delivered,
        "waiting": view.waiting,
        "cancelled": view.cancelled,
        "requested_at": view.requested_at,
        "promised_at": view.promised_at,
        "confidence": view.confidence,
        "assumed": view.assumed,
        "late": view.is_late,
        "history": [
            {
                "promised_at": one.promised_at,
                "previous_at": one.previous_at,
                "made_at": one.made_at,
                "confidence": one.confidence,
                "assumed": one.assumed,
                "reasons": [
                    {"code": reason.code, "text": reason.text.model_dump()}
                    for reason in one.reasons
                ],
            }
            for one in view.history
        ],
    }


def instant(wished: Wished | None, *, time_zone: str) -> datetime | None:
    """Return the instant of a wish; a day is over when it ends at the site."""
    if wished is None:
        return None
    if isinstance(wished, datetime):
        return wished.astimezone(UTC)
    return datetime.combine(wished, time(23, 59, 59), ZoneInfo(time_zone)).astimezone(UTC)
