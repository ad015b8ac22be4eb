"""Car sequencing: incremental counters stay true, limits hold, the same seed gives the same."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.budget import Budget, Clock
from aps.levels.assembly import window_weight
from aps.sequencing.greedy import greedy
from aps.sequencing.polish import polish
from aps.sequencing.search import improve
from aps.sequencing.task import SequenceTask, Weights, cost_of


def a_task(
    seed: int,
    *,
    cars: int = 40,
    colors: int = 4,
    limit: int = 5,
    fixed: int = 5,
    windows: bool = True,
    truncated: bool = False,
) -> SequenceTask:
    rng = np.random.default_rng(seed)
    has = (rng.random((cars, 3)) < (0.45, 0.3, 0.3)).astype(np.uint8)
    places = rng.permutation(cars - fixed) + fixed
    earliest, latest = np.zeros(cars, np.int64), np.full(cars, cars, np.int64)
    if windows:
        earliest[fixed:] = np.maximum(0, places - 15)
        latest[fixed:] = places + 15
    color = rng.integers(0, colors, cars)
    color[:fixed] = np.arange(fixed) % colors
    return SequenceTask(
        has=has,
        n=np.array([1, 1, 2]),
        p=np.array([2, 3, 7]),
        color=color.astype(np.int64),
        earliest=earliest,
        latest=latest,
        weights=Weights(np.array([10**6, 10**6, 10**3]), 1, 10**9),
        fixed=fixed,
        batch_limit=limit,
        truncated=truncated,
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.booleans(), st.integers(0, 6))
def test_the_cost_kept_by_the_moves_is_the_cost_counted_afresh(
    seed: int, windows: bool, truncated: bool, fixed: int
) -> None:
    task = a_task(seed, windows=windows, truncated=truncated, fixed=fixed)
    start = greedy(task)
    found, cost = improve(task, start, moves=3000, seed=seed)
    counted = cost_of(task, found)
    assert cost == counted.total <= cost_of(task, start).total
    assert sorted(found) == list(range(40))
    assert list(found[:fixed]) == list(range(fixed))
    assert counted.longest_run <= max(task.batch_limit, cost_of(task, start).longest_run)


def test_windows_are_counted_as_the_rule_says() -> None:
    task = SequenceTask(
        has=np.array([[1], [1], [1], [0], [1]], np.uint8),
        n=np.array([1]),
        p=np.array([3]),
        color=np.array([0, 0, 1, 1, 1]),
        earliest=np.array([0, 0, 0, 4, 0]),
        latest=np.array([9, 9, 9, 9, 2]),
        weights=Weights(np.array([100]), 10, 1),
        fixed=1,
        batch_limit=3,
    )
    # Windows 0-2, 1-3 and 2-4 hold 3, 2 and 2 cars with the option.
    cost = cost_of(task, np.arange(5))
    assert (cost.violations, cost.color_changes, cost.out_of_place) == ((4,), 1, 1 + 2)
    assert cost.total == 400 + 10 + 3
    assert cost.longest_run == 3


def test_the_end_of_a_day_counts_truncated_windows_only_where_asked() -> None:
    task = a_task(1, windows=False)
    more = a_task(1, windows=False, truncated=True)
    order = np.arange(40)
    assert sum(cost_of(more, order).violations) >= sum(cost_of(task, order).violations)


def test_the_greedy_start_parts_a_dominant_color() -> None:
    task = a_task(5, colors=1, fixed=0, windows=False, limit=3)
    color = task.color.copy()
    color[::4] = 1
    parted = SequenceTask(
        has=task.has[:, :0],
        n=task.n[:0],
        p=task.p[:0],
        color=color,
        earliest=task.earliest,
        latest=task.latest,
        weights=Weights(task.weights.rules[:0], 1, 1),
        fixed=0,
        batch_limit=3,
    )
    assert cost_of(parted, greedy(parted)).longest_run <= 3


def test_the_greedy_start_keeps_due_places_where_they_can_be_kept() -> None:
    places = np.random.default_rng(2).permutation(60)
    task = a_task(2, cars=60, fixed=0, limit=60, windows=False)
    tight = SequenceTask(
        has=task.has,
        n=task.n,
        p=task.p,
        color=task.color,
        earliest=np.zeros(60, np.int64),
        latest=places,
        weights=task.weights,
        fixed=0,
        batch_limit=60,
    )
    assert cost_of(tight, greedy(tight)).out_of_place == 0


def test_the_same_seed_makes_the_same_moves() -> None:
    task = a_task(7)
    first = improve(task, greedy(task), moves=5000, seed=3)
    again = improve(task, greedy(task), moves=5000, seed=3)
    other = improve(task, greedy(task), moves=5000, seed=4)
    assert first[1] == again[1]
    assert (first[0] == again[0]).all()
    assert (first[0] != other[0]).any()


def test_a_search_stops_when_it_is_told_to() -> None:
    task = a_task(7)
    start = greedy(task)
    found, _ = improve(task, start, moves=10**9, seed=1, keep_going=lambda _c, _s: False)
    assert (found == start).all()


@pytest.mark.parametrize("seed", range(4))
def test_polishing_a_window_never_makes_a_sequence_worse(seed: int) -> None:
    task = a_task(seed, limit=6)
    start = greedy(task)
    share = Clock(Budget(moves=0, deterministic_s=2.0)).share(1.0)
    found = polish(task, start, share, seed=1)
    assert cost_of(task, found).total <= cost_of(task, start).total
    assert sorted(found) == list(range(40))
    assert list(found[: task.fixed]) == list(range(task.fixed))


def test_polishing_repairs_what_a_bad_order_breaks() -> None:
    has = np.array([[1]] * 10 + [[0]] * 20, np.uint8)
    task = SequenceTask(
        has=has,
        n=np.array([1]),
        p=np.array([3]),
        color=np.zeros(30, np.int64),
        earliest=np.zeros(30, np.int64),
        latest=np.full(30, 30),
        weights=Weights(np.array([1]), 0, 0),
        fixed=0,
        batch_limit=30,
    )
    share = Clock(Budget(moves=0, deterministic_s=2.0)).share(1.0)
    assert cost_of(task, np.arange(30)).total > 0
    assert cost_of(task, polish(task, np.arange(30), share, seed=1)).total == 0


def test_an_empty_or_single_sequence_is_left_alone() -> None:
    single = a_task(1, cars=6, fixed=5)
    assert list(improve(single, np.arange(6), moves=100, seed=1)[0]) == list(range(6))
    empty = a_task(1, cars=0, fixed=0)
    assert len(greedy(empty)) == 0


def test_the_kernels_run_without_the_compiler_and_give_the_same_plan() -> None:
    script = """
from aps import schedule as schedules
from aps.insert import best_insertion
from aps.solve import Budget, solve
from tests.support.aps_plants import a_car, random_plant
problem = random_plant(12, 10)
plan = solve(problem, budget=Budget(moves=900, deterministic_s=0.2))
spot = best_insertion(problem, plan, a_car("more", color="red"), earliest_s=0)
print(schedules.to_json(plan), spot)
"""
    texts = []
    for disabled in ("0", "1"):
        environment = {**os.environ, "NUMBA_DISABLE_JIT": disabled}
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).resolve().parents[3],
        )
        texts.append(done.stdout)
    assert texts[0] == texts[1]


@pytest.mark.parametrize("size", [1, 1000, 10_000, 60_000])
def test_what_a_sequence_can_cost_fits_into_64_bits_and_places_stay_dearest(size: int) -> None:
    assert window_weight(size) * size * size < 1 << 62
    assert window_weight(size) > 10**8
