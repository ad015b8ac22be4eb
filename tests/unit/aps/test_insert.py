"""Best insertion: the change it promises is the change that a recount finds."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps.errors import ProblemError
from aps.insert import NO_PLACE, Inserter, _color_deltas, _ratio_deltas, best_insertion
from aps.kpis import ratio_violations
from aps.plant import Plant
from aps.problem import Problem, Stage
from aps.schedule import Schedule
from aps.solve import Budget, solve
from tests.support.aps_plants import COLORS, a_car, a_plant, random_plant

PRICES = np.array([[0, 1, 7], [2, 0, 3], [1, 5, 0]])
QUICK = Budget(moves=300, deterministic_s=0.1)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 100_000))
def test_the_ratio_change_is_exact_at_every_place(seed: int) -> None:
    problem = random_plant(seed)
    own = a_car("own", options=frozenset({"sunroof", "tow bar"}))
    plant = Plant(replace(problem, cars=(*problem.cars, own)))
    order = [c for c in range(plant.n - 1) if plant.rank[c] < Stage.DONE.rank]
    previous = len(problem.assembly.previous)
    deltas = np.zeros((len(order) + 1, 2), np.int64)
    _ratio_deltas(
        plant.has[[*range(previous), *(previous + c for c in order)]],
        plant.has[previous + plant.n - 1],
        np.array([r.n for r in problem.assembly.ratio_rules]),
        np.array([r.p for r in problem.assembly.ratio_rules]),
        plant.high.astype(np.uint8),
        previous,
        deltas,
    )
    before = ratio_violations(plant, order)
    for place in range(len(order) + 1):
        after = ratio_violations(plant, [*order[:place], plant.n - 1, *order[place:]])
        change = after - before
        assert deltas[place, 1] == change[plant.high].sum()
        assert deltas[place, 0] == change[~plant.high].sum()


@given(st.lists(st.integers(0, 2), max_size=12), st.integers(0, 2), st.integers(1, 3))
def test_the_color_change_is_exact_at_every_place(colors: list[int], own: int, limit: int) -> None:
    deltas = np.zeros(len(colors) + 1, np.int64)
    _color_deltas(np.array(colors, np.int64), own, PRICES, limit, deltas)
    before = sum(PRICES[a, b] for a, b in pairwise(colors))
    for place in range(len(colors) + 1):
        new = [*colors[:place], own, *colors[place:]]
        run = 1
        while place - run >= 0 and new[place - run] == own:
            run += 1
        after = 1
        while place + after < len(new) and new[place + after] == own:
            after += 1
        if run + after - 1 > limit:
            assert deltas[place] == NO_PLACE
        else:
            assert deltas[place] == sum(PRICES[a, b] for a, b in pairwise(new)) - before


@pytest.fixture(scope="module")
def planned() -> tuple[Problem, Schedule]:
    cars = tuple(
        a_car(
            f"c{k:02d}",
            color=COLORS[k % 4],
            options=frozenset({"sunroof"} if k % 2 else ()),
            due_s=10_000,
        )
        for k in range(24)
    )
    problem = a_plant(cars)
    return problem, solve(problem, budget=QUICK)


def test_the_best_place_is_not_before_the_car_can_be_there(
    planned: tuple[Problem, Schedule],
) -> None:
    for earliest in (0, 1500, 2000, 9000, 30_000):
        found = best_insertion(*planned, a_car("new"), earliest_s=earliest)
        assert found is not None
        assert found.start_s >= earliest
        assert found.finish_s > found.start_s


def test_a_car_between_cars_with_its_option_is_dearer_than_at_the_end(
    planned: tuple[Problem, Schedule],
) -> None:
    plain = best_insertion(*planned, a_car("plain"), earliest_s=0)
    sunroof = a_car("open", options=frozenset({"sunroof"}))
    special = best_insertion(*planned, sunroof, earliest_s=0)
    assert plain is not None
    assert special is not None
    assert plain.ratio_high <= 0
    assert special.ratio_high <= 1


def test_a_due_date_comes_before_ratio_rules(planned: tuple[Problem, Schedule]) -> None:
    urgent = a_car("urgent", options=frozenset({"sunroof"}), due_s=2500)
    found = best_insertion(*planned, urgent, earliest_s=0)
    assert found is not None
    assert found.tardiness_s == 0
    assert found.finish_s <= 2500


def test_a_car_with_time_joins_at_the_end_and_pushes_nobody(
    planned: tuple[Problem, Schedule],
) -> None:
    found = best_insertion(*planned, a_car("patient"), earliest_s=0)
    assert found is not None
    assert found.position == len(planned[1].assembly)


def test_cars_that_are_late_already_are_not_made_later_for_nothing(
    planned: tuple[Problem, Schedule],
) -> None:
    """Another car's wait counts as much as the car's own: it passes a late one only by its own lateness."""
    problem, schedule = planned
    late = tuple(replace(car, due_s=1) for car in problem.cars)
    urgent = a_car("urgent", due_s=2500)
    found = best_insertion(replace(problem, cars=late), schedule, urgent, earliest_s=0)
    free = best_insertion(problem, schedule, urgent, earliest_s=0)
    assert found is not None
    assert free is not None
    assert found.position >= free.position


def test_no_place_is_found_where_there_is_none(planned: tuple[Problem, Schedule]) -> None:
    inserter = Inserter(*planned)
    assert inserter.best(a_car("new"), earliest_s=40_000) is None


def test_an_empty_line_takes_the_car_at_once() -> None:
    done = a_plant((a_car("done", at=Stage.DONE),))
    schedule = solve(done, budget=QUICK)
    found = best_insertion(done, schedule, a_car("new"), earliest_s=100)
    assert found is not None
    assert (found.position, found.start_s) == (0, 100)


def test_a_contradictory_problem_is_refused(planned: tuple[Problem, Schedule]) -> None:
    problem, schedule = planned
    with pytest.raises(ProblemError):
        best_insertion(replace(problem, horizon_s=0), schedule, a_car("new"), earliest_s=0)
