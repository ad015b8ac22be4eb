"""How finely a stretch of time is told: as finely as its pixels can show it, no more."""

from __future__ import annotations

import pytest

from mes.equipment.views import POINTS_A_PIXEL, STEPS_S, step_for


@pytest.mark.parametrize(
    ("seconds", "pixels", "step_s"),
    [
        (86_400, 1400, 60),
        (2_400, 1400, 1),
        (2_800, 1400, 1),
        (2_801, 1400, 60),
        (14 * 86_400, 1400, 3600),
        (86_400, 390, 3600),
        (10**9, 100, 3600),
    ],
)
def test_a_stretch_is_told_as_finely_as_its_pixels_can_show(
    seconds: float, pixels: int, step_s: int
) -> None:
    assert step_for(seconds, pixels) == step_s
    assert step_s == max(STEPS_S) or seconds / step_s <= POINTS_A_PIXEL * pixels
