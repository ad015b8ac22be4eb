"""Problems and schedules are plain data: canonical text, stable hash, errors that name a record."""

from dataclasses import replace

import pytest

from aps import problem as problems
from aps import schedule as schedules
from aps.errors import ProblemError
from aps.problem import (
    Alternative,
    Calendar,
    Car,
    FrozenCar,
    FrozenOperation,
    HeldLot,
    Problem,
    RatioRule,
    Shift,
    Stage,
    calendar_of,
)
from aps.solve import Budget, solve
from aps.validate import validate
from tests.support.aps_plants import a_car, a_plant, random_plant


def test_a_problem_survives_the_way_through_json() -> None:
    problem = random_plant(11)
    assert problems.from_json(problems.to_json(problem)) == problem


def test_a_schedule_survives_the_way_through_json() -> None:
    schedule = solve(random_plant(3), budget=Budget(moves=100, deterministic_s=0.1))
    assert schedules.from_json(schedules.to_json(schedule)) == schedule


def test_the_hash_depends_on_the_content_and_not_on_the_order_of_a_set() -> None:
    one = a_plant((a_car(options=frozenset(("a", "b", "c"))),))
    same = a_plant((a_car(options=frozenset(("c", "a", "b"))),))
    other = a_plant((a_car(options=frozenset(("a", "b"))),))
    assert problems.snapshot_hash(one) == problems.snapshot_hash(same)
    assert problems.snapshot_hash(one) != problems.snapshot_hash(other)


@pytest.mark.parametrize(
    ("old", "new", "subject"),
    [
        ('"takt_s":60', '"takt_s":"60"', "problem.assembly.takt_s"),
        ('"takt_s":60', '"takt_s":null', "problem.assembly.takt_s"),
        ('"priority":0', '"priority":true', "problem.cars[0].priority"),
        ('"at":"not_started"', '"at":"lost"', "problem.cars[0].at"),
        ('"seed":0', '"sed":0', "problem.sed"),
        ('"horizon_s":36000,', "", "problem.horizon_s"),
        ('[["city-hood",1]', '[["city-hood"]', "problem.cars[0].panels[0]"),
        ('"frozen":[]', '"frozen":{}', "problem.frozen"),
        ('"due_s":null', '"due_s":"soon"', "problem.cars[0].due_s"),
        ('"shifts":[{', '"shifts":[7,{', "problem.shifts[0]"),
    ],
)
def test_wrong_json_is_refused_with_the_field(old: str, new: str, subject: str) -> None:
    text = problems.to_json(a_plant((a_car(),)))
    assert old in text
    with pytest.raises(ProblemError) as error:
        problems.from_json(text.replace(old, new, 1))
    assert error.value.subject == subject


def test_text_that_is_not_json_is_refused_with_its_line() -> None:
    with pytest.raises(ProblemError, match="line 2"):
        problems.from_json('{"horizon_s": 1,\n oops}')


def test_a_calendar_is_its_shifts_without_their_breaks() -> None:
    shifts = (
        Shift(id="late", start_s=100, end_s=200, breaks=((100, 110), (150, 160))),
        Shift(id="early", start_s=0, end_s=90),
    )
    calendar = calendar_of("day", shifts)
    assert calendar.working == ((0, 90), (110, 150), (160, 200))
    assert calendar.shift_ids == ("early", "late", "late")


BASE = a_plant((a_car("one"), a_car("two")))
LINE, PAINT, BODY, PRESS = BASE.assembly, BASE.paint, BASE.body, BASE.press
STEP = BODY.routings[0].steps[0]


def _with_car(**changes: object) -> Problem:
    return replace(BASE, cars=(a_car("one", **changes), a_car("two")))


def _with_calendar(**changes: object) -> Problem:
    return replace(BASE, calendars=(replace(BASE.calendars[0], **changes), BASE.calendars[1]))


def _with_step(**changes: object) -> Problem:
    routing = replace(BODY.routings[0], steps=(replace(STEP, **changes),))
    return replace(BASE, body=replace(BODY, routings=(routing, BODY.routings[1])))


def _with_die(**changes: object) -> Problem:
    dies = (replace(PRESS.dies[0], **changes), *PRESS.dies[1:])
    return replace(BASE, press=replace(PRESS, dies=dies))


def _frozen(*facts: FrozenCar, at: Stage = Stage.NOT_STARTED) -> Problem:
    return replace(BASE, cars=(a_car("one", at=at), a_car("two")), frozen=facts)


