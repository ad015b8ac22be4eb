"""Whole-plant plans: every plan checks, every level matters, an unchanged plant keeps its plan."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps import solve as solving
from aps.bench.plants import EMPTY, plant
from aps.budget import Clock, run_solver
from aps.check import check
from aps.errors import Cancelled, ProblemError
from aps.flow import Flow
from aps.levels import assembly, paint, slotting, stamping, weld
from aps.levels.assembly import Sequence
from aps.levels.paint import PaintOrder
from aps.levels.slotting import Caps, Places, ShiftSlots, Slotting
from aps.levels.stamping import Stamping
from aps.levels.weld import Welding
from aps.orders import Orders, Task
from aps.plant import Plant
from aps.problem import HeldLot, Problem, Stage
from aps.repair import rebase
from aps.schedule import LevelResult, Schedule
from aps.solve import Budget, Levels, plan_key, solve
from tests.support.aps_plants import a_car, a_plant, press_shop, random_plant

QUICK = Budget(moves=2000, deterministic_s=0.3)
BUSY = Budget(moves=40_000, deterministic_s=0.2)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_every_plan_of_every_small_plant_passes_the_checker(seed: int) -> None:
    problem = random_plant(seed)
    schedule = solve(problem, budget=QUICK)
    assert check(problem, schedule) == ()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000))
def test_replanning_an_unchanged_plant_changes_nothing(seed: int) -> None:
    problem = random_plant(seed)
    schedule = solve(problem, budget=QUICK)
    again = rebase(problem, schedule)
    assert check(problem, again, reference=schedule) == ()
    if not schedule.unplaced:
        assert (again.assembly, again.paint, again.weld, again.press) == (
            schedule.assembly,
            schedule.paint,
            schedule.weld,
            schedule.press,
        )
        assert again.kpis.moved_cars == 0


def test_the_same_work_budget_gives_the_same_plan() -> None:
    problem = random_plant(42)
    assert solve(problem, budget=QUICK) == solve(problem, budget=QUICK)


def test_an_executor_tries_several_seeds_and_the_result_is_repeatable() -> None:
    problem = random_plant(41)
    with ThreadPoolExecutor(2) as executor:
        first = solve(problem, budget=QUICK, executor=executor)
        assert first == solve(problem, budget=QUICK, executor=executor)
    assert check(problem, first) == ()


def test_incumbents_only_get_better_and_the_last_is_the_result() -> None:
    problem = plant(60, size=EMPTY)
    shown: list[Schedule] = []
    result = solve(problem, budget=Budget(wall_s=1.5), on_incumbent=shown.append)
    keys = [plan_key(problem, schedule) for schedule in shown]
    assert keys == sorted(keys, reverse=True)
    assert shown[-1] == result
    assert all(check(problem, schedule) == () for schedule in shown)


def test_a_cancelled_solve_returns_the_best_plan_it_had() -> None:
    problem = random_plant(5)
    shown: list[Schedule] = []
    result = solve(
        problem,
        budget=Budget(wall_s=60),
        on_incumbent=shown.append,
        cancel=lambda: bool(shown),
    )
    assert result == shown[-1]
    assert check(problem, result) == ()


def test_a_solve_cancelled_before_it_began_says_so() -> None:
    with pytest.raises(Cancelled):
        solve(random_plant(5), cancel=lambda: True)


def test_no_time_at_all_still_gives_a_plan_that_checks() -> None:
    problem = random_plant(6)
    assert check(problem, solve(problem, budget=Budget(wall_s=0))) == ()


def test_a_solver_is_not_started_with_a_spent_share() -> None:
    share = Clock(Budget(wall_s=0)).share(1.0)
    assert run_solver(None, share, seed=1)[1] == "UNKNOWN"  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [{"wall_s": -1.0}, {"moves": -1}, {"deterministic_s": -0.5}])
def test_a_budget_cannot_be_negative(values: dict[str, Any]) -> None:
    with pytest.raises(ProblemError):
        Budget(**values)


def test_a_plant_of_realistic_shape_is_planned_completely() -> None:
    problem = plant(90, seed=4)
    schedule = solve(problem, budget=Budget(moves=30_000, deterministic_s=0.2))
    assert check(problem, schedule) == ()
    assert schedule.kpis.cars_unplaced == 0
    assert [result.level for result in schedule.levels] == ["L1", "L2", "L3", "L4", "L5"]


def test_cars_that_no_shift_has_room_for_are_left_out_with_their_reason() -> None:
    problem = a_plant(tuple(a_car(f"c{k:03d}") for k in range(60)))
    shifts = (replace(problem.shifts[0], end_s=2400, breaks=()),)
    calendars = (replace(problem.calendars[0], working=((0, 2400),), shift_ids=("early",)),)
    short = replace(problem, shifts=shifts, calendars=(*calendars, problem.calendars[1]))
    schedule = solve(short, budget=QUICK)
    assert check(short, schedule) == ()
    assert schedule.kpis.cars_planned > 0
    assert {left_out.code for left_out in schedule.unplaced} <= {
        "slot.capacity",
        "calendar.assembly",
        "calendar.paint",
        "paint.batch_limit",
    }
    assert all(left_out.sentence for left_out in schedule.unplaced)


def test_cars_without_panels_are_left_out_and_the_others_are_built() -> None:
    cars = (a_car("a"), a_car("b", body_type="van", panels=(("van-hood", 1),)))
    problem = a_plant(cars, press=replace(press_shop(10), dies=(), stock=(("van-hood", 0),)))
    problem = replace(
        problem,
        cars=(replace(cars[0], panels=()), cars[1]),
        press=replace(problem.press, presses=()),
    )
    schedule = solve(problem, budget=QUICK)
    assert [u.code for u in schedule.unplaced] == ["press.no_panels"]
    assert [s.car_id for s in schedule.assembly] == ["a"]
    assert check(problem, schedule) == ()


def test_an_urgent_order_goes_before_the_others() -> None:
    cars = [a_car(f"c{k:02d}", color=("white", "red")[k % 2], due_s=20_000) for k in range(20)]
    cars[17] = replace(cars[17], due_s=1100)
    schedule = solve(a_plant(tuple(cars)), budget=QUICK)
    finish = {slot.car_id: slot.end_s for slot in schedule.assembly}
    assert finish["c17"] <= 1100


# Each level taken out: a naive decision in its place, and what notices.


def _first_come(p: Plant, caps: Caps, share: object, *, seed: int, pass_no: int) -> Slotting:
    """Fill shifts in the order of the file, without regard to dates and options."""
    places = Places.of(p)
    cars = iter([*slotting.candidates(p)])
    shifts, rows = [], []
    for shift in places.shifts():
        some = [c for _, c in zip(range(shift.last + 1 - shift.first), cars, strict=False)]
        shifts.append(ShiftSlots(shift.shift_id, shift.first, shift.last))
        rows.append(tuple(some))
    return Slotting(tuple(shifts), tuple(rows), tuple(cars), _none("L1", pass_no))


def _as_slotted(
    p: Plant, slots: Slotting, caps: Caps, share: object, *, seed: int, pass_no: int, executor: Any
) -> Sequence:
    cars = [*slotting.held_cars(p), *(c for shift in slots.cars for c in shift)]
    return Sequence(tuple(cars), _none("L2", pass_no))


def _as_assembled(
    p: Plant, order: tuple[int, ...], share: object, *, seed: int, pass_no: int
) -> PaintOrder:
    cars = tuple(c for c in order if p.rank[c] < Stage.IN_PAINT.rank)
    return PaintOrder(cars, order, (), _none("L3", pass_no))


def _always_the_first_machine(
    p: Plant, flow: Flow, order: tuple[int, ...], share: object, *, seed: int, pass_no: int
) -> Welding:
    tasks = [
        Task(c, step.id, p.machines[step.alternatives[0].machine], step.alternatives[0].duration_s)
        for c in order
        for step in p.steps_left(c)
    ]
    return Welding(tuple(tasks), _none("L4", pass_no))


def _press_nothing(
    p: Plant, flow: Flow, orders: Orders, share: object, *, seed: int, pass_no: int
) -> Stamping:
    return Stamping((), _none("L5", pass_no))


def _none(level: str, pass_no: int) -> LevelResult:
    return LevelResult(level=level, pass_no=pass_no, status="NONE")


@pytest.fixture(scope="module")
def busy() -> tuple[Problem, Schedule]:
    """A plant in which every level has something to decide, and its plan."""
    base = plant(150, seed=3, size=EMPTY)
    shifts = tuple(
        replace(s, start_s=k * 9000, end_s=k * 9000 + 7200, breaks=())
        for k, s in enumerate(base.shifts)
    )
    working = tuple((s.start_s, s.end_s) for s in shifts)
    ids = tuple(s.id for s in shifts)
    calendars = tuple(replace(c, working=working, shift_ids=ids) for c in base.calendars)
    # The last cars of the file are due first.
    cars = tuple(
        replace(car, due_s=26_000 if k >= 100 else 90_000) for k, car in enumerate(base.cars)
    )
    stock = tuple((panel, 20) for panel, _ in base.press.stock)
    dies = tuple(replace(die, lot_size=60, changeover_s=200) for die in base.press.dies)
    problem = replace(
        base,
        cars=cars,
        shifts=shifts,
        calendars=calendars,
        press=replace(base.press, stock=stock, dies=dies),
    )
    return problem, solve(problem, budget=BUSY)


def _without(problem: Problem, **level: Any) -> Schedule:
    schedule = solve(problem, budget=BUSY, levels=Levels(**level))
    assert check(problem, schedule) == ()
    return schedule


def test_the_full_plan_is_complete_and_checks(busy: tuple[Problem, Schedule]) -> None:
    problem, schedule = busy
    assert check(problem, schedule) == ()
    assert schedule.kpis.cars_unplaced == 0


def test_without_slotting_urgent_orders_are_late(busy: tuple[Problem, Schedule]) -> None:
    problem, schedule = busy
    worse = _without(problem, slot=_first_come)
    assert worse.kpis.total_tardiness_s > schedule.kpis.total_tardiness_s


def test_without_sequencing_ratio_rules_break(busy: tuple[Problem, Schedule]) -> None:
    problem, schedule = busy
    worse = _without(problem, sequence=_as_slotted)
    assert worse.kpis.ratio_violations_high > schedule.kpis.ratio_violations_high + 5


def test_without_a_paint_order_colors_change_more(busy: tuple[Problem, Schedule]) -> None:
    problem, schedule = busy
    worse = _without(problem, paint=_as_assembled)
    assert worse.kpis.color_changes > schedule.kpis.color_changes


def test_without_weld_planning_bodies_come_late(busy: tuple[Problem, Schedule]) -> None:
    problem, schedule = busy
    worse = _without(problem, weld=_always_the_first_machine)
    assert worse.kpis.makespan_s > schedule.kpis.makespan_s


def test_without_stamping_panels_run_out(busy: tuple[Problem, Schedule]) -> None:
    problem, schedule = busy
    worse = _without(problem, stamp=_press_nothing)
    assert worse.kpis.cars_unplaced > schedule.kpis.cars_unplaced
    assert {u.code for u in worse.unplaced} == {"press.no_panels"}


def test_what_the_shops_cannot_feed_comes_back_as_caps() -> None:
    """Paint slower than it was thought: the next pass knows when bodies really come."""
    problem = plant(150, seed=5, size=EMPTY)
    slow = replace(problem, paint=replace(problem.paint, purge_s=120))
    p = Plant(slow)
    flow = Flow(p)
    budget = Clock(Budget(moves=1000, deterministic_s=0.2)).share(1.0)
    placed, _ = solving._pass(p, flow, Caps(), budget, Levels(), 1, 1, None)
    caps = solving._caps(p, Caps(), placed)
    assert Places.of(p, caps).time(100) > Places.of(p).time(100)


def test_levels_say_what_they_did() -> None:
    result = LevelResult(level="L1", pass_no=1, status="FEASIBLE", objective=100, bound=90)
    assert result.gap == pytest.approx(0.1)
    assert LevelResult(level="L4", pass_no=1, status="DISPATCHED", objective=5).gap is None


def test_a_running_lot_and_a_frozen_one_keep_their_press() -> None:
    held = (
        HeldLot(
            id="running", panel_type="city-side", press="P1", quantity=40, start_s=-60, left_s=180
        ),
        HeldLot(id="frozen", panel_type="van-side", press="P1", quantity=30, start_s=900),
    )
    cars = tuple(a_car(f"c{k}", color=("white", "red")[k % 2]) for k in range(30))
    problem = a_plant(cars, press=press_shop(5, held_lots=held))
    schedule = solve(problem, budget=QUICK)
    assert check(problem, schedule) == ()
    lots = {lot.id: lot for lot in schedule.press}
    assert (lots["running"].start_s, lots["running"].end_s) == (-60, 180)
    assert lots["frozen"].press == "P1"
    assert lots["frozen"].start_s >= 900
    assert len(lots) > 2


def test_the_levels_of_the_default_are_the_ones_tested_here() -> None:
    levels = Levels()
    assert levels.slot is slotting.slot
    assert levels.sequence is assembly.sequence
    assert levels.paint is paint.paint_order
    assert levels.weld is weld.weld
    assert levels.stamp is stamping.stamp
