"""L2: the assembly sequence, the drum: ratio rules and colours inside shifts and due dates."""

import time
from concurrent.futures import Executor, wait
from dataclasses import dataclass

import numpy as np

from aps.budget import Errand, Share
from aps.levels.slotting import Caps, Places, Slotting, held_cars
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
_SEEDS = 4
_LOOK_S, _ROUND_S, _GRACE_S = 0.05, 5.0, 2.0


@dataclass(frozen=True, slots=True)
class Sequence:
    """The assembly order, frozen cars first, cars on the line not included."""

    cars: tuple[int, ...]
    result: LevelResult


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
    """Order the slotted cars: due dates and shifts first, then ratio rules, then colours."""
    task, rows = _task(plant, slotting, caps)
    start = greedy(task)
    found = _search(task, start, share.part(0.8), seed, executor)
    found = polish(task, found, share, seed=seed)
    counted = cost_of(task, found)
    offset = task.fixed - len(held_cars(plant))
    ordered = tuple(rows[row - offset] for row in found[offset:])
    return Sequence(
        ordered,
        LevelResult(
            level="L2",
            pass_no=pass_no,
            status="SEARCHED" if share.moves else "GREEDY",
            objective=counted.total,
            bound=0,
            note=f"{sum(counted.violations)} ratio violations, {sum(counted.too_close)} pairs too close, "
            f"{counted.out_of_place} out of place",
        ),
    )


def window_weight(size: int) -> int:
    """Return what a place away from its window costs: as much as 64 bits hold, were all cars far away."""
    return int(min(_WINDOW, (1 << 61) // max(1, size) ** 2))


def _task(plant: Plant, slotting: Slotting, caps: Caps) -> tuple[SequenceTask, list[int]]:
    """Return the sequencing task; its rows are previous cars, cars on the line, held, free."""
    problem = plant.problem
    line, paint = problem.assembly, problem.paint
    facts = plant.assembly_facts()
    held = held_cars(plant)
    free = [c for shift in slotting.cars for c in shift]
    rows = [*held, *free]
    previous = len(line.previous)
    before = previous + len(facts)
    places = Places.of(plant, caps)
    earliest = np.zeros(before + len(rows), np.int64)
    latest = np.full(before + len(rows), before + len(rows), np.int64)
    arrival = {c: k for k, c in enumerate(plant.paint_facts())}
    stored = len(plant.at(Stage.PAINTED))
    at = len(held)
    row = before + len(held)
    for cars in slotting.cars:
        first, last = at, at + len(cars) - 1
        for c in cars:
            ready = max(plant.earliest_assembly(c), caps.not_before.get(c, 0))
            # The store must never have to hold more than its capacity (see aps.flow).
            rank = arrival.get(c, len(arrival) if plant.rank[c] < Stage.IN_PAINT.rank else -stored)
            room = rank + stored - paint.store_capacity + 1
            low = min(max(first, places.at_or_after(ready), room), max(last, room))
            high = last
            if plant.due[c] < NO_DUE:
                high = min(last, max(low, places.latest_for(int(plant.due[c]))))
            lock = plant.assembly_locks.get(c)
            if lock is not None:
                low = max(low, places.at_or_after(lock.from_s))
                high = places.at_or_after(lock.to_s + 1) - 1
            earliest[row] = before + low
            latest[row] = before + max(low, high)
            row += 1
        at += len(cars)
    has = plant.has[[*range(previous), *(previous + c for c in [*facts, *rows])]]
    color = np.concatenate(
        [np.full(previous, -1, np.int64), plant.color[np.array([*facts, *rows], np.int64)]]
    )
    rules = np.where(plant.high, _HIGH, _LOW).astype(np.int64) * plant.dearest_purge
    weights = Weights(rules, _COLOR, window_weight(len(color)))
    task = SequenceTask(
        has=has,
        n=np.array([r.n for r in line.ratio_rules], np.int64),
        p=np.array([r.p for r in line.ratio_rules], np.int64),
        color=color,
        earliest=earliest,
        latest=latest,
        weights=weights,
        fixed=before + len(held),
        batch_limit=paint.batch_limit,
        runs_from=before,
        purge=plant.purge_price,
        spacing=_spacing(plant, [*range(previous), *(previous + c for c in [*facts, *rows])]),
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
