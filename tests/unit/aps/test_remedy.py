"""What would help a late car: every change offered has been tried, and works."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.change import (
    Change,
    ExtraMachine,
    HoldEnds,
    LaterPromise,
    LongerBatch,
    MorePanels,
    MoreStore,
    Overtime,
    Rush,
    Unfrozen,
    changed,
)
from aps.check import check
from aps.explain import why_late
from aps.problem import FrozenCar, Problem, Stage
from aps.remedy import Remedy, remedies
from aps.repair import rebase
from aps.schedule import Schedule
from aps.solve import Budget, solve
from tests.support.aps_plants import COLORS, a_car, a_plant, press_shop, random_plant

QUICK = Budget(moves=0, deterministic_s=0.0)


def _cars(count: int, **changes: Any) -> tuple[Any, ...]:
    return tuple(a_car(f"c{k:02d}", color=COLORS[k % 4], **changes) for k in range(count))


def _kinds(found: tuple[Remedy, ...]) -> set[type[Change]]:
    return {type(change) for remedy in found for change in remedy.changes}


def _holds(problem: Problem, schedule: Schedule, car_id: str, found: tuple[Remedy, ...]) -> None:
    """Apply each remedy again and look at the plan with the checker alone."""
    for remedy in found:
        branch = changed(problem, remedy.changes)
        assert branch == remedy.problem
        assert remedy.changes
        assert check(branch, remedy.plan, reference=schedule) == ()
        slot = next(one for one in remedy.plan.assembly if one.car_id == car_id)
        due = next(car.due_s for car in branch.cars if car.id == car_id)
        assert slot.end_s == remedy.finish_s
        assert due is None or slot.end_s <= due
        planned = {one.car_id for one in schedule.assembly}
        assert planned <= {one.car_id for one in remedy.plan.assembly}
        assert remedy.made_late == len(_late(branch, remedy.plan) - _late(problem, schedule))


def _late(problem: Problem, schedule: Schedule) -> set[str]:
    due = {car.id: car.due_s for car in problem.cars}
    ends = ((slot.car_id, slot.end_s) for slot in schedule.assembly)
    return {car for car, end in ends if (by := due[car]) is not None and end > by}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000))
def test_what_is_offered_works_and_a_late_car_is_never_without_an_offer(seed: int) -> None:
    problem = random_plant(seed, most_cars=10)
    schedule = solve(problem, budget=QUICK)
    late = [car.id for car in problem.cars if why_late(problem, schedule, car.id)]
    placed = {slot.car_id for slot in schedule.assembly}
    for car_id in late[:3]:
        found = remedies(problem, schedule, car_id, trials=12)
        _holds(problem, schedule, car_id, found)
        assert found or car_id not in placed


def test_a_car_in_time_needs_no_help() -> None:
    problem = a_plant(_cars(2, due_s=20_000))
    assert remedies(problem, solve(problem, budget=QUICK), "c00") == ()


def test_an_unknown_car_is_not_helped() -> None:
    problem = a_plant(_cars(2))
    with pytest.raises(KeyError):
        remedies(problem, solve(problem, budget=QUICK), "ghost")


def test_a_car_behind_less_urgent_ones_goes_before_them() -> None:
    cars = (*_cars(11, at=Stage.PAINTED), a_car("late", at=Stage.PAINTED))
    order = solve(a_plant(cars), budget=QUICK)
    last = order.assembly[-1].car_id
    wanted = tuple(replace(car, due_s=600) if car.id == last else car for car in cars)
    problem = a_plant(wanted)
    schedule = rebase(problem, order)
    found = remedies(problem, schedule, last)
    _holds(problem, schedule, last, found)
    assert found[0].changes == (Rush(car_id=last),)
    assert found[0].made_late == 0


def test_a_shift_that_works_longer_saves_what_the_break_between_shifts_made_late() -> None:
    cars = _cars(5, at=Stage.PAINTED, due_s=15_400, release_s=14_200)
    problem = a_plant(cars)
    schedule = solve(problem, budget=QUICK)
    last = schedule.assembly[-1].car_id
    found = remedies(problem, schedule, last)
    _holds(problem, schedule, last, found)
    over = [c for one in found for c in one.changes if isinstance(c, Overtime)]
    assert over
    assert {(c.shift, c.end_s - c.start_s) for c in over if c.calendar == "day"} == {
        ("early", 1800)
    }


def test_the_hold_must_end_no_sooner_than_it_has_to() -> None:
    problem = a_plant((a_car("held", at=Stage.PAINTED, due_s=4000, release_s=6000),))
    schedule = solve(problem, budget=QUICK)
    found = remedies(problem, schedule, "held", most=1)
    _holds(problem, schedule, "held", found)
    assert found[0].changes == (HoldEnds(car_id="held", release_s=3600),)


def test_a_frozen_place_is_released() -> None:
    fact = FrozenCar(car_id="locked", assembly_start_s=1200)
    problem = a_plant((a_car("locked", at=Stage.PAINTED, due_s=500),), frozen=(fact,))
    schedule = solve(problem, budget=QUICK)
    found = remedies(problem, schedule, "locked")
    _holds(problem, schedule, "locked", found)
    assert Unfrozen(car_ids=("locked",)) in found[0].changes


def test_panels_from_elsewhere_come_in_the_least_number() -> None:
    problem = a_plant(_cars(3, due_s=1200), press=press_shop(0))
    schedule = solve(problem, budget=QUICK)
    late = next(car.id for car in problem.cars if why_late(problem, schedule, car.id))
    found = remedies(problem, schedule, late, trials=80)
    _holds(problem, schedule, late, found)
    pieces = [c.pieces for one in found for c in one.changes if isinstance(c, MorePanels)]
    assert pieces
    assert max(pieces) <= 6


def test_a_color_that_nothing_parts_needs_a_longer_batch() -> None:
    problem = a_plant(tuple(a_car(f"c{k}", due_s=20_000) for k in range(7)))
    schedule = solve(problem, budget=QUICK)
    out = schedule.unplaced[0].car_id
    found = remedies(problem, schedule, out)
    _holds(problem, schedule, out, found)
    assert LongerBatch in _kinds(found)


def test_a_second_machine_and_a_bigger_store_are_changes_too() -> None:
    problem = a_plant(_cars(3))
    wider = changed(problem, (ExtraMachine(machine="W0"), MoreStore(places=2)))
    assert [m.id for m in wider.body.machines][-1] == "W0+"
    assert wider.paint.store_capacity == problem.paint.store_capacity + 2
    schedule = solve(wider, budget=QUICK)
    assert check(wider, schedule) == ()
    more = changed(problem, (MorePanels(panel_type="city-hood", pieces=5),))
    assert dict(more.press.stock)["city-hood"] == dict(problem.press.stock)["city-hood"] + 5


def test_a_promise_that_nothing_can_keep_is_made_later() -> None:
    problem = a_plant(_cars(2, due_s=60))
    schedule = solve(problem, budget=QUICK)
    found = remedies(problem, schedule, "c00")
    _holds(problem, schedule, "c00", found)
    finish = next(slot.end_s for slot in schedule.assembly if slot.car_id == "c00")
    assert [one.changes for one in found] == [(LaterPromise(car_id="c00", due_s=finish),)]


def test_a_remedy_says_whom_it_makes_late() -> None:
    full = tuple(replace(c, due_s=60 * k + 300) for k, c in enumerate(_cars(8, at=Stage.PAINTED)))
    order = solve(a_plant((*full, a_car("late", at=Stage.PAINTED, due_s=30_000))), budget=QUICK)
    problem = a_plant((*full, a_car("late", at=Stage.PAINTED, due_s=600)))
    schedule = rebase(problem, order)
    found = remedies(problem, schedule, "late")
    _holds(problem, schedule, "late", found)
    rush = next(one for one in found if one.changes == (Rush(car_id="late"),))
    assert rush.made_late == 3
