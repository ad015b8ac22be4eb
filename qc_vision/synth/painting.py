"""A painted panel beside its neighbour, under the stripes of a light tunnel."""

from __future__ import annotations

from typing import Final
from zlib import crc32

import numpy as np

from qc_vision.shops import Shop
from qc_vision.synth.part import (
    OVERSAMPLE,
    Float,
    Part,
    Sheet,
    circle,
    halve,
    noise_field,
    path,
    smooth,
)
from qc_vision.synth.scene import FIELD_MM

LAYOUTS: Final = 3
COLORS: Final = (
    "#f4f5f3", "#101114", "#9aa0a6", "#5b6068", "#a31621", "#123a75",
    "#0f5f57", "#b0682b", "#d9c7a3", "#3d2b52", "#e0b02c", "#7fa7c9",
)  # fmt: skip
"""Colours for variants that come without one."""


def layout_of(variant: str) -> int:
    """Return the place on the body a variant code stands for."""
    return (crc32(variant.encode()) >> 4) % LAYOUTS


def color_of(variant: str) -> str:
    """Return a colour for a variant that names none."""
    return COLORS[crc32(variant.encode()) % len(COLORS)]


def build(layout: int, size: int) -> Part:
    """Shape one view: crowned panel, feature line, and the gap to the neighbour."""
    sheet = Sheet(FIELD_MM[Shop.PAINTING], size)
    x, y = sheet.x, sheet.y
    neighbour = _neighbour(x, y, layout)
    sheet.height -= np.square(x) / (2 * 620.0) + np.square(y) / (2 * 300.0)
    feature, rise = _feature_line(x, y, layout)
    sheet.height += rise * smooth(0.5 + feature / 22.0)
    gap = np.abs(neighbour) - 1.5
    sheet.height -= 1.3 * smooth(1.0 - gap / 2.6)
    sheet.fill(np.ones_like(x), (1.0, 1.0, 1.0), 0.52)
    flake = noise_field(512, 0.8, 41)
    rows = np.arange(x.shape[0]) % 512
    sheet.albedo *= 1.0 + 0.07 * flake[rows[:, None], rows[None, :]][:, :, None]
    painted = 1.0 - sheet.cover(gap)
    sheet.fill(1.0 - painted, (0.006, 0.006, 0.006), 0.0)
    sheet.shade_near(np.maximum(gap, 0.0), 1.6, 0.4)
    surface, albedo = sheet.layers()
    clear = gap > 6
    sites = {
        "surface": sheet.points_where(clear),
        "second": sheet.points_where(neighbour < -8),
    }
    maps = {"second": halve(sheet.cover(neighbour))}
    return Part(
        surface,
        albedo,
        halve(painted),
        sheet.field_mm,
        sheet.mm_per_px * OVERSAMPLE,
        sites,
        maps=maps,
    )


def _neighbour(x: Float, y: Float, layout: int) -> Float:
    """Signed distance to the gap's centre line; negative on the neighbouring panel."""
    if layout == 0:  # door against fender
        return (x + 34.0 - 0.0016 * np.square(y)).astype(np.float32)
    if layout == 1:  # fuel flap
        return circle(x, y, 34.0, -18.0, 33.0)
    slope = np.deg2rad(24.0)  # hood against fender
    return np.asarray(x * np.sin(slope) + y * np.cos(slope) + 30.0, np.float32)


def _feature_line(x: Float, y: Float, layout: int) -> tuple[Float, float]:
    if layout == 1:
        line = path(x, y, [(-140.0, 48.0), (140.0, 40.0)])
        return np.where(y > 48.0 - (x + 140) * 8 / 280, line, -line).astype(np.float32), -2.0
    line_y = 40.0 - 0.05 * x + 0.0006 * np.square(x)
    return (y - line_y).astype(np.float32), -2.2
