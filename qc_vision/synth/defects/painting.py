"""Defects of paint: in the relief of the clear coat, or in its colour."""

from __future__ import annotations

import cv2
import numpy as np

from qc_vision.synth.defects.layers import Layers, grooves, spread
from qc_vision.synth.part import Float, noise_field, smooth


def run(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A tongue of paint that has run down, thick at its end."""
    rng, patch = layers.rng, layers.patch(at, size * 0.75 + 4)
    width = rng.uniform(5.0, 8.0)
    t = np.clip((patch.y + size / 2) / size, 0.0, 1.0)
    across = (patch.x + 0.8 * np.sin(patch.y / 9.0 + rng.uniform(0, 6))) / (
        width / 2 * (0.55 + 0.45 * t)
    )
    fade = smooth((patch.y + size / 2) / (0.35 * size)) * smooth((size / 2 - patch.y) / (width / 2))
    tongue = (0.10 + 0.28 * t**2) * np.exp(-np.square(across)) * fade
    bulb = 0.30 * np.exp(
        -(spread(patch.x, patch.y - size / 2 + width / 2, width, width * 1.1, 0) ** 2)
    )
    relief = (tongue + bulb).astype(np.float32)
    patch.raise_by(relief)
    patch.mark((relief > 0.05).astype(np.float32))


def sag(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A curtain: the wet film has slid over a width and hangs thick on a scalloped lower edge."""
    rng, patch = layers.rng, layers.patch(at, size * 0.6 + 8)
    high, lobe = rng.uniform(16.0, 24.0), rng.uniform(16.0, 26.0)
    scallop = 0.08 * high * np.sin(2 * np.pi * patch.x / lobe + rng.uniform(0, 6))
    scallop += 0.09 * high * np.sin(2 * np.pi * patch.x / (2.7 * lobe) + rng.uniform(0, 6))
    below = patch.y - 0.3 * high - scallop
    sides = smooth((size / 2 - np.abs(patch.x)) / (0.22 * size))
    film = smooth((below + high) / high) ** 2 * smooth((2.5 - below) / 5.0)
    relief = (rng.uniform(0.26, 0.34) * sides * film).astype(np.float32)
    patch.raise_by(relief)
    patch.mark((relief > 0.04).astype(np.float32))


def crater(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A fisheye: the paint has fled a speck, leaving a pit with a crown."""
    patch = layers.patch(at, size * 1.5 + 2)
    away = np.hypot(patch.x, patch.y) / (size / 2)
    pit = -0.070 * size * np.exp(-np.square(away / 0.62))
    crown = 0.030 * size * np.exp(-np.square((away - 1.1) / 0.35))
    patch.raise_by((pit + crown).astype(np.float32))
    patch.darken(np.exp(-np.square(away / 0.35)).astype(np.float32), 0.5)
    patch.mark((away < 1.3).astype(np.float32))


def dust_nib(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A speck under the clear coat: a small bump that pinches the stripes."""
    rng, patch = layers.rng, layers.patch(at, size * 2.4 + 2)
    away = spread(patch.x, patch.y, size, size * rng.uniform(0.7, 1.0), rng.uniform(0, np.pi))
    bump = 0.16 * size * np.exp(-1.1 * np.square(away)) + 0.02 * size * np.exp(-away)
    patch.raise_by(bump.astype(np.float32))
    patch.mark((away < 1.9).astype(np.float32))


def orange_peel(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A coarse texture of the clear coat over an area."""
    rng, patch = layers.rng, layers.patch(at, size * 0.6)
    side = 1 << int(np.ceil(np.log2(max(patch.x.shape))))
    texture = noise_field(side, rng.uniform(1.5, 2.1) / patch.mm_per_px, int(rng.integers(1 << 30)))
    envelope = smooth(1.4 * (1.0 - spread(patch.x, patch.y, size, size * 0.8, rng.uniform(0, 3))))
    rows, columns = patch.x.shape
    patch.raise_by(
        (rng.uniform(0.035, 0.05) * envelope * texture[:rows, :columns]).astype(np.float32)
    )
    patch.mark((envelope > 0.25).astype(np.float32))


def scratch(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A scratch through the clear coat: whitish, with a raised burr."""
    groove = grooves(layers, at, size, width_mm=1.2, depth_mm=0.48)
    b, g, r = np.clip(layers.albedo[groove.patch.window].mean((0, 1)) + 0.3, 0, 1)
    groove.patch.paint(0.75 * groove.lines, (float(b), float(g), float(r)), 0.25)


def color_mismatch(layers: Layers, at: tuple[float, float], size: float) -> None:
    """The neighbouring panel is of another batch: ``size`` is ΔE (CIE 1976)."""
    second = layers.part.maps["second"]
    spot = layers.albedo[round(at[1]), round(at[0])]
    ratio = shifted(spot, size, layers.rng) - spot
    layers.albedo += second[:, :, None] * ratio
    np.clip(layers.albedo, 0.002, None, out=layers.albedo)
    layers.mask[:] = np.maximum(layers.mask, second > 0.5)


def mottling(layers: Layers, at: tuple[float, float], size: float) -> None:
    """Clouds in the base coat: the flake lies differently from place to place."""
    rng, patch = layers.rng, layers.patch(at, size * 0.6)
    side = 1 << int(np.ceil(np.log2(max(patch.x.shape))))
    blotch = rng.uniform(2.2, 3.2) / patch.mm_per_px
    texture = noise_field(side, blotch, int(rng.integers(1 << 30)))
    rows, columns = patch.x.shape
    envelope = smooth(1.5 * (1.0 - spread(patch.x, patch.y, size, size * 0.75, rng.uniform(0, 3))))
    tone = envelope * np.clip(texture[:rows, :columns], -1.6, 1.6)
    if layers.part.paint is not None:
        tone = tone * layers.part.paint[patch.window]
    albedo = layers.albedo[patch.window]
    bright, dark = np.maximum(tone, 0.0)[:, :, None], np.maximum(-tone, 0.0)[:, :, None]
    albedo += bright * (0.34 * albedo + 0.10) - dark * 0.42 * albedo
    patch.mark((envelope > 0.25).astype(np.float32))


def shifted(linear: Float, delta_e: float, rng: np.random.Generator) -> Float:
    """Return a linear BGR colour that differs from ``linear`` by ΔE, as near as the gamut allows."""
    lab = _lab(linear)
    tries = rng.normal(size=(24, 3)) * (1.0, 0.45, 0.45)
    tries[:, 0] += 0.6 if lab[0] < 50 else -0.6
    tries *= delta_e / np.linalg.norm(tries, axis=1, keepdims=True)
    best, error = linear, float("inf")
    for step in tries:
        candidate = np.clip(_linear((lab + step).astype(np.float32)), 0.0, 1.0)
        miss = abs(float(np.linalg.norm(_lab(candidate) - lab)) - delta_e)
        if miss < error:
            best, error = candidate, miss
    return best


def _lab(linear: Float) -> Float:
    shown = np.clip(linear, 0, 1).astype(np.float32).reshape(1, 1, 3) ** np.float32(1 / 2.2)
    return np.asarray(cv2.cvtColor(shown, cv2.COLOR_BGR2Lab)[0, 0], np.float32)


def _linear(lab: Float) -> Float:
    shown = cv2.cvtColor(lab.reshape(1, 1, 3), cv2.COLOR_Lab2BGR)[0, 0]
    return np.asarray(np.clip(shown, 0, 1) ** np.float32(2.2), np.float32)
