"""A sequence under lexicographic objectives: searched objective by objective, seeds in parallel.

A search that weighs all objectives at once gets stuck where the first one wants room. So the first
objective is searched alone, then with the second, then with all; what a phase returns is never
worse in the order of its objectives than what it was given. The last objective is worth the least of
time, too. A phase looks for the near optimum, then lets moves cost a little of its least objective,
less and less of it (0.3 to 0.13 of a unit), and ends cold. (Measured and given up: weights closer
together than the objectives' own, and moves aimed at violated windows.)
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

import numpy as np

from aps.budget import Budget, Clock, never
from aps.sequencing.bounds import floor_of
from aps.sequencing.greedy import greedy
from aps.sequencing.polish import polish
from aps.sequencing.search import WITH_COLORS, WITHOUT_COLORS, Mix, Walk
from aps.sequencing.task import SequenceTask, Weights, cost_of, levels_of
from aps.worktime import Ints

_ROUNDS, _ROUND_S, _SHORTEST_S = 24, 1.0, 0.05
"""Rounds of a stretch at least, seconds of one at most, and seconds that no round falls short of."""
_HEAT = (0.3, 0.13)
"""The heat of a stretch at its begin and at its end, in units of its least objective."""
_EARLIER = 2
"""Shares of the time of a phase without all objectives, in those of the last one."""
_HOT_FROM, _HOT_UNTIL = 0.1, 0.9
"""Shares of the time between which a move may cost something: easy tasks are solved before."""
_LOOK_S = 0.05
"""Seconds of moves between two looks at the clock."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Some of the objectives, the moves that suit them and the least they can cost."""

    task: SequenceTask
    mix: Mix
    floor: int


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


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Where a seed of a search stands, and the best sequence it came by."""

    sequence: Ints
    cost: int
    best: Ints
    least: int


def walk_for(
    stretch: Stretch,
    start: Ints,
    *,
    seed: int,
    seconds: float,
    heat: float = 0.0,
    now: Callable[[], float] = time.monotonic,
    cancel: Callable[[], bool] = never,
) -> Found:
    """Search a stretch for some seconds; with `heat` a move may cost something, too."""
    walk = Walk(stretch.task, start, seed=seed, mix=stretch.mix)
    began = now()
    rate = 100_000.0  # moves a second, until it is known
    while walk.cost > stretch.floor and not cancel():
        gone = now() - began
        if gone >= seconds:
            break
        moves = max(100, int(rate * min(_LOOK_S, seconds - gone)))
        walk.run(moves, floor=stretch.floor, heat=heat)
        rate = moves / max(1e-6, now() - began - gone)
    return Found(walk.sequence_here(), walk.cost_here, walk.sequence(), walk.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The seeds that search side by side, by what clock, and who hears of each better sequence."""

    seeds: int
    executor: Executor | None
    cancel: Callable[[], bool]
    now: Callable[[], float]
    on_better: Callable[[Ints], None]

    def search(self, stretch: Stretch, start: Ints, *, seconds: float, seed: int) -> Ints:
        """Search a stretch and return the best sequence, never worse than the start.

        It cools down from round to round. After each of them the seeds that are behind go on from
        where the best one stands.
        """
        began, best, least = self.now(), start, cost_of(stretch.task, start).total
        here = [(start, least)] * self.seeds
        round_s = max(_SHORTEST_S, min(_ROUND_S, seconds / _ROUNDS))
        for round_no in count():
            gone = self.now() - began
            if gone >= seconds or least <= stretch.floor or self.cancel():
                break
            run = partial(
                walk_for,
                stretch,
                seconds=min(round_s, seconds - gone),
                heat=heat_when(gone / seconds),
            )
            found = self._round(run, [one for one, _ in here], seed + 101 * round_no)
            if not found:
                break
            winner = min(found, key=lambda one: one.least)
            if winner.least < least:
                best, least = winner.best, winner.least
                self.on_better(best)
            leader = min(((one.sequence, one.cost) for one in found), key=lambda one: one[1])
            here = [leader if one.cost > leader[1] else (one.sequence, one.cost) for one in found]
        return best

    def _round(self, run: Callable[..., Found], starts: list[Ints], seed: int) -> list[Found]:
        """Let each seed search from its start; nothing if that was cancelled elsewhere."""
        here = self.executor is None or isinstance(self.executor, ThreadPoolExecutor)
        if here:  # elsewhere neither the clock nor the flag can be asked
            run = partial(run, now=self.now, cancel=self.cancel)
        if self.executor is None or self.seeds == 1:
            return [run(starts[0], seed=seed)]
        jobs = [
            self.executor.submit(run, one, seed=seed + 7919 * k) for k, one in enumerate(starts)
        ]
        while wait(jobs, timeout=0.05).not_done:
            if self.cancel() and not here:
                return []
        return [job.result() for job in jobs]


def heat_when(gone: float) -> float:
    """Return the heat when this part of the time is gone."""
    if not _HOT_FROM <= gone < _HOT_UNTIL:
        return 0.0
    hot, cool = _HEAT
    return float(hot * (cool / hot) ** ((gone - _HOT_FROM) / (_HOT_UNTIL - _HOT_FROM)))


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

    crew = Crew(seeds=seeds, executor=executor, cancel=cancel, now=now, on_better=take)
    for number in range(1, len(levels) + 1):
        if cancel() or best_cost <= floor:
            break
        # A phase without all objectives is taken over even where it worsens a later one.
        seconds = (until - now()) * 0.96 / (1 + _EARLIER * (len(levels) - number))
        seconds *= _EARLIER if number < len(levels) else 1
        crew.search(_part(task, levels[:number]), best, seconds=seconds, seed=seed + number)
    left_s = until - now()
    if left_s > 0.2 and best_cost > floor and not cancel():
        share = Clock(Budget(wall_s=left_s), cancel).share(1.0)
        take(polish(task, best, share, seed=seed))
    return best if best_cost <= start_cost else start
