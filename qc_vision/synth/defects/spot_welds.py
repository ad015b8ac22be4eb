"""Defects of spot welds: never set, set elsewhere, blown out."""

from __future__ import annotations

import numpy as np

from qc_vision.synth.defects.layers import DARK, Layers, Patch, level_line, show_bare, soft
from qc_vision.synth.part import smooth
from qc_vision.synth.welding import spot_relief, spot_tints

_TINTED_MM = 10.5
"""How far from its centre the heat of a spot shows."""


def missing_spot(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A place of the flange where no spot was set; ``size`` is the spot's diameter."""
    patch = layers.patch(at, _TINTED_MM + 2)
    _clear(layers, patch)
    patch.mark((np.hypot(patch.x, patch.y) < size / 2 + 3.0).astype(np.float32))


def displaced_spot(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A spot set ``size`` mm from its place, along the flange or towards its edge."""
    rng, patch = layers.rng, layers.patch(at, _TINTED_MM + size + 4)
    tx, ty = level_line(layers.part.maps["off"], at)
    turn = rng.choice((0.0, np.pi)) + rng.uniform(-0.45, 0.45)
    dx = size * (tx * np.cos(turn) - ty * np.sin(turn))
    dy = size * (ty * np.cos(turn) + tx * np.sin(turn))
    away = np.hypot(patch.x - dx, patch.y - dy).astype(np.float32)
    with patch.marking():
        _clear(layers, patch)
        patch.raise_by(spot_relief(away))
        for where, color, gloss in spot_tints(away):
            patch.paint(where, color, gloss)


def expulsion(layers: Layers, at: tuple[float, float], size: float) -> None:
    """Metal blown out of the spot: a pit in it, and whiskers with drops that reach ``size`` mm out."""
    rng, patch = layers.rng, layers.patch(at, size + 5)
    heading = rng.uniform(0, 2 * np.pi)
    relief, lies = np.zeros_like(patch.x), np.zeros_like(patch.x)
    for index in range(int(rng.integers(4, 8))):
        turn = heading + (rng.uniform(-0.7, 0.7) if index else 0.0)
        reach = size * (rng.uniform(0.45, 0.9) if index else 1.0)
        tip = reach * np.cos(turn), reach * np.sin(turn)
        bent = 0.5 * tip[0] - 0.8 * np.sin(turn), 0.5 * tip[1] + 0.8 * np.cos(turn)
        start = 2.5 * np.cos(turn), 2.5 * np.sin(turn)
        whisker = patch.stroke([start, bent, tip], rng.uniform(0.7, 1.3))
        radius = rng.uniform(0.8, 1.5)
        drop = np.hypot(patch.x - tip[0], patch.y - tip[1]) / radius
        relief += 0.6 * whisker + 0.8 * radius * np.sqrt(np.clip(1.0 - np.square(drop), 0, 1))
        lies = np.maximum(lies, np.maximum(whisker, np.clip((1.1 - drop) * 3, 0, 1)))
    x, y = patch.x - 1.6 * np.cos(heading), patch.y - 1.6 * np.sin(heading)
    pit = np.exp(-np.square(np.hypot(x, y) / 2.4))
    fan = np.cos(np.arctan2(patch.y, patch.x) - heading)
    away = np.hypot(patch.x, patch.y)
    soot = smooth((fan - 0.5) / 0.3) * smooth((0.8 * size - away) / (0.5 * size))
    with patch.marking():
        patch.paint((0.45 * soot).astype(np.float32), (0.10, 0.105, 0.11), 0.2)
        patch.raise_by((soft(relief.astype(np.float32), 0.6) - 1.2 * pit).astype(np.float32))
        patch.paint((0.85 * lies).astype(np.float32), (0.24, 0.24, 0.25), 0.75)
        patch.paint((0.9 * pit).astype(np.float32), DARK, 0.05)


def _clear(layers: Layers, patch: Patch) -> None:
    """Take the spot at the middle of a window away."""
    gone = smooth((_TINTED_MM + 1.0 - np.hypot(patch.x, patch.y)) / 2.0)
    show_bare(layers, gone.astype(np.float32), patch.window)
