"""Weld steps and die lots that a planner has put in time: the orders of work that bring them there.

The walk through the plant starts none of them before its time, whatever the order (`Task.held_s`, `Lot.held_s`).
So that nothing waits behind one that waits, it has to stand in the order where its time is, and a body
that comes late has to be painted and assembled later. Both are done here, for moves by hand, for locks that the
plan before does not keep, and for those that others have pushed behind the end of their window.
"""

from collections.abc import Iterable
from dataclasses import replace

from aps.flow import Flow, Times
from aps.kpis import broken_locks
from aps.lock import LotLock, WeldLock
from aps.orders import Orders
from aps.placed import Placed, over_the_batch_limit
from aps.placing import with_panels
from aps.plant import Plant
from aps.reorder import with_lot_before, with_weld_before
from aps.schedule import Schedule
from aps.worktime import INF, Ints

RUNS_CUT = 3
"""Runs of a colour that are cut anew around a body that is painted later."""
TRIED = 8
"""Locks tried one by one where others have pushed them away: each costs walks through the plant."""


def with_weld_held(orders: Orders, car: int, step: str, from_s: int) -> Orders:
    """Return the orders with a weld step that does not begin before `from_s`."""
    tasks = tuple(
        replace(t, held_s=from_s) if (t.car, t.step) == (car, step) else t for t in orders.tasks
    )
    return replace(orders, tasks=tasks)


def with_lot_held(orders: Orders, lot_id: str, from_s: int) -> Orders:
    """Return the orders with a die lot that does not begin before `from_s`."""
    lots = tuple(replace(x, held_s=from_s) if x.id == lot_id else x for x in orders.lots)
    return replace(orders, lots=lots)


def with_body_later(plant: Plant, times: Times, orders: Orders, car: int, welded_s: int) -> Orders:
    """Return the orders with a body painted and assembled in turn though it is welded only at `welded_s`.

    `times` are those of the orders as they were: a body that keeps up with them keeps its places.
    """
    if car not in orders.paint or plant.paint_held(car) is not None:
        return orders
    row = [c for c in orders.paint if c != car]
    was = orders.paint.index(car)
    at = _first_from(row, times.paint_start, welded_s)
    if at <= was:
        return orders
    shop = plant.problem.paint
    for spot in range(at, len(row) + 1):
        trial = _with_runs_cut(plant, replace(orders, paint=(*row[:spot], car, *row[spot:])))
        if trial is not None:
            orders, at = trial, spot
            break
    begins = max(welded_s, int(times.paint_start[row[at]]) if at < len(row) else welded_s)
    painted_s = plant.paint_time.finish(plant.paint_time.start(begins), shop.lead_s)
    if car not in orders.assembly or plant.assembly_held(car) is not None or painted_s >= INF:
        return orders
    row = [c for c in orders.assembly if c != car]
    was = orders.assembly.index(car)
    at = _first_from(row, times.assembly_start, painted_s)
    if at <= was:
        return orders
    return replace(orders, assembly=(*row[:at], car, *row[at:]))


def _with_runs_cut(plant: Plant, orders: Orders) -> Orders | None:
    """Return the orders with no run of a colour too long: the next body of another colour goes in between.

    At the end of the order it is the last one before. `None` where that takes more than a few bodies.
    """
    for _ in range(RUNS_CUT + 1):
        over = over_the_batch_limit(plant, orders)
        if over is None:
            return orders
        row = list(orders.paint)
        at = row.index(over)
        near = [*range(at + 1, len(row)), *range(at - 1, -1, -1)]
        free = [k for k in near if plant.paint_held(row[k]) is None]
        other = next((k for k in free if plant.color[row[k]] != plant.color[over]), None)
        if other is None:
            return None
        between = row.pop(other)
        row.insert(row.index(over), between)
        orders = replace(orders, paint=tuple(row))
    return None


def welded_by(plant: Plant, car: int, step: str, from_s: int) -> int:
    """Return when a body is through welding at the earliest if it begins this step at `from_s`."""
    at, on_the_way = from_s, False
    for one in plant.steps_left(car):
        on_the_way |= one.id == step
        if on_the_way:
            at += min(a.duration_s for a in one.alternatives)
    return at


def put_in_time(flow: Flow, orders: Orders, known: Schedule) -> Orders:
    """Return the orders with each lock in its time that the plan before does not begin in it.

    What that plan holds back already stays where it is: an unchanged plant keeps its plan.
    """
    plant = flow.plant
    if not plant.weld_locks and not plant.lot_locks:
        return orders
    begun = {(o.car_id, o.step): o.start_s for o in known.weld}
    for weld in plant.weld_locks.values():
        if begun.get((weld.car_id, weld.step), weld.from_s) < weld.from_s:
            orders = _at(flow, orders, weld, weld.from_s)
    made = {(lot.id, lot.press): lot.start_s for lot in known.press}
    for lot in plant.lot_locks.values():
        if made.get((lot.lot_id, lot.press), lot.from_s - 1) < lot.from_s:
            orders = _at(flow, orders, lot, lot.from_s)
    return orders