def _running(step: str = "S0", machine: str = "W0", start_s: int = 0) -> FrozenOperation:
    return FrozenOperation(step=step, machine=machine, start_s=start_s)


WRONG = {
    "problem has no cars": (replace(BASE, cars=()), "problem"),
    "horizon": (replace(BASE, horizon_s=0), "horizon"),
    "car twice": (replace(BASE, cars=(a_car("one"), a_car("one"))), "car one"),
    "empty id": (replace(BASE, cars=(a_car(""),)), "car"),
    "negative release": (_with_car(release_s=-1), "car one"),
    "unknown body type": (_with_car(body_type="bus"), "car one"),
    "unknown panel": (_with_car(panels=(("wing", 1),)), "car one"),
    "panel twice": (
        _with_car(panels=(("city-hood", 1), ("city-hood", 1))),
        "panel of car one city-hood",
    ),
    "no panels of a kind": (_with_car(panels=(("city-hood", 0),)), "car one"),
    "previous car planned": (
        replace(
            BASE,
            assembly=replace(LINE, previous=(problems.PreviousCar(id="one", options=frozenset()),)),
        ),
        "car one",
    ),
    "takt": (replace(BASE, assembly=replace(LINE, takt_s=0)), "line assembly"),
    "line calendar": (replace(BASE, assembly=replace(LINE, calendar="none")), "line assembly"),
    "ratio": (
        replace(
            BASE,
            assembly=replace(LINE, ratio_rules=(RatioRule(id="r", option="x", n=3, p=2),)),
        ),
        "ratio rule r",
    ),
    "same name": (replace(BASE, paint=replace(PAINT, id="assembly")), "resource assembly"),
    "batch limit": (replace(BASE, paint=replace(PAINT, batch_limit=0)), "line paint"),
    "purge": (replace(BASE, paint=replace(PAINT, purge_s=-5)), "line paint"),
    "previous run": (replace(BASE, paint=replace(PAINT, previous_run=2)), "line paint"),
    "store": (replace(BASE, body=replace(BODY, store_capacity=0)), "body shop"),
    "no steps": (
        replace(BASE, body=replace(BODY, routings=(replace(BODY.routings[0], steps=()),))),
        "routing city",
    ),
    "no machine": (_with_step(alternatives=()), "routing city step S0"),
    "unknown machine": (
        _with_step(alternatives=(Alternative(machine="W9", duration_s=1),)),
        "routing city step S0",
    ),
    "no time": (
        _with_step(alternatives=(Alternative(machine="W0", duration_s=0),)),
        "routing city step S0",
    ),
    "calendar overlaps": (
        _with_calendar(working=((0, 10), (5, 20)), shift_ids=("early", "early")),
        "calendar day",
    ),
    "calendar reversed": (
        _with_calendar(working=((10, 5),), shift_ids=("early",)),
        "calendar day",
    ),
    "calendar negative": (
        _with_calendar(working=((-10, 5),), shift_ids=("early",)),
        "calendar day",
    ),
    "calendar shift": (
        _with_calendar(working=((0, 5),), shift_ids=("night",)),
        "calendar day",
    ),
    "calendar shift count": (_with_calendar(shift_ids=()), "calendar day"),
    "break outside": (
        replace(BASE, shifts=(replace(BASE.shifts[0], breaks=((20_000, 20_100),)),)),
        "calendar day",
    ),
    "die without press": (_with_die(presses=()), "die city-hood"),
    "die on unknown press": (_with_die(presses=("P9",)), "die city-hood"),
    "a changeover from an unknown die": (_with_die(changeovers=(("boat", 5),)), "die city-hood"),
    "a changeover from itself": (_with_die(changeovers=(("city-hood", 5),)), "die city-hood"),
    "a changeover twice": (
        _with_die(changeovers=(("van-hood", 5), ("van-hood", 6))),
        "changeover of die city-hood van-hood",
    ),
    "a negative changeover": (_with_die(changeovers=(("van-hood", -5),)), "die city-hood"),
    "die lot size": (_with_die(lot_size=0), "die city-hood"),
    "mounted die": (
        replace(
            BASE,
            press=replace(
                PRESS, presses=(replace(PRESS.presses[0], mounted="wing"), PRESS.presses[1])
            ),
        ),
        "press P1",
    ),
    "negative stock": (
        replace(BASE, press=replace(PRESS, stock=(("city-hood", -1),))),
        "panel stock city-hood",
    ),
    "lot of an unknown die": (
        replace(
            BASE,
            press=replace(
                PRESS,
                held_lots=(HeldLot(id="L", panel_type="wing", press="P1", quantity=1, start_s=0),),
            ),
        ),
        "held lot L",
    ),
    "lot on an unknown press": (
        replace(
            BASE,
            press=replace(
                PRESS,
                held_lots=(
                    HeldLot(id="L", panel_type="city-hood", press="P9", quantity=1, start_s=0),
                ),
            ),
        ),
        "held lot L",
    ),
    "two lots run at once": (
        replace(
            BASE,
            press=replace(
                PRESS,
                held_lots=tuple(
                    HeldLot(id=i, panel_type="city-hood", press="P1", quantity=1, start_s=0)
                    for i in "LM"
                ),
            ),
        ),
        "held lot M",
    ),
    "unknown frozen car": (_frozen(FrozenCar(car_id="three")), "frozen car three"),
    "frozen twice": (
        _frozen(FrozenCar(car_id="one"), FrozenCar(car_id="one")),
        "frozen car one",
    ),
    "locks overlap": (
        _frozen(
            FrozenCar(car_id="one", assembly_start_s=60),
            FrozenCar(car_id="two", assembly_start_s=60),
        ),
        "frozen car two",
    ),
    "in assembly since when": (_frozen(at=Stage.IN_ASSEMBLY), "car one"),
    "in paint since when": (_frozen(at=Stage.IN_PAINT), "car one"),
    "work left unknown": (
        _frozen(FrozenCar(car_id="one", assembly_start_s=-60), at=Stage.IN_ASSEMBLY),
        "frozen car one",
    ),
    "frozen before 0": (_frozen(FrozenCar(car_id="one", paint_start_s=-1)), "frozen car one"),
    "steps done of a car not started": (
        _frozen(FrozenCar(car_id="one", steps_done=1)),
        "frozen car one",
    ),
    "too many steps done": (
        _frozen(FrozenCar(car_id="one", steps_done=2), at=Stage.IN_BODY),
        "frozen car one",
    ),
    "wrong step next": (
        _frozen(FrozenCar(car_id="one", weld=(_running("S1", "W2"),)), at=Stage.IN_BODY),
        "frozen car one",
    ),
    "machine cannot": (
        _frozen(FrozenCar(car_id="one", weld=(_running("S0", "W3"),)), at=Stage.IN_BODY),
        "frozen car one",
    ),
    "runs and is not started": (
        _frozen(FrozenCar(car_id="one", weld=(_running(),))),
        "frozen car one",
    ),
    "steps frozen backwards": (
        _frozen(
            FrozenCar(
                car_id="one",
                weld=(_running(start_s=500), _running("S1", "W2", start_s=100)),
            ),
        ),
        "frozen car one",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_contradiction_is_refused_and_its_record_named(name: str) -> None:
    problem, subject = WRONG[name]
    with pytest.raises(ProblemError) as error:
        solve(problem)
    assert error.value.subject == subject


def test_more_frozen_steps_than_the_routing_has_left_are_refused() -> None:
    fact = FrozenCar(
        car_id="one", steps_done=1, weld=(_running("S1", "W2"), _running("S1", "W3", start_s=99))
    )
    with pytest.raises(ProblemError, match="more steps"):
        validate(_frozen(fact, at=Stage.IN_BODY))


def test_a_shift_holds_its_breaks() -> None:
    shift = Shift(id="early", start_s=0, end_s=100, breaks=((90, 120),))
    problem = replace(BASE, shifts=(shift, BASE.shifts[1]), calendars=(BASE.calendars[1],))
    problem = replace(
        problem,
        assembly=replace(LINE, calendar="always"),
        paint=replace(PAINT, calendar="always"),
    )
    with pytest.raises(ProblemError, match="break"):
        validate(problem)


def test_every_random_plant_of_the_tests_is_a_valid_problem() -> None:
    for seed in range(60):
        validate(random_plant(seed))


def test_a_car_knows_how_far_it_is() -> None:
    assert [stage.rank for stage in Stage] == list(range(7))
    assert isinstance(a_car(), Car)
    assert isinstance(BASE.calendars[0], Calendar)
