"""Defects of a fitted trim: fasteners, décor, the joint."""

from __future__ import annotations

import numpy as np

from qc_vision.synth.assembly import finish_of_another_model
from qc_vision.synth.defects.layers import Layers, show_bare
from qc_vision.synth.part import smooth


def missing_fastener(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A clip or screw that was never set: its hole shows."""
    patch = layers.patch(at, 14.0)
    gone = smooth((11.0 - np.hypot(patch.x, patch.y)) / 2.0)
    show_bare(layers, gone, patch.window)
    patch.mark((np.hypot(patch.x, patch.y) < size / 2 + 1.0).astype(np.float32))


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
