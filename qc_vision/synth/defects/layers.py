"""A working copy of a part, the tools that change it, and the exact mask of what was changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from qc_vision.synth.part import Float, Part

DARK: Final = (0.010, 0.010, 0.012)
_STROKE_SCALE: Final = 4
_EVERYWHERE: Final = (slice(None), slice(None))
_SLOPE_SEEN: Final = 0.05
_TONE_SEEN: Final = 0.03
"""Changes of slope (1), gloss and linear albedo (0..1) from which on a place belongs to the defect."""


@dataclass(slots=True)
class Layers:
    """A working copy of a part's layers and the defect's mask (0..1), canvas frame."""

    part: Part
    surface: Float
    albedo: Float
    mask: Float
    bare: tuple[Float, Float] | None
    rng: np.random.Generator

    def patch(self, at: tuple[float, float], reach_mm: float) -> Patch:
        """Return the window of ±``reach_mm`` around a point (canvas pixels)."""
        side, scale = self.mask.shape[0], self.part.mm_per_px
        reach = int(np.ceil(reach_mm / scale)) + 2
        left, right = max(0, round(at[0]) - reach), min(side, round(at[0]) + reach + 1)
        top, bottom = max(0, round(at[1]) - reach), min(side, round(at[1]) + reach + 1)
        x = (np.arange(left, right, dtype=np.float32) - at[0]) * scale
        y = (np.arange(top, bottom, dtype=np.float32) - at[1]) * scale
        x, y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
        window = (slice(top, bottom), slice(left, right))
        return Patch(self, window, x, y, scale)


@dataclass(slots=True)
class Patch:
    """A window of the layers; x and y are mm from its point."""

    layers: Layers
    window: tuple[slice, slice]
    x: Float
    y: Float
    mm_per_px: float

    def raise_by(self, height: Float) -> None:
        """Add a relief in mm."""
        if min(height.shape) < 2:
            return
        down, across = np.gradient(height, np.float32(self.mm_per_px))
        self.layers.surface[self.window][:, :, 0] += across
        self.layers.surface[self.window][:, :, 1] += down

    def paint(self, where: Float, bgr: tuple[float, float, float], gloss: float) -> None:
        """Lay a material over ``where`` (0..1)."""
        albedo = self.layers.albedo[self.window]
        albedo += where[:, :, None] * (np.array(bgr, np.float32) - albedo)
        shine = self.layers.surface[self.window][:, :, 2]
        shine += where * (gloss - shine)

    def darken(self, where: Float, strength: float) -> None:
        """Take light away where the surface is hidden from the hall."""
        self.layers.surface[self.window][:, :, 3] *= 1.0 - strength * where

    def tilt(self, where: Float, across: float = 0.0, down: float = 0.0) -> None:
        """Give the surface one slope (dz/dx, dz/dy) where ``where`` is 1, open to the hall's light."""
        surface = self.layers.surface[self.window]
        for channel, value in ((0, across), (1, down), (3, 1.0)):
            surface[:, :, channel] += where * (value - surface[:, :, channel])

    def cover(self, distance: Float) -> Float:
        """Return the anti-aliased coverage of a signed distance in mm (inside is negative)."""
        return np.asarray(np.clip(0.5 - distance / self.mm_per_px, 0.0, 1.0), np.float32)

    @contextmanager
    def marking(self) -> Iterator[None]:
        """Mark whatever is visibly changed in the window meanwhile."""
        surface = self.layers.surface[self.window].copy()
        albedo = self.layers.albedo[self.window].copy()
        yield
        bent = np.abs(self.layers.surface[self.window] - surface).max(axis=2) > _SLOPE_SEEN
        toned = np.abs(self.layers.albedo[self.window] - albedo).max(axis=2) > _TONE_SEEN
        changed = (bent | toned).astype(np.float32)
        self.mark(
            np.asarray(cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((3, 3))), np.float32)
        )

    def mark(self, where: Float) -> None:
        """Add to the defect's mask."""
        mask = self.layers.mask[self.window]
        np.maximum(mask, where, out=mask)

    def stroke(self, points: list[tuple[float, float]], width_mm: float) -> Float:
        """Return the anti-aliased coverage of a line through points (mm)."""
        scale = _STROKE_SCALE
        rows, columns = self.x.shape
        board = np.zeros((rows * scale, columns * scale), np.uint8)
        origin = np.array([self.x[0, 0], self.y[0, 0]])
        pixels = (np.array(points) - origin) / self.mm_per_px * scale + scale / 2
        width = max(1, round(width_mm / self.mm_per_px * scale))
        cv2.polylines(board, [np.round(pixels).astype(np.int32)], False, 255, width, cv2.LINE_AA)
        small = cv2.resize(board, (columns, rows), interpolation=cv2.INTER_AREA)
        return small.astype(np.float32) / np.float32(255.0)


