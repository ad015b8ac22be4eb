"""Bodies of the planning API."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mes.contracts.events import Reason
from mes.planning.board import Helps, Why
from mes.planning.model import Plan, PlanKind, PlanState
from mes.planning.operations import Move
from mes.planning.quotes import Quote, QuoteState
from mes.planning.quoting import Offer, Wish
from mes.planning.repository import BoardRow


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PlanOut(BaseModel):
    """A plan version; times are plant time, `row_version` is its ETag."""

    id: UUID
    number: int
    state: PlanState
    kind: PlanKind
    cause: str
    base_id: UUID | None
    anchor_at: datetime
    horizon_s: int
    snapshot_hash: str | None
    budget_s: float
    solved_s: float | None
    progress: dict[str, Any]
    kpis: dict[str, Any] | None
    unplaced: list[dict[str, Any]]
    violations: list[dict[str, Any]] | None
    failure: str | None
    requested_by: str
    created_at: datetime
    published_at: datetime | None
    published_by: str | None
    automatic: bool
    note: str
    row_version: int

    @classmethod
    def of(cls, plan: Plan) -> PlanOut:
        """Return a version as the API shows it."""
        return cls(**{name: getattr(plan, name) for name in cls.model_fields})


class PublishIn(_In):
    """The planner's word on why this plan is put in force."""

    note: str = Field(min_length=1, max_length=500)


class MoveOut(BaseModel):
    """What differs between two versions for one car or die lot on one line."""

    line: str
    subject_id: UUID
    order_number: str | None
    body_number: str | None
    lot_id: str | None
    old_start_at: datetime | None
    new_start_at: datetime | None
    old_finish_at: datetime | None
    new_finish_at: datetime | None
    passed: int

    @classmethod
    def of(cls, move: Move) -> MoveOut:
        """Return a move as the API shows it."""
        return cls(**{name: getattr(move, name) for name in cls.model_fields})


class StepOut(BaseModel):
    """An order on one line."""

    line: str
    start_at: datetime
    end_at: datetime
    need_by_at: datetime | None
    actual_start_at: datetime | None
    actual_end_at: datetime | None
    frozen: bool

    @classmethod
    def of(cls, row: BoardRow) -> StepOut:
        """Return a row of the plan as the API shows it."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class PromiseOut(BaseModel):
    """A date that was promised, with its reasons."""

    promised_at: datetime
    confidence: float
    assumed: bool
    made_at: datetime
    reasons: tuple[Reason, ...]


class WhyOut(BaseModel):
    """Where an order stands against its promise, and why."""

    number: str
    stage: str
    plan_number: int | None
    finish_at: datetime | None
    promised_at: datetime | None
    late_s: int | None
    causes: tuple[dict[str, Any], ...]
    unplaced: str | None
    promises: list[PromiseOut]
    operations: list[StepOut]

    @classmethod
    def of(cls, why: Why) -> WhyOut:
        """Return an explanation as the API shows it."""
        return cls(
            number=why.order.number,
            stage=why.order.stage.value,
            plan_number=None if why.plan is None else why.plan.number,
            finish_at=why.finish_at,
            promised_at=why.order.promised_at,
            late_s=why.late_s,
            causes=why.causes,
            unplaced=why.unplaced,
            promises=[
                PromiseOut(
                    promised_at=one.promised_at,
                    confidence=one.confidence,
                    assumed=one.assumed,
                    made_at=one.made_at,
                    reasons=one.reasons,
                )
                for one in why.promises
            ],
            operations=[StepOut.of(row) for row in why.operations],
        )


class HelpOut(BaseModel):
    """Changes with which the order is in time, and how many others then are not."""

    changes: tuple[dict[str, Any], ...]
    finish_at: datetime
    made_late: int


class HelpsOut(BaseModel):
    """What would bring an order in time: ways that each do, those that hurt least first."""

    number: str
    plan_number: int | None
    ways: list[HelpOut]

    @classmethod
    def of(cls, helps: Helps) -> HelpsOut:
        """Return what would help as the API shows it."""
        return cls(
            number=helps.order.number,
            plan_number=None if helps.plan is None else helps.plan.number,
            ways=[HelpOut(**asdict(way)) for way in helps.ways],
        )


class WishIn(_In):
    """A car somebody asks for. `hold`: keep the place until the quote expires."""

    model: str = Field(min_length=1, max_length=40)
    color: str = Field(min_length=1, max_length=40)
    options: list[str] = Field(default_factory=list, max_length=100)
    wanted_at: AwareDatetime | None = None
    hold: bool = False

    def wish(self) -> Wish:
        """Return it as planning understands it."""
        return Wish(self.model, self.color, tuple(self.options), self.wanted_at)


class QuoteOut(BaseModel):
    """What can be promised; `id` and `expires_at` only when a place is held."""

    id: UUID | None
    number: int | None
    state: QuoteState | None
    model: str
    color: str
    options: tuple[str, ...]
    wanted_at: datetime | None
    promised_at: datetime
    confidence: float
    assumed: bool
    in_time: bool | None
    expires_at: datetime | None
    order_id: UUID | None
    reasons: list[Reason]
    not_sooner: list[Reason]
    """What keeps the car from an earlier place."""

    @classmethod
    def of_offer(cls, offer: Offer) -> QuoteOut:
        """Return an inquiry's answer."""
        return cls(
            id=None,
            number=None,
            state=None,
            model=offer.wish.model,
            color=offer.wish.color,
            options=offer.wish.options,
            wanted_at=offer.wish.wanted_at,
            promised_at=offer.promise.at,
            confidence=offer.promise.confidence.value,
            assumed=offer.promise.confidence.assumed,
            in_time=offer.in_time,
            expires_at=None,
            order_id=None,
            reasons=list(offer.reasons),
            not_sooner=list(offer.not_sooner),
        )

    @classmethod
    def of(cls, quote: Quote) -> QuoteOut:
        """Return a quote."""
        wanted = quote.wanted_at
        return cls(
            id=quote.id,
            number=quote.number,
            state=quote.state,
            model=quote.model,
            color=quote.color,
            options=quote.options,
            wanted_at=wanted,
            promised_at=quote.promised_at,
            confidence=quote.confidence,
            assumed=quote.assumed,
            in_time=None if wanted is None else quote.promised_at <= wanted,
            expires_at=quote.expires_at,
            order_id=quote.order_id,
            reasons=[Reason.model_validate(reason) for reason in quote.reasons],
            not_sooner=[Reason.model_validate(reason) for reason in quote.not_sooner],
        )


class ConfirmIn(_In):
    """Who orders the quoted car."""

    channel: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    external_id: str | None = Field(default=None, min_length=1, max_length=200)
    customer: str | None = Field(default=None, max_length=200)
    language: str = Field(default="en", pattern="^(en|zh)$")


class OrderRef(BaseModel):
    """The order that a quote became."""

    id: UUID
    number: str
