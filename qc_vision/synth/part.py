"""A part as the camera's optics sees it: slope, albedo, finish; and the tools to shape one.

Everything is drawn once per part on a canvas a little larger than the picture, at twice the
resolution, and kept. Coordinates are millimetres from the centre of the field, x right, y down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]

MARGIN: Final = 1 / 16
"""Canvas beyond each side of the picture, so that a turned part still fills it."""

OVERSAMPLE: Final = 2


@dataclass(slots=True)
class Part:
    """The layers of one part on its canvas (C×C).

    Args:
        surface: C×C×4: slope dz/dx, slope dz/dy, gloss 0..1, openness to the hall's light 0..1.
        albedo: C×C×3, linear BGR.
        paint: C×C, 1 where the paint colour applies.
        field_mm: width of the picture.
        sites: candidate points (x, y in canvas pixels) by the name of the place.
        bare: layers of the part without its weld or fasteners, where it has some.
        maps: further C×C maps by name (signed distances in mm, coverages).
    """

    surface: Float
    albedo: Float
    paint: Float | None
    field_mm: float
    mm_per_px: float
    sites: dict[str, NDArray[np.float32]]
    bare: tuple[Float, Float] | None = None
    maps: dict[str, Float] = field(default_factory=dict)


def resized(part: Part, size: int) -> Part:
    """Return the part for pictures of another size."""
    side, old = canvas_side(size), part.albedo.shape[0]
    method = cv2.INTER_AREA if side < old else cv2.INTER_LINEAR

    def scaled(layer: Float) -> Float:
        return np.asarray(cv2.resize(layer, (side, side), interpolation=method), np.float32)

    return replace(
        with_layers(part, scaled),
        mm_per_px=part.mm_per_px * old / side,
        sites={name: (xy + 0.5) * (side / old) - 0.5 for name, xy in part.sites.items()},
    )


def with_layers(part: Part, change: Callable[[Float], Float]) -> Part:
    """Return the part with every layer changed."""
    return replace(
        part,
        surface=change(part.surface),
        albedo=change(part.albedo),
        paint=None if part.paint is None else change(part.paint),
        bare=None if part.bare is None else (change(part.bare[0]), change(part.bare[1])),
        maps={name: change(layer) for name, layer in part.maps.items()},
    )


@dataclass
class Sheet:
    """A drawing board: height in mm, albedo, gloss, openness; finished into a ``Part``."""

    field_mm: float
    size: int
    mm_per_px: float = field(init=False)
    x: Float = field(init=False)
    y: Float = field(init=False)
    height: Float = field(init=False)
    albedo: Float = field(init=False)
    gloss: Float = field(init=False)
    open: Float = field(init=False)

    def __post_init__(self) -> None:
        side = canvas_side(self.size) * OVERSAMPLE
        self.mm_per_px = self.field_mm / self.size / OVERSAMPLE
        line = (np.arange(side, dtype=np.float32) - (side - 1) / 2) * np.float32(self.mm_per_px)
        self.x, self.y = np.meshgrid(line, line)
        self.height = np.zeros((side, side), np.float32)
        self.albedo = np.zeros((side, side, 3), np.float32)
        self.gloss = np.zeros((side, side), np.float32)
        self.open = np.ones((side, side), np.float32)

    def fill(self, where: Float, bgr: tuple[float, float, float], gloss: float) -> None:
        """Lay a material over ``where`` (coverage 0..1)."""
        rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
        if rows.size == 0:
            return
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        covered, albedo, shine = where[part], self.albedo[part], self.gloss[part]
        albedo += covered[:, :, None] * (np.array(bgr, np.float32) - albedo)
        shine += covered * (gloss - shine)

    def cover(self, distance: Float) -> Float:
        """Return the anti-aliased coverage of a signed distance (inside is negative)."""
        return np.asarray(np.clip(0.5 - distance / (2 * self.mm_per_px), 0.0, 1.0), np.float32)

    def pocket(self, distance: Float, depth: float, wall: float) -> None:
        """Press the inside of a distance field down by ``depth`` mm over a ``wall`` mm wide."""
        self.height -= depth * smooth(-distance / wall)

    def shade_near(self, distance: Float, reach: float, strength: float) -> None:
        """Darken the neighbourhood of an edge, as light cannot reach into a corner."""
        self.open *= 1.0 - strength * np.exp(-np.square(distance / reach))

    def slopes(self) -> tuple[Float, Float]:
        """Return dz/dx and dz/dy."""
        down, across = np.gradient(self.height, np.float32(self.mm_per_px))
        return np.asarray(across, np.float32), np.asarray(down, np.float32)

    def layers(self) -> tuple[Float, Float]:
        """Return (surface C×C×4, albedo C×C×3) at the picture's resolution."""
        across, down = self.slopes()
        surface = np.dstack([across, down, self.gloss, self.open])
        return halve(surface), halve(self.albedo)

    def points(self, xy: list[tuple[float, float]]) -> NDArray[np.float32]:
        """Convert points in mm to canvas pixels at the picture's resolution."""
        centre = (canvas_side(self.size) - 1) / 2
        scale = self.size / self.field_mm
        return np.array(xy, np.float32).reshape(-1, 2) * np.float32(scale) + np.float32(centre)

    def points_where(self, allowed: NDArray[np.bool_], step: int = 4) -> NDArray[np.float32]:
        """Return a grid of the points of the picture's inside that are allowed."""
        small = halve(allowed.astype(np.float32)) > 0.99
        border = round(self.size * (MARGIN + 0.08))
        inside = np.zeros_like(small)
        inside[border:-border:step, border:-border:step] = True
        rows, columns = np.nonzero(small & inside)
        return np.stack([columns, rows], axis=1).astype(np.float32)


