"""The renderer: what the simulated cameras see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qc_vision.synth import (
    DEFECT_KINDS,
    FIELD_MM,
    SEVERITY_RANGE,
    Defect,
    Nuisance,
    Scene,
    SceneError,
    Shop,
    render,
    typical_nuisance,
)

EVERY_KIND = [(shop, kind) for shop, kinds in DEFECT_KINDS.items() for kind in kinds]


def a_scene(shop: Shop = Shop.STAMPING, **changes: object) -> Scene:
    return replace(Scene(shop, "M1-door", "#123a75", seed=5, size=160), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("shop", list(Shop))
def test_the_same_seed_gives_the_same_picture_bit_for_bit(shop: Shop) -> None:
    scene = a_scene(shop, nuisance=typical_nuisance(3))
    first, second = render(scene), render(scene)
    assert np.array_equal(first.image, second.image)
    assert first.image.shape == (160, 160, 3)
    assert first.image.dtype == first.mask.dtype == np.uint8


@pytest.mark.parametrize("shop", list(Shop))
def test_another_seed_gives_another_picture_of_the_same_part(shop: Shop) -> None:
    first, second = render(a_scene(shop, seed=4)), render(a_scene(shop, seed=8))
    difference = np.abs(first.image.astype(int) - second.image)
    assert 0 < difference.mean() < 25


def test_a_good_part_has_an_empty_mask() -> None:
    assert not render(a_scene(nuisance=typical_nuisance(9))).mask.any()


@pytest.mark.parametrize(("shop", "kind"), EVERY_KIND)
def test_a_defect_shows_where_its_mask_is_and_nowhere_else(shop: Shop, kind: str) -> None:
    good = a_scene(shop, size=256, nuisance=Nuisance(noise=0.0))
    bad = replace(good, defect=Defect(kind, SEVERITY_RANGE[shop, kind][1]))
    picture = render(bad)
    change = np.abs(picture.image.astype(int) - render(good).image).max(axis=2)
    inside = picture.mask > 0
    assert inside.any()
    assert change[inside].mean() > 4
    assert change[inside].mean() > 5 * change[~inside].mean()


@pytest.mark.parametrize(("shop", "kind"), EVERY_KIND)
def test_a_severer_defect_covers_no_less(shop: Shop, kind: str) -> None:
    low, high = SEVERITY_RANGE[shop, kind]
    areas = [
        int((render(a_scene(shop, seed=seed, defect=Defect(kind, size))).mask > 0).sum())
        for size in (low, high)
        for seed in range(4)
    ]
    assert sum(areas[4:]) >= sum(areas[:4]) > 0


def test_a_defect_sits_at_the_site_nearest_to_the_wished_place() -> None:
    for wished in ((0.25, 0.55), (0.6, 0.6)):
        mask = render(a_scene(size=256, defect=Defect("dent", 30.0, wished))).mask
        rows, columns = np.nonzero(mask)
        assert abs(columns.mean() / 256 - wished[0]) < 0.12
        assert abs(rows.mean() / 256 - wished[1]) < 0.12


def test_exposure_and_lamp_age_change_the_light() -> None:
    plain = render(a_scene()).image.mean()
    assert render(a_scene(nuisance=Nuisance(exposure_ev=0.3))).image.mean() > plain
    assert render(a_scene(nuisance=Nuisance(lamp_age=1.0))).image.mean() < plain


def test_the_paint_has_the_colour_of_the_car() -> None:
    red = render(a_scene(Shop.PAINTING, color="#b3161d")).image.mean(axis=(0, 1))
    blue = render(a_scene(Shop.PAINTING, color="#1f4e96")).image.mean(axis=(0, 1))
    assert red[2] > red[0] + 20
    assert blue[0] > blue[2] + 20


@pytest.mark.parametrize("variant", ["s2-hood", "", "车门", "x" * 300])
@pytest.mark.parametrize("shop", list(Shop))
def test_any_variant_code_is_a_part(shop: Shop, variant: str) -> None:
    assert render(a_scene(shop, variant=variant, color=None)).image.std() > 5


def test_an_unknown_kind_is_refused_with_the_kinds_there_are() -> None:
    with pytest.raises(SceneError, match=r"stamping has no defect 'run'; it has crack, split"):
        a_scene(defect=Defect("run", 10.0))


@pytest.mark.parametrize("severity", [0.0, -1.0, float("nan"), FIELD_MM[Shop.STAMPING]])
def test_an_impossible_severity_is_refused(severity: float) -> None:
    with pytest.raises(SceneError, match="severity_mm of crack"):
        a_scene(defect=Defect("crack", severity))


@pytest.mark.parametrize("shop", [Shop.PAINTING, Shop.ASSEMBLY])
def test_a_colour_that_is_none_is_refused(shop: Shop) -> None:
    with pytest.raises(SceneError, match="must be #rrggbb"):
        render(a_scene(shop, color="metallic"))


def test_a_size_no_camera_has_is_refused() -> None:
    with pytest.raises(SceneError, match="size is 10"):
        a_scene(size=10)
