"""Light, film and sensor: from the layers of a part to the picture of a camera.

Shading is Lambert plus a mirror term that looks up the hall's lights in the direction of
reflection (an environment map), so a slope of the surface bends the lights as in deflectometry.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.shops import Shop
from qc_vision.synth.part import Float, noise_field, smooth
from qc_vision.synth.scene import Nuisance

_ENVIRONMENT_SIDE: Final = 512
_NOISE_SIDE: Final = 512
_STRAY: Final = 0.14
"""What else shines in the hall, against the station's lights at 1."""


@dataclass(frozen=True, slots=True)
class Rig:
    """How a shop's station is lit.

    Args:
        direction: unit vector to the key light (x right, y down, z to the camera).
        ambient: light from everywhere.
        diffuse: strength of the key light on matt surfaces.
        mirror: strength of the reflected lights on a surface of gloss 1.
        environment: reflected lights by direction, 512×512, -1..1 in both axes.
        grain: slope of the surface's own texture.
    """

    direction: tuple[float, float, float]
    ambient: float
    diffuse: float
    mirror: float
    environment: Float
    grain: tuple[float, float]


@lru_cache(maxsize=4)
def rig_of(shop: Shop) -> Rig:
    """Return the lights of the shop's station."""
    line = np.linspace(-1, 1, _ENVIRONMENT_SIDE, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    match shop:
        case Shop.STAMPING:  # two long soft boxes over a press-line exit
            tubes = np.exp(-np.square((y + 0.24) / 0.13)) + 0.75 * np.exp(
                -np.square((y - 0.34) / 0.10)
            )
            environment = tubes * (0.9 + 0.1 * np.cos(2.2 * x)) + 0.12
            return Rig(
                _unit(-0.35, -0.55, 0.9), 0.30, 0.55, 0.85, _light(environment), (0.008, 0.002)
            )
        case Shop.WELDING:  # ring light with a dark centre
            radius = np.hypot(x, y)
            environment = np.exp(-np.square((radius - 0.42) / 0.13)) * 1.2 + 0.05
            return Rig(
                _unit(-0.45, -0.5, 0.75), 0.30, 0.60, 0.75, _light(environment), (0.016, 0.016)
            )
        case Shop.PAINTING:  # zebra tunnel: stripes reflected in the clear coat
            stripes = 0.5 + 0.5 * np.tanh(2.6 * np.sin(2 * np.pi * 9.0 * (y + 0.05 * x)))
            environment = stripes * np.exp(-np.square(x / 1.3)) * (1 - 0.25 * np.abs(y))
            return Rig(
                _unit(-0.2, -0.4, 0.9), 0.26, 0.30, 0.78, _light(environment), (0.0005, 0.0005)
            )
        case Shop.ASSEMBLY:  # one large soft box, slightly off axis
            environment = np.exp(-np.square((x + 0.25) / 0.35) - np.square((y + 0.3) / 0.3)) + 0.06
            return Rig(_unit(-0.4, -0.6, 0.85), 0.40, 0.62, 0.50, _light(environment), (0.05, 0.05))


def _light(environment: NDArray[np.floating]) -> Float:
    return np.asarray(environment, np.float32)


def _unit(x: float, y: float, z: float) -> tuple[float, float, float]:
    length = (x * x + y * y + z * z) ** 0.5
    return x / length, y / length, z / length


@lru_cache(maxsize=2)
def _grain(across: float, down: float) -> Float:
    """Return a tile of micro-slopes (dz/dx, dz/dy), longer along x on rolled sheet."""
    tile = [noise_field(_NOISE_SIDE, 0.7, seed) for seed in (11, 12)]
    if across != down:  # rolled sheet: short across the rolling direction, long along it
        tile = [
            np.asarray(cv2.blur(layer, (9, 1), borderType=cv2.BORDER_REFLECT)) * 2.2
            for layer in tile
        ]
    return np.dstack([tile[0] * down, tile[1] * across]).astype(np.float32)


@lru_cache(maxsize=1)
def _sensor_noise() -> NDArray[np.float32]:
    rng = np.random.default_rng(13)
    return rng.standard_normal((_NOISE_SIDE, _NOISE_SIDE, 3)).astype(np.float32)


@lru_cache(maxsize=1)
def _film() -> Float:
    """Return smooth blotches 0..1 of oil, tiling."""
    return smooth((noise_field(_NOISE_SIDE, 26.0, 14) + 0.6) / 2.0)


@lru_cache(maxsize=4)
def _falloff(size: int) -> tuple[Float, Float]:
    """Return vignetting and the unevenness of an old lamp, both 1 at their brightest."""
    line = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    vignette = 1.0 - 0.10 * (x * x + y * y)
    uneven = 1.0 - 0.16 * smooth((x + 0.6 * y + 1.6) / 3.2)
    return vignette.astype(np.float32), uneven.astype(np.float32)


def _cut(tile: NDArray[np.float32], size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a random window of a tile, repeated where the picture is larger than it."""
    top, left = (int(value) for value in rng.integers(0, _NOISE_SIDE, 2))
    if size <= _NOISE_SIDE:
        top, left = top % (_NOISE_SIDE - size + 1), left % (_NOISE_SIDE - size + 1)
        return tile[top : top + size, left : left + size]
    rows = (np.arange(size) + top) % _NOISE_SIDE
    columns = (np.arange(size) + left) % _NOISE_SIDE
    return tile[rows[:, None], columns[None, :]]


def expose(
    surface: Float, albedo: Float, shop: Shop, nuisance: Nuisance, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Light the layers (S×S×4 and S×S×3, camera frame) and return the sensor's picture."""
    rig = rig_of(shop)
    size = surface.shape[0]
    grain = _cut(_grain(*rig.grain), size, rng)
    across = surface[:, :, 0] + grain[:, :, 0]
    down = surface[:, :, 1] + grain[:, :, 1]
    gloss, openness = surface[:, :, 2], surface[:, :, 3]

    steep = 1.0 / (1.0 + across * across + down * down)
    light = _lambert(rig, across, down, steep)
    hall = _reflected(rig, across, down, steep, rng)
    if nuisance.reflection > 0:
        hall += _stray(across, down, steep, rng) * np.float32(nuisance.reflection)
    mirror = hall * gloss * np.float32(rig.mirror)
    if nuisance.oil_film > 0:
        film = _cut(_film(), size, rng) * np.float32(nuisance.oil_film)
        light = light * (1.0 - 0.16 * film)
        mirror = mirror * (1.0 + 0.30 * film)

    vignette, uneven = _falloff(size)
    gain = openness * vignette * np.float32(2.0**nuisance.exposure_ev)
    if nuisance.lamp_age > 0:
        gain = gain * (1.0 - np.float32(nuisance.lamp_age) * (1.0 - uneven * np.float32(0.94)))
    light = light * gain
    mirror = mirror * gain
    picture = cv2.merge([light, light, light])
    cv2.multiply(picture, albedo, picture)
    cv2.add(picture, cv2.merge([mirror, mirror, mirror]), picture)
    age = nuisance.lamp_age
    picture *= np.array([1 - 0.10 * age, 1 - 0.03 * age, 1.0], np.float32)
    picture = cv2.sqrt(np.maximum(picture, 0.0))  # gamma 2
    noise = _cut(_sensor_noise(), size, rng)
    return np.asarray(
        cv2.convertScaleAbs(cv2.addWeighted(picture, 255.0, noise, nuisance.noise, 0.0)), np.uint8
    )


def _lambert(rig: Rig, across: Float, down: Float, steep: Float) -> Float:
    x, y, z = rig.direction
    facing = cv2.sqrt(steep) * (np.float32(z) - across * np.float32(x) - down * np.float32(y))
    return np.asarray(
        np.float32(rig.ambient) + np.float32(rig.diffuse) * np.maximum(facing, 0.0), np.float32
    )


def _reflected(
    rig: Rig, across: Float, down: Float, steep: Float, rng: np.random.Generator
) -> Float:
    """Return the hall's light in the direction the surface reflects the camera's ray.

    For the view along z the mirrored ray is (2 nx nz, 2 ny nz); the hall differs a little
    from picture to picture.
    """
    half = _ENVIRONMENT_SIDE / 2
    drift = rng.uniform(-0.012, 0.012, 2) * half
    scale = np.float32(-2.0 * half) * steep
    u = across * scale + np.float32(half - 0.5 + drift[0])
    v = down * scale + np.float32(half - 0.5 + drift[1])
    return np.asarray(
        cv2.remap(rig.environment, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )


def _stray(across: Float, down: Float, steep: Float, rng: np.random.Generator) -> Float:
    """Return a bright thing of the hall, in a direction drawn anew for each picture."""
    u, v = rng.uniform(-0.7, 0.7, 2)
    width = np.float32(rng.uniform(0.12, 0.35))
    away = np.square((-2.0 * across * steep - np.float32(u)) / width)
    away += np.square((-2.0 * down * steep - np.float32(v)) / width)
    return np.asarray(np.float32(_STRAY) * np.exp(-away), np.float32)
