"""What each kind of defect changes of a part, and that its mask and its millimetres are true."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mes.contracts.quality import defect_name
from qc_vision.synth import (
    DEFECT_KINDS,
    FIELD_MM,
    SEVERITY_RANGE,
    Defect,
    Nuisance,
    Scene,
    Shop,
    render,
    typical_nuisance,
)
from qc_vision.synth.defects import DRAWINGS
from qc_vision.synth.part import Part
from qc_vision.synth.render import _layers, _place

EVERY_KIND = [(shop, kind) for shop, kinds in DEFECT_KINDS.items() for kind in kinds]
SIZE = 256


def a_scene(shop: Shop, kind: str, severity: float, seed: int = 5) -> Scene:
    defect = Defect(kind, severity)
    return Scene(shop, "M1-door", "#123a75", defect, seed, SIZE, Nuisance(noise=0.0))


def drawn(scene: Scene) -> tuple[Part, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the part, where the drawing of its defect changed it, and the mask, canvas frame."""
    assert scene.defect is not None
    layers = _layers(scene, np.random.default_rng(1))
    surface, albedo = layers.surface.copy(), layers.albedo.copy()
    draw, site = DRAWINGS[scene.shop, scene.defect.kind]
    draw(layers, _place(layers.part, site, scene, layers.rng), scene.defect.severity_mm)
    slope = 0.01 if scene.shop is Shop.PAINTING else 0.05  # its stripes show the least slope
    changed = np.abs(layers.surface - surface).max(axis=2) > slope
    changed |= np.abs(layers.albedo - albedo).max(axis=2) > 0.03
    return layers.part, changed, layers.mask > 0.5


def extent_mm(scene: Scene) -> float:
    """Return the longest side of the turned rectangle around the mask."""
    part, _, mask = drawn(scene)
    box = cv2.minAreaRect(np.argwhere(mask).astype(np.float32))
    return float(max(box[1])) * part.mm_per_px


@pytest.mark.parametrize(("shop", "kind"), EVERY_KIND)
def test_every_kind_is_drawn_and_named_in_both_languages(shop: Shop, kind: str) -> None:
    assert (shop, kind) in DRAWINGS
    name = defect_name(kind)
    assert name.zh != kind
    assert "_" not in name.en


@pytest.mark.parametrize(("shop", "kind"), EVERY_KIND)
def test_the_mask_is_where_relief_or_colour_of_the_part_differ(shop: Shop, kind: str) -> None:
    low, high = SEVERITY_RANGE[shop, kind]
    _, changed, mask = drawn(a_scene(shop, kind, (low + high) / 2))
    near = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert (changed & near).sum() >= 0.75 * changed.sum()
    at_it = cv2.dilate(changed.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert (mask & at_it).sum() >= 0.5 * mask.sum() > 0


@pytest.mark.parametrize(("shop", "kind"), EVERY_KIND)
def test_a_seed_gives_its_defect_again_with_all_nuisances_on(shop: Shop, kind: str) -> None:
    scene = a_scene(shop, kind, SEVERITY_RANGE[shop, kind][0], seed=11)
    scene = replace(scene, size=128, nuisance=typical_nuisance(11))
    first, second = render(scene), render(scene)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.mask, second.mask)


@pytest.mark.parametrize(
    ("shop", "kind"),
    [
        (Shop.STAMPING, "galling"),
        (Shop.STAMPING, "burr"),
        (Shop.WELDING, "undercut"),
        (Shop.PAINTING, "sag"),
        (Shop.PAINTING, "mottling"),
    ],
)
def test_a_defect_of_a_length_is_as_long_as_it_is_said_to_be(shop: Shop, kind: str) -> None:
    low, high = SEVERITY_RANGE[shop, kind]
    for size in (low, (low + high) / 2, high):
        assert extent_mm(a_scene(shop, kind, size)) == pytest.approx(size, rel=0.35)


def test_a_short_weld_leaves_the_end_of_the_joint_open() -> None:
    for size in (20.0, 45.0):
        part, _, mask = drawn(a_scene(Shop.WELDING, "short_weld", size))
        along = np.abs(part.maps["along"][mask])
        assert along.min() == pytest.approx(FIELD_MM[Shop.WELDING] / 2 - size, abs=9.0)
        assert along.max() > FIELD_MM[Shop.WELDING] / 2


def test_a_weld_off_its_seam_lies_as_far_beside_it_as_said() -> None:
    for size in (3.0, 9.0):
        part, changed, _ = drawn(a_scene(Shop.WELDING, "off_seam", size))
        off = part.maps["off"][changed]
        assert off.max() == pytest.approx(9.0 + size, abs=6.0)
        assert off.min() > -16.5


def test_a_displaced_spot_shows_where_it_is_and_where_it_should_be() -> None:
    part, _, mask = drawn(a_scene(Shop.WELDING, "displaced_spot", 16.0))
    rows, columns = np.nonzero(mask)
    spots = part.sites["spot"]
    here = np.hypot(columns[:, None] - spots[:, 0], rows[:, None] - spots[:, 1]).min(axis=1)
    assert (here * part.mm_per_px < 3.0).any()
    assert (here * part.mm_per_px).max() == pytest.approx(16.0 + 7.0, abs=5.0)


def test_a_burr_stands_on_the_cut_edge() -> None:
    part, _, mask = drawn(a_scene(Shop.STAMPING, "burr", 60.0))
    assert np.abs(part.maps["edge"][mask]).max() < 12.0


def test_a_reversed_strip_has_its_end_piece_at_the_other_end() -> None:
    part, _, mask = drawn(a_scene(Shop.ASSEMBLY, "reversed_part", 34.0))
    columns = (np.nonzero(mask)[1] - (mask.shape[1] - 1) / 2) * part.mm_per_px
    assert (columns < -70).mean() == pytest.approx(0.5, abs=0.1)
    assert (columns > 70).mean() == pytest.approx(0.5, abs=0.1)


def test_a_reflection_of_the_hall_is_seen_in_what_shines_and_is_no_defect() -> None:
    plain = Scene(Shop.PAINTING, "M1-door", "#123a75", seed=5, size=SIZE, nuisance=Nuisance())
    mirrored = replace(plain, nuisance=Nuisance(reflection=1.0))
    without, with_it = render(plain), render(mirrored)
    assert np.abs(with_it.image.astype(int) - without.image).max() > 12
    assert not with_it.mask.any()
    assert np.array_equal(render(mirrored).image, with_it.image)


def test_a_month_of_pictures_has_every_nuisance() -> None:
    month = [typical_nuisance(seed) for seed in range(60)]
    assert max(abs(one.pose_deg) for one in month) > 2.5
    assert max(abs(2**one.exposure_ev - 1) for one in month) > 0.17
    for name in ("lamp_age", "oil_film", "reflection", "noise"):
        values = [getattr(one, name) for one in month]
        assert max(values) > 0.8
        assert min(values) < 0.25 or name == "noise"
