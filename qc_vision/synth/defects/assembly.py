"""Defects of a fitted trim: fasteners and plugs, décor, the joint."""

from __future__ import annotations

import numpy as np

from qc_vision.synth.assembly import (
    END_PIECE_MM,
    SCREW,
    SCREW_RADIUS_MM,
    finish_of_another_model,
    strip_end,
)
from qc_vision.synth.defects.layers import DARK, Layers, show_bare, spread
from qc_vision.synth.part import smooth

_SHADOW = (0.47, 0.71)
"""Where a shadow falls (x, y) for each mm of height, by the station's lamp."""


def missing_fastener(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A clip, screw or plug that was never set: its hole shows; ``size`` is its diameter."""
    reach = max(size / 2 + 5.0, 11.0)
    patch = layers.patch(at, reach + 3.0)
    gone = smooth((reach - np.hypot(patch.x, patch.y)) / 2.0)
    show_bare(layers, gone, patch.window)
    patch.mark((np.hypot(patch.x, patch.y) < size / 2 + 1.0).astype(np.float32))


def screw_not_seated(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A screw whose head stands ``size`` mm proud: tilted, with its shank and its shadow beside it."""
    rng, patch = layers.rng, layers.patch(at, 15.0 + 1.5 * size)
    lean = rng.uniform(0, 2 * np.pi)
    hx, hy = 0.55 * size * np.cos(lean), 0.55 * size * np.sin(lean)
    end = hx + size * _SHADOW[0], hy + size * _SHADOW[1]
    wide, narrow = 2 * SCREW_RADIUS_MM, 1.7 * SCREW_RADIUS_MM
    rim = spread(patch.x - hx, patch.y - hy, wide, narrow, lean + np.pi / 2) - 1.0
    head = patch.cover(rim * np.float32(0.92 * SCREW_RADIUS_MM))
    middle = np.hypot(patch.x - 1.25 * hx, patch.y - 1.25 * hy)
    recess = patch.cover((middle - 1.7).astype(np.float32))
    with patch.marking():
        show_bare(layers, smooth((11.0 - np.hypot(patch.x, patch.y)) / 2.0), patch.window)
        patch.darken(patch.stroke([(0.0, 0.0), end], 2 * SCREW_RADIUS_MM), 0.72)
        patch.paint(patch.stroke([(0.0, 0.0), (hx, hy)], 4.0), (0.22, 0.22, 0.23), 0.6)
        patch.tilt(head, 0.30 * np.cos(lean), 0.30 * np.sin(lean))
        patch.paint(head, SCREW, 0.85)
        patch.paint(recess, DARK, 0.0)


def reversed_part(layers: Layers, at: tuple[float, float], size: float) -> None:
    """The décor strip mounted the wrong way round: its end piece of ``size`` mm sits at the other end."""
    patch = layers.patch(at, sum(END_PIECE_MM) + 4)
    strip_albedo, strip_gloss = _material(layers, at)
    there = END_PIECE_MM[1] / layers.part.mm_per_px
    end_albedo, end_gloss = _material(layers, (at[0] + there, at[1]))
    right = patch.cover(strip_end(patch.x, patch.y, 1.0))
    left = patch.cover(strip_end(patch.x, patch.y, -1.0))
    patch.paint(right, strip_albedo, strip_gloss)
    patch.paint(left, end_albedo, end_gloss)
    patch.mark((np.maximum(left, right) > 0.5).astype(np.float32))


def _material(layers: Layers, at: tuple[float, float]) -> tuple[tuple[float, float, float], float]:
    """Return albedo and gloss at a point (canvas pixels)."""
    row, column = round(at[1]), round(at[0])
    b, g, r = (float(value) for value in layers.albedo[row, column])
    return (b, g, r), float(layers.surface[row, column, 2])


def wrong_variant(layers: Layers, at: tuple[float, float], size: float) -> None:
    """The décor strip of another model: no car of this line has its finish."""
    decor = layers.part.maps["decor"]
    albedo, gloss = finish_of_another_model(int(layers.rng.integers(6)))
    layers.albedo += decor[:, :, None] * (np.array(albedo, np.float32) - layers.albedo)
    shine = layers.surface[:, :, 2]
    shine += decor * (gloss - shine)
    layers.mask[:] = np.maximum(layers.mask, decor > 0.5)


def open_joint(layers: Layers, at: tuple[float, float], extra_mm: float, nominal_mm: float) -> None:
    """Draw the joint of the trim: ``nominal_mm`` wide, wider by ``extra_mm`` around a point."""
    joint = layers.part.maps["joint"]
    rows = np.nonzero((np.abs(joint) < 9.0).any(axis=1))[0]
    band = slice(int(rows[0]), int(rows[-1]) + 1)
    x = (np.arange(joint.shape[1], dtype=np.float32) - at[0]) * layers.part.mm_per_px
    bulge = extra_mm * np.exp(-np.square(x / 42.0))
    half = (nominal_mm + bulge) / 2
    scale = np.float32(layers.part.mm_per_px)
    dark = np.clip(0.5 + (half - np.abs(joint[band])) / scale, 0, 1)
    dark = (dark * np.minimum(1.0, 2 * half / scale)).astype(np.float32)
    layers.albedo[band] *= (1.0 - 0.97 * dark)[:, :, None]
    layers.surface[band][:, :, 2] *= 1.0 - dark
    if extra_mm > 0:
        inside = (np.abs(joint[band]) < half + 1.0) & (bulge > 0.25 * extra_mm)
        layers.mask[band] = np.maximum(layers.mask[band], inside)


def gap(layers: Layers, at: tuple[float, float], size: float) -> None:
    """The lower trim is not fully seated: the joint opens by ``size`` beyond its nominal width."""
    open_joint(layers, at, size, 0.0)


def flush(layers: Layers, at: tuple[float, float], size: float) -> None:
    """One edge of the joint stands ``size`` mm proud of the other around a point."""
    patch = layers.patch(at, 110.0)
    joint = layers.part.maps["joint"][patch.window]
    bulge = np.exp(-np.square(patch.x / 42.0))
    side = layers.rng.choice((-1.0, 1.0))
    beyond = side * joint
    proud = bulge * smooth(0.5 + beyond / 2.0) * np.exp(-np.maximum(beyond, 0.0) / 8.0)
    with patch.marking():
        patch.raise_by((size * proud).astype(np.float32))
        reach = np.maximum(size * bulge * _SHADOW[1], 1e-3)
        if side < 0:  # the lamp is above: the upper edge throws its shadow down
            hidden = 0.75 * smooth(1.4 * (1.0 - joint / reach)) * (joint > 0)
        else:  # a corner that the hall's light hardly reaches
            hidden = 0.65 * smooth(1.4 * (1.0 + joint / reach)) * (joint < 0)
        patch.darken(hidden.astype(np.float32), 1.0)
