"""A camera's drift is an alarm until its pictures are steady again, another model judges, or it is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from mes.inspection.drift import EARLIER, RECENT
from mes.inspection.drift_alarm_model import (
    DriftAlarm,
    EndedBy,
    Measure,
    ModelId,
    NoDriftToConfirm,
    Reading,
    follow,
)
from mes.inspection.drift_chart import HEIGHT, WIDTH, feature_chart, score_chart

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
FIRST, SECOND = ModelId("welding", "1", "a" * 64), ModelId("welding", "2", "b" * 64)
CAMERA = "weld-camera"


def reading(distance: float, measure: Measure = Measure.FEATURES) -> Reading:
    return Reading(CAMERA, measure, distance, 4.0)


def after(
    standing: list[DriftAlarm],
    *readings: Reading,
    model: ModelId = FIRST,
    cameras: tuple[str, ...] = (CAMERA,),
) -> list[DriftAlarm]:
    later = NOW + timedelta(hours=1)
    return follow(standing, readings, {CAMERA: model}, cameras, now=later)


def raised() -> DriftAlarm:
    (alarm,) = follow([], [reading(5.0)], {CAMERA: FIRST}, [CAMERA], now=NOW)
    return alarm


def test_a_camera_within_its_limit_raises_nothing() -> None:
    assert after([], reading(4.0), reading(1.0, Measure.SCORES)) == []


def test_a_camera_beyond_its_limit_raises_one_alarm_for_each_measure() -> None:
    found = after([], reading(4.1), reading(9.0, Measure.SCORES))
    assert [alarm.measure for alarm in found] == [Measure.FEATURES, Measure.SCORES]
    assert all(alarm.model == FIRST and alarm.ended_at is None for alarm in found)
    assert after(found, reading(4.1), reading(9.0, Measure.SCORES)) == []


def test_an_alarm_ends_well_below_its_limit_and_not_at_it() -> None:
    alarm = raised()
    (nearer,) = after([alarm], reading(3.3))
    assert (nearer.ended_at, nearer.distance) == (None, 3.3)
    (over,) = after([alarm], reading(3.1))
    assert over.ended_by is EndedBy.BACK


def test_a_camera_that_shows_nothing_keeps_its_alarm() -> None:
    assert after([raised()]) == []
    assert follow([raised()], [], {}, [CAMERA], now=NOW) == []


def test_another_model_ends_the_alarm_of_the_former_and_may_raise_its_own() -> None:
    ended, anew = after([raised()], reading(6.0), model=SECOND)
    assert ended.ended_by is EndedBy.MODEL
    assert (anew.model, anew.ended_at) == (SECOND, None)


def test_a_camera_taken_out_of_the_plant_has_no_alarm() -> None:
    (over,) = after([raised()], reading(9.0), cameras=())
    assert over.ended_by is EndedBy.GONE


def test_an_alarm_is_confirmed_once_and_stands_on() -> None:
    known = raised().confirmed(by="user:q", comment="lens wiped", now=NOW)
    assert (known.confirmed_by, known.comment, known.ended_at) == ("user:q", "lens wiped", None)
    with pytest.raises(NoDriftToConfirm):
        known.confirmed(by="user:q", comment="", now=NOW)
    with pytest.raises(NoDriftToConfirm):
        raised().ended(EndedBy.BACK, now=NOW).confirmed(by="user:q", comment="", now=NOW)


def test_the_chart_shows_where_the_newest_scores_have_gone() -> None:
    rng = np.random.default_rng(1)
    scores = [*rng.uniform(0.05, 0.2, EARLIER), *rng.uniform(0.5, 0.8, RECENT)]
    chart = score_chart([float(score) for score in scores])
    assert chart is not None
    assert chart.recent < chart.earlier - HEIGHT / 4
    assert chart.threshold is not None
    assert chart.recent < chart.threshold < chart.earlier
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in chart.points)
    assert score_chart([0.1] * RECENT) is None
    assert score_chart([0.1] * (RECENT + 5)) is not None


def test_the_chart_of_features_crosses_its_limit_when_the_alarm_does() -> None:
    near, far = [[0.5, 0.1]] * RECENT, [[6.0, 0.1]] * RECENT
    chart = feature_chart(far + near, limit=4.0)  # the newest first
    assert chart is not None
    assert chart.points[0][1] > chart.limit > chart.points[-1][1]
    assert feature_chart(near, limit=4.0) is None
