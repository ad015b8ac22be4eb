"""A sequence under lexicographic objectives: annealing objective by objective, seeds in parallel.

A search that weighs all objectives at once gets stuck where the first one wants room. So the first
objective is searched alone, then with the second, then with all; a cooling temperature lets each
phase pass through sequences that are a little worse. What a phase returns is never worse in the
true order of the objectives than what it was given.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

import numpy as np

from aps.budget import Budget, Clock, never
from aps.sequencing.greedy import greedy
from aps.sequencing.polish import polish
from aps.sequencing.search import WITH_COLORS, WITHOUT_COLORS, Mix, Walk
from aps.sequencing.task import SequenceTask, Weights, cost_of
from aps.worktime import Ints

_UNIT = 1000
"""What the last objective of a phase costs while it is searched, so that heat is a whole number."""
_STEP = 6
"""What an objective costs against the next while it is searched: sums may trade, the best may not."""
_HOT, _COLD = 0.4, 0.12
"""Temperatures at the start and the end of a cooling, in units of the phase's last objective."""
_COOLINGS = (0.1, 0.2, 0.3, 0.4)
"""Shares of the time of one objective that is searched alone: each cooling begins from the best."""
_LOOK_S = 0.05
"""Seconds of moves between two looks at the clock."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """One cooling (or, without heat, a plain descent) of some of the objectives."""

    task: SequenceTask
    follow: Weights
    mix: Mix
    hot: float
    cold: float
    floor: int


def levels_of(task: SequenceTask) -> tuple[int, ...]:
    """Return the weights of the objectives, the dearest first."""
    found = {int(w) for w in task.weights.rules} | {task.weights.color, task.weights.window}
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
    """Return a cost below which no order can be."""
    return task.weights.color * color_floor(task)


def restricted(task: SequenceTask, levels: tuple[int, ...]) -> SequenceTask:
    """Return the task with only the objectives of some weights."""
    keep = set(levels)
    weights = task.weights
    return replace(
        task,
        weights=Weights(
            np.where(np.isin(weights.rules, levels), weights.rules, 0),
            weights.color if weights.color in keep else 0,
            weights.window if weights.window in keep else 0,
        ),
    )


def _scaled(weights: Weights, levels: tuple[int, ...]) -> Weights:
    """Return weights that lie a small step apart, the last one `_UNIT`."""
    price = {0: 0}
    for rank, level in enumerate(reversed(levels)):
        price[level] = _UNIT * _STEP**rank
    return Weights(
        np.array([price[int(w)] for w in weights.rules], np.int64),
        price[weights.color],
        price[weights.window],
    )


def _stretch(task: SequenceTask, levels: tuple[int, ...]) -> Stretch:
    part = restricted(task, levels)
    mix = WITH_COLORS if part.weights.color else WITHOUT_COLORS
    return Stretch(
        part, _scaled(part.weights, levels), mix, _HOT * _UNIT, _COLD * _UNIT, floor_of(part)
    )


def _descent(task: SequenceTask) -> Stretch:
    mix = WITH_COLORS if task.weights.color else WITHOUT_COLORS
    return Stretch(task, task.weights, mix, 0.0, 0.0, floor_of(task))


def cool(
    stretch: Stretch,
    start: Ints,
    *,
    seed: int,
    seconds: float,
    now: Callable[[], float] = time.monotonic,
    cancel: Callable[[], bool] = never,
) -> tuple[Ints, int]:
    """Search for some seconds while it cools down; return the best and its cost."""
    walk = Walk(stretch.task, start, seed=seed, follow=stretch.follow, mix=stretch.mix)
    began = now()
    rate = 100_000.0  # moves a second, until it is known
    while walk.cost > stretch.floor and not cancel():
        gone = now() - began
        if gone >= seconds:
            break
        heat = stretch.hot * (stretch.cold / stretch.hot) ** (gone / seconds) if stretch.hot else 0
        moves = max(100, int(rate * min(_LOOK_S, seconds - gone)))
        walk.run(moves, temperature=heat, floor=stretch.floor)
        rate = moves / max(1e-6, now() - began - gone)
    return walk.best(), walk.cost


def anneal(
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
    best = greedy(task)
    best_cost = cost_of(task, best).total
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
        if executor is None or seeds == 1:
            found = [
                cool(stretch, best, seed=seed + round_no, seconds=seconds, now=now, cancel=cancel)
            ]
        else:
            jobs: list[Future[tuple[Ints, int]]] = [
                executor.submit(
                    cool, stretch, best, seed=seed + round_no + 7919 * k, seconds=seconds
                )
                for k in range(seeds)
            ]
            found = [job.result() for job in jobs]
        # A phase without all objectives is taken over even where it worsens a later one.
        sequence, cost = min(found, key=lambda one: one[1])
        if cost < cost_of(stretch.task, best).total:
            take(sequence)

    if len(levels) == 1:
        left = 1.0
        for round_no, part in enumerate(_COOLINGS):
            phase(_stretch(task, levels), part / left * 0.97, round_no)
            left -= part
    else:
        for count in range(1, len(levels) + 1):
            left_phases = len(levels) - count + 1
            phase(_stretch(task, levels[:count]), 0.85 / left_phases, count)
        phase(_descent(task), 0.7, len(levels) + 1)
    left_s = until - now()
    if left_s > 0.2 and best_cost > floor and not cancel():
        share = Clock(Budget(wall_s=left_s), cancel).share(1.0)
        take(polish(task, best, share, seed=seed))
    return best
