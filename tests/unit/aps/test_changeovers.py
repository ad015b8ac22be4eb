"""Changeovers die by die: the solver pays each pair its own, and the checker counts them again."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.check import check
from aps.problem import Die, Problem
from aps.schedule import Schedule
from aps.solve import Budget, solve
from tests.support.aps_plants import COLORS, a_car, a_plant, press_shop, with_changeovers

BUSY = Budget(moves=2000, deterministic_s=2.0)
SHORT, LONG = 60, 3000


def a_pressing_plant(seed: int) -> Problem:
    """Return a plant that must press all four panel types, with a changeover for each pair."""
    cars = tuple(
        a_car(
            f"c{k:02d}",
            color=COLORS[k % 4],
            model=("city", "van")[k % 2],
            body_type=("city", "van")[k % 2],
            panels=((f"{('city', 'van')[k % 2]}-hood", 1), (f"{('city', 'van')[k % 2]}-side", 2)),
        )
        for k in range(20)
    )
    return a_plant(cars, press=with_changeovers(press_shop(4), seed))


def _needs(problem: Problem, schedule: Schedule) -> list[tuple[int, int]]:
    """Return (said, needed) seconds of every changeover, one press after the other."""
    dies = {die.panel_type: die for die in problem.press.dies}
    found = []
    for press in problem.press.presses:
        lots = [lot for lot in schedule.press if lot.press == press.id]
        before = [press.mounted, *(lot.panel_type for lot in lots)]
        for last, lot in zip(before, lots, strict=False):
            own = dies[lot.panel_type]
            usual = 0 if last == lot.panel_type else own.changeover_s
            need = dict(own.changeovers).get(last or "", usual)
            found.append((lot.setup_s, need))
    return found


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_every_pair_of_dies_takes_its_own_changeover(seed: int) -> None:
    problem = a_pressing_plant(seed)
    schedule = solve(problem, budget=Budget(moves=0, deterministic_s=0.0))
    assert check(problem, schedule) == ()
    assert schedule.press
    assert all(said == need for said, need in _needs(problem, schedule))


def test_the_usual_changeover_where_the_pair_has_one_is_caught() -> None:
    problem = a_pressing_plant(1)
    schedule = solve(problem, budget=Budget(moves=0, deterministic_s=0.0))
    plain = tuple(replace(die, changeovers=()) for die in problem.press.dies)
    other = replace(problem, press=replace(problem.press, dies=plain))
    codes = {violation.code for violation in check(other, schedule)}
    assert "press.changeover" in codes


def test_dies_that_change_quickly_follow_each_other() -> None:
    quick = {"city-hood": "city-side", "city-side": "city-hood", "van-hood": "van-side"}
    quick["van-side"] = "van-hood"

    def die(one: Die) -> Die:
        return replace(
            one,
            presses=("P1",),
            changeover_s=LONG,
            min_cover=0,
            changeovers=((quick[one.panel_type], SHORT),),
        )

    base = a_pressing_plant(0)
    shop = press_shop(30)
    few = tuple((panel, 8) for panel, _ in shop.stock)
    shop = replace(shop, dies=tuple(die(one) for one in shop.dies), stock=few)
    problem = replace(base, press=shop)
    schedule = solve(problem, budget=BUSY)
    assert check(problem, schedule) == ()
    order = [lot.panel_type for lot in schedule.press if lot.press == "P1"]
    long_changes = sum(a != b and quick[a] != b for a, b in pairwise(order))
    assert long_changes <= 1


@pytest.mark.parametrize(("mounted", "seconds"), [("a", 0), ("b", 7), ("c", 300), (None, 300)])
def test_a_die_knows_what_it_takes_to_mount_it(mounted: str | None, seconds: int) -> None:
    die = Die(
        panel_type="a",
        presses=("P",),
        changeover_s=300,
        lot_size=1,
        min_cover=0,
        rack_capacity=1,
        changeovers=(("b", 7),),
    )
    assert die.setup_s(mounted) == seconds
