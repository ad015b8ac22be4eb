"""A painted store of lanes in a plan: which lane in, and an assembly order that the lanes can give."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.change import MoreStore, changed
from aps.check import check
from aps.errors import ProblemError
from aps.problem import FrozenCar, Lane, Problem, Stage, from_json, snapshot_hash, to_json
from aps.repair import rebase
from aps.schedule import LanePlace, Schedule
from aps.schedule import from_json as schedule_from_json
from aps.schedule import to_json as schedule_to_json
from aps.solve import Budget, solve
from aps.validate import validate
from tests.support.aps_plants import a_car, a_plant, random_plant, with_lanes

QUICK = Budget(moves=2000, deterministic_s=0.2)


def a_store(*lanes: Sequence[str], places: int = 4, **changes: object) -> Problem:
    """Return a plant whose painted store has these lanes, the next body to leave first."""
    cars = tuple(a_car(body, at=Stage.PAINTED) for lane in lanes for body in lane)
    problem = a_plant(cars, **changes)
    made = tuple(Lane(capacity=places, bodies=tuple(lane)) for lane in lanes)
    paint = replace(problem.paint, lanes=made, store_capacity=places * len(lanes))
    return replace(problem, paint=paint)


def wanted(problem: Problem, *order: str) -> Problem:
    """Return the plant with due dates that ask for this order."""
    due = {car_id: 360 + 60 * k for k, car_id in enumerate(order)}
    return replace(problem, cars=tuple(replace(c, due_s=due.get(c.id)) for c in problem.cars))


def assembled(schedule: Schedule) -> list[str]:
    return [slot.car_id for slot in schedule.assembly]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_every_plan_of_every_small_plant_with_lanes_passes_the_checker(seed: int) -> None:
    problem = with_lanes(random_plant(seed), seed)
    schedule = solve(problem, budget=QUICK)
    assert check(problem, schedule) == ()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000))
def test_replanning_an_unchanged_plant_with_lanes_changes_nothing(seed: int) -> None:
    problem = with_lanes(random_plant(seed), seed)
    schedule = solve(problem, budget=QUICK)
    again = rebase(problem, schedule)
    assert check(problem, again, reference=schedule) == ()
    if not schedule.unplaced:
        assert again.assembly == schedule.assembly
        assert again.lanes == schedule.lanes


@settings(max_examples=12, deadline=None)
@given(st.permutations([20, 40, 60, 80, 95]))
def test_bodies_that_leave_paint_in_another_order_than_they_came_in_pass_the_lanes(
    left: list[int],
) -> None:
    problem = a_store(("a", "b"), ("c",), places=3)
    painting = tuple(a_car(f"p{k}", at=Stage.IN_PAINT) for k in range(5))
    waiting = tuple(a_car(f"n{k}") for k in range(6))
    begun = tuple(
        FrozenCar(car_id=f"p{k}", paint_start_s=k - 5, paint_left_s=left_s)
        for k, left_s in enumerate(left)
    )
    problem = replace(problem, cars=(*problem.cars, *painting, *waiting), frozen=begun)
    problem = wanted(problem, "p4", "p0", "p3", "p1", "p2", "c", "b", "a")
    assert check(problem, solve(problem, budget=QUICK)) == ()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100_000))
def test_a_plan_of_lanes_of_one_body_each_is_one_of_a_store_that_any_body_can_leave(
    seed: int,
) -> None:
    problem = random_plant(seed)
    stored = iter([car.id for car in problem.cars if car.at is Stage.PAINTED])
    lanes = tuple(
        Lane(capacity=1, bodies=() if (body := next(stored, None)) is None else (body,))
        for _ in range(problem.paint.store_capacity)
    )
    single = replace(problem, paint=replace(problem.paint, lanes=lanes))
    first = Budget(wall_s=0)
    plain, laned = solve(problem, budget=first), solve(single, budget=first)
    assert laned.kpis.cars_unplaced == plain.kpis.cars_unplaced
    same = replace(laned, lanes=(), snapshot_hash=snapshot_hash(problem))
    assert check(problem, same) == ()


def test_a_body_behind_another_in_its_lane_leaves_after_it() -> None:
    problem = wanted(a_store(("first", "behind"), ("beside",)), "behind", "first", "beside")
    order = assembled(solve(problem, budget=QUICK))
    assert order.index("first") < order.index("behind")


def test_a_body_that_comes_goes_into_a_lane_that_gives_it_when_it_is_wanted() -> None:
    problem = a_store(("late",), ("soon",))
    problem = replace(problem, cars=(*problem.cars, a_car("new")))
    problem = wanted(problem, "soon", "new", "late")
    late = replace(problem.cars[0], release_s=9000)
    problem = replace(problem, cars=(late, *problem.cars[1:]))
    schedule = solve(problem, budget=QUICK)
    assert schedule.lanes == (LanePlace(car_id="new", lane=1),)
    assert assembled(schedule) == ["soon", "new", "late"]


def test_a_frozen_car_that_others_stand_in_front_of_is_left_out_with_its_reason() -> None:
    problem = a_store(("first", "frozen"))
    problem = replace(problem, frozen=(FrozenCar(car_id="frozen", assembly_start_s=60),))
    schedule = solve(problem, budget=QUICK)
    assert [(one.car_id, one.code) for one in schedule.unplaced] == [("frozen", "store.no_lane")]
    assert check(problem, schedule) == ()


def _with_new(count: int) -> Problem:
    problem = a_store(("a", "b"), ("c",), places=2)
    return replace(
        problem, cars=(*problem.cars, *(a_car(f"new{k}", due_s=5000 + k) for k in range(count)))
    )


@pytest.fixture(scope="module")
def good() -> tuple[Problem, Schedule]:
    problem = _with_new(4)
    schedule = solve(problem, budget=QUICK)
    assert check(problem, schedule) == ()
    assert len(schedule.lanes) == 4
    return problem, schedule


def codes(problem: Problem, schedule: Schedule) -> set[str]:
    return {one.code for one in check(problem, schedule)}


def test_the_checker_refuses_a_body_that_passes_the_one_in_front(
    good: tuple[Problem, Schedule],
) -> None:
    problem, schedule = good
    other = replace(
        problem.paint, lanes=(Lane(capacity=2, bodies=("b", "a")), problem.paint.lanes[1])
    )
    assert "lane.blocked" in codes(replace(problem, paint=other), schedule)


def test_the_checker_refuses_a_lane_that_is_not_there_or_not_said(
    good: tuple[Problem, Schedule],
) -> None:
    problem, schedule = good
    away = replace(schedule, lanes=(replace(schedule.lanes[0], lane=7), *schedule.lanes[1:]))
    assert "lane.unknown" in codes(problem, away)
    assert "lane.unknown" in codes(problem, replace(schedule, lanes=schedule.lanes[1:]))
    plain = replace(problem, paint=replace(problem.paint, lanes=()))
    assert "lane.unknown" in codes(plain, schedule)


def test_the_checker_refuses_more_bodies_in_a_lane_than_it_has_places(
    good: tuple[Problem, Schedule],
) -> None:
    problem, schedule = good
    short = replace(
        problem.paint, lanes=(Lane(capacity=1, bodies=("a",)), Lane(capacity=3, bodies=("c", "b")))
    )
    all_in_one = replace(schedule, lanes=tuple(replace(x, lane=0) for x in schedule.lanes))
    later = tuple(
        replace(s, start_s=s.start_s + 7000, end_s=s.end_s + 7000) for s in schedule.assembly
    )
    plan = replace(all_in_one, assembly=later)
    assert "lane.full" in codes(replace(problem, paint=short), plan)


@pytest.mark.parametrize(
    ("lanes", "code"),
    [
        ((Lane(capacity=1, bodies=("a",)),), "lane.capacity"),
        ((Lane(capacity=4, bodies=()),), "lane.body"),
        ((Lane(capacity=4, bodies=("a", "x")),), "lane.body"),
        ((Lane(capacity=4, bodies=("a", "a")),), "body in the painted store.duplicate"),
        ((Lane(capacity=0), Lane(capacity=4, bodies=("a",))), "value.not_positive"),
    ],
)
def test_lanes_that_contradict_the_store_are_refused(lanes: tuple[Lane, ...], code: str) -> None:
    problem = a_store(("a",))
    with pytest.raises(ProblemError) as refused:
        validate(replace(problem, paint=replace(problem.paint, lanes=lanes)))
    assert refused.value.code == code


def test_a_store_that_gets_more_places_gets_longer_lanes() -> None:
    problem = a_store(("a",), ("b",), places=3)
    more = changed(problem, (MoreStore(places=3),))
    validate(more)
    assert [lane.capacity for lane in more.paint.lanes] == [5, 4]


def test_problems_and_plans_of_before_lanes_keep_their_text_and_hash(
    good: tuple[Problem, Schedule],
) -> None:
    problem, schedule = good
    assert from_json(to_json(problem)) == problem
    assert schedule_from_json(schedule_to_json(schedule)) == schedule
    plain = a_plant((a_car(),))
    assert '"lanes"' not in to_json(plain)
    assert '"lanes"' not in schedule_to_json(solve(plain, budget=QUICK))
    assert snapshot_hash(plain) != snapshot_hash(problem)
