"""Cars kept apart: searched, inserted and dragged by the same count, and counted again by the checker."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.budget import Budget, Clock
from aps.change import CloserCars, changed
from aps.check import check
from aps.disturbance import CarAdded
from aps.errors import ProblemError
from aps.explain import why_late
from aps.hand import Hand
from aps.insert import spacing_deltas
from aps.kpis import too_close
from aps.levels.slotting import Caps, Places, slot
from aps.moves import Line, Move
from aps.parting import parted
from aps.plant import Plant
from aps.problem import (
    PreviousCar,
    Problem,
    SpacingPriority,
    SpacingRule,
    Stage,
    from_json,
    snapshot_hash,
    to_json,
)
from aps.remedy import remedies
from aps.repair import repair
from aps.schedule import Schedule
from aps.sequencing.greedy import greedy
from aps.sequencing.phases import search_in_phases
from aps.sequencing.polish import polish
from aps.sequencing.search import improve
from aps.sequencing.task import SequenceTask, Spacing, Weights, cost_of, levels_of
from aps.solve import solve
from aps.validate import validate
from tests.support.aps_plants import (
    COLORS,
    a_car,
    a_plant,
    apart,
    body_shop,
    random_plant,
    with_spacing,
)

QUICK = Budget(moves=300, deterministic_s=0.1)
SEARCH = Budget(moves=20_000, deterministic_s=1.0)
HARD, HIGH, LOW = SpacingPriority.HARD, SpacingPriority.HIGH, SpacingPriority.LOW
PRIORITIES = (HARD, HIGH, LOW)


def a_heavy_plant(heavy: int, count: int, *rules: SpacingRule) -> Problem:
    """Return a plant of cars of which the first ones are heavy."""
    cars = tuple(
        a_car(
            f"c{k:02d}",
            color=COLORS[k % 4],
            options=frozenset({"heavy"} if k < heavy else {"light"}),
        )
        for k in range(count)
    )
    base = a_plant(cars)
    return with_spacing(replace(base, paint=replace(base.paint, batch_limit=count)), *rules)


def _near(problem: Problem, schedule: Schedule) -> list[tuple[str, str]]:
    """Return the pairs that the rules find too close, from the options alone."""
    cars = {car.id: car.options for car in problem.cars}
    line = [(x.id, x.options) for x in problem.assembly.previous]
    line += [(slot.car_id, cars[slot.car_id]) for slot in schedule.assembly]
    return [
        (line[i][0], line[j][0])
        for rule in problem.assembly.spacing_rules
        for j in range(len(problem.assembly.previous), len(line))
        for i in range(max(0, j - rule.gap + 1), j)
        if (rule.option in line[i][1] and rule.other in line[j][1])
        or (rule.other in line[i][1] and rule.option in line[j][1])
    ]


def a_task(seed: int, fixed: int = 4, cars: int = 40) -> SequenceTask:
    rng = np.random.default_rng(seed)
    side = (rng.random((cars, 3)) < (0.3, 0.2, 0.4)).astype(np.uint8)
    side[:, 0] *= 3  # each other
    side[:, 1:] += 2 * (rng.random((cars, 2)) < 0.3).astype(np.uint8)
    return SequenceTask(
        has=(rng.random((cars, 2)) < 0.4).astype(np.uint8),
        n=np.array([1, 1]),
        p=np.array([2, 3]),
        color=rng.integers(0, 4, cars).astype(np.int64),
        earliest=np.zeros(cars, np.int64),
        latest=np.full(cars, cars, np.int64),
        weights=Weights(np.array([10**6, 10**3]), 1, 10**9),
        fixed=fixed,
        batch_limit=6,
        spacing=Spacing(
            side=side,
            gap=np.array([2, 4, 7]),
            weights=np.array([10**10, 10**6, 10**3]),
        ),
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 6))
def test_the_cost_kept_by_the_moves_is_the_cost_counted_afresh(seed: int, fixed: int) -> None:
    task = a_task(seed, fixed)
    start = greedy(task)
    found, cost = improve(task, start, moves=3000, seed=seed)
    counted = cost_of(task, found)
    assert cost == counted.total <= cost_of(task, start).total
    assert sorted(found) == list(range(40))
    assert list(found[:fixed]) == list(range(fixed))


def test_each_rule_is_an_objective_of_its_own_weight() -> None:
    task = a_task(2)
    assert levels_of(task) == (10**10, 10**9, 10**6, 10**3, 1)
    start = greedy(task)
    found = search_in_phases(task, wall_s=0.3, seed=2)
    assert cost_of(task, found).total <= cost_of(task, start).total


def test_windows_solved_exactly_keep_cars_apart() -> None:
    task = replace(a_task(9, fixed=2, cars=24), weights=Weights(np.zeros(2, np.int64), 0, 0))
    start = np.arange(24)
    share = Clock(Budget(moves=1, deterministic_s=4.0)).share(1.0)
    solved = cost_of(task, polish(task, start, share, seed=1))
    assert solved.total < cost_of(task, start).total
    assert solved.too_close[0] == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 3), max_size=14),
    st.integers(0, 3),
    st.integers(2, 6),
    st.integers(0, 3),
)
def test_what_a_car_makes_and_parts_is_exact_at_every_place(
    sides: list[int], own: int, gap: int, previous: int
) -> None:
    previous = min(previous, len(sides))

    def count(line: list[int]) -> int:
        return sum(
            bool((line[i] & 1 and line[j] & 2) or (line[i] & 2 and line[j] & 1))
            for j in range(previous, len(line))
            for i in range(max(0, j - gap + 1), j)
        )

    made, gone = spacing_deltas(np.array(sides, np.int64), own, gap, previous)
    for place in range(previous, len(sides) + 1):
        after = count([*sides[:place], own, *sides[place:]])
        assert made[place - previous] - gone[place - previous] == after - count(sides)


def test_two_heavy_cars_are_not_neighbours() -> None:
    for priority in PRIORITIES:
        problem = a_heavy_plant(7, 20, apart("heavy", priority=priority))
        schedule = solve(problem, budget=SEARCH)
        assert check(problem, schedule) == ()
        assert schedule.unplaced == ()
        assert _near(problem, schedule) == []


def test_cars_of_two_kinds_keep_their_distance() -> None:
    cars = tuple(
        a_car(
            f"c{k:02d}",
            options=frozenset({("trailer", "glass roof", "plain", "plain")[k % 4]}),
            color=COLORS[k % 4],
        )
        for k in range(16)
    )
    base = a_plant(cars, paint=replace(a_plant(cars).paint, store_capacity=40))
    problem = with_spacing(base, apart("trailer", "glass roof", gap=3, priority=HARD))
    schedule = solve(problem, budget=SEARCH)
    assert check(problem, schedule) == ()
    assert schedule.unplaced == ()
    assert _near(problem, schedule) == []


def test_what_no_order_keeps_apart_is_left_out_and_says_why() -> None:
    problem = a_heavy_plant(4, 5, apart("heavy", gap=4, priority=HARD))
    schedule = solve(problem, budget=QUICK)
    assert check(problem, schedule) == ()
    assert _near(problem, schedule) == []
    assert {one.code for one in schedule.unplaced} == {"assembly.too_close"}
    soft = with_spacing(problem, apart("heavy", gap=4))
    kept = solve(soft, budget=QUICK)
    assert kept.unplaced == ()
    assert kept.kpis.spacing_high == len(_near(soft, kept)) > 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from(PRIORITIES), st.integers(2, 5))
def test_any_plant_with_spacing_rules_is_planned_soundly(
    seed: int, priority: SpacingPriority, gap: int
) -> None:
    problem = with_spacing(
        random_plant(seed),
        apart("sunroof", "tow bar", gap=gap, priority=priority),
        apart("leather", gap=2, priority=LOW),
    )
    schedule = solve(problem, budget=QUICK)
    assert check(problem, schedule) == ()
    kpis = schedule.kpis
    assert sum(count for _, count in kpis.spacing_violations) == len(_near(problem, schedule))


def _swapped(schedule: Schedule, i: int, j: int) -> Schedule:
    """Return the plan with two cars of the assembly order in each other's slot."""
    slots = list(schedule.assembly)
    a, b = slots[i], slots[j]
    slots[i] = replace(a, car_id=b.car_id, color=b.color)
    slots[j] = replace(b, car_id=a.car_id, color=a.color)
    return replace(schedule, assembly=tuple(slots))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 19), st.integers(0, 19))
