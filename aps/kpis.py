"""The figures of a plan, counted from its orders and times."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from aps.flow import Flow, Times
from aps.orders import Orders
from aps.plant import NO_DUE, Plant
from aps.problem import SpacingPriority, SpacingRule, Stage
from aps.schedule import BrokenLock, Kpis, Schedule
from aps.sequencing.task import clashes
from aps.worktime import Ints


def ratio_violations(plant: Plant, sequence: Sequence[int]) -> Ints:
    """Return the violations of each ratio rule: over every window of p consecutive cars that
    holds a car of the problem, the cars beyond n."""
    line = plant.problem.assembly
    previous = len(line.previous)
    rows = [*range(previous), *(previous + c for c in sequence)]
    has = plant.has[rows].astype(np.int64)
    counts = np.zeros(len(line.ratio_rules), np.int64)
    for r, rule in enumerate(line.ratio_rules):
        total = np.concatenate(([0], np.cumsum(has[:, r])))
        inside = total[rule.p :] - total[: -rule.p] if len(rows) >= rule.p else total[:0]
        inside = inside[max(0, previous - rule.p + 1) :]
        counts[r] = np.maximum(0, inside - rule.n).sum()
    return counts


def too_close(plant: Plant, sequence: Sequence[int]) -> Ints:
    """Return how many pairs each spacing rule finds too close; one of a pair is of the problem."""
    line = plant.problem.assembly
    previous = len(line.previous)
    side = plant.side[[*range(previous), *(previous + c for c in sequence)]].astype(np.int64)
    counts = np.zeros(len(line.spacing_rules), np.int64)
    for r, rule in enumerate(line.spacing_rules):
        for apart in range(1, min(rule.gap, len(side))):
            first = max(0, previous - apart)
            counts[r] += clashes(side[first : len(side) - apart, r], side[first + apart :, r]).sum()
    return counts


def color_runs(plant: Plant, order: Sequence[int]) -> tuple[int, int]:
    """Return (colour changes, longest run) of a paint order behind the previous colour."""
    shop = plant.problem.paint
    last, run = shop.previous_color, shop.previous_run
    changes, longest = 0, 0
    for car in order:
        color = plant.cars[car].color
        if color == last:
            run += 1
        else:
            changes += last is not None
            run = 1
        last = color
        longest = max(longest, run)
    return changes, longest


def purges(plant: Plant, order: Sequence[int]) -> tuple[int, int]:
    """Return (seconds, cost) of the purges of a paint order behind the previous colour."""
    shop = plant.problem.paint
    own = {(one.before, one.after): (one.purge_s, one.cost) for one in shop.purges}
    colors = [plant.cars[car].color for car in order]
    if shop.previous_color is not None:
        colors.insert(0, shop.previous_color)
    paid = [
        own.get(pair, (shop.purge_s, shop.purge_cost))
        for pair in pairwise(colors)
        if pair[0] != pair[1]
    ]
    return sum(seconds for seconds, _ in paid), sum(cost for _, cost in paid)


def tardiness(plant: Plant, orders: Orders, times: Times) -> Ints:
    """Return the tardiness of every planned car with a due date, in seconds."""
    placed = np.array([*plant.assembly_facts(), *orders.assembly], np.int64)
    placed = placed[plant.due[placed] < NO_DUE] if len(placed) else placed
    late: Ints = np.maximum(0, times.assembly_end[placed] - plant.due[placed])
    return late


def count(
    plant: Plant,
    flow: Flow,
    orders: Orders,
    times: Times,
    left_out: int,
    reference: Schedule | None,
) -> Kpis:
    assembly = [*plant.assembly_facts(), *orders.assembly]
    paint = [*plant.paint_facts(), *orders.paint]
    late = tardiness(plant, orders, times)
    ratio = ratio_violations(plant, assembly)
    rules = plant.problem.assembly.ratio_rules
    changes, longest = color_runs(plant, paint)
    purge_s, purge_cost = purges(plant, paint)
    spacing, close = plant.problem.assembly.spacing_rules, too_close(plant, assembly)
    makespan = int(max((times.assembly_end[c] for c in assembly), default=0))
    painted = [int(times.paint_end[c]) for c in paint]
    painted_out = [int(times.assembly_start[c]) for c in orders.assembly]
    welded = [int(times.weld_end[c]) for c in {t.car for t in orders.tasks}]
    welded += [end for end, car, _, _ in flow.running_tasks if not plant.steps_left(car)]
    welded_out = [int(times.paint_start[c]) for c in orders.paint]
    return Kpis(
        cars_planned=len(assembly),
        cars_unplaced=left_out,
        late_cars=int((late > 0).sum()),
        total_tardiness_s=int(late.sum()),
        max_tardiness_s=int(late.max(initial=0)),
        ratio_violations=tuple((r.id, int(v)) for r, v in zip(rules, ratio, strict=True)),
        ratio_violations_high=int(ratio[plant.high].sum()),
        ratio_violations_low=int(ratio[~plant.high].sum()),
        color_changes=changes,
        longest_color_run=longest,
        die_changes=int((times.lot_setup > 0).sum()),
        stock_out_s=_stock_out_s(plant, orders, times, makespan),
        store_peak=_peak(len(plant.at(Stage.PAINTED)), painted, painted_out),
        welded_peak=_peak(len(plant.at(Stage.WELDED)), welded, welded_out),
        makespan_s=makespan,
        moved_cars=None if reference is None else moved(plant, orders, reference),
        spacing_violations=tuple((r.id, int(v)) for r, v in zip(spacing, close, strict=True)),
        spacing_high=sum(int(v) for r, v in zip(spacing, close, strict=True) if not _is_low(r)),
        spacing_low=sum(int(v) for r, v in zip(spacing, close, strict=True) if _is_low(r)),
        purge_s=purge_s,
        purge_cost=purge_cost,
        broken_locks=broken_locks(plant, orders, times),
    )


def broken_locks(plant: Plant, orders: Orders, times: Times) -> tuple[BrokenLock, ...]:
    """Return the locks that a plan does not keep; work that has begun keeps its lock."""
    found: list[BrokenLock] = []
    assembled, painted = set(orders.assembly), set(orders.paint)
    for lock in plant.problem.locks:
        car = plant.index[lock.car_id]
        on_the_drum = lock.line == plant.problem.assembly.id
        gate = Stage.IN_ASSEMBLY if on_the_drum else Stage.IN_PAINT
        if plant.rank[car] >= gate.rank:
            continue
        if car not in (assembled if on_the_drum else painted):
            found.append((lock.car_id, lock.line, None))
            continue
        start = int((times.assembly_start if on_the_drum else times.paint_start)[car])
        if away := _away(start, lock.from_s, lock.to_s):
            found.append((lock.car_id, lock.line, away))
    if plant.problem.weld_locks or plant.problem.lot_locks:
        found += _put_elsewhere(plant, orders, times)
    return tuple(found)


def _away(start: int, from_s: int, to_s: int | None) -> int:
    """Return by how many seconds a start lies before (negative) or behind a window; 0: it is in it."""
    return min(0, start - from_s) + (0 if to_s is None else max(0, start - to_s))


def _put_elsewhere(plant: Plant, orders: Orders, times: Times) -> list[BrokenLock]:
    """Return the weld steps and die lots to come that do not start where they were put in time."""
    found: list[BrokenLock] = []
    tasks = {(t.car, t.step): k for k, t in enumerate(orders.tasks)}
    for weld in plant.problem.weld_locks:
        car = plant.index[weld.car_id]
        if all(step.id != weld.step for step in plant.steps_left(car)):
            continue
        at = tasks.get((car, weld.step))
        if at is None:
            found.append((weld.car_id, weld.step, None))
        elif away := _away(int(times.task_start[at]), weld.from_s, weld.to_s):
            found.append((weld.car_id, weld.step, away))
    lots = {(lot.id, lot.press): k for k, lot in enumerate(orders.lots)}
    for lock in plant.lot_locks.values():
        at = lots.get((lock.lot_id, plant.presses[lock.press]))
        if at is None:
            found.append((lock.lot_id, lock.press, None))
        elif away := _away(int(times.lot_start[at]), lock.from_s, lock.to_s):
            found.append((lock.lot_id, lock.press, away))
    return found


def _is_low(rule: SpacingRule) -> bool:
    return rule.priority is SpacingPriority.LOW


def _peak(initial: int, arrivals: list[int], departures: list[int]) -> int:
    """Return the most bodies in a store; at one moment bodies leave before others come."""
    level = peak = initial
    for _, change in sorted([(t, 1) for t in arrivals] + [(t, -1) for t in departures]):
        level += change
        peak = max(peak, level)
    return peak


def _stock_out_s(plant: Plant, orders: Orders, times: Times, until: int) -> int:
    start_of: dict[int, int] = {}
    for k, task in enumerate(orders.tasks):
        if plant.rank[task.car] == Stage.NOT_STARTED.rank:
            start_of.setdefault(task.car, int(times.task_start[k]))
    seconds = 0
    for q, panel in enumerate(plant.panels):
        die = plant.dies.get(panel)
        if die is None or die.min_cover == 0:
            continue
        changes = [
            (int(times.lot_end[k]), lot.quantity)
            for k, lot in enumerate(orders.lots)
            if lot.panel == q
        ]
        changes += [(t, -int(plant.demand[c, q])) for c, t in start_of.items()]
        level, at = int(plant.stock[q]), 0
        for t, change in [*sorted(changes), (until, 0)]:
            t = min(t, until)
            if level < die.min_cover:
                seconds += t - at
            level, at = level + change, t
    return seconds


def moved(plant: Plant, orders: Orders, reference: Schedule) -> int:
    """Return how many cars must be lifted out of the old assembly order to get the new one."""
    old = {slot.car_id: at for at, slot in enumerate(reference.assembly)}
    places = [old[i] for i in (plant.cars[c].id for c in orders.assembly) if i in old]
    tails: list[int] = []
    for place_ in places:
        at = bisect_right(tails, place_)
        tails[at : at + 1] = [place_]
    return len(places) - len(tails)
