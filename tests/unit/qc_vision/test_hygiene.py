"""Twins stay together, odd pictures are named, thresholds keep their promise."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from qc_vision.figures import false_alarms_at, pixel_figures
from qc_vision.runtime.fitness import FitnessLimits
from qc_vision.runtime.inspection import Fitness
from qc_vision.runtime.locate import find_part, pose_of, small_view
from qc_vision.training.calibrate import conformal, tail_threshold
from qc_vision.training.hygiene import examine, groups_of


def a_texture(seed: int) -> np.ndarray:
    grey = np.random.default_rng(seed).integers(60, 200, (64, 64)).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def test_the_same_part_photographed_twice_is_one_group() -> None:
    pictures = [a_texture(seed) for seed in range(10)]
    twin = np.clip(pictures[3].astype(int) + 6, 0, 255).astype(np.uint8)
    groups = groups_of([*pictures, twin])
    assert groups[10] == groups[3]
    assert len(np.unique(groups)) == 10


def test_a_mark_and_an_odd_size_and_another_part_are_named() -> None:
    pictures = [a_texture(seed) for seed in range(12)]
    pictures[4][10:20, 10:20] = (255, 0, 0)
    pictures[7] = np.full((64, 64, 3), 8, np.uint8)
    sizes = [(64, 64)] * 11 + [(80, 64)]
    findings = examine([f"{i}.png" for i in range(12)], pictures, sizes)
    assert [mark.split(":")[0] for mark in findings.marks] == ["4.png"]
    assert "7.png" in [odd.split(":")[0] for odd in findings.outliers]
    assert findings.sizes == ("11.png: 80×64 pixels, 11 others have 64×64",)


def test_overkill_keeps_its_target_over_many_splits() -> None:
    rng = np.random.default_rng(3)
    over = [
        float((rng.gamma(4, 1, 400) > conformal(rng.gamma(4, 1, 200), 0.05).threshold).mean())
        for _ in range(50)
    ]
    assert abs(np.mean(over) - 0.05) <= 0.01


def test_the_tail_suggests_a_threshold_near_the_true_quantile() -> None:
    scores = np.random.default_rng(4).exponential(1.0, 500)
    suggested = tail_threshold(scores, 0.01)
    assert suggested == pytest.approx(np.log(100), rel=0.2)
    assert tail_threshold(scores[:20], 0.01) is None


def test_false_alarms_are_counted_where_all_defects_are_found() -> None:
    assert false_alarms_at([0.1, 0.2, 0.6, 0.8], [0.5, 0.7, 0.9, 0.95], (0.75, 1.0)) == [0.25, 0.5]


def test_a_perfect_map_has_perfect_pixel_figures() -> None:
    mask = np.zeros((32, 32), bool)
    mask[4:9, 6:12] = mask[20:30, 20:24] = True
    noise = np.random.default_rng(1).random((32, 32)).astype(np.float32)
    pixel, pro = pixel_figures([noise + 2 * mask, noise], [mask, np.zeros_like(mask)])
    assert pixel > 0.99
    assert pro > 0.95
    assert pixel_figures([noise], [mask])[0] == pytest.approx(0.5, abs=0.12)


def test_a_station_whose_good_pictures_are_flat_gets_limits_of_its_own() -> None:
    usual = FitnessLimits()
    sharp = FitnessLimits.around([Fitness(200.0, 120.0, None, 90.0)] * 3)
    assert sharp == usual
    flat = FitnessLimits.around([Fitness(2.0, 5.0, None, 6.0)] * 3)
    assert flat.min_contrast < 6.0
    assert flat.min_blur < 2.0
    assert flat.min_exposure < 5.0


@pytest.mark.parametrize("angle", [0, 35, 90, 140, 200, 305])
def test_a_part_is_turned_as_the_golden_picture_shows_it(angle: int) -> None:
    image = np.full((200, 200, 3), 30, np.uint8)
    image[88:112, 50:150] = 180
    image[74:126, 50:78] = 180
    there = cv2.getRotationMatrix2D((100, 100), angle, 1.0)
    turned = np.asarray(
        cv2.warpAffine(image, there, (200, 200), borderValue=(30, 30, 30)), np.uint8
    )
    part = find_part(turned)
    assert part is not None
    first = find_part(image)
    assert first is not None
    centred = image[round(first.y) - 80 : round(first.y) + 80, round(first.x) - 80 :][:, :160]
    assert pose_of(turned, part, small_view(np.ascontiguousarray(centred)), 160).correlation > 0.9


def test_an_empty_belt_has_no_part() -> None:
    assert find_part(np.full((100, 100, 3), 40, np.uint8)) is None
