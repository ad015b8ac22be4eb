"""What may happen to an order, whatever the sequence of wishes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mes.catalog.model import Configuration
from mes.contracts.ids import uuid7
from mes.orders.model import (
    BUILD,
    CHANGEABLE,
    FOLLOWING,
    PLANNABLE,
    Order,
    OrderNotCancellable,
    OrderNotChangeable,
    OrderNotInStage,
    OrderNotLockable,
    OrderStage,
    customer_stages,
    vin_year,
)
from tests.support.orders import PLANT_NOW, an_order

RED = Configuration("S2", "RED", (), "2026.2")


class OrderMachine(RuleBasedStateMachine):
    """People, planning and production pull at one order."""

    def __init__(self) -> None:
        super().__init__()
        self.order: Order = an_order(stage=OrderStage.DRAFT)
        self.now = PLANT_NOW
        self.vin: str | None = None

    def _try(self, change: object, *refusals: type[Exception]) -> None:
        self.now += timedelta(minutes=1)
        before = self.order
        try:
            self.order = change()  # type: ignore[operator]
        except refusals:
            assert self.order is before

    @rule(stage=st.sampled_from(OrderStage))
    def move(self, stage: OrderStage) -> None:
        self._try(lambda: self.order.moved_to(stage, self.now), OrderNotInStage)

    @rule()
    def resume(self) -> None:
        was = self.order.held_stage
        self._try(lambda: self.order.resumed(self.now), OrderNotInStage)
        assert was is None or self.order.stage is was

    @rule()
    def cancel(self) -> None:
        allowed = self.order.is_cancellable
        self._try(lambda: self.order.cancelled(self.now, reason="x"), OrderNotCancellable)
        assert not allowed or self.order.stage is OrderStage.CANCELLED

    @rule()
    def change(self) -> None:
        allowed = self.order.is_changeable
        self._try(lambda: self.order.with_car(RED, self.now), OrderNotChangeable)
        assert not allowed or self.order.color == "RED"

    @rule()
    def lock(self) -> None:
        self._try(
            lambda: self.order.locked(
                self.now,
                vin="LC2S2ESB0TD000001",
                body_id=uuid7(),
                body_number="B000001",
                catalog_version="2026.2",
            ),
            OrderNotLockable,
        )

    @invariant()
    def what_is_held_knows_where_it_goes_on(self) -> None:
        assert (self.order.stage is OrderStage.HELD) == (self.order.held_stage is not None)
        assert self.order.held_stage not in (OrderStage.HELD, OrderStage.CANCELLED)

    @invariant()
    def a_vin_never_changes(self) -> None:
        assert self.vin is None or self.order.vin == self.vin
        self.vin = self.order.vin

    @invariant()
    def nothing_is_changed_or_cancelled_once_it_is_built(self) -> None:
        if self.order.stage in BUILD:
            assert not self.order.is_changeable
            assert not self.order.is_cancellable


TestOrderMachine = OrderMachine.TestCase


def test_nothing_follows_the_end() -> None:
    ends = {stage for stage in OrderStage if stage.is_final}
    assert ends == {OrderStage.DELIVERED, OrderStage.CANCELLED}


def test_every_stage_can_be_reached_and_left_only_forward() -> None:
    reached = {OrderStage.DRAFT}
    while more := {s for stage in reached for s in FOLLOWING[stage]} - reached:
        reached |= more
    assert reached == set(OrderStage)
    assert not set(CHANGEABLE) & set(BUILD)
    assert OrderStage.HELD not in PLANNABLE


def test_a_quote_is_void_when_the_car_changes() -> None:
    quoted = an_order(stage=OrderStage.QUOTED)
    assert quoted.with_car(RED, PLANT_NOW).stage is OrderStage.VALIDATED
    confirmed = an_order(stage=OrderStage.CONFIRMED)
    assert confirmed.with_car(RED, PLANT_NOW).stage is OrderStage.RECONFIGURED
    waiting = an_order(stage=OrderStage.RECONFIGURED)
    assert waiting.with_car(RED, PLANT_NOW).stage is OrderStage.RECONFIGURED


def test_an_order_promised_for_midnight_is_not_late_during_the_day_before() -> None:
    midnight = PLANT_NOW.replace(hour=16)
    order = an_order(promised_at=midnight)
    assert not order.is_late(midnight - timedelta(seconds=1))
    assert order.is_late(midnight)
    assert not an_order(promised_at=midnight, stage=OrderStage.SHIPPED).is_late(midnight)
    assert not an_order(promised_at=None).is_late(midnight)
    assert not an_order(promised_at=midnight, stage=OrderStage.CANCELLED).is_late(midnight)


@pytest.mark.parametrize(
    ("stage", "states"),
    [
        (OrderStage.CONFIRMED, ["current", "ahead", "ahead", "ahead", "ahead", "ahead"]),
        (OrderStage.IN_PRODUCTION, ["done", "done", "current", "ahead", "ahead", "ahead"]),
        (OrderStage.SHIPPED, ["done", "done", "done", "done", "done", "current"]),
        (OrderStage.DELIVERED, ["done"] * 6),
    ],
)
def test_a_customer_follows_six_steps(stage: OrderStage, states: list[str]) -> None:
    assert [step.state for step in customer_stages(an_order(stage=stage))] == states


def test_a_held_order_stands_where_it_was_held_for_the_customer() -> None:
    held = an_order(stage=OrderStage.LOCKED).moved_to(OrderStage.HELD, PLANT_NOW, reason="x")
    assert [step.state for step in customer_stages(held)][:2] == ["done", "current"]


def test_model_years_have_the_letters_of_the_standard() -> None:
    years = {1980: "A", 2000: "Y", 2001: "1", 2009: "9", 2010: "A", 2026: "T", 2030: "Y", 2031: "1"}
    assert {year: vin_year(year) for year in years} == years
