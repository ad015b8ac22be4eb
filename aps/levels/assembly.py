"""L2: the assembly sequence, the drum: ratio rules and colours inside shifts and due dates."""

import time
from collections.abc import Iterable
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from aps.budget import Errand, Share
from aps.lanes.orders import in_lanes, laned
from aps.levels.slotting import Caps, Places, Slotting, held_cars
from aps.orders import Orders
from aps.plant import NO_DUE, Plant
from aps.problem import SpacingPriority, Stage
from aps.schedule import LevelResult
from aps.sequencing.greedy import greedy
from aps.sequencing.polish import polish
from aps.sequencing.search import improve
from aps.sequencing.task import SequenceTask, Spacing, Weights, cost_of
from aps.worktime import Ints

_WINDOW, _HIGH, _LOW, _COLOR = 10**12, 10**8, 10**4, 1
_HARD = 20
"""Places away from its window that a car bears before it breaks a hard spacing rule."""
_WAITING = 0.25
"""Bodies that may leave the lanes before one that has come to its turn, as a part of the store."""
_SEEDS = 4
_LOOK_S, _ROUND_S, _GRACE_S = 0.05, 5.0, 2.0


@dataclass(frozen=True, slots=True)
class Sequence:
    """The assembly order, frozen cars first, cars on the line not included.

    `lanes` are (car, lane of the painted store) of the bodies on the paint line: with them the
    order is one that the lanes can give.
    """

    cars: tuple[int, ...]
    result: LevelResult
    lanes: tuple[tuple[int, int], ...] = ()


def sequence(
    plant: Plant,
    slotting: Slotting,
    caps: Caps,
    share: Share,
    *,
    seed: int,
    pass_no: int,
    executor: Executor | None = None,
) -> Sequence:
    """Order the slotted cars: due dates and shifts first, then ratio rules, then colours.

    What stands in the lanes of the painted store leaves it as it stands. Those on the paint line are
    dealt to the lanes as a first order wants them, and the order is searched again from there.
    """
    held, windows = held_cars(plant), _windows(plant, slotting, caps)
    task, rows = task_of(plant, held, windows, in_lanes(plant, windows, ()))
    found = _search(
        task, greedy(task), share.part(0.8 if task.ahead is None else 0.4), seed, executor
    )
    lanes: tuple[tuple[int, int], ...] = ()
    if plant.problem.paint.lanes:
        order = order_of(task, rows, found)
        to_paint = tuple(c for c in order if plant.rank[c] < Stage.IN_PAINT.rank)
        given, stuck = laned(plant, Orders(assembly=order, paint=to_paint))
        if stuck is None:
            lanes = tuple(x for x in given.lanes if plant.rank[x[0]] == Stage.IN_PAINT.rank)
            task, rows = task_of(plant, held, windows, in_lanes(plant, windows, lanes))
            found = _search(
                task, start_of(task, rows, given.assembly), share.part(0.8), seed, executor
            )
    found = polish(task, found, share, seed=seed)
    counted = cost_of(task, found)
    return Sequence(
        order_of(task, rows, found),
        LevelResult(
            level="L2",
            pass_no=pass_no,
            status="SEARCHED" if share.moves else "GREEDY",
            objective=counted.total,
            bound=0,
            note=f"{sum(counted.violations)} ratio violations, {sum(counted.too_close)} pairs too close, "
            f"{counted.out_of_place} out of place",
        ),
        lanes,
    )


def order_of(task: SequenceTask, rows: list[int], found: Ints) -> tuple[int, ...]:
    """Return the cars of a sequence of the task, those that are no fact of the line."""
    before = len(found) - len(rows)
    return tuple(rows[row - before] for row in found[before:])


def start_of(task: SequenceTask, rows: list[int], cars: tuple[int, ...]) -> Ints:
    """Return the sequence of the task that has the cars in this order."""
    before = len(task.color) - len(rows)
    row_of = {c: before + k for k, c in enumerate(rows)}
    return np.array([*range(before), *(row_of[c] for c in cars)], np.int64)


