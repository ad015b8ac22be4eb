"""The checker catches each kind of violation: a good plan, changed in one way, is refused."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aps.check import check
from aps.problem import (
    FrozenCar,
    FrozenOperation,
    HeldLot,
    Problem,
    RatioPriority,
    RatioRule,
    Stage,
)
from aps.schedule import Schedule, Slot, Unplaced
from aps.solve import Budget, solve
from tests.support.aps_plants import a_car, a_plant, press_shop, random_plant

QUICK = Budget(moves=500, deterministic_s=0.1)


def a_full_plant() -> Problem:
    """Return a plant with a car at every stage, locks, and lots to press."""
    cars = (
        a_car("line", at=Stage.IN_ASSEMBLY),
        a_car("stored", at=Stage.PAINTED, color="red"),
        a_car("locked", at=Stage.PAINTED),
        a_car("spraying", at=Stage.IN_PAINT, color="blue"),
        a_car("welded", at=Stage.WELDED, color="black", options=frozenset({"sunroof"})),
        a_car("first", at=Stage.WELDED, color="black"),
        a_car("welding", at=Stage.IN_BODY, color="red"),
        *(
            a_car(f"new{k:02d}", color=("white", "red")[k % 2], due_s=9000, options=frozenset())
            for k in range(14)
        ),
    )
    frozen = (
        FrozenCar(car_id="line", assembly_start_s=-60, assembly_left_s=240),
        FrozenCar(car_id="locked", assembly_start_s=120),
        FrozenCar(car_id="spraying", paint_start_s=-30, paint_left_s=270),
        FrozenCar(car_id="first", paint_start_s=90),
        FrozenCar(
            car_id="welding",
            weld=(FrozenOperation(step="S0", machine="W0", start_s=-30, left_s=40),),
        ),
        FrozenCar(car_id="new00", weld=(FrozenOperation(step="S0", machine="W1", start_s=30),)),
    )
    held = (
        HeldLot(
            id="running", panel_type="van-hood", press="P2", quantity=40, start_s=-60, left_s=180
        ),
    )
    return a_plant(cars, frozen=frozen, press=press_shop(6, held_lots=held))


@pytest.fixture(scope="module")
def good() -> tuple[Problem, Schedule]:
    problem = a_full_plant()
    schedule = solve(problem, budget=QUICK)
    assert check(problem, schedule) == ()
    assert not schedule.unplaced
    assert len(schedule.press) > 2
    return problem, schedule


Change = Callable[[Schedule], Schedule]


def _followed_at_once(plan: Schedule) -> str:
    """Return a new car behind which the next one starts a takt later."""
    return next(
        one.car_id
        for one, other in pairwise(plan.assembly)
        if one.car_id.startswith("new") and other.start_s - one.start_s == 60
    )


def _slot(line: str, car_id: str, /, **changes: Any) -> Change:
    def change(plan: Schedule) -> Schedule:
        slots = tuple(
            replace(s, **_values(s, changes)) if s.car_id == car_id else s
            for s in getattr(plan, line)
        )
        return replace(plan, **{line: slots})

    return change


def _assembled_while_painted(car_id: str) -> Change:
    def change(plan: Schedule) -> Schedule:
        painted = next(slot for slot in plan.paint if slot.car_id == car_id)
        slots = tuple(
            replace(s, start_s=painted.start_s, end_s=painted.start_s + s.end_s - s.start_s)
            if s.car_id == car_id
            else s
            for s in plan.assembly
        )
        return replace(plan, assembly=slots)

    return change


def _values(record: Any, changes: dict[str, Any]) -> dict[str, Any]:
    return {k: v(getattr(record, k)) if callable(v) else v for k, v in changes.items()}


def _operation(car_id: str, step: str, /, **changes: Any) -> Change:
    def change(plan: Schedule) -> Schedule:
        weld = tuple(
            replace(o, **_values(o, changes)) if (o.car_id, o.step) == (car_id, step) else o
            for o in plan.weld
        )
        return replace(plan, weld=weld)

    return change


def _lot(at: int, **changes: Any) -> Change:
    def change(plan: Schedule) -> Schedule:
        lots = list(plan.press)
        lots[at] = replace(lots[at], **_values(lots[at], changes))
        return replace(plan, press=tuple(lots))

    return change


def _kpi(**changes: Any) -> Change:
    return lambda plan: replace(plan, kpis=replace(plan.kpis, **_values(plan.kpis, changes)))


def _without(line: str, car_id: str) -> Change:
    def change(plan: Schedule) -> Schedule:
        return replace(plan, **{line: tuple(x for x in getattr(plan, line) if x.car_id != car_id)})

    return change


def _twice(line: str) -> Change:
    return lambda plan: replace(plan, **{line: (*getattr(plan, line), getattr(plan, line)[-1])})


def _swap_first_free(line: str, one: str, other: str) -> Change:
    """Exchange the places and times of two cars."""

    def change(plan: Schedule) -> Schedule:
        by_car = {s.car_id: s for s in getattr(plan, line)}
        a, b = by_car[one], by_car[other]

        def moved(slot: Slot) -> Slot:
            if slot.car_id == one:
                return replace(b, car_id=one, color=a.color)
            if slot.car_id == other:
                return replace(a, car_id=other, color=b.color)
            return slot

        slots = sorted((moved(s) for s in getattr(plan, line)), key=lambda s: s.position)
        return replace(plan, **{line: tuple(slots)})

    return change


BREAKS: dict[str, tuple[Change, str]] = {
    "another problem": (lambda p: replace(p, snapshot_hash="0"), "plan.other_problem"),
    "a car left out silently": (_without("assembly", "new03"), "plan.coverage"),
    "a car planned twice": (_twice("assembly"), "plan.twice"),
    "a body painted twice": (_twice("paint"), "plan.twice"),
    "a step done twice": (_twice("weld"), "weld.steps"),
    "an unknown car": (_slot("assembly", "new03", car_id="ghost"), "car.unknown"),
    "an unknown machine": (_operation("new03", "S0", machine="W9"), "machine.unknown"),
    "an unknown press": (_lot(-1, press="P9"), "press.unknown"),
    "an unknown die": (_lot(-1, panel_type="wing"), "die.unknown"),
    "an unknown shift": (
        lambda p: replace(p, slots=(replace(p.slots[0], shift_id="night"), *p.slots[1:])),
        "shift.unknown",
    ),
    "a car left out without a reason": (
        lambda p: replace(
            p,
            assembly=p.assembly[:-1],
            unplaced=(Unplaced(car_id=p.assembly[-1].car_id, code="", facts=(), sentence=""),),
        ),
        "plan.no_reason",
    ),
    "a body painted for nothing": (_without("assembly", "new03"), "plan.half"),
    "a started car moved": (_slot("assembly", "line", end_s=lambda t: t + 1), "in_assembly.fact"),
    "a started body moved": (_slot("paint", "spraying", start_s=-31), "in_paint.fact"),
    "a start in the break": (
        _slot("assembly", "new03", start_s=7300, end_s=8100),
        "line.not_working",
    ),
    "half a takt": (
        lambda p: _slot("assembly", _followed_at_once(p), start_s=lambda t: t + 40)(p),
        "line.takt",
    ),
    "a shorter line": (_slot("assembly", "new03", end_s=lambda t: t - 1), "line.lead"),
    "a shorter paint": (_slot("paint", "new03", end_s=lambda t: t - 1), "line.lead"),
    "assembly before paint": (_assembled_while_painted("new03"), "assembly.too_early"),
    "a car never painted": (_without("paint", "new03"), "assembly.unpainted"),
    "paint before weld": (
        _slot("paint", "new03", start_s=lambda t: t - 400, end_s=lambda t: t - 400),
        "paint.too_early",
    ),
    "a painted body painted again": (
        lambda p: replace(
            p,
            paint=(
                *p.paint,
                Slot(
                    car_id="stored",
                    position=len(p.paint),
                    start_s=p.paint[-1].start_s + 60,
                    end_s=p.paint[-1].end_s + 60,
                    color="red",
                ),
            ),
        ),
        "paint.twice",
    ),
    "a lock overtaken": (_swap_first_free("assembly", "locked", "stored"), "frozen.order"),
    "a lock moved in time": (
        _slot("assembly", "locked", start_s=lambda t: t + 5, end_s=lambda t: t + 5),
        "frozen.time",
    ),
    "a paint lock overtaken": (_swap_first_free("paint", "first", "welded"), "frozen.order"),
    "a paint lock before its time": (
        _slot("paint", "first", start_s=60, end_s=360),
        "frozen.time",
    ),
    "the wrong shift": (
        lambda p: replace(p, slots=tuple(replace(s, shift_id="late") for s in p.slots)),
        "slot.shift",
    ),
    "a wrong position": (_slot("assembly", "new03", position=0), "slot.position"),
    "a wrong color": (_slot("paint", "new03", color="blue"), "slot.color"),
    "a step missing": (
        lambda p: replace(
            p, weld=tuple(o for o in p.weld if (o.car_id, o.step) != ("new03", "S1"))
        ),
        "weld.steps",
    ),
    "steps in the wrong order": (
        _operation("new03", "S1", start_s=lambda t: t - 100, end_s=lambda t: t - 100),
        "weld.order",
    ),
    "a body welded for nothing": (_operation("new03", "S0", car_id="stored"), "weld.idle"),
    "a machine that cannot": (_operation("new03", "S0", machine="W3"), "weld.machine"),
    "a quicker weld": (_operation("new03", "S0", end_s=lambda t: t - 1), "weld.duration"),
    "a running step moved": (_operation("welding", "S0", end_s=41), "weld.fact"),
    "a locked step moved": (_operation("new00", "S0", start_s=0, end_s=80), "weld.fact"),
    "a quicker press": (_lot(-1, end_s=lambda t: t - 1), "press.duration"),
    "no changeover": (_lot(-1, setup_s=0), "press.changeover"),
    "a running lot moved": (_lot(0, start_s=-61), "press.fact"),
    "a running lot gone": (lambda p: replace(p, press=p.press[1:]), "press.fact"),
    "no panels": (
        lambda p: replace(p, press=tuple(x for x in p.press if x.id == "running")),
        "panel.missing",
    ),
    "too many panels for the racks": (_lot(-1, quantity=400), "rack.full"),
    "a lot pegged to a car that is done": (_lot(-1, pegged=("line",)), "peg.wrong"),
    "pegs forgotten": (
        lambda p: replace(p, press=tuple(replace(x, pegged=()) for x in p.press)),
        "peg.missing",
    ),
    "a lot pegged to more cars than panels": (_lot(-1, quantity=1), "peg.too_many"),
    "times that are not the plan's": (
        lambda p: replace(p, times=(replace(p.times[-1], finish_s=1), *p.times[:-1])),
        "times.wrong",
    ),
    **{
        f"a nicer {name}": (_kpi(**{name: lambda v: v + 1}), "kpi.wrong")
        for name in (
            "cars_planned",
            "cars_unplaced",
            "late_cars",
            "total_tardiness_s",
            "max_tardiness_s",
            "ratio_violations_high",
            "ratio_violations_low",
            "color_changes",
            "longest_color_run",
            "die_changes",
            "stock_out_s",
            "store_peak",
            "welded_peak",
            "makespan_s",
        )
    },
    "nicer ratios": (_kpi(ratio_violations=()), "kpi.wrong"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_the_checker_catches(name: str, good: tuple[Problem, Schedule]) -> None:
    problem, schedule = good
    change, code = BREAKS[name]
    changed = change(schedule)
    assert changed != schedule
    found = check(problem, changed)
    assert code in {violation.code for violation in found}
    assert all(violation.sentence and violation.subject for violation in found)


def _codes(problem: Problem, schedule: Schedule) -> set[str]:
    return {violation.code for violation in check(problem, schedule)}


def test_a_smaller_painted_store_is_noticed(good: tuple[Problem, Schedule]) -> None:
    problem, schedule = good
    peak = schedule.kpis.store_peak
    small = replace(problem, paint=replace(problem.paint, store_capacity=max(1, peak - 1)))
    assert peak > 1
    assert "plan.other_problem" in _codes(small, schedule)


def test_a_full_painted_store_is_noticed() -> None:
    cars = tuple(a_car(f"c{k}", color=("white", "red")[k % 2]) for k in range(12))
    roomy = a_plant(cars)
    schedule = solve(roomy, budget=QUICK)
    late = replace(
        schedule,
        assembly=tuple(
            replace(s, start_s=s.start_s + 5000, end_s=s.end_s + 5000) for s in schedule.assembly
        ),
    )
    tight = replace(roomy, paint=replace(roomy.paint, store_capacity=2))
    assert "store.painted" in _codes(tight, late)


def test_a_full_welded_store_is_noticed() -> None:
    cars = tuple(a_car(f"c{k}", color=("white", "red")[k % 2]) for k in range(12))
    roomy = a_plant(cars)
    schedule = solve(roomy, budget=QUICK)
    late = replace(
        schedule,
        paint=tuple(
            replace(s, start_s=s.start_s + 5000, end_s=s.end_s + 5000) for s in schedule.paint
        ),
    )
    tight = replace(roomy, body=replace(roomy.body, store_capacity=2))
    assert "store.welded" in _codes(tight, late)


def test_a_run_beyond_the_batch_limit_is_noticed(good: tuple[Problem, Schedule]) -> None:
    problem, schedule = good
    strict = replace(problem, paint=replace(problem.paint, batch_limit=1))
    assert schedule.kpis.longest_color_run > 1
    assert "paint.batch_limit" in _codes(strict, schedule)


def test_a_missing_purge_is_noticed(good: tuple[Problem, Schedule]) -> None:
    problem, schedule = good
    strict = replace(problem, paint=replace(problem.paint, purge_s=500))
    assert "line.takt" in _codes(strict, schedule)


def test_a_start_before_the_release_is_noticed(good: tuple[Problem, Schedule]) -> None:
    problem, schedule = good
    held = tuple(replace(c, release_s=20_000) if c.id == "new03" else c for c in problem.cars)
    assert "weld.too_early" in _codes(replace(problem, cars=held), schedule)


def test_two_bodies_on_one_machine_are_noticed(good: tuple[Problem, Schedule]) -> None:
    problem, schedule = good
    first = next(o for o in schedule.weld if o.car_id == "new05" and o.step == "S0")
    change = _operation(
        "new06", "S0", machine=first.machine, start_s=first.start_s + 1, end_s=first.end_s + 1
    )
    assert "weld.overlap" in _codes(problem, change(schedule))


def test_two_lots_on_one_press_are_noticed(good: tuple[Problem, Schedule]) -> None:
    problem, schedule = good
    last = schedule.press[-1]
    again = replace(last, id="again", start_s=last.start_s + 1, end_s=last.end_s + 1, pegged=())
    assert "press.overlap" in _codes(problem, replace(schedule, press=(*schedule.press, again)))


def test_a_press_that_does_not_take_the_die_is_noticed(good: tuple[Problem, Schedule]) -> None:
    problem, schedule = good
    dies = tuple(replace(die, presses=("P2",)) for die in problem.press.dies)
    only = replace(problem, press=replace(problem.press, dies=dies))
    assert any(lot.press == "P1" for lot in schedule.press)
    assert "press.not_allowed" in _codes(only, schedule)


def test_ratio_rules_are_counted_over_every_window() -> None:
    cars = tuple(a_car(f"c{k}", at=Stage.PAINTED, options=frozenset({"sunroof"})) for k in range(4))
    rules = (
        RatioRule(id="high", option="sunroof", n=1, p=2),
        RatioRule(id="low", option="sunroof", n=1, p=3, priority=RatioPriority.LOW),
    )
    problem = a_plant(cars)
    problem = replace(problem, assembly=replace(problem.assembly, ratio_rules=rules))
    kpis = solve(problem, budget=QUICK).kpis
    assert kpis.ratio_violations == (("high", 3), ("low", 4))
    assert (kpis.ratio_violations_high, kpis.ratio_violations_low) == (3, 4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5000), st.data())
def test_a_plan_disturbed_anywhere_in_time_is_refused(seed: int, data: st.DataObject) -> None:
    """Every recorded start and end is the only right one or breaks a rule when it moves."""
    problem = random_plant(seed)
    schedule = solve(problem, budget=Budget(moves=0, deterministic_s=0.0))
    name = data.draw(st.sampled_from(["assembly", "paint", "weld", "press"]))
    rows = list(getattr(schedule, name))
    assume(rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(["start_s", "end_s"]))
    by = data.draw(st.sampled_from([-7000, -61, -1, 1, 61, 7000]))
    rows[at] = replace(rows[at], **{column: getattr(rows[at], column) + by})
    assert check(problem, replace(schedule, **{name: tuple(rows)})) != ()
