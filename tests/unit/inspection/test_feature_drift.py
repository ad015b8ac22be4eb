"""A camera that sees otherwise than its model was trained on is noticed by the features of its pictures."""

from __future__ import annotations

import numpy as np

from mes.inspection.drift import RECENT, feature_drift_of


def pictures(count: int, *, moved: float = 0.0, seed: int = 1) -> list[list[float]]:
    numbers = np.random.default_rng(seed).normal(0, 1, (count, 5))
    numbers[:, 2] += moved
    return [list(map(float, one)) for one in numbers]


def test_pictures_like_the_training_raise_no_alarm() -> None:
    found = feature_drift_of(pictures(RECENT), limit=3.9)
    assert found is not None
    assert found.distance < 1
    assert not found.alarm


def test_a_shift_beyond_what_good_pictures_keep_raises_the_alarm() -> None:
    found = feature_drift_of(pictures(RECENT, moved=4.5), limit=3.9)
    assert found is not None
    assert found.alarm


def test_a_few_defects_among_good_pictures_raise_no_alarm() -> None:
    seen = pictures(RECENT - 10) + pictures(10, moved=50.0)
    found = feature_drift_of(seen, limit=3.9)
    assert found is not None
    assert not found.alarm


def test_too_few_pictures_say_nothing() -> None:
    assert feature_drift_of(pictures(RECENT - 1), limit=3.9) is None
