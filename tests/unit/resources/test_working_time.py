"""Shifts and working time: rows from patterns, over midnight and over the change of clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.contracts.plant import WEEKDAYS, Break, Calendar, Shift
from mes.contracts.text import Text
from mes.resources.model import (
    Interval,
    calendars_in_use,
    merged,
    shift_at,
    shifts_between,
    working_intervals,
)
from tests.support.orders import plant

NAME = Text(en="shift", zh="班次")


def a_shift(start: str, end: str, *breaks: tuple[str, str], **more: object) -> Shift:
    return Shift(
        code=str(more.get("code", "day")),
        name=NAME,
        start=time.fromisoformat(start),
        end=time.fromisoformat(end),
        days=more.get("days", WEEKDAYS),  # type: ignore[arg-type]
        breaks=tuple(
            Break(start=time.fromisoformat(a), end=time.fromisoformat(b)) for a, b in breaks
        ),
    )


def a_calendar(*shifts: Shift) -> Calendar:
    return Calendar(id="cal", shifts=shifts)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_night_shift_belongs_to_the_day_on_which_it_starts() -> None:
    night = a_calendar(a_shift("22:00", "06:00", days=("fri",)))
    friday = date(2026, 11, 27)
    (row,) = shifts_between(
        night, "Asia/Shanghai", utc("2026-11-27 20:00"), utc("2026-11-27 21:00")
    )
    assert row.day == friday, "it is Saturday 04:00 in Shanghai, and still Friday's shift"
    assert (row.start_at, row.end_at) == (utc("2026-11-27 14:00"), utc("2026-11-27 22:00"))


def test_no_shift_starts_on_a_day_that_is_not_worked() -> None:
    weekdays = a_calendar(a_shift("08:00", "16:00", days=("mon", "tue", "wed", "thu", "fri")))
    saturday, monday = utc("2026-11-28 00:00"), utc("2026-11-30 00:00")
    assert shifts_between(weekdays, "UTC", saturday, monday) == ()


def test_breaks_are_not_worked_also_after_midnight() -> None:
    night = a_calendar(a_shift("22:00", "06:00", ("23:50", "00:10"), ("02:00", "02:30")))
    worked = working_intervals(night, "UTC", utc("2026-11-27 12:00"), utc("2026-11-28 12:00"))
    assert worked == (
        Interval(utc("2026-11-27 22:00"), utc("2026-11-27 23:50")),
        Interval(utc("2026-11-28 00:10"), utc("2026-11-28 02:00")),
        Interval(utc("2026-11-28 02:30"), utc("2026-11-28 06:00")),
    )


def test_a_break_at_the_end_of_a_shift_ends_it_earlier() -> None:
    day = a_calendar(a_shift("08:00", "16:00", ("08:00", "08:30"), ("15:45", "16:30")))
    assert working_intervals(day, "UTC", utc("2026-11-27 00:00"), utc("2026-11-28 00:00")) == (
        Interval(utc("2026-11-27 08:30"), utc("2026-11-27 15:45")),
    )


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-28", 7.0), ("2026-10-24", 9.0), ("2026-06-06", 8.0)]
)
def test_a_night_over_the_change_of_clocks_is_as_long_as_on_the_floor(
    day: str, hours: float
) -> None:
    night = a_calendar(a_shift("22:00", "06:00"))
    start = utc(f"{day} 21:30")
    row = next(
        row
        for row in shifts_between(night, "Europe/Berlin", start, start + timedelta(hours=4))
        if row.day == date.fromisoformat(day)
    )
    assert (row.end_at - row.start_at).total_seconds() == hours * 3600


def test_a_shift_that_starts_in_the_skipped_hour_starts_when_the_clock_has_moved_on() -> None:
    early = a_calendar(a_shift("02:30", "10:30"))
    row = shifts_between(early, "Europe/Berlin", utc("2026-03-29 00:00"), utc("2026-03-29 12:00"))[
        0
    ]
    assert row.start_at == utc("2026-03-29 01:30"), "03:30 summer time"


def test_a_plant_far_east_of_greenwich_keeps_its_own_days() -> None:
    day = a_calendar(a_shift("07:00", "15:00"))
    rows = shifts_between(day, "Pacific/Auckland", utc("2026-11-26 18:00"), utc("2026-11-26 19:00"))
    assert [row.day for row in rows] == [date(2026, 11, 27)]


def test_round_the_clock_shifts_follow_each_other_without_a_gap() -> None:
    always = a_calendar(a_shift("00:00", "00:00"))
    start, end = utc("2026-11-23 05:00"), utc("2026-11-29 17:00")
    assert working_intervals(always, "Asia/Shanghai", start, end) == (Interval(start, end),)


def test_an_instant_on_the_boundary_belongs_to_the_shift_that_starts() -> None:
    two = a_calendar(
        a_shift("06:00", "14:00", code="early"), a_shift("14:00", "22:00", code="late")
    )
    rows = shifts_between(two, "UTC", utc("2026-11-23 00:00"), utc("2026-11-24 00:00"))
    change = shift_at(rows, utc("2026-11-23 14:00"))
    assert change is not None
    assert change.code == "late"
    assert shift_at(rows, utc("2026-11-23 23:00")) is None


def test_the_shipped_plants_work_in_the_next_days() -> None:
    for name in ("demo", "mini"):
        model = plant(name)
        start = utc("2026-11-23 00:00")
        assert calendars_in_use(model)
        for calendar in calendars_in_use(model):
            worked = working_intervals(
                calendar, model.site.time_zone, start, start + timedelta(days=2)
            )
            assert sum(one.seconds for one in worked) > 8 * 3600


minutes = st.integers(min_value=0, max_value=3 * 24 * 60)


@given(st.lists(st.tuples(minutes, minutes), max_size=12))
def test_merged_time_covers_the_same_minutes_and_never_overlaps(
    pairs: list[tuple[int, int]],
) -> None:
    start = utc("2026-11-23 00:00")
    intervals = [
        Interval(start + timedelta(minutes=min(p)), start + timedelta(minutes=max(p) + 1))
        for p in pairs
    ]
    result = merged(intervals)
    for before, after in pairwise(result):
        assert before.end_at < after.start_at
    covered = {m for a, b in pairs for m in range(min(a, b), max(a, b) + 1)}
    assert sum(one.seconds for one in result) == 60 * len(covered)


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Shanghai", "America/New_York"]),
    st.integers(0, 365 * 24),
    st.integers(1, 72),
    st.lists(st.tuples(st.times(), st.times()), min_size=1, max_size=3),
)
def test_working_time_lies_in_the_asked_stretch_and_is_the_sum_of_its_parts(
    zone: str, hour: int, hours: int, spans: list[tuple[time, time]]
) -> None:
    shifts = [
        Shift(
            code=f"s{n}",
            name=NAME,
            start=a.replace(microsecond=0),
            end=b.replace(microsecond=0),
            days=WEEKDAYS,
        )
        for n, (a, b) in enumerate(spans)
    ]
    calendar = a_calendar(*shifts)
    start = utc("2026-01-01 00:00") + timedelta(hours=hour)
    middle, end = start + timedelta(hours=hours / 2), start + timedelta(hours=hours)
    whole = working_intervals(calendar, zone, start, end)
    assert all(start <= one.start_at < one.end_at <= end for one in whole)
    halves = [
        *working_intervals(calendar, zone, start, middle),
        *working_intervals(calendar, zone, middle, end),
    ]
    assert merged(halves) == whole
