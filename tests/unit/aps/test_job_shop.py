"""Flexible job shops: schedules keep the rules, optima are found and proven, time is kept."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.check.published import job_shop_faults
from aps.formats.fjs import Instance
from aps.jobshop import JobShopResult, solve_job_shop
from aps.jobshop.model import LeanModel
from aps.jobshop.shop import Shop
from aps.jobshop.solve import Elite
from aps.jobshop.tabu import Tabu


def a_shop(seed: int, *, jobs: int = 4, machines: int = 3, least: int = 1) -> Instance:
    rng = np.random.default_rng(seed)

    def options() -> tuple[tuple[int, int], ...]:
        able = rng.permutation(machines)[: int(rng.integers(1, machines + 1))]
        return tuple((int(m), int(rng.integers(least, 10))) for m in able)

    operations = [tuple(options() for _ in range(int(rng.integers(1, 5)))) for _ in range(jobs)]
    return Instance(name="random", machines=machines, jobs=tuple(operations))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 1))
def test_every_move_of_the_tabu_search_keeps_the_rules(seed: int, least: int) -> None:
    instance = a_shop(seed, jobs=5, least=least)
    shop = Shop(instance)
    start = shop.dispatch(np.random.default_rng(seed))
    tabu = Tabu(shop, start, seed=seed)
    found = start.makespan
    for moves in (1, 2, 40, 400):
        assert tabu.run(moves, target=0) <= found
        best = tabu.best()
        found = best.makespan
        assert job_shop_faults(instance, shop.operations(best), found) == ()
    assert shop.bound() <= found


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_dispatched_schedules_and_their_children_keep_the_rules(seed: int) -> None:
    instance = a_shop(seed, jobs=6)
    shop, rng = Shop(instance), np.random.default_rng(seed)
    elite = Elite(shop, lambda _makespan: None)
    elite.add(shop.dispatch(rng))
    for _ in range(6):
        child = elite.child(rng)
        assert job_shop_faults(instance, shop.operations(child), child.makespan) == ()
        elite.add(child)


@pytest.mark.parametrize("seed", range(6))
def test_the_tabu_search_finds_what_the_solver_proves(seed: int) -> None:
    instance = a_shop(seed)
    shop = Shop(instance)
    start = shop.dispatch(np.random.default_rng(1))
    best, bound = LeanModel(shop, start).solve(
        start, bound=shop.bound(), workers=1, seed=1, left_s=lambda: 1.0
    )
    assert best.makespan == bound
    tabu = Tabu(shop, start, seed=1)
    assert tabu.run(20_000, target=bound) == bound
    assert job_shop_faults(instance, shop.operations(best), bound) == ()


def test_a_job_shop_is_proven_optimal_and_says_so() -> None:
    heard: list[tuple[int, int]] = []
    instance = a_shop(3, jobs=5)
    result = solve_job_shop(
        instance, wall_s=60, workers=2, on_incumbent=lambda m, b: heard.append((m, b))
    )
    assert result.status == "OPTIMAL"
    assert result.bound == result.makespan
    assert job_shop_faults(instance, result.operations, result.makespan) == ()
    assert min(makespan for makespan, _ in heard) == result.makespan


def test_a_cancelled_job_shop_gives_its_dispatched_schedule() -> None:
    instance = a_shop(4, jobs=8)
    result = solve_job_shop(instance, wall_s=60, cancel=lambda: True)
    assert job_shop_faults(instance, result.operations, result.makespan) == ()


def test_the_search_goes_on_from_child_to_child_until_its_time_is_over() -> None:
    ticks = iter(range(1, 10_000))
    instance = a_shop(8, jobs=12, machines=4)
    result = solve_job_shop(instance, wall_s=60, workers=1, now=lambda: float(next(ticks)))
    assert job_shop_faults(instance, result.operations, result.makespan) == ()


def _right() -> tuple[Instance, JobShopResult]:
    instance = a_shop(3, jobs=3)
    return instance, solve_job_shop(instance, wall_s=0, workers=1)


def test_the_checker_names_each_fault_of_a_schedule() -> None:
    instance, right = _right()
    operations = list(right.operations)
    assert job_shop_faults(instance, operations, right.makespan) == ()

    def faults(changed: list[object], makespan: int = right.makespan) -> str:
        return "; ".join(job_shop_faults(instance, changed, makespan))  # type: ignore[arg-type]

    first = operations[0]
    second = next(o for o in operations if o.operation == 1)
    assert "is missing" in faults([*operations[1:]])
    assert "there twice" in faults([*operations, first])
    assert "unknown" in faults([*operations, replace(first, job=99)])
    assert "may not have" in faults([replace(first, machine=9), *operations[1:]])
    assert "may not have" in faults([replace(first, end=first.end + 50), *operations[1:]])
    early = replace(second, start=-5, end=second.end - second.start - 5)
    assert "before it can" in faults([o if o != second else early for o in operations])
    assert "does two" in faults(
        [o if o != second else replace(second, machine=first.machine, start=0, end=99)
         for o in operations]
    )  # fmt: skip
    assert "ends at" in faults([*operations], makespan=right.makespan + 1)
