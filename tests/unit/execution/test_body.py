"""Where a body may go, and how it may stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.execution.model import (
    CONDITION_MOVES,
    OUT,
    Body,
    BodyCannotMove,
    Condition,
    IllegalCondition,
    Place,
    PlaceKind,
)
from mes.platform.errors import Problem
from tests.support.floor import SHIFT_START, a_body, at

PLACES = [
    Place(PlaceKind.PLANNED),
    Place(PlaceKind.LINE, line="paint", station="primer"),
    Place(PlaceKind.BAY, line="paint", bay="paint-bay"),
    Place(PlaceKind.STORE, store="pbs"),
    Place(PlaceKind.FINISHED, store="yard"),
]

moves = st.one_of(
    st.tuples(st.just("enter"), st.sampled_from(["paint", "assembly"])),
    st.tuples(st.just("work"), st.sampled_from(["paint", "assembly"])),
    st.tuples(st.just("leave"), st.sampled_from(["pbs", "yard"])),
    st.tuples(st.just("park"), st.just("paint")),
    st.tuples(st.just("unpark"), st.just("paint")),
    st.tuples(st.just("send_back"), st.just("wbs")),
    st.tuples(st.just("carry_out"), st.just("")),
    st.tuples(st.just("flag"), st.sampled_from(["up", "down"])),
    st.tuples(st.just("become"), st.sampled_from(list(Condition))),
)


def moved(body: Body, move: tuple[str, object], when: float) -> Body:
    """Try one move; a refused one leaves the body as it is."""
    name, what = move
    moment = at(when)
    try:
        match name:
            case "enter":
                return body.enter(str(what), "first", moment)
            case "work":
                return body.work_at(str(what), "second", moment)
            case "leave":
                return body.leave(str(what), moment, last=what == "yard")
            case "park":
                return body.park(str(what), "paint-bay", moment)
            case "unpark":
                return body.unpark(str(what), "last", moment)
            case "send_back":
                return body.send_back(str(what), moment)
            case "carry_out":
                return body.carry_out(moment)
            case "flag":
                return body.flagged(held=what == "up")
            case _:
                assert isinstance(what, Condition)
                return body.become(what)
    except Problem:
        return body


@given(st.lists(st.tuples(moves, st.floats(0, 500)), max_size=40))
def test_no_sequence_of_reports_makes_an_illegal_body(
    story: list[tuple[tuple[str, object], float]],
) -> None:
    body = a_body()
    for move, when in story:
        after = moved(body, move, when)
        if after.condition is not body.condition:
            assert after.condition in CONDITION_MOVES[body.condition]
        if body.place == OUT:
            assert after.place == OUT, "a body that was carried out is somewhere again"
        if body.is_scrapped:
            assert after.is_scrapped, "a scrapped body is good again"
            assert after.place == body.place or after.place.kind in (
                PlaceKind.SCRAPPED,
                PlaceKind.BAY,
                PlaceKind.LINE,
                PlaceKind.STORE,
            )
        if after.place.kind is PlaceKind.SCRAPPED:
            assert after.condition is Condition.SCRAP
        assert after.since_at >= body.since_at, "news that is older moved the body back"
        place = after.place
        assert (place.line is not None) == (place.kind in (PlaceKind.LINE, PlaceKind.BAY))
        assert (place.store is not None) == (place.kind in (PlaceKind.STORE, PlaceKind.FINISHED))
        body = after


@given(st.sampled_from(PLACES))
def test_a_scrapped_body_enters_no_line_and_passes_no_gate(place: Place) -> None:
    body = replace(a_body(), place=place, condition=Condition.SCRAP)
    with pytest.raises(BodyCannotMove, match="scrapped"):
        body.enter("assembly", "trim", at(5))
    with pytest.raises(BodyCannotMove, match="scrapped"):
        body.leave("pbs", at(5), last=False)


def test_only_scrap_is_carried_out() -> None:
    with pytest.raises(BodyCannotMove, match="not scrap"):
        a_body().carry_out(at(1))
    out = replace(a_body(), condition=Condition.SCRAP).carry_out(at(1))
    assert out.place == OUT
    with pytest.raises(BodyCannotMove, match="out"):
        out.work_at("paint", "primer", at(2))


def test_a_finished_car_does_not_enter_a_line_again() -> None:
    car = a_body().leave("yard", at(10), last=True)
    assert car.place.kind is PlaceKind.FINISHED
    with pytest.raises(BodyCannotMove, match="finished"):
        car.enter("paint", "primer", at(11))


def test_news_of_the_line_before_that_comes_late_does_not_move_the_body_back() -> None:
    body = a_body().enter("assembly", "trim", at(20))
    assert body.leave("pbs", at(15), last=False) == body


def test_work_reported_by_another_line_than_the_body_is_on_moves_nothing() -> None:
    body = a_body().enter("assembly", "trim", at(20))
    assert body.work_at("paint", "clear-coat", at(21)) == body


def test_a_body_that_is_in_no_bay_cannot_leave_one() -> None:
    with pytest.raises(BodyCannotMove, match="not in a bay"):
        a_body().enter("paint", "primer", at(1)).unpark("paint", "paint-camera", at(2))


def test_the_lines_flag_makes_a_body_suspect_until_it_is_reviewed() -> None:
    body = a_body().flagged(held=True)
    assert (body.condition, body.line_hold) == (Condition.SUSPECT, True)
    assert body.flagged(held=False).condition is Condition.OK
    held = body.become(Condition.HELD)
    assert held.flagged(held=False).condition is Condition.HELD


def test_a_condition_that_does_not_follow_is_refused_in_words() -> None:
    with pytest.raises(IllegalCondition, match="is ok; it cannot become rework"):
        a_body().become(Condition.REWORK)


def test_only_a_body_that_was_nowhere_is_placed_at_a_warm_start() -> None:
    before = SHIFT_START - timedelta(microseconds=1)
    body = a_body().placed(Place(PlaceKind.STORE, store="wbs"), before)
    assert (body.place.store, body.since_at) == ("wbs", before)
    with pytest.raises(BodyCannotMove, match="already in the plant"):
        body.placed(Place(PlaceKind.STORE, store="pbs"), SHIFT_START)
