"""Defects of arc-weld seams."""

from __future__ import annotations

import numpy as np

from qc_vision.synth.defects.layers import DARK, Layers, ink, show_bare, soft, spread
from qc_vision.synth.part import smooth


def porosity(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A cluster of gas pits in the bead."""
    rng, patch = layers.rng, layers.patch(at, size * 0.6 + 3)
    direction = _seam_direction(layers, at)
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
    gone = smooth(0.5 + inside / 1.6) * (np.abs(off) < 20)
    show_bare(layers, gone.astype(np.float32))
    layers.mask[:] = np.maximum(layers.mask, (gone > 0.5) & (np.abs(off) < 6.5))


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


def _seam_direction(layers: Layers, at: tuple[float, float]) -> tuple[float, float]:
    off = layers.part.maps["off"]
    column, row = round(at[0]), round(at[1])
    gx = float(off[row, column + 1] - off[row, column - 1])
    gy = float(off[row + 1, column] - off[row - 1, column])
    length = max((gx * gx + gy * gy) ** 0.5, 1e-9)
    return -gy / length, gx / length
