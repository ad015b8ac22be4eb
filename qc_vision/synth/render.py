"""Take the picture of a scene."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from typing import Final
from weakref import WeakValueDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.shops import Shop
from qc_vision.synth import assembly, painting, stamping, welding
from qc_vision.synth.defects import DRAWINGS, Layers, open_joint
from qc_vision.synth.light import expose
from qc_vision.synth.part import Float, Part, resized, srgb, with_layers
from qc_vision.synth.scene import Rendered, Scene, SceneError

_DRAWN_SIZE: Final = 384


def render(scene: Scene) -> Rendered:
    """Render a scene. Equal scenes give equal pictures, bit for bit.

    Raises:
        SceneError: when the colour is not ``#rrggbb``.
    """
    rng = np.random.default_rng((scene.seed, 0xC2))
    layers = _layers(scene, rng)  # the defect draws from a stream of its own: the rest stays
    if scene.defect is not None:
        draw, site = DRAWINGS[scene.shop, scene.defect.kind]
        at = _place(layers.part, site, scene, layers.rng)
        draw(layers, at, scene.defect.severity_mm)
    surface, albedo, mask = _into_camera(layers, scene, rng)
    image = expose(surface, albedo, scene.shop, scene.nuisance, rng)
    return Rendered(image=image, mask=mask)


def part_key(scene: Scene) -> tuple[Shop, int, int]:
    """Return what the drawing of the part depends on; scenes of one key render fast in a row."""
    return scene.shop, _layout(scene), scene.size


def _layers(scene: Scene, rng: np.random.Generator) -> Layers:
    part = _part(*part_key(scene), with_bare=scene.defect is not None)
    albedo, bare = part.albedo, part.bare
    if part.paint is not None:
        try:
            tint = np.array(srgb(_color(scene)), np.float32) - 1.0
        except ValueError as cause:
            raise SceneError(str(cause)) from cause
        albedo = _tinted(albedo, part.paint, tint)
        if bare is not None:
            bare = (bare[0], _tinted(bare[1], part.maps["bare_paint"], tint))
    layers = Layers(
        part=part,
        surface=part.surface,
        albedo=albedo,
        mask=np.zeros(albedo.shape[:2], np.float32),
        bare=bare,
        rng=np.random.default_rng((scene.seed, 0xDEF)),
    )
    if scene.shop is Shop.ASSEMBLY:  # the joint is never twice of the same width
        open_joint(layers, (0.0, 0.0), 0.0, float(rng.normal(1.0, 0.12)))
    return layers


def _tinted(albedo: Float, paint: Float, tint: Float) -> Float:
    return np.asarray(albedo * (1.0 + paint[:, :, None] * tint), np.float32)


def _layout(scene: Scene) -> int:
    match scene.shop:
        case Shop.STAMPING:
            return stamping.layout_of(scene.variant)
        case Shop.WELDING:
            take = scene.seed % welding.TAKES
            return welding.layout_of(scene.variant) * welding.TAKES + take
        case Shop.PAINTING:
            return painting.layout_of(scene.variant)
        case Shop.ASSEMBLY:
            return assembly.layout_of(scene.variant)


def _color(scene: Scene) -> str:
    if scene.shop is Shop.ASSEMBLY:
        if scene.color is not None:
            srgb(scene.color)  # a wrong colour is refused in every shop
        return assembly.color_of(f"{scene.variant} {scene.color}")
    return scene.color or painting.color_of(scene.variant)


def _part(shop: Shop, layout: int, size: int, *, with_bare: bool) -> Part:
    """Return the part on a canvas of its own, to be drawn on."""
    kept = _kept_part(shop, layout, size)
    if not with_bare:
        kept = replace(kept, bare=None)
    return with_layers(kept, lambda layer: layer.astype(np.float32))


@lru_cache(maxsize=16)
def _kept_part(shop: Shop, layout: int, size: int) -> Part:
    """Return the part as it is kept: in half floats, whose rounding is far below the camera's noise."""
    return with_layers(_drawn_part(shop, layout, size), _half)


_halves: WeakValueDictionary[bytes, Float] = WeakValueDictionary()


def _half(layer: Float) -> Float:
    """Return a layer in half floats; parts that have an equal layer share it (takes of one weld do)."""
    half = layer.astype(np.float16)
    return _halves.setdefault(
        blake2b(half.tobytes() + bytes(str(half.shape), "ascii")).digest(), half
    )


def _drawn_part(shop: Shop, layout: int, size: int) -> Part:
    """Draw the part, at one size and scaled to the others (slopes have no unit)."""
    if size != _DRAWN_SIZE:
        return resized(_drawn_part(shop, layout, _DRAWN_SIZE), size)
    build = {
        Shop.STAMPING: stamping.build,
        Shop.WELDING: welding.build,
        Shop.PAINTING: painting.build,
        Shop.ASSEMBLY: assembly.build,
    }[shop]
    return build(layout, size)


def _place(part: Part, site: str, scene: Scene, rng: np.random.Generator) -> tuple[float, float]:
    """Return the site nearest to the wished position, or one drawn, in canvas pixels."""
    points = part.sites[site]
    wished = scene.defect.position if scene.defect else None
    if wished is None:
        point = points[int(rng.integers(len(points)))]
    else:
        margin = (part.surface.shape[0] - scene.size) / 2
        goal = np.array(wished, np.float32) * scene.size + margin
        point = points[int(np.square(points - goal).sum(axis=1).argmin())]
    return float(point[0]), float(point[1])


def _into_camera(
    layers: Layers, scene: Scene, rng: np.random.Generator
) -> tuple[Float, Float, NDArray[np.uint8]]:
    """Turn and shift the part under the fixed light, slopes turning with it."""
    size, side = scene.size, layers.mask.shape[0]
    angle = np.deg2rad(scene.nuisance.pose_deg)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    shift = rng.uniform(-0.008, 0.008, 2) * size
    centre, middle = (side - 1) / 2, (size - 1) / 2
    inverse = np.array([[cos, sin, 0.0], [-sin, cos, 0.0]])
    inverse[:, 2] = centre - inverse[:, :2] @ (middle + shift)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

    def turned(image: Float) -> Float:
        warped = cv2.warpAffine(
            image, inverse, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(warped, np.float32)

    surface, albedo = turned(layers.surface), turned(layers.albedo)
    across, down = surface[:, :, 0].copy(), surface[:, :, 1].copy()
    surface[:, :, 0] = cos * across - sin * down
    surface[:, :, 1] = sin * across + cos * down
    if scene.defect is None:
        return surface, albedo, np.zeros((size, size), np.uint8)
    mask = (turned(layers.mask) > 0.5).astype(np.uint8) * np.uint8(255)
    return surface, albedo, mask
