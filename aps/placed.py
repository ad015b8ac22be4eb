"""Orders that work: walked forward, whatever cannot be placed taken out, causes before consequences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aps import forward as f
from aps.flow import Flow, Times
from aps.lanes.orders import laned
from aps.orders import Orders
from aps.parting import cars_too_close
from aps.plant import UNKNOWN, Plant
from aps.worktime import INF

_SETTLING = 8

_CODES = {
    f.ASSEMBLY_CALENDAR: "calendar.assembly",
    f.PAINT_CALENDAR: "calendar.paint",
    f.WELD_CALENDAR: "calendar.weld",
    f.NO_PANELS: "press.no_panels",
    f.STORE_FULL: "store.full",
    0: "never_started",
}


@dataclass(frozen=True, slots=True)
class Placed:
    """Orders that work, their times, and the cars that had to be taken out, with the code why."""

    orders: Orders
    times: Times
    dropped: tuple[tuple[int, str], ...]


def place(flow: Flow, orders: Orders, dropped: Sequence[tuple[int, str]] = ()) -> Placed:
    """Walk the orders forward, taking out what gets no time, causes before consequences.

    Cars that got no time only because another one has none stay in for the next round.
    If the orders contradict each other, the car that blocks is taken out.
    """
    out = list(dropped)
    patience = 60
    while True:
        orders, stuck = laned(flow.plant, orders)
        if stuck is not None:
            out.append((stuck, "store.no_lane"))
            orders = orders.without({stuck})
            continue
        times = flow.run(orders)
        if times.blocked:
            patience -= 1
            eased = _eased(flow.plant, orders, times) if patience > 0 else None
            if eased is not None:
                orders = eased
                continue
            car = _first_blocked(flow.plant, orders, times)
            lots = orders.lots
            if car is None:
                stuck = int(np.flatnonzero(times.lot_end == UNKNOWN)[0])
                orders = replace(orders, lots=lots[:stuck] + lots[stuck + 1 :])
                continue
            out.append((car, "orders.blocked"))
            orders = orders.without({car})
            continue
        lost = [c for c in orders.assembly if times.assembly_end[c] >= INF]
        if lost:
            causes = [c for c in lost if times.reason[c] not in (0, f.STORE_FULL)] or lost
            out += [(c, _CODES[int(times.reason[c])]) for c in causes]
            orders = orders.without(set(causes))
            continue
        over = over_the_batch_limit(flow.plant, orders)
        if over is not None:
            out.append((over, "paint.batch_limit"))
            orders = orders.without({over})
            continue
        close = next(cars_too_close(flow.plant, orders.assembly), None)
        if close is not None:
            out.append((close, "assembly.too_close"))
            orders = orders.without({close})
            continue
        never = [k for k in range(len(orders.lots)) if times.lot_end[k] >= INF]
        if not never:
            return _settled(flow, Placed(orders, times, tuple(out)))
        lots = tuple(lot for k, lot in enumerate(orders.lots) if k not in set(never))
        orders = replace(orders, lots=lots)


def _settled(flow: Flow, placed: Placed) -> Placed:
    """Put weld tasks into the order of their starts, so that the plan itself tells the orders.

    The times of a plan satisfy the orders read off them, so sorting can only bring work forward;
    it is repeated until nothing moves. A rebase of the plan then gives the same plan.
    """
    for _ in range(_SETTLING):
        known = placed.orders.tasks
        starts, ends = placed.times.task_start, placed.times.task_end
        order = np.argsort(starts, kind="stable")
        sorted_already = bool((order[1:] > order[:-1]).all())
        tasks = known if sorted_already else flow.tasks_sorted(placed.orders, order)
        cars = [task.car for task in tasks]
        last = dict(zip(cars, ends[order].tolist(), strict=True))
        welded = weld_order(last, placed.orders.paint)
        if sorted_already and welded == placed.orders.welded:
            break
        orders = replace(placed.orders, tasks=tasks, welded=welded)
        times = flow.run(orders)
        if times.blocked or (times.assembly_end[list(orders.assembly)] >= INF).any():
            break
        placed = Placed(orders, times, placed.dropped)
    return placed


def weld_order(ends: dict[int, int], paint: Sequence[int]) -> tuple[int, ...]:
    """Return bodies by the end of their weld; of those that come together the first to go."""
    place_of = {c: k for k, c in enumerate(paint)}
    return tuple(sorted(ends, key=lambda c: (ends[c], place_of.get(c, len(place_of)), c)))


def _eased(plant: Plant, orders: Orders, times: Times) -> Orders | None:
    """Let the first body that stands in a full store go before the head that is not there yet.

    `None`: no free car can, at either line.
    """
    held = (plant.assembly_held, plant.paint_held)
    lines = (
        (orders.assembly, times.assembly_end, times.paint_end),
        (orders.paint, times.paint_end, times.weld_end),
    )
    for at, (order, done, there) in enumerate(lines):
        head = next((k for k, c in enumerate(order) if done[c] == UNKNOWN), None)
        if head is None or there[order[head]] != UNKNOWN or held[at](order[head]) is not None:
            continue
        ready = next((k for k in range(head, len(order)) if there[order[k]] != UNKNOWN), None)
        if ready is None or held[at](order[ready]) is not None:
            continue
        eased = (*order[:head], order[ready], *order[head:ready], *order[ready + 1 :])
        return replace(orders, assembly=eased) if at == 0 else replace(orders, paint=eased)
    return None


def _first_blocked(plant: Plant, orders: Orders, times: Times) -> int | None:
    """Return the car to take out: a frozen head of a line, else the furthest upstream."""
    for order, ends, held in (
        (orders.assembly, times.assembly_end, plant.assembly_held),
        (orders.paint, times.paint_end, plant.paint_held),
    ):
        head = next((c for c in order if ends[c] == UNKNOWN), None)
        if head is not None and held(head) is not None:
            return head
    for task, start in zip(orders.tasks, times.task_start, strict=True):
        if start == UNKNOWN:
            return task.car
    for order, ends in ((orders.paint, times.paint_end), (orders.assembly, times.assembly_end)):
        for car in order:
            if ends[car] == UNKNOWN:
                return car
    return None


def over_the_batch_limit(plant: Plant, orders: Orders) -> int | None:
    """Return the first free body whose colour runs too long, as happens where others drop out."""
    shop = plant.problem.paint
    color, run = shop.previous_color, shop.previous_run
    facts = plant.paint_facts()
    for k, car in enumerate([*facts, *orders.paint]):
        own = plant.cars[car].color
        run = run + 1 if own == color else 1
        color = own
        if run > shop.batch_limit and k >= len(facts) and plant.paint_held(car) is None:
            return car
    return None
