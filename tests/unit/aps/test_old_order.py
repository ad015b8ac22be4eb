"""A solve begins with the plan in force: nothing worse comes back, and nothing moves without need."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.budget import Clock
from aps.check import check
from aps.disturbance import CarAdded, disturb
from aps.old_order import NEWCOMERS, in_the_old_order
from aps.problem import Problem
from aps.repair import rebase
from aps.schedule import Schedule
from aps.solve import Budget, plan_key, solve
from tests.support.aps_plants import a_car, a_plant, random_plant

LONG = Budget(moves=6000, deterministic_s=0.3)
NONE = Budget(moves=0, deterministic_s=0.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000))
def test_a_solve_without_time_is_never_worse_than_the_plan_in_force(seed: int) -> None:
    problem = random_plant(seed)
    in_force = solve(problem, budget=LONG)
    again = solve(problem, budget=NONE, reference=in_force)
    kept = rebase(problem, in_force)
    assert check(problem, again, reference=in_force) == ()
    assert check(problem, kept, reference=in_force) == ()
    assert plan_key(problem, again) <= plan_key(problem, kept)
    if plan_key(problem, again) == plan_key(problem, kept):
        assert again.assembly == kept.assembly


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100_000), st.integers(0, 9000))
def test_a_rush_order_makes_nothing_worse_than_putting_it_into_the_plan_in_force(
    seed: int, due_s: int
) -> None:
    before = random_plant(seed)
    in_force = solve(before, budget=LONG)
    problem = disturb(before, CarAdded(car=a_car("rush", due_s=due_s, priority=5)))
    found = solve(problem, budget=NONE, reference=in_force)
    assert check(problem, found, reference=in_force) == ()
    repaired = rebase(problem, in_force)
    assert plan_key(problem, found) <= plan_key(problem, repaired)


@pytest.fixture(scope="module")
def wanted_sooner() -> tuple[Problem, Schedule]:
    """A plan whose last car is suddenly due three minutes before it will be finished."""
    cars = [a_car(f"c{k:02d}", color=("white", "red")[k % 2], due_s=20_000) for k in range(20)]
    relaxed = a_plant(tuple(cars))
    in_force = solve(relaxed, budget=LONG)
    last = in_force.assembly[-1].car_id
    finish = next(one.finish_s for one in in_force.times if one.car_id == last)
    assert finish is not None
    sooner = tuple(replace(car, due_s=finish - 180) if car.id == last else car for car in cars)
    return replace(relaxed, cars=sooner), in_force


def test_late_cars_are_put_into_the_old_order_anew(
    wanted_sooner: tuple[Problem, Schedule],
) -> None:
    problem, in_force = wanted_sooner
    kept, anew = in_the_old_order(problem, in_force, Clock(NONE))
    assert [slot.car_id for slot in kept.assembly] == [s.car_id for s in in_force.assembly]
    assert (kept.kpis.late_cars, anew.kpis.late_cars) == (1, 0)
    rest = [s.car_id for s in anew.assembly if s.car_id != in_force.assembly[-1].car_id]
    assert rest == [s.car_id for s in in_force.assembly[:-1]]
    found = solve(problem, budget=NONE, reference=in_force)
    assert plan_key(problem, found) <= plan_key(problem, anew)


def test_a_solve_cancelled_at_its_first_plan_returns_the_old_order(
    wanted_sooner: tuple[Problem, Schedule],
) -> None:
    problem, in_force = wanted_sooner
    shown: list[Schedule] = []
    found = solve(
        problem,
        budget=Budget(wall_s=60),
        reference=in_force,
        on_incumbent=shown.append,
        cancel=lambda: bool(shown),
    )
    assert shown == [found]
    assert [s.car_id for s in found.assembly] == [s.car_id for s in in_force.assembly]


def test_putting_late_cars_in_anew_stops_with_the_solve(
    wanted_sooner: tuple[Problem, Schedule],
) -> None:
    problem, in_force = wanted_sooner
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 1  # not yet when the late cars are listed

    clock = Clock(NONE, cancelled)
    assert len(list(in_the_old_order(problem, in_force, clock))) == 1
    assert len(asked) == 2


def test_a_plan_that_lacks_most_cars_is_no_start() -> None:
    cars = tuple(a_car(f"c{k:02d}") for k in range(NEWCOMERS + 5))
    few, many = a_plant(cars[:4]), a_plant(cars)
    in_force = solve(few, budget=NONE)
    assert list(in_the_old_order(many, in_force, Clock(NONE))) == []
    found = solve(many, budget=NONE, reference=in_force)
    assert check(many, found, reference=in_force) == ()
