"""Moves by hand: the lines follow, the checker speaks, and what is begun or frozen stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.check import check, check_work
from aps.hand import Hand
from aps.moves import Line, Move
from aps.problem import FrozenCar, Problem, RatioRule, Stage
from aps.schedule import Schedule
from aps.solve import Budget, solve
from tests.support.aps_plants import COLORS, a_car, a_plant

QUICK = Budget(moves=500, deterministic_s=0.1)


def cars_on_a_line(n: int = 24, *, due_s: int = 20_000) -> Problem:
    """Return cars in four colours, every third with a sunroof, six of them painted already."""
    cars = tuple(
        a_car(
            f"c{k:02d}",
            color=COLORS[k % 4],
            options=frozenset({"sunroof"}) if k % 3 == 0 else frozenset(),
            due_s=due_s,
            at=Stage.PAINTED if k < 6 else Stage.NOT_STARTED,
        )
        for k in range(n)
    )
    return a_plant(cars)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return cars_on_a_line()


@pytest.fixture(scope="module")
def plan(problem: Problem) -> Schedule:
    return solve(problem, budget=QUICK)


def _order(schedule: Schedule) -> list[str]:
    return [slot.car_id for slot in schedule.assembly]


def _move(car_id: str, before: str | None, line: Line = Line.ASSEMBLY) -> Move:
    return Move(car_id=car_id, line=line, before=before)


def test_no_move_changes_nothing(problem: Problem, plan: Schedule) -> None:
    trial = Hand(problem, plan).try_out([])
    assert trial.work.assembly == plan.assembly
    assert trial.work.paint == plan.paint
    assert not (trial.refused or trial.violations or trial.left_out or trial.crowded)


def test_a_car_goes_where_it_is_put_and_every_line_follows(
    problem: Problem, plan: Schedule
) -> None:
    order = _order(plan)
    moved, before = order[-1], order[10]
    trial = Hand(problem, plan).try_out([_move(moved, before)])
    new = _order(trial.work)
    assert new.index(moved) == new.index(before) - 1
    assert [c for c in new if c != moved] == [c for c in order if c != moved]
    assert not trial.violations
    made, refused = Hand(problem, plan).schedule([_move(moved, before)])
    assert not refused
    assert check(problem, made, reference=plan) == ()
    assert _order(made) == new


def test_what_is_frozen_stays_and_nothing_comes_before_it(problem: Problem, plan: Schedule) -> None:
    order = _order(plan)
    hand = Hand(problem, plan)
    moves = [_move(order[0], order[9]), _move(order[9], order[1])]
    trial = hand.try_out(moves, frozen_until_s=plan.assembly[2].start_s + 1)
    assert [one.code for one in trial.refused] == ["frozen", "before_frozen"]
    assert _order(trial.work) == order
    assert not hand.try_out(moves).refused, "the frozen zone is asked for with every trial"


def test_a_car_nobody_knows_is_refused_by_name(problem: Problem, plan: Schedule) -> None:
    (refused,) = Hand(problem, plan).try_out([_move("nobody", None)]).refused
    assert (refused.code, refused.move.car_id) == ("unknown", "nobody")


def test_a_car_on_the_line_is_a_fact() -> None:
    problem = cars_on_a_line()
    first = replace(problem.cars[0], at=Stage.IN_ASSEMBLY)
    problem = replace(
        problem,
        cars=(first, *problem.cars[1:]),
        frozen=(FrozenCar(car_id=first.id, assembly_start_s=0),),
    )
    plan = solve(problem, budget=QUICK)
    hand = Hand(problem, plan)
    (refused,) = hand.try_out([_move(first.id, None)]).refused
    assert refused.code == "started"


def test_paint_is_ordered_apart_from_assembly(problem: Problem, plan: Schedule) -> None:
    paint = [slot.car_id for slot in plan.paint]
    trial = Hand(problem, plan).try_out([_move(paint[5], paint[4], Line.PAINT)])
    new = [slot.car_id for slot in trial.work.paint]
    assert new.index(paint[5]) < new.index(paint[4])
    assert _order(trial.work) == _order(plan)
    assert not trial.violations


def test_a_ratio_rule_that_the_move_breaks_names_its_cars() -> None:
    problem = cars_on_a_line()
    line = replace(
        problem.assembly,
        ratio_rules=(RatioRule(id="sun", option="sunroof", n=1, p=2),),
    )
    problem = replace(problem, assembly=line)
    plan = solve(problem, budget=QUICK)
    order = _order(plan)
    options = {car.id: car.options for car in problem.cars}
    sunny = [c for c in order if "sunroof" in options[c]]
    trial = Hand(problem, plan).try_out([_move(sunny[-1], sunny[-3])])
    assert any(w.rule_id == "sun" and sunny[-1] in w.car_ids for w in trial.crowded)


def test_a_car_that_comes_later_by_the_move_is_late_by_so_much() -> None:
    problem = cars_on_a_line()
    plan = solve(problem, budget=QUICK)
    first = plan.assembly[0]
    cars = tuple(
        replace(car, due_s=first.end_s) if car.id == first.car_id else replace(car, due_s=None)
        for car in problem.cars
    )
    problem = replace(problem, cars=cars)
    plan = solve(problem, budget=QUICK)
    trial = Hand(problem, plan).try_out([_move(first.car_id, None)])
    end = next(s.end_s for s in trial.work.assembly if s.car_id == first.car_id)
    assert trial.late == {first.car_id: end - first.end_s}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 23), st.integers(0, 24), st.booleans()), max_size=6))
def test_whatever_a_planner_does_the_plan_that_comes_of_it_checks(
    moves: list[tuple[int, int, bool]],
) -> None:
    problem = cars_on_a_line()
    plan = _PLANS.setdefault("plan", solve(problem, budget=QUICK))
    order = [*_order(plan), None]
    wanted = [
        _move(str(order[a]), order[b], Line.PAINT if paint else Line.ASSEMBLY)
        for a, b, paint in moves
        if a < len(order) - 1 and b < len(order)
    ]
    hand = Hand(problem, plan)
    made, _ = hand.schedule(wanted)
    assert check(problem, made, reference=plan) == ()
    trial = hand.try_out(wanted)
    assert check_work(problem, trial.work) == trial.violations == ()
    assert trial.work.assembly == made.assembly


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 23), st.integers(0, 24), st.booleans(), st.integers(0, 3)),
        min_size=2,
        max_size=6,
    )
)
def test_a_trial_after_other_trials_says_what_it_says_alone(
    steps: list[tuple[int, int, bool, int]],
) -> None:
    problem = cars_on_a_line()
    plan = _PLANS.setdefault("plan", solve(problem, budget=QUICK))
    order = [*_order(plan), None]
    hand = Hand(problem, plan)
    moves: list[Move] = []
    for a, b, paint, undone in steps:
        line = Line.PAINT if paint else Line.ASSEMBLY
        moves = [*moves[: len(moves) - undone], _move(str(order[a]), order[b], line)]
        frozen_s = plan.assembly[undone].start_s
        alone = Hand(problem, plan).try_out(moves, frozen_until_s=frozen_s)
        assert hand.try_out(moves, frozen_until_s=frozen_s) == alone


_PLANS: dict[str, Schedule] = {}