def test_a_car_put_too_close_is_caught(i: int, j: int) -> None:
    rule = apart("heavy", gap=3, priority=HARD)
    problem, schedule = _heavy_plan()
    changed = _swapped(schedule, i, j)
    codes = {one.subject for one in check(problem, changed) if one.code == "assembly.too_close"}
    assert codes == {behind for _, behind in _near(with_spacing(problem, rule), changed)}


_PLANS: list[tuple[Problem, Schedule]] = []


def _heavy_plan() -> tuple[Problem, Schedule]:
    if not _PLANS:
        problem = a_heavy_plant(5, 20, apart("heavy", gap=3, priority=HARD))
        _PLANS.append((problem, solve(problem, budget=SEARCH)))
    return _PLANS[0]


@pytest.mark.parametrize("name", ["spacing_high", "spacing_low", "spacing_violations"])
def test_figures_of_spacing_that_are_wrong_are_caught(name: str) -> None:
    problem, schedule = _heavy_plan()
    wrong: object = (("heavy", 1),) if name == "spacing_violations" else 1
    untrue = replace(schedule, kpis=replace(schedule.kpis, **{name: wrong}))
    found = [one for one in check(problem, untrue) if one.code == "kpi.wrong"]
    assert [one.subject for one in found] == [name]


def test_a_rush_order_is_put_where_it_may_stand() -> None:
    problem, schedule = _heavy_plan()
    rush = CarAdded(car=a_car("rush", options=frozenset({"heavy"}), priority=5, due_s=0))
    repaired = repair(problem, schedule, rush)
    joined = replace(problem, cars=(*problem.cars, rush.car))
    assert check(joined, repaired, reference=schedule) == ()
    assert repaired.unplaced == ()
    assert _near(joined, repaired) == []


