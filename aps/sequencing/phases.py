"""A sequence under lexicographic objectives: searched objective by objective, seeds in parallel.

A search that weighs all objectives at once gets stuck where the first one wants room. So the first
objective is searched alone, then with the second, then with all; what a phase returns is never
worse in the order of its objectives than what it was given. (Measured and given up: annealing, and
weights closer together than the objectives' own; on the published days both did worse.)
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from aps.budget import Budget, Clock, never
from aps.sequencing.greedy import greedy
from aps.sequencing.polish import polish
from aps.sequencing.search import WITH_COLORS, WITHOUT_COLORS, Mix, Walk
from aps.sequencing.task import SequenceTask, Weights, cost_of
from aps.worktime import Ints

_ROUNDS = (0.2, 0.3, 0.5)
"""Shares of the time of one objective that is searched alone: each round begins from the best."""
_LOOK_S = 0.05
"""Seconds of moves between two looks at the clock."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Some of the objectives, the moves that suit them and the least they can cost."""

    task: SequenceTask
    mix: Mix
    floor: int


def levels_of(task: SequenceTask) -> tuple[int, ...]:
    """Return the weights of the objectives, the dearest first."""
    found = {int(w) for w in task.weights.rules} | {task.weights.color, task.weights.window}
    if task.spacing is not None:
        found |= {int(w) for w in task.spacing.weights}
    return tuple(sorted((w for w in found if w > 0), reverse=True))


def color_floor(task: SequenceTask) -> int:
    """Return the fewest colour changes any order can have: runs that the batch limit cuts."""
    free = task.color[task.fixed :]
    if len(free) == 0:
        return 0
    counts = np.bincount(free)
    runs = int(np.sum(-(-counts // max(1, task.batch_limit))))
    if task.fixed == 0:
        return runs - 1
    before = int(task.color[task.fixed - 1])
    # The first run may go on with the colour of the last fixed car.
    goes_on = before >= 0 and before < len(counts) and counts[before] > 0
    return runs - 1 if goes_on else runs


def floor_of(task: SequenceTask) -> int:
    """Return a cost below which no order can be: the fewest changes, each the cheapest there is."""
    prices = task.prices()
    apart = prices[~np.eye(len(prices), dtype=np.bool_)]
    return task.weights.color * color_floor(task) * int(apart.min(initial=1))


def restricted(task: SequenceTask, levels: tuple[int, ...]) -> SequenceTask:
    """Return the task with only the objectives of some weights."""
    keep = set(levels)
    weights, spacing = task.weights, task.spacing
    if spacing is not None:
        kept = np.where(np.isin(spacing.weights, levels), spacing.weights, 0)
        spacing = replace(spacing, weights=kept)
    return replace(
        task,
        spacing=spacing,
        weights=Weights(
            np.where(np.isin(weights.rules, levels), weights.rules, 0),
            weights.color if weights.color in keep else 0,
            weights.window if weights.window in keep else 0,
        ),
    )


def _part(task: SequenceTask, levels: tuple[int, ...]) -> Stretch:
    part = restricted(task, levels)
    return Stretch(part, _mix_of(part), floor_of(part))


def _mix_of(task: SequenceTask) -> Mix:
    return WITH_COLORS if task.weights.color else WITHOUT_COLORS


def walk_for(
    stretch: Stretch,
    start: Ints,
    *,
    seed: int,
    seconds: float,
    now: Callable[[], float] = time.monotonic,
    cancel: Callable[[], bool] = never,
) -> tuple[Ints, int]:
    """Search a stretch for some seconds; return the best and its cost."""
    walk = Walk(stretch.task, start, seed=seed, mix=stretch.mix)
    began = now()
    rate = 100_000.0  # moves a second, until it is known
    while walk.cost > stretch.floor and not cancel():
        gone = now() - began
        if gone >= seconds:
            break
        moves = max(100, int(rate * min(_LOOK_S, seconds - gone)))
        walk.run(moves, floor=stretch.floor)
        rate = moves / max(1e-6, now() - began - gone)
    return walk.sequence(), walk.cost


def search_in_phases(
    task: SequenceTask,
    *,
    wall_s: float,
    seed: int = 0,
    workers: int = 1,
    executor: Executor | None = None,
    cancel: Callable[[], bool] = never,
    now: Callable[[], float] = time.monotonic,
    on_better: Callable[[Ints, int], None] = lambda _sequence, _cost: None,
) -> Ints:
    """Return the best sequence found in `wall_s` seconds, never worse than the greedy start.

    With an executor `workers` seeds search each phase side by side and go on from the best of
    them. `on_better(sequence, cost)` hears of every better one after each phase. `now` gives
    seconds; a benchmark on a busy machine counts those of the processor.
    """
    until = now() + wall_s
    best = start = greedy(task)
    best_cost = start_cost = cost_of(task, best).total
    on_better(best, best_cost)
    floor = floor_of(task)
    levels = levels_of(task)
    seeds = max(1, min(workers, os.cpu_count() or 1)) if executor is not None else 1

    def take(found: Ints) -> None:
        nonlocal best, best_cost
        better = cost_of(task, found).total < best_cost
        best, best_cost = found, cost_of(task, found).total
        if better:
            on_better(best, best_cost)

    def phase(stretch: Stretch, share: float, round_no: int) -> None:
        seconds = (until - now()) * share
        if seconds <= 0 or cancel() or best_cost <= floor:
            return
        run = partial(walk_for, stretch, best, seconds=seconds)
        here = executor is None or isinstance(executor, ThreadPoolExecutor)
        if here:  # elsewhere neither the clock nor the flag can be asked
            run = partial(run, now=now, cancel=cancel)
        if executor is None or seeds == 1:
            found = [run(seed=seed + round_no)]
        else:
            jobs = [executor.submit(run, seed=seed + round_no + 7919 * k) for k in range(seeds)]
            while wait(jobs, timeout=0.05).not_done:
                if cancel() and not here:
                    return
            found = [job.result() for job in jobs]
        # A phase without all objectives is taken over even where it worsens a later one.
        sequence, cost = min(found, key=lambda one: one[1])
        if cost < cost_of(stretch.task, best).total:
            take(sequence)

    if len(levels) == 1:
        left = 1.0
        for round_no, part in enumerate(_ROUNDS):
            phase(_part(task, levels), part / left * 0.97, round_no)
            left -= part
    else:
        for count in range(1, len(levels) + 1):
            left_phases = len(levels) - count + 1
            phase(_part(task, levels[:count]), 0.96 / left_phases, count)
    left_s = until - now()
    if left_s > 0.2 and best_cost > floor and not cancel():
        share = Clock(Budget(wall_s=left_s), cancel).share(1.0)
        take(polish(task, best, share, seed=seed))
    return best if best_cost <= start_cost else start
