from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mes.contracts.clock import ClockSegment, PlantClock

REAL = datetime(2026, 11, 22, 10, tzinfo=UTC)
PLANT = datetime(2026, 3, 2, 6, tzinfo=UTC)


def clock(*segments: tuple[float, float, float]) -> PlantClock:
    """Build a clock of (real seconds, plant seconds, factor)."""
    return PlantClock(
        segments=tuple(
            ClockSegment(
                real_at=REAL + timedelta(seconds=real),
                plant_at=PLANT + timedelta(seconds=plant),
                factor=factor,
            )
            for real, plant, factor in segments
        )
    )


def test_an_hour_of_plant_time_passes_in_a_minute_at_sixty() -> None:
    assert clock((0, 0, 60)).at(REAL + timedelta(minutes=1)) == PLANT + timedelta(hours=1)
    assert clock((0, 0, 60)).real_seconds(60) == 1


def test_a_stopped_plant_stands_still() -> None:
    stopped = clock((0, 0, 60), (60, 3600, 0))
    assert stopped.at(REAL + timedelta(days=1)) == PLANT + timedelta(hours=1)
    assert stopped.real_seconds(1) == float("inf")


def test_before_the_first_segment_the_clock_stands() -> None:
    assert clock((0, 0, 60)).at(REAL - timedelta(hours=1)) == PLANT


def test_segments_that_go_back_are_refused() -> None:
    with pytest.raises(ValidationError, match="go forward"):
        clock((0, 0, 60), (-1, 10, 1))


@given(st.lists(st.tuples(st.floats(0, 1000), st.sampled_from([0.0, 1.0, 60.0])), max_size=6))
def test_plant_time_never_goes_back(steps: list[tuple[float, float]]) -> None:
    segments = [(0.0, 0.0, 1.0)]
    for wait, factor in steps:
        real, plant, before = segments[-1]
        segments.append((real + wait, plant + wait * before, factor))
    running = clock(*segments)
    end = segments[-1][0] + 10
    moments = [running.at(REAL + timedelta(seconds=end * i / 50)) for i in range(51)]
    assert moments == sorted(moments)