def test_cars_that_went_before_count_too() -> None:
    base = a_heavy_plant(1, 4, apart("heavy", gap=3, priority=HARD))
    gone = (PreviousCar(id="gone", options=frozenset({"heavy"})),)
    problem = replace(base, assembly=replace(base.assembly, previous=gone))
    schedule = solve(problem, budget=QUICK)
    assert check(problem, schedule) == ()
    assert [slot.car_id for slot in schedule.assembly].index("c00") >= 2


def test_on_the_board_a_car_too_close_is_a_warning_or_left_out() -> None:
    problem, schedule = _heavy_plan()
    heavy = [s.car_id for s in schedule.assembly if s.car_id < "c05"]
    move = Move(car_id=heavy[-1], line=Line.ASSEMBLY, before=heavy[0])
    refused = Hand(problem, schedule).try_out([move])
    assert "assembly.too_close" in {code for _, code in refused.left_out}
    soft = with_spacing(problem, apart("heavy", gap=3))
    warned = Hand(soft, schedule).try_out([move])
    assert warned.left_out == ()
    assert [(pair.apart, set(pair.car_ids)) for pair in warned.close] == [
        (1, {heavy[-1], heavy[0]})
    ]


def test_the_next_car_that_may_goes_between() -> None:
    plant = Plant(a_heavy_plant(3, 6, apart("heavy", priority=HARD)))
    assert parted(plant, (0, 1, 2, 3, 4, 5)) == (0, 3, 1, 4, 2, 5)
    assert parted(plant, (0, 1, 2)) == (0, 1, 2)
    assert list(too_close(plant, (0, 1, 2))) == [2]


