"""A figure of the bench says whether its goal was met."""

from __future__ import annotations

from edge.bench.report import Figure


def test_a_rate_meets_its_goal_from_below_and_a_time_from_above() -> None:
    assert Figure("decode", "values/s", 3e6, goal=2e6).verdict == "met"
    assert Figure("decode", "values/s", 1e6, goal=2e6).verdict == "missed"
    assert Figure("subscribe", "s", 0.9, goal=1, more_is_better=False).verdict == "met"
    assert Figure("subscribe", "s", 1.2, goal=1, more_is_better=False).verdict == "missed"


def test_a_row_shows_the_goal_and_what_asyncua_does() -> None:
    row = Figure("decode", "values/s", 23e6, goal=2e6, stock=127_718).line()
    assert [word in row for word in ("23,000,000", "≥ 2,000,000", "127,718", "met")] == [True] * 4
    assert "met" not in Figure("age", "ms", 4.0).line()
