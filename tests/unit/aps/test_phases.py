"""Sequences under lexicographic objectives: phases, bounds, seeds, and an independent count."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.check.published import car_sequence_violations, production_day_score
from aps.formats import csplib, roadef
from aps.sequencing.bounds import color_floor
from aps.sequencing.greedy import greedy
from aps.sequencing.phases import (
    Crew,
    Stretch,
    heat_when,
    restricted,
    search_in_phases,
)
from aps.sequencing.search import WITH_COLORS, Walk
from aps.sequencing.task import SequenceTask, Weights, cost_of, levels_of
from tests.unit.aps.test_formats import a_day
from tests.unit.aps.test_sequencing import a_task


def _ordered(task: SequenceTask, high: int, low: int, color: int) -> SequenceTask:
    return replace(task, weights=Weights(np.array([high, high, low]), color, 0))


@pytest.mark.parametrize(
    ("high", "low", "color"), [(10**6, 10**3, 1), (10**6, 1, 10**3), (10**3, 1, 10**6), (1, 1, 0)]
)
@pytest.mark.parametrize("executor", [False, True])
def test_any_order_of_objectives_is_searched_and_nothing_gets_worse(
    high: int, low: int, color: int, executor: bool
) -> None:
    task = _ordered(a_task(3, windows=False, truncated=True), high, low, color)
    heard: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        found = search_in_phases(
            task,
            wall_s=0.4,
            seed=1,
            workers=2,
            executor=pool if executor else None,
            on_better=lambda _sequence, cost: heard.append(cost),
        )
    counted = cost_of(task, found)
    assert counted.total <= cost_of(task, greedy(task)).total
    assert counted.longest_run <= task.batch_limit
    assert sorted(found) == list(range(40))
    assert list(found[: task.fixed]) == list(range(task.fixed))
    assert heard[-1] == counted.total


def test_a_cancelled_search_gives_the_greedy_order() -> None:
    task = _ordered(a_task(3, windows=False), 10**6, 10**3, 1)
    assert (search_in_phases(task, wall_s=60, cancel=lambda: True) == greedy(task)).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_a_walk_that_goes_on_still_knows_its_cost(seed: int, truncated: bool) -> None:
    task = _ordered(a_task(seed, windows=False, truncated=truncated), 10**6, 0, 10**3)
    start = greedy(task)
    walk = Walk(task, start, seed=seed)
    for _ in range(3):
        walk.run(1500)
        counted = cost_of(task, walk.sequence())
        assert walk.cost == counted.total <= cost_of(task, start).total
        assert counted.longest_run <= max(task.batch_limit, cost_of(task, start).longest_run)


def test_the_objectives_are_told_apart_by_their_weights() -> None:
    task = _ordered(a_task(1), 10**6, 1, 10**3)
    assert levels_of(task) == (10**6, 10**3, 1)
    first = restricted(task, (10**6,))
    assert list(first.weights.rules) == [10**6, 10**6, 0]
    assert first.weights.color == 0


def test_no_order_changes_colours_less_often_than_the_runs_that_the_limit_cuts() -> None:
    base = a_task(1, cars=7, fixed=1, windows=False)
    task = replace(base, color=np.array([0, 0, 0, 0, 0, 1, 1]), batch_limit=3)
    # Four of colour 0 make two runs, of which one goes on from the car before; one run of colour 1.
    assert color_floor(task) == 2
    assert color_floor(replace(task, color=np.array([2, 0, 0, 0, 0, 1, 1]))) == 3
    assert color_floor(a_task(1, cars=0, fixed=0)) == 0
    best = search_in_phases(
        _ordered(replace(task, weights=base.weights), 0, 0, 1), wall_s=0.2, seed=1
    )
    assert cost_of(task, best).color_changes == 2


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_checker_counts_a_car_sequence_as_the_search_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    instance = csplib.Instance(
        name="random",
        n=(1, 2),
        p=(2, 5),
        classes=(3, 7, 9),
        demands=(4, 3, 5),
        options=((1, 0), (0, 1), (1, 1)),
    )
    order = rng.permutation(12)
    task = csplib.sequence_task(instance)
    numbers = csplib.class_order(instance, order)
    assert car_sequence_violations(instance, numbers) == sum(cost_of(task, order).violations)
    with pytest.raises(ValueError, match="class 3 is not built 4 times"):
        car_sequence_violations(instance, [3, *numbers])


def test_the_checker_counts_a_production_day_as_the_search_does(tmp_path: Path) -> None:
    day = roadef.read(a_day(tmp_path))
    for order in (("a", "b", "c", "d"), ("d", "a", "b", "c"), ("c", "d", "b", "a")):
        assert production_day_score(day, order) == roadef.score(day, order)
    with pytest.raises(ValueError, match="unknown or there too often"):
        production_day_score(day, ("a", "a", "b", "c"))
    with pytest.raises(ValueError, match="vehicle d is missing"):
        production_day_score(day, ("a", "b", "c"))
    (tmp_path / "paint_batch_limit.txt").write_text("limitation;\n1;\n", encoding="utf-8")
    with pytest.raises(ValueError, match="2 cars of one colour"):
        production_day_score(roadef.read(tmp_path), ("a", "c", "b", "d"))


def test_seeds_side_by_side_go_on_from_the_best_and_report_each_better_order() -> None:
    task = _ordered(a_task(9, windows=False, truncated=True), 10**6, 10**3, 1)
    ticks, heard = count(), []
    with ThreadPoolExecutor(2) as pool:
        crew = Crew(
            seeds=2,
            executor=pool,
            cancel=lambda: False,
            now=lambda: next(ticks) * 0.01,  # a round takes as long on any machine
            on_better=heard.append,
        )
        start = np.arange(40)
        found = crew.search(Stretch(task, WITH_COLORS, 0), start, seconds=6.0, seed=4)
    costs = [cost_of(task, sequence).total for sequence in heard]
    assert costs == sorted(costs, reverse=True)
    assert cost_of(task, found).total == costs[-1] < cost_of(task, start).total


@pytest.mark.parametrize(("gone", "hot"), [(0.0, False), (0.1, True), (0.8, True), (0.9, False)])
def test_a_stretch_begins_and_ends_cold(gone: float, hot: bool) -> None:
    assert (heat_when(gone) > 0) == hot
    assert heat_when(0.15) > heat_when(0.85)
