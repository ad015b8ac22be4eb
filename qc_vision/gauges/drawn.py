"""Pictures whose measures are known exactly: slits, laser lines, holes; for measuring the gauges themselves.

Edges are steps blurred by a Gaussian (an error function across the edge), evaluated at pixel centres; noise is
Gaussian, seeded; levels are rounded to 8 bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qc_vision.gauges.reading import Picture

Floats = NDArray[np.float64]

_AT: Final = np.linspace(-6, 6, 4801)
_STEP: Final = np.array([0.5 * (1 + math.erf(z / math.sqrt(2))) for z in _AT])


@dataclass(frozen=True, slots=True)
class Camera:
    """What the camera adds.

    Args:
        blur_px: of every edge, as the deviation of a Gaussian.
        noise: deviation, grey levels.
        gain: factor on all levels (lamp, exposure).
        seed: of the noise.
    """

    blur_px: float = 0.8
    noise: float = 2.0
    gain: float = 1.0
    seed: int = 1

    def takes(self, levels: Floats) -> Picture:
        """Return the picture of exact levels (0..255)."""
        rng = np.random.default_rng(self.seed)
        seen = levels * self.gain + rng.normal(0.0, self.noise, levels.shape)
        grey = np.clip(np.round(seen), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))


def slit(
    width_px: float,
    camera: Camera,
    *,
    angle_deg: float = 0.0,
    taper_deg: float = 0.0,
    middle: tuple[float, float] = (100.0, 60.0),
    size: tuple[int, int] = (200, 120),
    levels: tuple[float, float] = (170.0, 30.0),
) -> Picture:
    """Draw a slit `width_px` wide at `middle`, running downwards, turned by an angle.

    Args:
        size: width, height.
        levels: of the panels, of the slit.
    """
    x, y = _grid(size)
    half_taper = math.radians(taper_deg) / 2

    def side(sign: float) -> Floats:
        turned = math.radians(angle_deg) + sign * half_taper
        cos, sin = math.cos(turned), math.sin(turned)
        across = (x - middle[0]) * cos + (y - middle[1]) * sin
        return _step((across - sign * width_px / 2) / camera.blur_px)

    inside = side(-1.0) - side(1.0)
    return camera.takes(levels[0] + (levels[1] - levels[0]) * inside)


def laser_line(
    step_px: float,
    camera: Camera,
    *,
    tilt_deg: float = 0.0,
    size: tuple[int, int] = (200, 120),
    thick_px: float = 2.0,
    gap_px: float = 12.0,
    level: float = 190.0,
) -> Picture:
    """Draw a laser line over two panels; right of the gap in the middle it lies `step_px` higher, square to it."""
    x, y = _grid(size)
    cos, sin = math.cos(math.radians(tilt_deg)), math.sin(math.radians(tilt_deg))
    from_middle = x - (size[0] - 1) / 2
    across = (y - (size[1] - 1) / 2) * cos - from_middle * sin
    right = from_middle > 0
    lit = np.exp(-0.5 * np.square((across + step_px * right) / thick_px))
    lit *= np.abs(from_middle) > gap_px / 2
    return camera.takes(8.0 + (level - 8.0) * lit)


def hole(
    middle: tuple[float, float],
    radius_px: float,
    camera: Camera,
    *,
    size: tuple[int, int] = (120, 100),
    levels: tuple[float, float] = (170.0, 30.0),
) -> Picture:
    """Draw a round hole."""
    x, y = _grid(size)
    inside = _step((radius_px - np.hypot(x - middle[0], y - middle[1])) / camera.blur_px)
    return camera.takes(levels[0] + (levels[1] - levels[0]) * inside)


def _grid(size: tuple[int, int]) -> tuple[Floats, Floats]:
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    return x.astype(np.float64), y.astype(np.float64)


def _step(z: Floats) -> Floats:
    """Return the normal distribution function."""
    return np.asarray(np.interp(z, _AT, _STEP), np.float64)
