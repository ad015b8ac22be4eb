"""A seeded order book of the shape a plant has: several models, unequal colours and options, channels."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from mes.catalog import service as catalog
from mes.catalog.configure import NotBuildable, configure
from mes.catalog.expression import Has, parse
from mes.catalog.model import Catalog, Configuration, Requires
from mes.orders.model import Order
from mes.orders.placing import OrderDraft, place_orders
from mes.platform.db import WriteConn

CHANNELS = (("web", 0.45), ("dealer", 0.35), ("fleet", 0.12), ("export", 0.08))
"""Where orders come from, and how many."""
FIRST_DUE = timedelta(hours=20)
LAST_DUE = timedelta(days=6)
"""Customers wish for dates between these, counted from now; a fifth of them wishes for none."""
_ATTEMPTS = 200
_FAMILIES = ("王伟", "李娜", "张敏", "陈洁", "刘洋", "Müller", "Rossi", "Dubois", "Novak", "Silva")


class Shared(Protocol):
    """Something of the catalogue that is ordered with a certain share."""

    @property
    def share(self) -> float: ...


Some = TypeVar("Some", bound=Shared)


def order_book(
    active: Catalog, *, count: int, seed: int, now: datetime, first: int = 1
) -> list[OrderDraft]:
    """Draw `count` orders that can be built; the same seed and first number draw the same book.

    Args:
        now: plant time of the orders.
        first: number of the first order: above 1 for orders that come later.
    """
    dice = random.Random(f"{seed}-{first}")
    return [_draft(active, dice, number, seed, now) for number in range(first, first + count)]


async def place(
    conn: WriteConn,
    *,
    count: int,
    seed: int,
    now: datetime,
    first: int = 1,
    actor: str = "system",
) -> list[Order]:
    """Place a drawn book; orders of the book that are there already stay as they are."""
    active = await catalog.active_catalog(conn, now)
    drafts = order_book(active, count=count, seed=seed, now=now, first=first)
    outcomes = await place_orders(conn, drafts, now=now, real_now=datetime.now(UTC), actor=actor)
    return [order for order in outcomes if isinstance(order, Order)]


def a_car(active: Catalog, dice: random.Random, at: datetime) -> Configuration:
    """Draw a car by the shares and take rates of the catalogue.

    Raises:
        NotBuildable: so many draws broke rules that hardly a car of this model can be ordered.
    """
    model = _by_share(dice, active.models).code
    for attempt in range(1, _ATTEMPTS + 1):
        color = _by_share(dice, active.colors).code
        options = _with_required(active, _some_options(active, dice, model))
        try:
            return configure(active, model, color, options, at)
        except NotBuildable:
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")


def _some_options(active: Catalog, dice: random.Random, model: str) -> set[str]:
    """Draw options by their take rates; of a one-of family at most one."""
    chosen: set[str] = set()
    for family in active.families:
        options = [option for option in active.options if option.family == family.code]
        if family.choice == "any":
            chosen |= {one.code for one in options if dice.random() < one.rate_for(model)}
            continue
        draw = dice.random()
        for option in options:
            draw -= option.rate_for(model)
            if draw < 0:
                chosen.add(option.code)
                break
    return chosen


def _with_required(active: Catalog, chosen: set[str]) -> set[str]:
    """Add the options that the chosen ones need, as a salesman would, where only one can serve."""
    whole = set(chosen)
    for rule in (rule for rule in active.rules if isinstance(rule, Requires)):
        needed = parse(rule.then)
        if isinstance(needed, Has) and parse(rule.when).holds(whole):
            whole.add(needed.code)
    return whole


def wished_date(dice: random.Random, now: datetime) -> datetime | None:
    """Draw a wished date, whole hours; None for a customer who takes the car when it comes."""
    if dice.random() < 0.2:
        return None
    span_h = (LAST_DUE - FIRST_DUE) // timedelta(hours=1)
    hours = FIRST_DUE + timedelta(hours=round(dice.triangular(0, span_h, span_h / 3)))
    return (now + hours).replace(minute=0, second=0, microsecond=0)


def _draft(
    active: Catalog, dice: random.Random, number: int, seed: int, now: datetime
) -> OrderDraft:
    car = a_car(active, dice, now)
    channel = dice.choices([c for c, _ in CHANNELS], [share for _, share in CHANNELS])[0]
    name = dice.choice(_FAMILIES)
    return OrderDraft(
        channel=channel,
        external_id=f"{channel[:1].upper()}{seed}-{number:05d}",
        customer="Fleet" if channel == "fleet" else name,
        language="en" if name.isascii() or channel == "export" else "zh",
        model=car.model,
        color=car.color,
        options=car.options,
        requested_at=wished_date(dice, now),
        priority=dice.choices((2, 5, 7), (0.08, 0.8, 0.12))[0],
    )


def _by_share(dice: random.Random, things: Sequence[Some]) -> Some:
    return dice.choices(things, [thing.share for thing in things])[0]