def window_weight(size: int) -> int:
    """Return what a place away from its window costs: as much as 64 bits hold, were all cars far away."""
    return int(min(_WINDOW, (1 << 61) // max(1, size) ** 2))


Windows = dict[int, tuple[int, int]]
"""The first and the last place each car may have, 0 the first behind what is on the line."""


def _windows(plant: Plant, slotting: Slotting, caps: Caps) -> Windows:
    """Return the places of the cars that their shift, due date, lock and body allow."""
    places = Places.of(plant, caps)
    arrival = {c: k for k, c in enumerate(plant.paint_facts())}
    stored = len(plant.at(Stage.PAINTED))
    gone_by = _gone_by(plant)
    at = len(held_cars(plant))
    windows: Windows = {}
    for cars in slotting.cars:
        first, last = at, at + len(cars) - 1
        for c in cars:
            ready = max(plant.earliest_assembly(c), caps.not_before.get(c, 0))
            # The store must never have to hold more than its capacity (see aps.flow).
            rank = arrival.get(c, len(arrival) if plant.rank[c] < Stage.IN_PAINT.rank else -stored)
            room = rank + stored - plant.problem.paint.store_capacity + 1
            if c in gone_by:  # before its own shift, too: others stand behind it
                low, high = max(places.at_or_after(ready), room), gone_by[c]
            else:
                low, high = min(max(first, places.at_or_after(ready), room), max(last, room)), last
            windows[c] = wanted_places(plant, places, c, low, max(low, high))
        at += len(cars)
    return windows


def _gone_by(plant: Plant) -> dict[int, int]:
    """Return the place by which each body should have left that is in the lanes or comes next.

    A body that waits long for its turn bars its lane to all that come in the meantime.
    """
    if not plant.problem.paint.lanes:
        return {}
    stored = plant.at(Stage.PAINTED)
    coming = plant.paint_leavers()
    spare = int(plant.problem.paint.store_capacity * _WAITING)
    by = dict.fromkeys(stored, len(stored) + spare)
    by.update((c, len(stored) + k + spare) for k, c in enumerate(coming))
    return by


def wanted_places(plant: Plant, places: Places, car: int, low: int, high: int) -> tuple[int, int]:
    """Return the places between two that the due date and the lock of a car ask for."""
    if plant.due[car] < NO_DUE:
        high = min(high, max(low, places.latest_for(int(plant.due[car]))))
    lock = plant.assembly_locks.get(car)
    if lock is not None:
        low = max(low, places.at_or_after(lock.from_s))
        high = places.at_or_after(lock.to_s + 1) - 1
    return low, max(low, high)


def task_of(
    plant: Plant, held: list[int], windows: Windows, lanes: Iterable[Iterable[int]] = ()
) -> tuple[SequenceTask, list[int]]:
    """Return the sequencing task; its rows are previous cars, cars on the line, held, free.

    The free cars are those of `windows`; those of one lane keep the order in which they stand in it.
    """
    problem = plant.problem
    line, paint = problem.assembly, problem.paint
    facts = plant.assembly_facts()
    rows = [*held, *windows]
    previous = len(line.previous)
    before = previous + len(facts)
    fixed = before + len(held)
    size = before + len(rows)
    earliest, latest = np.zeros(size, np.int64), np.full(size, size, np.int64)
    if windows:
        low_high = np.array(list(windows.values()), np.int64)
        earliest[fixed:], latest[fixed:] = before + low_high[:, 0], before + low_high[:, 1]
    everyone = [*range(previous), *(previous + c for c in [*facts, *rows])]
    color = np.concatenate(
        [np.full(previous, -1, np.int64), plant.color[np.array([*facts, *rows], np.int64)]]
    )
    rules = np.where(plant.high, _HIGH, _LOW).astype(np.int64) * plant.dearest_purge
    row_of = {c: fixed + k for k, c in enumerate(windows)}
    ahead = np.full(size, -1, np.int64)
    for cars in lanes:
        for one, other in pairwise(row_of[c] for c in cars if c in row_of):
            ahead[other] = one
    task = SequenceTask(
        has=plant.has[everyone],
        n=np.array([r.n for r in line.ratio_rules], np.int64),
        p=np.array([r.p for r in line.ratio_rules], np.int64),
        color=color,
        earliest=earliest,
        latest=latest,
        weights=Weights(rules, _COLOR, window_weight(size)),
        fixed=fixed,
        batch_limit=paint.batch_limit,
        runs_from=before,
        purge=plant.purge_price,
        spacing=_spacing(plant, everyone),
        ahead=ahead if (ahead >= 0).any() else None,
    )
    return task, rows


def _spacing(plant: Plant, rows: list[int]) -> Spacing | None:
    """Return the spacing rules; hard ones come before places in time, others beside ratio rules."""
    rules = plant.problem.assembly.spacing_rules
    if not rules:
        return None
    price = {
        SpacingPriority.HARD: _HARD * window_weight(len(rows)),
        SpacingPriority.HIGH: _HIGH * plant.dearest_purge,
        SpacingPriority.LOW: _LOW * plant.dearest_purge,
    }
    return Spacing(
        side=np.ascontiguousarray(plant.side[rows]),
        gap=np.array([rule.gap for rule in rules], np.int64),
        weights=np.array([price[rule.priority] for rule in rules], np.int64),
    )


def _job(task: SequenceTask, start: Ints, share: Share, seed: int) -> tuple[Ints, int]:
    return improve(
        task,
        start,
        moves=share.moves,
        seed=seed,
        keep_going=lambda _cost, _sequence: not share.spent(),
    )


def _away(task: SequenceTask, start: Ints, errand: Errand, seed: int) -> tuple[Ints, int]:
    return _job(task, start, errand.begun(), seed)


def _search(
    task: SequenceTask, start: Ints, share: Share, seed: int, executor: Executor | None
) -> Ints:
    """Search from one start; through an executor several seeds at once, the best is kept.

    By wall time they search in rounds, each from the best of the one before: what a cancelled solve leaves
    behind ends with its round.
    """
    if executor is None or share.moves == 0:
        return _job(task, start, share, seed)[0]
    best = start, cost_of(task, start).total
    while True:
        found = _round(task, best[0], share, seed, executor)
        best = min([best, *found], key=lambda one: one[1])
        seed += _SEEDS
        if not share.wall or share.spent():
            return best[0]


def _round(
    task: SequenceTask, start: Ints, share: Share, seed: int, executor: Executor
) -> list[tuple[Ints, int]]:
    """Return what the seeds of one round have found; one whose process died is lost, and only that one."""
    errand = share.errand(_ROUND_S)
    overdue = time.monotonic() + errand.seconds + _GRACE_S
    jobs = [executor.submit(_away, task, start, errand, seed + k) for k in range(_SEEDS)]
    waiting = set(jobs)
    while waiting and not share.cancelled() and time.monotonic() < overdue:
        waiting = wait(waiting, timeout=_LOOK_S).not_done
    for job in waiting:
        job.cancel()
    back = [job for job in jobs if job not in waiting]
    found = [job.result() for job in back if job.exception() is None]
    if back and not found:
        back[0].result()  # raises what ended it
    return found