def canvas_side(size: int) -> int:
    """Return the side of the canvas for a picture of ``size`` pixels."""
    return size + 2 * round(size * MARGIN)


def halve(image: Float) -> Float:
    """Average the oversampled drawing down to the picture's resolution."""
    side = image.shape[0] // OVERSAMPLE
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def smooth(t: Float) -> Float:
    """Smoothstep from 0 (t ≤ 0) to 1 (t ≥ 1)."""
    t = np.clip(t, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)


def _length(x: Float, y: Float) -> Float:
    """Length of a vector; coordinates in mm need no guard against overflow, which makes `hypot` slow."""
    return np.asarray(np.sqrt(x * x + y * y), np.float32)


def circle(x: Float, y: Float, cx: float, cy: float, radius: float) -> Float:
    """Signed distance to a circle, mm."""
    return np.asarray(_length(x - cx, y - cy) - radius, np.float32)


def box(
    x: Float,
    y: Float,
    cx: float,
    cy: float,
    wide: float,
    high: float,
    corner: float,
    turn: float = 0.0,
) -> Float:
    """Signed distance to a rounded rectangle turned by ``turn`` degrees, mm."""
    across, down = x - np.float32(cx), y - np.float32(cy)
    if turn:
        angle = np.deg2rad(turn)
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        across, down = across * cos + down * sin, down * cos - across * sin
    qx = np.abs(across) - np.float32(wide / 2 - corner)
    qy = np.abs(down) - np.float32(high / 2 - corner)
    outside = _length(np.maximum(qx, 0), np.maximum(qy, 0))
    return np.asarray(outside + np.minimum(np.maximum(qx, qy), 0) - corner, np.float32)


def polygon(x: Float, y: Float, corners: list[tuple[float, float]], rounding: float) -> Float:
    """Signed distance to a polygon whose corners are rounded, mm."""
    points = np.array(corners, np.float32)
    distance = np.full(x.shape, np.inf, np.float32)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, axis=0), strict=True):
        distance = np.minimum(distance, segment(x, y, (ax, ay), (bx, by)))
        crosses = (ay > y) != (by > y)
        if by != ay:
            inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    signed = np.where(inside, -distance, distance)
    if rounding:
        sigma = rounding / float(abs(x[0, 1] - x[0, 0])) / 2
        signed = cv2.GaussianBlur(signed.astype(np.float32), (0, 0), sigma)
    return np.asarray(signed, np.float32)


def segment(x: Float, y: Float, a: tuple[float, float], b: tuple[float, float]) -> Float:
    """Distance to the segment from a to b, mm."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    t = np.clip(((x - a[0]) * dx + (y - a[1]) * dy) / max(dx * dx + dy * dy, 1e-9), 0.0, 1.0)
    return np.asarray(np.hypot(x - a[0] - t * dx, y - a[1] - t * dy), np.float32)


def path(x: Float, y: Float, points: list[tuple[float, float]]) -> Float:
    """Distance to a polyline, mm."""
    distance = np.full(x.shape, np.inf, np.float32)
    for a, b in pairwise(points):
        distance = np.minimum(distance, segment(x, y, a, b))
    return distance


def srgb(color: str) -> tuple[float, float, float]:
    """Return linear BGR in 0..1 of a ``#rrggbb`` colour.

    Raises:
        ValueError: when it is not such a colour.
    """
    digits = color.removeprefix("#")
    if len(digits) != 6:
        raise ValueError(f"color is {color!r}; it must be #rrggbb")
    try:
        r, g, b = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    except ValueError as cause:
        raise ValueError(f"color is {color!r}; it must be #rrggbb") from cause
    return b**2.2, g**2.2, r**2.2


def noise_field(side: int, sigma: float, seed: int) -> Float:
    """Return smooth noise of unit deviation that tiles, with features of about ``sigma`` px."""
    rng = np.random.default_rng(seed)
    rough = rng.standard_normal((side, side)).astype(np.float32)
    if sigma > 0:
        frequency = np.fft.fftfreq(side)[:, None] ** 2 + np.fft.rfftfreq(side)[None, :] ** 2
        low_pass = np.exp(-2 * (np.pi * sigma) ** 2 * frequency)
        rough = np.fft.irfft2(np.fft.rfft2(rough) * low_pass, s=(side, side)).astype(np.float32)
    return np.asarray((rough - rough.mean()) / max(float(rough.std()), 1e-9), np.float32)
