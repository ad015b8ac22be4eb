"""The calibration report: what was promised, how surely, and what was met."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from mes.planning.calibration import Calibration
from mes.planning.calibration import calibrate as calibrated
from mes.planning.history_repository import Outcome

SHANGHAI = "Asia/Shanghai"
PROMISED = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def outcome(n: int, *, sure: float, late_min: float, moved_min: float = 0) -> Outcome:
    return Outcome(
        order_id=UUID(int=n),
        promised_at=PROMISED + timedelta(minutes=moved_min),
        finished_at=PROMISED + timedelta(minutes=late_min),
        first_promised_at=PROMISED,
        first_confidence=sure,
        assumed=n < 2,
        changes=1 if moved_min else 0,
    )


def calibrate(outcomes: list[Outcome]) -> Calibration:
    return calibrated(outcomes, time_zone=SHANGHAI)


def test_nothing_finished_is_nothing_to_report() -> None:
    report = calibrate([])
    assert report.orders == 0
    assert report.bands == ()


def test_a_promise_that_was_moved_before_it_was_kept_counts_as_missed_at_first() -> None:
    report = calibrate([outcome(1, sure=0.9, late_min=20, moved_min=30)])
    assert (report.met_first, report.met_last, report.changes) == (0.0, 1.0, 1.0)
    assert report.brier == pytest.approx(0.81)


def test_promises_are_held_against_the_confidence_they_had() -> None:
    kept = [outcome(n, sure=0.9, late_min=-5) for n in range(9)]
    late = [outcome(9, sure=0.9, late_min=5), outcome(10, sure=0.55, late_min=1)]
    report = calibrate([*kept, *late])
    assert report.orders == 11
    assert report.assumed == 2
    low, high = report.bands
    assert (low.orders, low.met) == (1, 0.0)
    assert (high.orders, high.met) == (10, 0.9)
    assert high.expected == pytest.approx(0.9)


def test_the_surest_promises_have_their_band() -> None:
    (band,) = calibrate([outcome(1, sure=1.0, late_min=0)]).bands
    assert band.to_confidence == 1.0


def test_a_week_begins_on_monday_where_the_plant_is() -> None:
    sunday_evening = replace(
        outcome(1, sure=0.9, late_min=0), finished_at=datetime(2026, 11, 22, 15, 59, tzinfo=UTC)
    )
    monday_morning = replace(sunday_evening, finished_at=datetime(2026, 11, 22, 16, 1, tzinfo=UTC))
    late = outcome(2, sure=0.6, late_min=5)
    newest, former = calibrate([sunday_evening, monday_morning, late]).weeks
    assert (newest.monday, former.monday) == (date(2026, 11, 23), date(2026, 11, 16))
    assert (former.orders, former.met_first) == (1, 1.0)
    assert (newest.orders, newest.met_first, newest.expected) == (2, 0.5, pytest.approx(0.75))
    assert [(band.from_confidence, band.met) for band in newest.bands] == [(0.6, 0.0), (0.9, 1.0)]
