"""Why a car is late: the binding reason of each level, in words."""

from dataclasses import replace
from typing import Any

import pytest

from aps.explain import Reason, why_late
from aps.problem import FrozenCar, Problem, Stage
from aps.schedule import Schedule
from aps.solve import Budget, solve
from tests.support.aps_plants import COLORS, a_car, a_plant, press_shop

QUICK = Budget(moves=0, deterministic_s=0.0)


def _cars(count: int, **changes: Any) -> tuple[Any, ...]:
    return tuple(a_car(f"c{k:02d}", color=COLORS[k % 4], **changes) for k in range(count))


def _why(problem: Problem, car_id: str) -> tuple[Schedule, list[Reason]]:
    schedule = solve(problem, budget=QUICK)
    return schedule, list(why_late(problem, schedule, car_id))


def _codes(reasons: list[Reason]) -> list[str]:
    assert all(reason.sentence for reason in reasons)
    return [reason.code for reason in reasons]


def test_a_car_on_time_needs_no_reason() -> None:
    _, reasons = _why(a_plant(_cars(2, due_s=20_000)), "c00")
    assert reasons == []


def test_an_unknown_car_is_not_explained() -> None:
    problem = a_plant(_cars(2))
    with pytest.raises(KeyError):
        why_late(problem, solve(problem, budget=QUICK), "ghost")


def test_a_promise_that_no_plan_could_meet_is_called_that() -> None:
    _, reasons = _why(a_plant(_cars(2, due_s=60)), "c00")
    assert "promise.unreachable" in _codes(reasons)


def test_a_car_behind_others_waits_for_the_line() -> None:
    painted = _cars(12, at=Stage.PAINTED, due_s=700)
    schedule, _ = _why(a_plant(painted), "c00")
    last = schedule.assembly[-1].car_id
    reasons = list(why_late(a_plant(painted), schedule, last))
    assert _codes(reasons)[0] == "assembly.capacity"
    assert dict(reasons[0].facts)["ahead"] == 11


def test_options_used_up_in_a_shift_are_named() -> None:
    sunroofs = _cars(8, at=Stage.PAINTED, due_s=500, options=frozenset({"sunroof"}))
    schedule, _ = _why(a_plant(sunroofs), "c00")
    reasons = list(why_late(a_plant(sunroofs), schedule, schedule.assembly[-1].car_id))
    assert "ratio.cap" in _codes(reasons)


def test_a_hold_is_named() -> None:
    held = (a_car("held", at=Stage.PAINTED, due_s=500, release_s=1000),)
    _, reasons = _why(a_plant(held), "held")
    assert _codes(reasons)[0] == "held"
    welded = (a_car("held", at=Stage.WELDED, due_s=500, release_s=1000),)
    _, reasons = _why(a_plant(welded), "held")
    assert _codes(reasons)[:2] == ["assembly.waits_for_body", "held"]
    new = (a_car("held", due_s=500, release_s=1000),)
    _, reasons = _why(a_plant(new), "held")
    assert _codes(reasons)[:3] == ["assembly.waits_for_body", "paint.waits_for_body", "held"]


def test_rework_on_the_line_is_named() -> None:
    cars = (a_car("line", at=Stage.IN_ASSEMBLY, due_s=100, release_s=2000),)
    fact = FrozenCar(car_id="line", assembly_start_s=-60, assembly_left_s=60)
    _, reasons = _why(a_plant(cars, frozen=(fact,)), "line")
    assert _codes(reasons) == ["held"]
    on_line = (replace(cars[0], release_s=0, due_s=10),)
    _, reasons = _why(a_plant(on_line, frozen=(fact,)), "line")
    assert _codes(reasons) == ["assembly.started"]


def test_started_paint_is_named() -> None:
    cars = (a_car("wet", at=Stage.IN_PAINT, due_s=100),)
    fact = FrozenCar(car_id="wet", paint_start_s=-60, paint_left_s=240)
    _, reasons = _why(a_plant(cars, frozen=(fact,)), "wet")
    assert _codes(reasons)[:2] == ["assembly.waits_for_body", "paint.started"]


def test_a_frozen_place_is_named() -> None:
    cars = (a_car("locked", at=Stage.PAINTED, due_s=500),)
    fact = FrozenCar(car_id="locked", assembly_start_s=1200)
    _, reasons = _why(a_plant(cars, frozen=(fact,)), "locked")
    assert _codes(reasons)[0] == "frozen"


def test_panels_that_come_late_are_named_with_their_lot() -> None:
    problem = a_plant(_cars(3, due_s=300), press=press_shop(0))
    _, reasons = _why(problem, "c00")
    assert "press.lot" in _codes(reasons)
    lot = next(reason for reason in reasons if reason.code == "press.lot")
    assert dict(lot.facts)["lot"]


def test_a_busy_weld_machine_is_named() -> None:
    problem = a_plant(_cars(30, due_s=300))
    slow = tuple(
        replace(
            routing,
            steps=tuple(
                replace(
                    step,
                    alternatives=tuple(replace(a, duration_s=400) for a in step.alternatives),
                )
                for step in routing.steps
            ),
        )
        for routing in problem.body.routings
    )
    problem = replace(problem, body=replace(problem.body, routings=slow))
    schedule, _ = _why(problem, "c00")
    reasons = list(why_late(problem, schedule, schedule.assembly[-1].car_id))
    assert "weld.capacity" in _codes(reasons)


def test_bodies_in_the_paint_queue_are_counted() -> None:
    problem = a_plant(_cars(10, at=Stage.WELDED, due_s=100))
    schedule, _ = _why(problem, "c00")
    reasons = list(why_late(problem, schedule, schedule.paint[-1].car_id))
    assert {"paint.capacity", "paint.batch"} & set(_codes(reasons))


def test_a_color_batch_before_it_is_named() -> None:
    cars = [
        a_car(f"w{k}", color="white", at=Stage.WELDED, due_s=10 + k, priority=1) for k in range(4)
    ]
    cars.append(a_car("red", color="red", at=Stage.WELDED, due_s=100))
    problem = a_plant(tuple(cars))
    _, reasons = _why(problem, "red")
    assert _codes(reasons)[:2] == ["assembly.waits_for_body", "paint.batch"]


def test_a_night_without_work_is_named() -> None:
    cars = (a_car("night", at=Stage.PAINTED, due_s=14_500, release_s=14_300),)
    problem = a_plant((*cars, *_cars(2, at=Stage.PAINTED, priority=2, release_s=14_100)))
    _, reasons = _why(problem, "night")
    assert _codes(reasons)[0] in ("calendar", "held", "assembly.capacity")


def test_a_car_left_out_has_the_reason_of_the_plan() -> None:
    problem = a_plant(_cars(1, release_s=35_500, due_s=100))
    schedule, reasons = _why(problem, "c00")
    assert [reason.code for reason in reasons] == [schedule.unplaced[0].code]
