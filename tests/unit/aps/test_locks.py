"""Locked starts: a plan keeps them where it can, counts them where it cannot, and loses none silently."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.check import check
from aps.disturbance import LineDown
from aps.errors import ProblemError
from aps.lock import Lock
from aps.problem import Problem, Stage, from_json, snapshot_hash, to_json
from aps.repair import rebase, repair
from aps.schedule import Schedule
from aps.solve import Budget, plan_key, solve
from aps.validate import validate
from tests.support.aps_plants import COLORS, a_car, a_plant

QUICK = Budget(moves=500, deterministic_s=0.1)


def _plant(n: int = 24) -> Problem:
    cars = tuple(
        a_car(
            f"c{k:02d}",
            color=COLORS[k % 4],
            options=frozenset({"sunroof"}) if k % 3 == 0 else frozenset(),
            due_s=20_000,
            at=Stage.PAINTED if k < 6 else Stage.NOT_STARTED,
        )
        for k in range(n)
    )
    return a_plant(cars)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return _plant()


@pytest.fixture(scope="module")
def plan(problem: Problem) -> Schedule:
    return solve(problem, budget=QUICK)


def _locked(problem: Problem, plan: Schedule, *cars: str, room_takts: int = 2) -> Problem:
    """Return the problem with these cars locked where the plan starts them on the drum."""
    room = room_takts * problem.assembly.takt_s
    starts = {slot.car_id: slot.start_s for slot in plan.assembly}
    locks = tuple(
        Lock(
            car_id=car,
            line=problem.assembly.id,
            from_s=max(0, starts[car] - room),
            to_s=starts[car] + room,
        )
        for car in cars
    )
    return replace(problem, locks=locks)


def _start(plan: Schedule, car: str) -> int:
    return next(slot.start_s for slot in plan.assembly if slot.car_id == car)


def test_a_problem_without_locks_keeps_its_name(problem: Problem) -> None:
    assert '"locks"' not in to_json(problem)
    locked = replace(problem, locks=(Lock(car_id="c07", line="assembly", from_s=0, to_s=9),))
    assert from_json(to_json(locked)) == locked
    assert snapshot_hash(locked) != snapshot_hash(problem)


def test_a_solve_starts_locked_cars_in_their_windows(problem: Problem, plan: Schedule) -> None:
    last, middle = plan.assembly[-2].car_id, plan.assembly[12].car_id
    asked = _locked(problem, plan, last, middle)
    found = solve(replace(asked, seed=7), budget=QUICK)
    assert found.kpis.broken_locks == ()
    for lock in asked.locks:
        assert lock.from_s <= _start(found, lock.car_id) <= lock.to_s
    assert check(replace(asked, seed=7), found) == ()


def test_a_repair_puts_a_locked_car_back_where_it_was_locked(
    problem: Problem, plan: Schedule
) -> None:
    car = plan.assembly[14].car_id
    asked = _locked(problem, plan, car)
    order = list(plan.assembly)
    order.insert(22, order.pop(14))
    elsewhere = replace(plan, assembly=tuple(order))
    found = rebase(asked, elsewhere)
    lock = asked.locks[0]
    assert lock.from_s <= _start(found, car) <= lock.to_s
    assert found.kpis.broken_locks == ()
    assert check(asked, found, reference=elsewhere) == ()


def test_cars_that_are_put_in_push_no_locked_start_out_of_its_window(
    problem: Problem, plan: Schedule
) -> None:
    asked = _locked(problem, plan, *(slot.car_id for slot in plan.assembly[10:20:3]))
    rush = tuple(a_car(f"rush{k}", due_s=1, priority=5) for k in range(6))
    asked = replace(asked, cars=(*asked.cars, *rush))
    pushed = rebase(replace(asked, locks=()), plan)
    away = [abs(_start(pushed, lock.car_id) - _start(plan, lock.car_id)) for lock in asked.locks]
    assert max(away) > 2 * problem.assembly.takt_s  # else there is nothing to keep
    found = rebase(asked, plan)
    assert found.kpis.broken_locks == ()
    assert {slot.car_id for slot in found.assembly} >= {car.id for car in rush}
    assert check(asked, found, reference=plan) == ()


def test_a_locked_car_whose_body_would_come_too_late_is_welded_and_painted_earlier(
    problem: Problem, plan: Schedule
) -> None:
    car = plan.assembly[9].car_id
    asked = _locked(problem, plan, car)
    last = [slot for slot in plan.paint if slot.car_id != car]
    late = replace(
        plan,
        assembly=(*(x for x in plan.assembly if x.car_id != car), plan.assembly[9]),
        paint=(*last, next(x for x in plan.paint if x.car_id == car)),
        weld=(
            *(x for x in plan.weld if x.car_id != car),
            *(replace(x, start_s=x.start_s + 9_000) for x in plan.weld if x.car_id == car),
        ),
    )
    assert _start(rebase(replace(asked, locks=()), late), car) > asked.locks[0].to_s
    found = rebase(asked, late)
    assert found.kpis.broken_locks == ()
    assert check(asked, found, reference=late) == ()


def test_a_lock_given_for_another_hour_moves_its_car_in_the_next_repair(
    problem: Problem, plan: Schedule
) -> None:
    car, there = plan.assembly[18].car_id, plan.assembly[11].start_s
    wish = Lock(
        car_id=car, line=problem.assembly.id, from_s=there, to_s=there + 4 * problem.assembly.takt_s
    )
    asked = replace(problem, locks=(wish,))
    found = rebase(asked, plan)
    assert wish.from_s <= _start(found, car) <= wish.to_s
    assert check(asked, found, reference=plan) == ()


def test_a_paint_start_can_be_locked_too(problem: Problem, plan: Schedule) -> None:
    slot = plan.paint[10]
    takt = problem.paint.takt_s
    window = Lock(
        car_id=slot.car_id,
        line=problem.paint.id,
        from_s=max(0, slot.start_s - 3 * takt),
        to_s=slot.start_s + 3 * takt,
    )
    asked = replace(problem, locks=(window,))
    order = list(plan.paint)
    order.insert(16, order.pop(10))
    elsewhere = replace(plan, paint=tuple(order))
    found = rebase(asked, elsewhere)
    assert found.kpis.broken_locks == ()
    assert check(asked, found, reference=elsewhere) == ()


def test_a_lock_that_a_line_down_breaks_is_counted_and_the_plan_still_checks(
    problem: Problem, plan: Schedule
) -> None:
    car = plan.assembly[12].car_id
    asked = _locked(problem, plan, car)
    start = asked.locks[0].from_s
    down = LineDown(resource=problem.assembly.id, start_s=start, end_s=start + 3_000)
    found = repair(asked, plan, down)
    ((named, line, away),) = found.kpis.broken_locks
    assert (named, line) == (car, problem.assembly.id)
    assert away == _start(found, car) - asked.locks[0].to_s > 0
    whole = replace(found, kpis=replace(found.kpis, broken_locks=()))
    assert plan_key(asked, whole) < plan_key(asked, found)


def test_a_plan_that_hides_a_broken_lock_is_found_out(problem: Problem, plan: Schedule) -> None:
    late = Lock(car_id=plan.assembly[0].car_id, line=problem.assembly.id, from_s=9_000, to_s=9_100)
    asked = replace(problem, locks=(late,))
    told = replace(plan, snapshot_hash=snapshot_hash(asked))
    (found,) = check(asked, told)
    assert (found.code, found.subject) == ("kpi.wrong", "broken_locks")


def test_work_that_has_begun_keeps_its_lock(problem: Problem, plan: Schedule) -> None:
    early = Lock(car_id="c00", line=problem.paint.id, from_s=0, to_s=1)
    asked = replace(problem, locks=(early,))
    assert rebase(asked, plan).kpis.broken_locks == ()


@pytest.mark.parametrize(
    ("lock", "code"),
    [
        (Lock(car_id="nobody", line="assembly", from_s=0, to_s=1), "lock.unknown_car"),
        (Lock(car_id="c01", line="press", from_s=0, to_s=1), "lock.unknown_line"),
        (Lock(car_id="c01", line="assembly", from_s=2, to_s=1), "lock.window"),
    ],
)
def test_a_lock_of_nothing_is_named(problem: Problem, lock: Lock, code: str) -> None:
    known = {"assembly": problem.assembly.id}
    asked = replace(problem, locks=(replace(lock, line=known.get(lock.line, lock.line)),))
    with pytest.raises(ProblemError) as caught:
        validate(asked)
    assert caught.value.code == code


def test_two_locks_of_one_start_are_refused(problem: Problem) -> None:
    lock = Lock(car_id="c01", line=problem.assembly.id, from_s=0, to_s=1)
    with pytest.raises(ProblemError):
        validate(replace(problem, locks=(lock, replace(lock, to_s=9))))


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 23), st.integers(0, 9_000)), max_size=5))
def test_whatever_is_locked_the_plan_checks_and_leaves_no_car_out(
    wishes: list[tuple[int, int]],
) -> None:
    problem = _plant()
    plan = _PLANS.setdefault("plan", solve(problem, budget=QUICK))
    at = {f"c{k:02d}": start for k, start in wishes}
    locks = tuple(
        Lock(car_id=car, line=problem.assembly.id, from_s=start, to_s=start + 300)
        for car, start in at.items()
    )
    asked = replace(problem, locks=locks)
    found = rebase(asked, plan)
    assert check(asked, found, reference=plan) == ()
    assert not found.unplaced
    counted = rebase(replace(asked, locks=()), plan)
    assert len(found.kpis.broken_locks) <= sum(
        not lock.from_s <= _start(counted, lock.car_id) <= lock.to_s for lock in locks
    )


_PLANS: dict[str, Schedule] = {}