def kept(flow: Flow, placed: Placed) -> Placed:
    """Return placed orders with the weld steps and lots brought forward that come behind their windows."""
    plant = flow.plant
    if not plant.weld_locks and not plant.lot_locks:
        return placed
    best, harm = placed, _harm(plant, placed)
    for lock in _behind(plant, placed)[:TRIED]:
        if lock.to_s is None:
            continue
        base = best
        for aim in (lock.to_s, (lock.from_s + lock.to_s) // 2, lock.from_s):
            orders = _at(flow, base.orders, lock, max(0, aim))
            if orders == base.orders or _is_blocked(flow, orders):
                continue
            found = with_panels(plant, flow, orders)
            trial = replace(found, dropped=(*base.dropped, *found.dropped))
            if _harm(plant, trial) < harm:
                best, harm = trial, _harm(plant, trial)
    return best


def _is_blocked(flow: Flow, orders: Orders) -> bool:
    """Say whether lines wait for each other; with lanes that is seen when bodies have been given theirs."""
    return not flow.plant.problem.paint.lanes and flow.run(orders).blocked


def _at(flow: Flow, orders: Orders, lock: WeldLock | LotLock, at_s: int) -> Orders:
    """Return the orders with what is locked in front of the first that would begin at a time or later."""
    if isinstance(lock, WeldLock):
        return _weld_at(flow, orders, lock, at_s)
    return _lot_at(flow, orders, lock, at_s)


def _behind(plant: Plant, placed: Placed) -> list[WeldLock | LotLock]:
    """Return the locks whose work begins behind its window, the first to close first."""
    away = {
        (one, where)
        for one, where, seconds in broken_locks(plant, placed.orders, placed.times)
        if seconds is not None and seconds > 0
    }
    locks: list[WeldLock | LotLock] = [
        x for x in plant.weld_locks.values() if (x.car_id, x.step) in away
    ]
    locks += [x for x in plant.lot_locks.values() if (x.lot_id, x.press) in away]
    return sorted(locks, key=lambda x: (x.to_s or 0, x.from_s))


def _harm(plant: Plant, placed: Placed) -> tuple[int, int, int]:
    """Return how many cars have no place, how many locks are broken, and by how many seconds in all."""
    away = broken_locks(plant, placed.orders, placed.times)
    return len(placed.dropped), len(away), sum(abs(seconds or 0) for _, _, seconds in away)


def _weld_at(flow: Flow, orders: Orders, lock: WeldLock, at_s: int) -> Orders:
    """Return the orders with a weld step in front of the first one that would begin at a time or later."""
    plant = flow.plant
    car = plant.index[lock.car_id]
    mine = [t for t in orders.tasks if (t.car, t.step) == (car, lock.step)]
    if not mine or _is_frozen(plant, car, lock.step):
        return orders
    times = flow.run(with_weld_held(orders, car, lock.step, 0))
    others = [
        (int(times.task_start[k]), t.car)
        for k, t in enumerate(orders.tasks)
        if t.step == lock.step and t.car != car and not _is_frozen(plant, t.car, lock.step)
    ]
    before = min((one for one in others if one[0] >= at_s), default=(0, None))[1]
    moved = with_weld_before(plant, orders, car, lock.step, before)
    if isinstance(moved, str):
        return orders
    return with_body_later(plant, times, moved, car, welded_by(plant, car, lock.step, at_s))


def _lot_at(flow: Flow, orders: Orders, lock: LotLock, at_s: int) -> Orders:
    """Return the orders with a lot on its press in front of the first that would begin at a time or later."""
    plant = flow.plant
    own = next((x for x in orders.lots if x.id == lock.lot_id), None)
    if own is None or any(x.id == lock.lot_id for x in plant.problem.press.held_lots):
        return orders
    times = flow.run(with_lot_held(orders, own.id, 0))
    frozen = {x.id for x in plant.problem.press.held_lots}
    others = [
        (int(times.lot_start[k]), x.id)
        for k, x in enumerate(orders.lots)
        if x.press == plant.presses[lock.press] and x.id != own.id and x.id not in frozen
    ]
    before = min((one for one in others if one[0] >= at_s), default=(0, None))[1]
    moved = with_lot_before(plant, orders, own.id, lock.press, before)
    return orders if isinstance(moved, str) else moved


def _is_frozen(plant: Plant, car: int, step: str) -> bool:
    fact = plant.frozen.get(car)
    return fact is not None and any(o.step == step for o in fact.weld)


def _first_from(row: Iterable[int], starts: Ints, time_s: int) -> int:
    """Return the place in a row of the first car that starts at a time or later."""
    cars = list(row)
    return next((k for k, c in enumerate(cars) if starts[c] >= time_s), len(cars))
