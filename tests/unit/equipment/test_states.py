"""Stretches of states: closed by the next one, cut at shifts, never guessed."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.equipment.model import (
    UNKNOWN,
    WHOLE_LINE,
    CurrentState,
    StateChange,
    Stretch,
    follow,
    is_long,
    outside,
    seconds_by_state,
    shift_figures,
    stop_of,
)
from tests.support.floor import at


def change(state: str, minutes: float, *, station: str = "trim", reason: str = "") -> StateChange:
    return StateChange("assembly", station, state, reason, at(minutes))


def a_stretch(state: str, start: float, end: float) -> Stretch:
    return Stretch("assembly", "trim", state, "", at(start), at(end))


@given(
    st.lists(
        st.tuples(st.sampled_from(["running", "starved", "down"]), st.floats(0, 1000)), max_size=30
    )
)
def test_stretches_of_a_station_never_overlap_and_leave_no_hole(
    story: list[tuple[str, float]],
) -> None:
    followed = follow({}, [change(s, m) for s, m in story], heard_at=at(0))
    stretches = followed.closed
    for before, after in itertools.pairwise(stretches):
        assert before.ended_at == after.started_at
    if stretches:
        (now,) = followed.current.values()
        assert stretches[-1].ended_at == now.since_at
        assert all(s.started_at < s.ended_at for s in stretches)


def test_a_stop_left_open_ends_when_the_station_runs_and_not_later() -> None:
    stop = follow({}, [change("down", 10, reason="gun")], heard_at=at(10))
    later = follow(
        stop.current,
        [change("running", 400), change("down", 500, reason="robot")],
        heard_at=at(500),
    )
    assert [(s.state, s.reason, s.seconds) for s in later.closed] == [
        ("down", "gun", 390 * 60),
        ("running", "", 100 * 60),
    ]


def test_the_same_state_again_is_only_a_sign_of_life() -> None:
    first = follow({}, [change("running", 1)], heard_at=at(1))
    again = follow(first.current, [change("running", 5)], heard_at=at(5))
    (now,) = again.current.values()
    assert (now.since_at, now.heard_at, again.closed) == (at(1), at(5), ())


def test_stops_their_ends_and_whole_lines_are_announced_and_cycles_are_not() -> None:
    followed = follow(
        {},
        [
            change("running", 1),
            change("starved", 2),
            change("down", 3),
            change("running", 4),
            change("blocked", 5),
            change("idle", 6, station=WHOLE_LINE),
        ],
        heard_at=at(6),
    )
    assert [(c.station, c.state) for c in followed.announced] == [
        ("trim", "down"),
        ("trim", "running"),
        (WHOLE_LINE, "idle"),
    ]


def test_an_overnight_stop_counts_on_each_side_of_the_shift_by_its_part() -> None:
    night = a_stretch("down", 950, 1000)
    before = seconds_by_state([night], at(480), at(960))
    after = seconds_by_state([night], at(960), at(1440))
    assert (before["down"], after["down"]) == (600, 2400)
    assert before["down"] + after["down"] == night.seconds


def test_time_that_nobody_reported_is_unknown_and_never_idle() -> None:
    total = seconds_by_state([a_stretch("running", 0, 10)], at(0), at(60))
    assert (total["running"], total["idle"], total[UNKNOWN]) == (600, 0, 3000)


def test_a_line_is_down_by_itself_or_by_the_station_that_fell_first() -> None:
    def now(station: str, state: str, minutes: float) -> CurrentState:
        return CurrentState("assembly", station, state, "r", at(minutes), at(minutes))

    states = [now("trim", "down", 5), now("final", "down", 3), now("marriage", "running", 1)]
    stop = stop_of("assembly", states)
    assert stop is not None
    assert (stop.station, stop.since_at) == ("final", at(3))
    whole = stop_of("assembly", [*states, now(WHOLE_LINE, "down", 9)])
    assert whole is not None and whole.station is None
    assert stop_of("paint", states) is None
    assert not is_long(stop, now=at(8))
    assert is_long(stop, now=at(8) + timedelta(seconds=1))


def test_shift_figures_follow_iso_22400() -> None:
    figures = shift_figures({"running": 24_000}, busy_s=28_800, cycle_s=55, produced=400, good=390)
    assert figures.availability == pytest.approx(0.8333, abs=1e-4)
    assert figures.effectiveness == pytest.approx(0.9167, abs=1e-4)
    assert figures.quality_ratio == pytest.approx(0.975)
    assert figures.oee == pytest.approx(0.7448, abs=1e-4)


def test_a_shift_without_production_has_no_figures_instead_of_zeros() -> None:
    figures = shift_figures({}, busy_s=0, cycle_s=55, produced=0, good=0)
    assert figures.availability is figures.effectiveness is figures.oee is None


def test_a_silent_stretch_is_cut_out_of_what_was_heard() -> None:
    heard = a_stretch("running", 0, 60)
    parts = outside(heard, [(at(-5), at(0)), (at(10), at(20)), (at(50), at(70)), (at(80), at(90))])
    assert [(p.started_at, p.ended_at) for p in parts] == [(at(0), at(10)), (at(20), at(50))]
    assert outside(heard, []) == [heard]
    assert outside(heard, [(at(-1), at(61))]) == []
