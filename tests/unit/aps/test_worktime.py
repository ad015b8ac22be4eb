"""Working time: breaks pause work, nothing starts in them, calendars end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aps.check.worked import NEVER, Worked
from aps.problem import Calendar
from aps.worktime import INF, WorkTime

CALENDAR = Calendar(id="day", working=((10, 20), (30, 50)), shift_ids=("a", "b"))
CLOCK = WorkTime.of(CALENDAR)


@pytest.mark.parametrize(("t", "work"), [(-5, -5), (0, 0), (9, 0), (15, 5), (25, 10), (99, 30)])
def test_work_counts_only_working_seconds(t: int, work: int) -> None:
    assert CLOCK.work(t) == work


@pytest.mark.parametrize(("t", "start"), [(0, 10), (10, 10), (20, 30), (25, 30), (49, 49)])
def test_nothing_starts_in_a_break(t: int, start: int) -> None:
    assert CLOCK.start(t) == start


def test_work_that_meets_a_break_goes_on_after_it() -> None:
    assert CLOCK.finish(15, 5) == 20
    assert CLOCK.finish(15, 6) == 31


def test_a_calendar_ends() -> None:
    assert CLOCK.start(50) == INF
    assert CLOCK.finish(45, 6) == INF
    assert CLOCK.work(INF) == INF


def test_walking_back_gives_the_latest_start() -> None:
    assert CLOCK.back(31, 6) == 15
    assert CLOCK.back(15, 9) == -4
    assert CLOCK.total == 30


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    cuts = draw(st.lists(st.integers(0, 200), min_size=2, max_size=12, unique=True))
    cuts = sorted(cuts)[: len(cuts) // 2 * 2]
    working = tuple(zip(cuts[::2], cuts[1::2], strict=True))
    return Calendar(id="c", working=working, shift_ids=("s",) * len(working))


@given(calendars(), st.integers(0, 220), st.integers(1, 80))
def test_both_readings_of_a_calendar_agree_second_by_second(
    calendar: Calendar, t: int, work: int
) -> None:
    clock, worked = WorkTime.of(calendar), Worked(calendar)
    seconds = [s for begin, end in calendar.working for s in range(begin, end)]
    assert clock.work(t) == worked.by(t) == sum(s < t for s in seconds)
    later = [s for s in seconds if s >= t]
    assert clock.start(t) == (later[0] if later else INF)
    assert worked.next_start(worked.by(t)) == (later[0] if later else None)
    end = later[work - 1] + 1 if len(later) >= work else None
    assert worked.after(t, work) == end
    assert clock.finish(t, work) == (INF if end is None else end)
    assert worked.working(t) == (t in seconds)


@given(
    calendars(),
    st.lists(st.tuples(st.integers(-20, 220), st.integers(0, 80)), max_size=8),
)
def test_many_times_at_once_are_read_as_each_alone(
    calendar: Calendar, asked: list[tuple[int, int]]
) -> None:
    worked = Worked(calendar)
    times = np.array([t for t, _ in asked], np.int64)
    work = np.array([w for _, w in asked], np.int64)
    assert worked.each_by(times).tolist() == [worked.by(t) for t, _ in asked]
    assert worked.each_working(times).tolist() == [worked.working(t) for t, _ in asked]
    ends = [worked.after(t, w) for t, w in asked]
    assert worked.each_after(times, work).tolist() == [NEVER if e is None else e for e in ends]


def test_a_calendar_without_working_time_never_ends_work() -> None:
    worked = Worked(Calendar(id="shut", working=(), shift_ids=()))
    times = np.array([-3, 0, 7], np.int64)
    assert worked.each_by(times).tolist() == [-3, 0, 0]
    assert not worked.each_working(times).any()
    assert worked.each_after(times, 5).tolist() == [NEVER] * 3
    assert worked.after(7, 5) is None
