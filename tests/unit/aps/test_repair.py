"""Repairs: what is not hit keeps its order, frozen work stays, and every result checks."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.check import check
from aps.disturbance import (
    CarAdded,
    CarDelayed,
    CarScrapped,
    Disturbance,
    LineDown,
    disturb,
)
from aps.errors import ProblemError
from aps.problem import FrozenCar, FrozenOperation, Problem, Stage
from aps.repair import rebase, repair
from aps.schedule import Schedule
from aps.solve import Budget, solve
from tests.support.aps_plants import COLORS, a_car, a_plant, press_shop, random_plant

QUICK = Budget(moves=500, deterministic_s=0.1)


def thirty_cars() -> Problem:
    """Return thirty cars in four colours, some painted, two of them locked."""
    cars = tuple(
        a_car(
            f"c{k:02d}",
            color=COLORS[k % 4],
            due_s=12_000,
            at=Stage.PAINTED if k < 6 else Stage.NOT_STARTED,
        )
        for k in range(30)
    )
    frozen = (
        FrozenCar(car_id="c00", assembly_start_s=0),
        FrozenCar(car_id="c01", assembly_start_s=60),
    )
    return a_plant(cars, frozen=frozen)


@pytest.fixture(scope="module")
def planned() -> tuple[Problem, Schedule]:
    problem = thirty_cars()
    schedule = solve(problem, budget=QUICK)
    assert not schedule.unplaced
    return problem, schedule


def _repaired(planned: tuple[Problem, Schedule], what: Disturbance) -> Schedule:
    problem, schedule = planned
    result = repair(problem, schedule, what)
    assert check(disturb(problem, what), result, reference=schedule) == ()
    return result


def _start(schedule: Schedule, car_id: str) -> int:
    return next(s.start_s for s in schedule.assembly if s.car_id == car_id)


def test_a_held_body_goes_back_and_no_other_car_changes_its_order(
    planned: tuple[Problem, Schedule],
) -> None:
    result = _repaired(planned, CarDelayed(car_id="c03", available_s=3000))
    assert _start(result, "c03") >= 3000
    assert (result.kpis.moved_cars or 0) <= 1
    assert [_start(result, c) for c in ("c00", "c01")] == [0, 60]


def test_a_hold_that_ends_before_the_car_is_needed_moves_nothing(
    planned: tuple[Problem, Schedule],
) -> None:
    _, schedule = planned
    last = schedule.assembly[-1].car_id
    result = _repaired(planned, CarDelayed(car_id=last, available_s=1))
    assert result.assembly == schedule.assembly
    assert result.kpis.moved_cars == 0


def test_a_held_lock_is_lifted_for_that_car_alone(planned: tuple[Problem, Schedule]) -> None:
    result = _repaired(planned, CarDelayed(car_id="c00", available_s=2000))
    assert _start(result, "c00") >= 2000
    assert _start(result, "c01") == 60


def test_a_scrapped_body_has_a_successor_from_the_start(
    planned: tuple[Problem, Schedule],
) -> None:
    new = a_car("c03-2", color="blue", due_s=12_000)
    result = _repaired(planned, CarScrapped(car_id="c03", successor=new))
    ids = [s.car_id for s in result.assembly]
    assert "c03" not in ids
    assert "c03-2" in ids
    assert {o.step for o in result.weld if o.car_id == "c03-2"} == {"S0", "S1"}
    assert result.kpis.moved_cars == 0


def test_a_rush_order_is_put_in_and_nobody_is_reordered(planned: tuple[Problem, Schedule]) -> None:
    rush = a_car("rush", color="red", due_s=5000, priority=5)
    result = _repaired(planned, CarAdded(car=rush))
    assert result.kpis.moved_cars == 0
    assert next(s.end_s for s in result.assembly if s.car_id == "rush") <= 5000


@pytest.mark.parametrize("resource", ["assembly", "paint", "W1", "P1"])
def test_a_line_that_is_down_shifts_times_and_not_orders(
    planned: tuple[Problem, Schedule], resource: str
) -> None:
    down = LineDown(resource=resource, start_s=300, end_s=2100)
    result = _repaired(planned, down)
    assert result.kpis.moved_cars == 0
    assert result.kpis.makespan_s >= planned[1].kpis.makespan_s


def test_a_second_stop_of_the_same_line_is_another_calendar(
    planned: tuple[Problem, Schedule],
) -> None:
    problem, _ = planned
    down = LineDown(resource="W1", start_s=300, end_s=400)
    twice = disturb(disturb(problem, down), down)
    assert len({c.id for c in twice.calendars}) == len(problem.calendars) + 2


def test_a_repair_adds_a_die_lot_where_panels_run_out() -> None:
    cars = tuple(a_car(f"c{k}", color=COLORS[k % 4]) for k in range(6))
    problem = a_plant(cars, press=press_shop(6))
    schedule = solve(replace(problem, cars=cars[:1]), budget=QUICK)
    bare = replace(schedule, press=())
    few = replace(problem, cars=cars[:5], press=replace(problem.press, stock=()))
    result = repair(few, bare, CarAdded(car=a_car("more", color="blue")))
    assert check(disturb(few, CarAdded(car=a_car("more", color="blue"))), result) == ()


def test_a_lot_that_is_in_stock_by_now_is_not_pressed_again() -> None:
    cars = tuple(a_car(f"c{k}", color=COLORS[k % 4]) for k in range(20))
    problem = a_plant(cars, press=press_shop(5))
    schedule = solve(problem, budget=QUICK)
    assert schedule.press
    later = replace(problem, press=press_shop(45))
    result = rebase(later, schedule)
    assert check(later, result) == ()
    assert sum(lot.quantity for lot in result.press) < sum(x.quantity for x in schedule.press)


def test_a_body_that_is_less_far_than_the_plan_says_gets_new_places() -> None:
    cars = tuple(
        a_car(f"c{k}", color=COLORS[k % 4], at=Stage.PAINTED if k < 2 else Stage.WELDED)
        for k in range(8)
    )
    problem = a_plant(cars)
    schedule = solve(problem, budget=QUICK)
    back = (replace(cars[0], at=Stage.NOT_STARTED), cars[1], replace(cars[2], at=Stage.NOT_STARTED))
    later = replace(problem, cars=(*back, *cars[3:]))
    result = rebase(later, schedule)
    assert check(later, result, reference=schedule) == ()
    assert not result.unplaced


def test_a_step_frozen_on_another_machine_moves_there() -> None:
    cars = tuple(a_car(f"c{k}", color=COLORS[k % 4]) for k in range(4))
    problem = a_plant(cars)
    schedule = solve(problem, budget=QUICK)
    first = schedule.weld[0]
    other = "W1" if first.machine == "W0" else "W0"
    fact = FrozenCar(
        car_id=first.car_id,
        weld=(FrozenOperation(step=first.step, machine=other, start_s=20),),
    )
    later = replace(problem, frozen=(fact,))
    result = rebase(later, schedule)
    assert check(later, result, reference=schedule) == ()


def test_a_car_that_fits_nowhere_is_left_out_with_a_reason(
    planned: tuple[Problem, Schedule],
) -> None:
    late = a_car("late", release_s=35_000)
    result = _repaired(planned, CarAdded(car=late))
    assert [u.car_id for u in result.unplaced] == ["late"]
    assert result.unplaced[0].sentence


def test_work_in_assembly_is_finished_when_its_rework_is(
    planned: tuple[Problem, Schedule],
) -> None:
    problem, _ = planned
    cars = (*problem.cars, a_car("on line", at=Stage.IN_ASSEMBLY))
    fact = FrozenCar(car_id="on line", assembly_start_s=-60, assembly_left_s=100)
    busy = replace(problem, cars=cars, frozen=(*problem.frozen, fact))
    schedule = solve(busy, budget=QUICK)
    result = repair(busy, schedule, CarDelayed(car_id="on line", available_s=900))
    assert next(t.finish_s for t in result.times if t.car_id == "on line") == 900


@pytest.mark.parametrize(
    "what",
    [
        CarDelayed(car_id="nobody", available_s=1),
        CarScrapped(car_id="nobody", successor=a_car("new")),
        CarAdded(car=a_car("c00")),
        LineDown(resource="nothing", start_s=0, end_s=1),
        LineDown(resource="paint", start_s=5, end_s=5),
        LineDown(resource="paint", start_s=-5, end_s=5),
    ],
)
def test_a_disturbance_of_nothing_known_is_refused(
    planned: tuple[Problem, Schedule], what: Disturbance
) -> None:
    with pytest.raises(ProblemError):
        repair(*planned, what)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.data())
def test_every_repair_of_every_small_plant_passes_the_checker(
    seed: int, data: st.DataObject
) -> None:
    problem = random_plant(seed)
    schedule = solve(problem, budget=Budget(moves=0, deterministic_s=0.0))
    car = data.draw(st.sampled_from(problem.cars)).id
    start = data.draw(st.integers(0, 4000))
    new = a_car("new", color=data.draw(st.sampled_from(COLORS)), due_s=6000)
    what = data.draw(
        st.sampled_from(
            [
                CarDelayed(car_id=car, available_s=start),
                CarScrapped(car_id=car, successor=new),
                CarAdded(car=new),
                LineDown(resource="assembly", start_s=start, end_s=start + 900),
                LineDown(resource="paint", start_s=start, end_s=start + 900),
                LineDown(resource="W2", start_s=start, end_s=start + 900),
                LineDown(resource="P1", start_s=start, end_s=start + 900),
            ]
        )
    )
    result = repair(problem, schedule, what)
    assert check(disturb(problem, what), result, reference=schedule) == ()