def test_a_problem_without_the_rules_keeps_its_text_and_one_with_them_its_rules() -> None:
    problem = a_plant((a_car("c0"),))
    assert "spacing" not in to_json(problem)
    ruled = with_spacing(problem, apart("heavy", "light", priority=LOW))
    assert from_json(to_json(ruled)) == ruled
    assert snapshot_hash(ruled) != snapshot_hash(problem)


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ((apart("heavy", gap=1),), "spacing.bounds"),
        ((apart("heavy", gap=101),), "spacing.bounds"),
        ((apart("heavy"), apart("heavy")), "spacing rule.duplicate"),
    ],
)
def test_rules_that_make_no_sense_are_named(rules: tuple[SpacingRule, ...], code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        validate(with_spacing(a_plant((a_car("c0"),)), *rules))
    assert caught.value.code == code


def test_cars_on_the_line_are_facts_whatever_their_distance() -> None:
    seeds = [s for s in range(60) if _on_the_line(random_plant(s)) >= 3]
    problem = with_spacing(random_plant(seeds[0]), apart("leather", gap=100, priority=HARD))
    schedule = solve(problem, budget=QUICK)
    assert check(problem, schedule) == ()


def _on_the_line(problem: Problem) -> int:
    return sum(1 for car in problem.cars if car.at is Stage.IN_ASSEMBLY)


def test_shifts_get_no_more_cars_of_a_rule_than_they_can_part() -> None:
    cars = tuple(
        a_car(f"c{k:03d}", options=frozenset({"heavy"} if k < 40 else {"light"}), due_s=20_000 + k)
        for k in range(290)
    )
    rule = apart("heavy", gap=8, priority=HIGH)
    base = a_plant(cars, body=body_shop(store_capacity=400))
    plant = Plant(with_spacing(base, rule))
    heavy = set(range(40))

    def heavies(problem_plant: Plant) -> list[int]:
        share = Clock(Budget(moves=0, deterministic_s=2.0)).share(1.0)
        slots = slot(problem_plant, Caps(), share, seed=1, pass_no=1)
        return [len(heavy & set(some)) for some in slots.cars]

    blind, knowing = heavies(Plant(base)), heavies(plant)
    most = [-(-len(some) // 8) for some in slot_sizes(plant)]
    assert blind[0] > most[0]
    assert sum(knowing) == 40
    assert knowing[0] <= most[0]


def slot_sizes(plant: Plant) -> list[range]:
    """Return the places of each shift."""
    return [range(one.first, one.last + 1) for one in Places.of(plant).shifts()]


def test_a_car_that_a_hard_rule_keeps_from_its_place_is_told_so_and_closer_cars_help() -> None:
    problem = a_heavy_plant(6, 12, apart("heavy", gap=6, priority=HARD))
    schedule = solve(problem, budget=SEARCH)
    assert [one.code for one in schedule.unplaced] == ["assembly.too_close"] * len(
        schedule.unplaced
    )
    out = schedule.unplaced[0].car_id
    reasons = why_late(problem, schedule, out)
    assert [one.code for one in reasons] == ["assembly.too_close", "spacing.hard"]
    assert dict(reasons[1].facts)["gap"] == 6
    helps = remedies(problem, schedule, out)
    closer = [c for one in helps for c in one.changes if isinstance(c, CloserCars)]
    assert closer
    for one in helps:
        assert check(one.problem, one.plan, reference=schedule) == ()
        assert out in {slot.car_id for slot in one.plan.assembly}


def test_a_late_car_is_told_of_the_soft_rule_that_it_would_break() -> None:
    problem = a_heavy_plant(3, 9, apart("heavy", gap=4, priority=HIGH))
    schedule = solve(problem, budget=SEARCH)
    heavy = [s for s in schedule.assembly if s.car_id < "c03"]
    last = heavy[-1]
    due = {last.car_id: last.end_s - 60}
    cars = tuple(replace(c, due_s=due.get(c.id, c.due_s)) for c in problem.cars)
    late = replace(problem, cars=cars)
    reasons = why_late(late, schedule, last.car_id)
    found = [dict(one.facts) for one in reasons if one.code == "spacing.soft"]
    near = _near(late, schedule)
    assert not near
    assert [one["rule"] for one in found] == ["heavy 4 from heavy"]


def test_a_rule_relaxed_away_does_not_hold() -> None:
    problem = a_heavy_plant(2, 4, apart("heavy", gap=3, priority=HARD))
    assert changed(problem, (CloserCars(rule="heavy 3 from heavy", places=1),)).assembly == replace(
        problem.assembly,
        spacing_rules=(replace(problem.assembly.spacing_rules[0], gap=2),),
    )
    gone = changed(problem, (CloserCars(rule="heavy 3 from heavy", places=2),))
    assert gone.assembly.spacing_rules == ()
