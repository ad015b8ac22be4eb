"""Defects of arc-weld seams."""

from __future__ import annotations

import cv2
import numpy as np

from qc_vision.synth.defects.layers import (
    DARK,
    Layers,
    Patch,
    ink,
    level_line,
    show_bare,
    soft,
    spread,
)
from qc_vision.synth.part import Float, smooth
from qc_vision.synth.welding import BEAD, BEAD_GLOSS, HALF_WIDTH_MM, bead_shape, heat_tints

_DRAWN_MM = 0.2
"""Step at which a bead's ripple is drawn; coarser, it would glitter."""

_OPEN_MM = 13.0
"""How far off the seam a missing bead and its heat are missed."""

_TINTED_MM = 16.0
"""How far off the seam its heat shows; beyond begin the spots' own colours."""


def porosity(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A cluster of gas pits in the bead."""
    rng, patch = layers.rng, layers.patch(at, size * 0.6 + 3)
    direction = level_line(layers.part.maps["off"], at)
    count = int(np.clip(round(size * rng.uniform(0.7, 1.1)), 4, 16))
    relief, pits = np.zeros_like(patch.x), np.zeros_like(patch.x)
    for index in range(count):
        along = rng.uniform(-0.5, 0.5) * size if index else 0.0
        across = float(np.clip(rng.normal(0, 1.4), -3, 3))
        px = along * direction[0] - across * direction[1]
        py = along * direction[1] + across * direction[0]
        radius = rng.uniform(0.7, 1.35)
        away = np.hypot(patch.x - px, patch.y - py) / radius
        pits = np.maximum(pits, np.clip((1.25 - away) * 2.2, 0, 1))
        relief += 0.5 * radius * np.exp(-np.square((away - 1.25) / 0.4))
    patch.raise_by(relief.astype(np.float32))
    patch.paint(pits.astype(np.float32), DARK, 0.05)
    patch.mark(ink(pits))


def spatter(layers: Layers, at: tuple[float, float], size: float) -> None:
    """Beads of metal thrown beside the seam."""
    rng, patch = layers.rng, layers.patch(at, size * 0.6 + 4)
    relief, lies = np.zeros_like(patch.x), np.zeros_like(patch.x)
    for index in range(int(np.clip(round(size * rng.uniform(0.35, 0.6)), 3, 14))):
        spot = rng.normal(0, size / 4, 2) if index else (0.0, 0.0)
        spot = np.clip(spot, -size / 2, size / 2)
        radius = rng.uniform(1.0, 2.1) if index else rng.uniform(1.5, 2.2)
        away = np.hypot(patch.x - spot[0], patch.y - spot[1]) / radius
        relief += 0.85 * radius * np.sqrt(np.clip(1.0 - np.square(away), 0, 1))
        lies = np.maximum(lies, np.clip((1.1 - away) * 3, 0, 1))
    patch.raise_by(soft(relief.astype(np.float32), 0.7))
    patch.paint((0.85 * lies).astype(np.float32), (0.20, 0.20, 0.21), 0.75)
    patch.mark(ink(lies))


def missing_weld(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A stretch of the joint without bead and heat tint."""
    part = layers.part
    along, off = part.maps["along"], part.maps["off"]
    column, row = round(at[0]), round(at[1])
    ragged = 0.8 * np.sin(off * 1.1) + 0.4 * np.sin(off * 2.7 + 1.0)
    inside = size / 2 - np.abs(along - along[row, column] + ragged)
    gone = smooth(0.5 + inside / 1.6) * (np.abs(off) < _TINTED_MM)
    show_bare(layers, gone.astype(np.float32))
    layers.mask[:] = np.maximum(layers.mask, (gone > 0.5) & (np.abs(off) < _OPEN_MM))


def burn_through(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A hole melted through the seam, with a sagging rim and oxide around it."""
    rng, patch = layers.rng, layers.patch(at, size * 1.8 + 4)
    angle = np.arctan2(patch.y, patch.x)
    ragged = (
        1.0
        + 0.12 * np.sin(3 * angle + rng.uniform(0, 6))
        + 0.07 * np.sin(5 * angle + rng.uniform(0, 6))
    )
    away = spread(patch.x, patch.y, size, size * 0.85, rng.uniform(0, np.pi)) / ragged
    hole = np.clip((1.08 - away) * 5.0, 0, 1).astype(np.float32)
    oxide = 0.75 * np.exp(-np.square(np.maximum(away - 1.0, 0) / 0.7))
    patch.paint(oxide.astype(np.float32), (0.06, 0.075, 0.10), 0.15)
    patch.raise_by((0.9 * np.exp(-np.square((away - 1.25) / 0.25))).astype(np.float32))
    patch.paint(hole, DARK, 0.0)
    patch.mark((away < 1.4).astype(np.float32))


def short_weld(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A bead that ends ``size`` mm before the joint does, in a crater; the rest of the joint is open."""
    part = layers.part
    column, row = round(at[0]), round(at[1])
    off = part.maps["off"]
    outward = part.maps["along"] * np.sign(part.maps["along"][row, column])
    ended = (
        outward - (part.field_mm / 2 - size) + 0.10 * np.minimum(np.square(off), HALF_WIDTH_MM**2)
    )
    gone = smooth(0.5 + ended / 1.6) * (np.abs(off) < _TINTED_MM)
    show_bare(layers, gone.astype(np.float32))
    whole = layers.patch(at, part.field_mm)
    crater = np.exp(-np.square((ended + 4.0) / 2.2) - np.square(off / 2.6))[whole.window]
    whole.raise_by((-0.8 * crater).astype(np.float32))
    whole.paint((0.8 * crater).astype(np.float32), (0.05, 0.05, 0.055), 0.25)
    seam = (gone > 0.5) & (np.abs(off) < _OPEN_MM)
    layers.mask[:] = np.maximum(layers.mask, seam)
    whole.mark((crater > 0.25).astype(np.float32))


def undercut(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A groove that the arc has melted into the sheet along one toe of the bead and not filled."""
    rng, patch = layers.rng, layers.patch(at, size * 0.6 + 8)
    off, along = _seam(layers, patch)
    middle = along[_row_of(patch, at), _column_of(patch, at)]
    ends = smooth((size / 2 - np.abs(along - middle)) / (0.15 * size))
    uneven = 1.0 + 0.25 * np.sin(along / 2.9 + rng.uniform(0, 6))
    toe = HALF_WIDTH_MM + 0.8 + 0.25 * np.sin(along / 4.3 + rng.uniform(0, 6))
    groove = ends * np.exp(-np.square((off * rng.choice((-1, 1)) - toe) / (0.95 * uneven)))
    with patch.marking():
        patch.raise_by((-1.1 * groove).astype(np.float32))
        patch.paint((0.9 * groove).astype(np.float32), (0.045, 0.045, 0.05), 0.10)


def off_seam(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A bead laid ``size`` mm beside the joint for a stretch: the edge it should have melted shows."""
    rng = layers.rng
    length = rng.uniform(55.0, 110.0)
    patch = layers.patch(at, length / 2 + 30)
    off, along = _seam(layers, patch)
    inside = length / 2 - np.abs(along - along[_row_of(patch, at), _column_of(patch, at)])
    moved = off - size * smooth(inside / 18.0)
    near = (off > -_TINTED_MM) & (off < _TINTED_MM + size + 2)
    anew = (smooth(inside / 4.0) * near).astype(np.float32)
    with patch.marking():
        show_bare(layers, anew, patch.window)
        for where, color, gloss in heat_tints(moved):
            patch.paint(anew * where, color, gloss)
        slopes, lies = _bead_slopes(moved, along, patch.mm_per_px, phase=rng.uniform(0.0, 6.0))
        layers.surface[patch.window][:, :, :2] += anew[:, :, None] * slopes
        patch.paint(anew * lies, BEAD, BEAD_GLOSS)
        shade = np.exp(-np.square((np.abs(moved) - HALF_WIDTH_MM - 0.4) / 1.2))
        patch.darken((anew * shade).astype(np.float32), 0.45)


def _bead_slopes(
    off: Float, along: Float, mm_per_px: float, *, phase: float
) -> tuple[Float, Float]:
    """Return slopes (H×W×2) and coverage of a bead, drawn as finely as the part's own is."""
    finer = max(1, round(mm_per_px / _DRAWN_MM))
    shape, step = (off.shape[1] * finer, off.shape[0] * finer), mm_per_px / finer
    fine_off, fine_along = (np.asarray(cv2.resize(one, shape), np.float32) for one in (off, along))
    relief, toes = bead_shape(fine_off, fine_along, phase)
    lies = np.clip(0.5 - toes / step, 0.0, 1.0)
    down, across = np.gradient(lies * relief, np.float32(step))
    fine = np.dstack([across, down, lies]).astype(np.float32)
    drawn = cv2.resize(fine, off.shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(drawn[:, :, :2], np.float32), np.asarray(drawn[:, :, 2], np.float32)


def _seam(layers: Layers, patch: Patch) -> tuple[Float, Float]:
    """Return the distances off and along the seam in a window, mm."""
    maps = layers.part.maps
    return maps["off"][patch.window], maps["along"][patch.window]


def _row_of(patch: Patch, at: tuple[float, float]) -> int:
    return int(round(at[1]) - patch.window[0].start)


def _column_of(patch: Patch, at: tuple[float, float]) -> int:
    return int(round(at[0]) - patch.window[1].start)
