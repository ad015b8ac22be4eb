"""Bodies in welding and die lots on presses moved by hand: what follows, what is refused, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.check import check, check_work
from aps.hand import Hand
from aps.moves import AnyMove, Line, LotMove, Move, WeldMove
from aps.problem import FrozenCar, FrozenOperation, HeldLot, Problem, Stage
from aps.repair import rebase
from aps.schedule import DieLot, Schedule
from aps.solve import Budget, solve
from tests.support.aps_plants import COLORS, a_car, a_plant, a_plant_of_two_presses, press_shop

QUICK = Budget(moves=500, deterministic_s=0.1)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return a_plant_of_two_presses(stock=4)


@pytest.fixture(scope="module")
def plan(problem: Problem) -> Schedule:
    return solve(problem, budget=QUICK)


def _welded(schedule: Schedule, step: str = "S0") -> list[str]:
    """Return the cars by the start of a weld step."""
    own = [o for o in schedule.weld if o.step == step]
    return [o.car_id for o in sorted(own, key=lambda o: (o.start_s, o.end_s))]


def _start(schedule: Schedule, car_id: str, step: str = "S0") -> int:
    return next(o.start_s for o in schedule.weld if (o.car_id, o.step) == (car_id, step))


def _lot(schedule: Schedule, lot_id: str) -> DieLot:
    return next(lot for lot in schedule.press if lot.id == lot_id)


def _weld(car_id: str, before: str | None, step: str = "S0") -> WeldMove:
    return WeldMove(car_id=car_id, step=step, before=before)


def test_a_body_is_welded_in_front_of_another_and_both_steps_follow(
    problem: Problem, plan: Schedule
) -> None:
    order = _welded(plan)
    moved, before = order[12], order[6]
    trial = Hand(problem, plan).try_out([_weld(moved, before)])
    assert not trial.violations
    assert not trial.refused
    assert _start(trial.work, moved) <= _start(trial.work, before)
    assert _start(trial.work, moved) < _start(plan, moved)
    assert _start(trial.work, moved, "S1") < _start(plan, moved, "S1")
    assert [s.car_id for s in trial.work.assembly] == [s.car_id for s in plan.assembly]


def test_machines_that_share_a_step_keep_their_turns(problem: Problem) -> None:
    at_hand = replace(problem, press=press_shop(stock=100))  # no body waits for a panel
    plan = solve(at_hand, budget=QUICK)
    order = _welded(plan)
    trial = Hand(at_hand, plan).try_out([_weld(order[11], order[4])])
    turns = [[o.machine for o in s.weld if o.step == "S0"] for s in (plan, trial.work)]
    assert sorted(turns[0]) == sorted(turns[1])
    starts = [sorted(o.start_s for o in s.weld if o.step == "S0") for s in (plan, trial.work)]
    assert abs(starts[0][-1] - starts[1][-1]) <= 20  # no machine stands still by it


def test_a_repair_keeps_the_order_that_a_planner_gave_the_body_shop(
    problem: Problem, plan: Schedule
) -> None:
    order = _welded(plan)
    made, refused = Hand(problem, plan).schedule([_weld(order[12], order[6])])
    assert not refused
    assert check(problem, made, reference=plan) == ()
    assert _welded(rebase(problem, made)) == _welded(made)


def test_a_body_that_is_not_through_the_step_before_cannot_be_put_in_front(
    problem: Problem, plan: Schedule
) -> None:
    first, last = _welded(plan, "S1")[1], _welded(plan)[-1]
    (refused,) = Hand(problem, plan).try_out([_weld(last, first, "S1")]).refused
    assert refused.code == "not_there"


def test_welding_that_has_begun_or_is_frozen_stays(problem: Problem, plan: Schedule) -> None:
    order = _welded(plan)
    started, frozen = order[0], order[1]
    cars = tuple(
        replace(car, at=Stage.IN_BODY, panels=()) if car.id == started else car
        for car in problem.cars
    )
    running = FrozenOperation(step="S0", machine="W0", start_s=-10, left_s=60)
    stored = FrozenOperation(step="S0", machine="W1", start_s=30)
    facts = (
        FrozenCar(car_id=started, weld=(running,)),
        FrozenCar(car_id=frozen, weld=(stored,)),
    )
    asked = replace(problem, cars=cars, frozen=facts)
    hand = Hand(asked, rebase(asked, plan))
    free = order[8]
    moves = [_weld(started, None), _weld(frozen, None), _weld(free, frozen), _weld(free, started)]
    found = [one.code for one in hand.try_out(moves).refused]
    assert found == ["started", "frozen", "before_frozen", "before_frozen"]
    zone_s = _start(plan, order[3]) + 1
    (refused,) = Hand(problem, plan).try_out([_weld(order[3], None)], frozen_until_s=zone_s).refused
    assert refused.code == "frozen"


def test_a_step_nobody_has_is_refused(problem: Problem, plan: Schedule) -> None:
    moves = [_weld("nobody", None), _weld("c01", None, "S9"), _weld("c01", "nobody")]
    assert {one.code for one in Hand(problem, plan).try_out(moves).refused} == {"unknown"}


def test_a_die_lot_goes_to_the_other_press_and_its_changeover_with_it(
    problem: Problem, plan: Schedule
) -> None:
    lot = max(plan.press, key=lambda one: one.start_s)
    other = "P2" if lot.press == "P1" else "P1"
    move = LotMove(lot_id=lot.id, press=other, before=None)
    trial = Hand(problem, plan).try_out([move])
    assert not trial.refused
    assert not trial.violations
    assert _lot(trial.work, lot.id).press == other
    made, _ = Hand(problem, plan).schedule([move])
    assert check(problem, made, reference=plan) == ()
    assert _lot(rebase(problem, made), lot.id).press == other


def test_die_lots_change_places_on_a_press(problem: Problem, plan: Schedule) -> None:
    press = [lot for lot in plan.press if lot.press == "P1"]
    assert len(press) > 1
    move = LotMove(lot_id=press[1].id, press="P1", before=press[0].id)
    trial = Hand(problem, plan).try_out([move])
    assert not trial.violations
    if not trial.refused:
        assert _lot(trial.work, press[1].id).start_s < _lot(trial.work, press[0].id).start_s
        alone = Hand(problem, plan).try_out([replace(move, before=press[1].id)])
        assert alone.work.press == Hand(problem, plan).try_out([]).work.press


def test_a_press_that_does_not_take_the_die_is_refused(problem: Problem) -> None:
    dies = tuple(replace(die, presses=("P1",)) for die in problem.press.dies)
    asked = replace(problem, press=replace(problem.press, dies=dies))
    plan = solve(asked, budget=QUICK)
    move = LotMove(lot_id=plan.press[-1].id, press="P2", before=None)
    (refused,) = Hand(asked, plan).try_out([move]).refused
    assert refused.code == "no_die"


def test_a_lot_that_runs_is_a_fact_and_nothing_comes_before_a_frozen_one(problem: Problem) -> None:
    held = (
        HeldLot(id="runs", panel_type="van-hood", press="P1", quantity=10, start_s=-9, left_s=60),
        HeldLot(id="stored", panel_type="van-side", press="P1", quantity=10, start_s=90),
    )
    asked = replace(problem, press=replace(problem.press, held_lots=held))
    plan = solve(asked, budget=QUICK)
    free = next(lot for lot in reversed(plan.press) if lot.id not in ("runs", "stored"))
    moves = [
        LotMove(lot_id="runs", press="P2", before=None),
        LotMove(lot_id="stored", press="P2", before=None),
        LotMove(lot_id=free.id, press="P1", before="stored"),
        LotMove(lot_id="no such lot", press="P1", before=None),
        LotMove(lot_id=free.id, press="no such press", before=None),
    ]
    refused = Hand(asked, plan).try_out(moves).refused
    assert [one.code for one in refused] == [
        "started",
        "frozen",
        "before_frozen",
        "unknown",
        "unknown",
    ]


def test_a_lot_that_others_wait_for_cannot_wait_for_them(problem: Problem) -> None:
    """The racks of hoods are full until bodies take them, and those wait for sides."""
    shop = press_shop(stock=0)
    dies = tuple(replace(die, lot_size=10, rack_capacity=10, presses=("P1",)) for die in shop.dies)
    needs = (("city-hood", 1), ("city-side", 1))
    cars = tuple(a_car(f"c{k:02d}", color=COLORS[k % 4], panels=needs) for k in range(20))
    asked = a_plant(cars, press=replace(shop, dies=dies))
    plan = solve(asked, budget=QUICK)
    assert not plan.unplaced
    lots = [lot for lot in plan.press if lot.panel_type in ("city-hood", "city-side")]
    first = next(lot for lot in lots if lot.panel_type == lots[0].panel_type)
    second = [lot for lot in lots if lot.panel_type == first.panel_type][1]
    between = next(lot for lot in lots if lot.panel_type != first.panel_type)
    trial = Hand(asked, plan).try_out([LotMove(lot_id=second.id, press="P1", before=between.id)])
    assert [one.code for one in trial.refused] == ["blocked"]
    assert not trial.left_out


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["weld", "press", "drum"]), st.integers(0, 23), st.integers(0, 24)
        ),
        max_size=5,
    )
)
def test_whatever_is_moved_in_the_shops_the_plan_that_comes_of_it_checks(
    wishes: list[tuple[str, int, int]],
) -> None:
    problem, plan = _KNOWN.setdefault("known", _planned())
    cars = [*[slot.car_id for slot in plan.assembly], None]
    lots = [lot.id for lot in plan.press]
    moves: list[AnyMove] = []
    for shop, a, b in wishes:
        car, before = str(cars[a % 24]), cars[b % len(cars)]
        if shop == "drum":
            moves.append(Move(car_id=car, line=Line.ASSEMBLY, before=before))
        elif shop == "weld":
            moves.append(WeldMove(car_id=car, step=f"S{a % 2}", before=before))
        else:
            press = f"P{1 + b % 2}"
            there = [lot.id for lot in plan.press if lot.press == press]
            behind = there[b % len(there)] if there and b % 3 else None
            moves.append(LotMove(lot_id=lots[a % len(lots)], press=press, before=behind))
    hand = Hand(problem, plan)
    made, _ = hand.schedule(moves)
    assert check(problem, made, reference=plan) == ()
    trial = hand.try_out(moves)
    assert check_work(problem, trial.work) == trial.violations == ()
    assert trial.work.weld == made.weld
    assert [lot.id for lot in trial.work.press] == [lot.id for lot in made.press]


def _planned() -> tuple[Problem, Schedule]:
    problem = a_plant_of_two_presses(stock=4)
    return problem, solve(problem, budget=QUICK)


_KNOWN: dict[str, tuple[Problem, Schedule]] = {}