def wander(
    rng: np.random.Generator, length: float, heading: float, step: float, wobble: float
) -> list[tuple[float, float]]:
    """Return a random walk of the given length, centred on its point."""
    turns = heading + np.cumsum(rng.normal(0.0, wobble, max(2, round(length / step))))
    moves = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (length / len(turns))
    walk = np.vstack([[0.0, 0.0], np.cumsum(moves, axis=0)])
    walk -= (walk[0] + walk[-1]) / 2
    return [(float(px), float(py)) for px, py in walk]


def soft(image: Float, sigma_px: float) -> Float:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.float32)


def ink(image: Float) -> Float:
    """Widen a thin coverage to the mask of what a reviewer would draw."""
    return np.asarray(cv2.dilate((image > 0.08).astype(np.float32), np.ones((3, 3))), np.float32)


def spread(x: Float, y: Float, wide: float, high: float, turn: float) -> Float:
    """Normalised elliptic distance: 1 on the ellipse with the given diameters."""
    u = x * np.cos(turn) + y * np.sin(turn)
    v = -x * np.sin(turn) + y * np.cos(turn)
    return np.asarray(np.hypot(u / (wide / 2), v / (high / 2)), np.float32)


def show_bare(layers: Layers, where: Float, window: tuple[slice, slice] = _EVERYWHERE) -> None:
    """Show the bare part (without weld or fasteners) in a window, where ``where`` is 1."""
    if layers.bare is None:
        return
    surface, albedo = layers.surface[window], layers.albedo[window]
    surface += where[:, :, None] * (layers.bare[0][window] - surface)
    albedo += where[:, :, None] * (layers.bare[1][window] - albedo)


def level_line(field: Float, at: tuple[float, float]) -> tuple[float, float]:
    """Return the direction (x, y) along which a field does not change at a point (canvas pixels)."""
    column, row = round(at[0]), round(at[1])
    gx = float(field[row, column + 1] - field[row, column - 1])
    gy = float(field[row + 1, column] - field[row - 1, column])
    length = max((gx * gx + gy * gy) ** 0.5, 1e-9)
    return -gy / length, gx / length


@dataclass(frozen=True, slots=True)
class Grooves:
    patch: Patch
    lines: Float


def grooves(
    layers: Layers, at: tuple[float, float], size: float, *, width_mm: float, depth_mm: float
) -> Grooves:
    """Cut one or two long grooves side by side and mark them."""
    rng, patch = layers.rng, layers.patch(at, size * 0.6)
    lines = np.zeros_like(patch.x)
    heading = rng.uniform(0, np.pi)
    for index in range(int(rng.integers(1, 3))):
        walk = wander(rng, size * (1.0 - 0.3 * index), heading, size / 8, 0.05)
        off = index * rng.uniform(0.8, 1.6) * width_mm
        moved = [(px - off * np.sin(heading), py + off * np.cos(heading)) for px, py in walk]
        lines = np.maximum(lines, patch.stroke(moved, width_mm))
    patch.raise_by((-depth_mm * soft(lines, 0.8)).astype(np.float32))
    patch.mark(ink(lines))
    return Grooves(patch, lines)
