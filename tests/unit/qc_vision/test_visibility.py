"""Whether a camera can see a defect is measured against the same part without it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from qc_vision.golden_set import LIST, draw, scenes
from qc_vision.synth import (
    DEFECT_KINDS,
    SEVERITY_RANGE,
    Defect,
    Scene,
    Shop,
    render,
    typical_nuisance,
)
from qc_vision.synth.visibility import DETECTABLE, measured, visibility

EVERY_KIND = [(shop, kind) for shop, kinds in DEFECT_KINDS.items() for kind in kinds]


def a_scene(shop: Shop, defect: Defect | None, seed: int) -> Scene:
    return Scene(shop, "M1-door", "#123a75", defect, seed, 160, typical_nuisance(seed))


@pytest.mark.parametrize(("shop", "kind"), EVERY_KIND)
def test_the_smallest_defect_that_is_claimed_to_be_found_can_be_seen(shop: Shop, kind: str) -> None:
    for seed in (1, 2):
        scene = a_scene(shop, Defect(kind, SEVERITY_RANGE[shop, kind][0]), seed)
        assert visibility(scene, render(scene)).detectable


def test_a_good_part_shows_no_defect() -> None:
    scene = a_scene(Shop.STAMPING, None, 1)
    assert visibility(scene, render(scene)).signal_to_noise == 0.0


def test_signal_to_noise_grows_with_the_root_of_the_area() -> None:
    good = np.full((4, 4, 3), 100, np.uint8)
    bad, mask = good.copy(), np.zeros((4, 4), np.uint8)
    bad[0], mask[0] = 104, 255
    seen = measured(bad, good, mask, 2.0)
    assert seen.contrast == pytest.approx(4.0)
    assert seen.contrast_to_noise == pytest.approx(2.0)
    assert seen.signal_to_noise == pytest.approx(4.0)
    assert not seen.detectable
    bad[:2], mask[:2] = 104, 255
    assert measured(bad, good, mask, 2.0).detectable


def test_a_sensor_without_noise_still_rounds() -> None:
    good = np.zeros((4, 4, 3), np.uint8)
    assert measured(good + 3, good, np.full((4, 4), 255, np.uint8), 0.0).contrast_to_noise == 3.0


def test_what_no_camera_sees_is_left_out_of_a_golden_set_and_named(tmp_path: Path) -> None:
    plain = a_scene(Shop.WELDING, Defect("porosity", 12.0), 5)
    hidden = Scene(Shop.PAINTING, "M1-door", "#123a75", Defect("crater", 0.05), 3, 160)
    (told,) = draw([plain, hidden], tmp_path)
    assert "bad/crater/000003.png" in told and f"{DETECTABLE:g} is needed" in told
    with (tmp_path / LIST).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["picture"] for row in rows] == ["bad/porosity/000005.png"]
    assert float(rows[0]["signal_to_noise"]) > DETECTABLE
    assert not (tmp_path / "bad" / "crater").exists()


def test_a_golden_set_has_the_kinds_of_its_shop_in_turn() -> None:
    count = 4 * len(DEFECT_KINDS[Shop.WELDING])
    drawn = list(scenes(Shop.WELDING, count, seed=5, size=128, variant="M1", color=None))
    kinds = [scene.defect.kind for scene in drawn if scene.defect is not None]
    assert kinds == [*DEFECT_KINDS[Shop.WELDING]] * 2
    assert [scene.seed for scene in drawn] == list(range(5, 5 + count))
