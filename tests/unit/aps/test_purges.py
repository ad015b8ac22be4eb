"""Purges colour by colour: the plan pays each pair its own, prefers the cheap, and it is counted again."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.budget import Budget, Clock
from aps.check import check
from aps.disturbance import CarAdded
from aps.errors import ProblemError
from aps.problem import ColorPurge, PaintShop, Problem, from_json, snapshot_hash, to_json
from aps.repair import repair
from aps.schedule import Schedule
from aps.sequencing.bounds import floor_of
from aps.sequencing.greedy import greedy
from aps.sequencing.phases import search_in_phases
from aps.sequencing.polish import polish
from aps.sequencing.search import improve
from aps.sequencing.task import SequenceTask, Weights, cost_of
from aps.solve import plan_key, solve
from aps.validate import validate
from tests.support.aps_plants import COLORS, a_car, a_plant, random_plant, with_purges

GREEDY = Budget(moves=0, deterministic_s=0.0)
SEARCH = Budget(moves=20_000, deterministic_s=1.0)


def a_painting_plant(seed: int = 1, cars: int = 24) -> Problem:
    rng = np.random.default_rng(seed)
    some = tuple(a_car(f"c{k:02d}", color=COLORS[rng.integers(4)]) for k in range(cars))
    return with_purges(a_plant(some), seed)


def _paid(problem: Problem, schedule: Schedule) -> tuple[int, int]:
    """Return the seconds and cost of the purges of a plan, from the colours alone."""
    shop = problem.paint
    own = {(one.before, one.after): (one.purge_s, one.cost) for one in shop.purges}
    colors = [slot.color for slot in schedule.paint]
    if shop.previous_color is not None:
        colors.insert(0, shop.previous_color)
    usual = (shop.purge_s, shop.purge_cost)
    paid = [own.get(pair, usual) for pair in pairwise(colors) if pair[0] != pair[1]]
    return sum(s for s, _ in paid), sum(c for _, c in paid)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_every_pair_of_colors_takes_and_costs_its_own_purge(seed: int) -> None:
    problem = a_painting_plant(seed)
    schedule = solve(problem, budget=GREEDY)
    assert check(problem, schedule) == ()
    assert (schedule.kpis.purge_s, schedule.kpis.purge_cost) == _paid(problem, schedule)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_a_car_that_joins_is_painted_by_the_pairs_too(seed: int) -> None:
    problem = a_painting_plant(seed, cars=16)
    schedule = solve(problem, budget=GREEDY)
    rush = CarAdded(car=a_car("rush", color=COLORS[seed % 4], priority=3))
    repaired = repair(problem, schedule, rush)
    joined = replace(problem, cars=(*problem.cars, rush.car))
    assert check(joined, repaired, reference=schedule) == ()


def test_a_change_that_is_purged_too_shortly_is_caught() -> None:
    problem = a_painting_plant(3)
    schedule = solve(problem, budget=GREEDY)
    before, after = next(
        (a.color, b.color) for a, b in pairwise(schedule.paint) if a.color != b.color
    )
    slow = ColorPurge(before=before, after=after, purge_s=700, cost=1)
    others = tuple(x for x in problem.paint.purges if (x.before, x.after) != (before, after))
    strict = replace(problem, paint=replace(problem.paint, purges=(*others, slow)))
    found = [one for one in check(strict, schedule) if one.code == "line.takt"]
    assert found
    assert all(dict(one.facts)["least_s"] == problem.paint.takt_s + 700 for one in found)


@pytest.mark.parametrize("name", ["purge_s", "purge_cost"])
@pytest.mark.parametrize("said", [None, 1_000_000])
def test_figures_of_purges_that_are_wrong_or_left_out_are_caught(
    name: str, said: int | None
) -> None:
    problem = a_painting_plant(3)
    schedule = solve(problem, budget=GREEDY)
    untrue = replace(schedule, kpis=replace(schedule.kpis, **{name: said}))
    assert "kpi.wrong" in {one.code for one in check(problem, untrue)}


def test_colors_go_round_in_the_cheap_direction() -> None:
    """White to red to black costs little, the other way round much."""
    order = ("white", "red", "black")
    dear = tuple(
        ColorPurge(before=b, after=a, purge_s=30, cost=50)
        for i, a in enumerate(order)
        for b in order[i + 1 :]
    )
    cars = tuple(a_car(f"c{k:02d}", color=order[k % 3]) for k in range(18))
    base = a_plant(cars)
    shop = replace(base.paint, purge_s=10, purge_cost=5, purges=dear, batch_limit=6)
    problem = replace(base, paint=replace(shop, store_capacity=40))
    schedule = solve(problem, budget=SEARCH)
    assert check(problem, schedule) == ()
    runs = [slot.color for slot in schedule.paint]
    changes = [pair for pair in pairwise(runs) if pair[0] != pair[1]]
    assert changes == [("white", "red"), ("red", "black")]
    assert (schedule.kpis.purge_s, schedule.kpis.purge_cost) == (20, 10)


def test_a_plan_is_better_where_its_purges_cost_less() -> None:
    problem = a_painting_plant(5)
    schedule = solve(problem, budget=GREEDY)
    cost = schedule.kpis.purge_cost
    assert cost is not None
    cheaper = replace(schedule, kpis=replace(schedule.kpis, purge_cost=cost - 1, color_changes=99))
    assert plan_key(problem, cheaper) < plan_key(problem, schedule)


def a_colored_task(seed: int, cars: int = 40, fixed: int = 3) -> SequenceTask:
    rng = np.random.default_rng(seed)
    size = 5
    prices = rng.integers(1, 20, (size, size))
    np.fill_diagonal(prices, 0)
    color = rng.integers(0, 4, cars)
    color[0] = -1
    return SequenceTask(
        has=(rng.random((cars, 1)) < 0.4).astype(np.uint8),
        n=np.array([1]),
        p=np.array([2]),
        color=color.astype(np.int64),
        earliest=np.zeros(cars, np.int64),
        latest=np.full(cars, cars, np.int64),
        weights=Weights(np.array([100]), 1, 10**6),
        fixed=fixed,
        batch_limit=4,
        purge=prices.astype(np.int64),
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_cost_kept_by_the_moves_is_that_of_the_pairs(seed: int) -> None:
    task = a_colored_task(seed)
    start = greedy(task)
    found, cost = improve(task, start, moves=3000, seed=seed)
    counted = cost_of(task, found)
    assert cost == counted.total <= cost_of(task, start).total
    assert counted.total >= floor_of(task)
    colors = task.color[found]
    assert task.purge is not None
    paid = sum(task.purge[a, b] for a, b in pairwise(colors[task.fixed - 1 :]))
    assert counted.purge_cost == paid


def test_windows_solved_exactly_pay_the_pairs_too() -> None:
    task = a_colored_task(11, cars=20)
    start = greedy(task)
    share = Clock(Budget(moves=1, deterministic_s=2.0)).share(1.0)
    solved = polish(task, start, share, seed=1)
    assert cost_of(task, solved).total <= cost_of(task, start).total
    searched = search_in_phases(task, wall_s=0.3, seed=1)
    assert cost_of(task, searched).total <= cost_of(task, start).total


def test_a_problem_of_before_the_pairs_keeps_its_text_and_hash() -> None:
    problem = a_plant((a_car("c0"),))
    text = to_json(problem)
    assert "purges" not in text
    assert "purge_cost" not in text
    assert from_json(text) == problem
    paired = a_painting_plant()
    assert from_json(to_json(paired)) == paired
    assert snapshot_hash(paired) != snapshot_hash(replace(paired, paint=_plain(paired.paint)))


def _plain(shop: PaintShop) -> PaintShop:
    return replace(shop, purges=(), purge_cost=1)


def test_a_plan_of_before_the_purges_were_counted_still_checks() -> None:
    problem = a_plant(tuple(a_car(f"c{k}", color=COLORS[k % 2]) for k in range(6)))
    schedule = solve(problem, budget=GREEDY)
    old = replace(schedule, kpis=replace(schedule.kpis, purge_s=None, purge_cost=None))
    assert check(problem, old) == ()


@pytest.mark.parametrize(
    ("purges", "code"),
    [
        ((ColorPurge(before="red", after="red", purge_s=1, cost=1),), "paint.purge"),
        ((ColorPurge(before="red", after="blue", purge_s=-1, cost=1),), "value.negative"),
        ((ColorPurge(before="red", after="blue", purge_s=1, cost=-1),), "value.negative"),
        ((ColorPurge(before="red", after="blue", purge_s=1, cost=10_001),), "paint.purge_cost"),
        ((ColorPurge(before="red", after="blue", purge_s=1, cost=1),) * 2, "purge.duplicate"),
    ],
)
def test_purges_that_make_no_sense_are_named(purges: tuple[ColorPurge, ...], code: str) -> None:
    base = a_plant((a_car("c0"),))
    with pytest.raises(ProblemError) as caught:
        validate(replace(base, paint=replace(base.paint, purges=purges)))
    assert caught.value.code == code


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100_000))
def test_any_plant_with_purges_by_pair_is_planned_soundly(seed: int) -> None:
    problem = with_purges(random_plant(seed), seed)
    assert check(problem, solve(problem, budget=Budget(moves=300, deterministic_s=0.1))) == ()
