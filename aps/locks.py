"""Starts that a planner has locked: a car is put where the order of a line gives it its start again.

A search knows the windows of locked cars on the drum, an order taken over from an earlier plan does
not; both end here. A lock that no order can keep (its line is down, its body comes later) is left as
it is: the plan counts it, and the checker counts it again.
"""

from bisect import bisect_left
from dataclasses import replace

from aps.build import Placed
from aps.flow import Flow
from aps.kpis import broken_locks
from aps.placing import with_car, with_panels
from aps.plant import Plant
from aps.problem import Lock

TRIES = 3
"""Rounds over all locks: to keep one may move another."""
MARGIN_TAKTS = 2
"""So far inside its window a car is put, if the window is wide enough: its start moves with those around it."""


def kept(flow: Flow, placed: Placed) -> Placed:
    """Return placed orders with as many locks kept as moving the locked cars alone can keep."""
    plant = flow.plant
    for _ in range(TRIES):
        before = placed
        for lock in _broken(plant, placed):
            trial = _with(flow, placed, lock)
            if trial is not None and _better(plant, trial, placed):
                placed = trial
        if placed is before:
            break
    return placed


def _broken(plant: Plant, placed: Placed) -> list[Lock]:
    """Return the locks that placed orders do not keep, in the order of time."""
    away = {(car, line) for car, line, _ in broken_locks(plant, placed.orders, placed.times)}
    found = [lock for lock in plant.problem.locks if (lock.car_id, lock.line) in away]
    return sorted(found, key=lambda lock: (lock.from_s, lock.car_id))


def _with(flow: Flow, placed: Placed, lock: Lock) -> Placed | None:
    """Return the orders with a car where it starts in its window, the other cars in their order."""
    plant, orders, times = flow.plant, placed.orders, placed.times
    car = plant.index[lock.car_id]
    on_the_drum = lock.line == plant.problem.assembly.id
    row = orders.assembly if on_the_drum else orders.paint
    held = plant.assembly_held if on_the_drum else plant.paint_held
    if car not in row or held(car) is not None:
        return None
    others = [c for c in row if c != car]
    starts = times.assembly_start if on_the_drum else times.paint_start
    first = sum(1 for c in others if held(c) is not None)
    takt = plant.problem.assembly.takt_s if on_the_drum else plant.problem.paint.takt_s
    room = min((lock.to_s - lock.from_s) // 2, MARGIN_TAKTS * takt)
    aim = min(max(int(starts[car]), lock.from_s + room), lock.to_s - room)
    at = max(first, bisect_left([int(starts[c]) for c in others], aim))
    if on_the_drum:
        orders = with_car(plant, orders.without({car}), car, at)
    else:
        orders = replace(orders, paint=(*others[:at], car, *others[at:]))
    found = with_panels(plant, flow, orders)
    return replace(found, dropped=(*placed.dropped, *found.dropped))


def _better(plant: Plant, trial: Placed, placed: Placed) -> bool:
    """Say whether more locks are kept and no car is lost for it."""
    if len(trial.dropped) > len(placed.dropped):
        return False
    return len(_broken(plant, trial)) < len(_broken(plant, placed))
