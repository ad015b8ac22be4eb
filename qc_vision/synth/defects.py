"""Defects as changes of a part's layers: relief, albedo, finish, and the exact mask.

Each function draws one kind at a place on a working copy of the layers. Sizes are millimetres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from qc_vision.shops import Shop
from qc_vision.synth import assembly
from qc_vision.synth.part import Float, Part, noise_field, smooth

_DARK: Final = (0.010, 0.010, 0.012)
_STROKE_SCALE: Final = 4
_EVERYWHERE: Final = (slice(None), slice(None))


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


def _wander(
    rng: np.random.Generator, length: float, heading: float, step: float, wobble: float
) -> list[tuple[float, float]]:
    """Return a random walk of the given length, centred on its point."""
    turns = heading + np.cumsum(rng.normal(0.0, wobble, max(2, round(length / step))))
    moves = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (length / len(turns))
    walk = np.vstack([[0.0, 0.0], np.cumsum(moves, axis=0)])
    walk -= (walk[0] + walk[-1]) / 2
    return [(float(px), float(py)) for px, py in walk]


def _soft(image: Float, sigma_px: float) -> Float:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.float32)


def _ink(image: Float) -> Float:
    """Widen a thin coverage to the mask of what a reviewer would draw."""
    return np.asarray(cv2.dilate((image > 0.08).astype(np.float32), np.ones((3, 3))), np.float32)


def _spread(x: Float, y: Float, wide: float, high: float, turn: float) -> Float:
    """Normalised elliptic distance: 1 on the ellipse with the given diameters."""
    u = x * np.cos(turn) + y * np.sin(turn)
    v = -x * np.sin(turn) + y * np.cos(turn)
    return np.asarray(np.hypot(u / (wide / 2), v / (high / 2)), np.float32)


def crack(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A branching dark line with a bright lip."""
    rng, patch = layers.rng, layers.patch(at, size * 0.75)
    heading = rng.uniform(0, 2 * np.pi)
    trunk = _wander(rng, size, heading, 4.0, 0.28)
    width = rng.uniform(2.2, 3.2)
    line = patch.stroke(trunk, width)
    for _ in range(int(rng.integers(1, 4))):
        start = trunk[int(rng.integers(len(trunk) // 3, len(trunk)))]
        turn = heading + rng.choice((-1, 1)) * rng.uniform(0.5, 1.0)
        branch = _wander(rng, size * rng.uniform(0.15, 0.35), turn, 3.0, 0.3)
        shift = start[0] - branch[0][0], start[1] - branch[0][1]
        moved = [(px + shift[0], py + shift[1]) for px, py in branch]
        line = np.maximum(line, patch.stroke(moved, width * 0.7))
    lip = _soft(line, 1.3)
    patch.raise_by(1.1 * lip)
    patch.paint(np.clip(line * 1.2, 0, 1), _DARK, 0.0)
    patch.mark(_ink(line))


def split(layers: Layers, at: tuple[float, float], size: float) -> None:
    """An open tear: a dark lens whose lips curl up."""
    rng, patch = layers.rng, layers.patch(at, size * 0.7)
    turn = rng.uniform(0, np.pi)
    u = patch.x * np.cos(turn) + patch.y * np.sin(turn)
    v = -patch.x * np.sin(turn) + patch.y * np.cos(turn)
    v = v + 0.04 * size * np.sin(u / size * rng.uniform(5, 9) + rng.uniform(0, 6))
    opening = 0.11 * size * np.clip(1.0 - np.square(u / (size / 2)), 0.0, 1.0)
    open_ = np.clip(0.5 + (opening - np.abs(v)) / patch.mm_per_px, 0.0, 1.0) * (opening > 0.02)
    open_ = open_.astype(np.float32)
    patch.raise_by((1.6 * _soft(open_, 2.2)).astype(np.float32))
    patch.paint(open_, _DARK, 0.0)
    patch.mark(_ink(open_))


def wrinkle(layers: Layers, at: tuple[float, float], size: float) -> None:
    """Waves of the sheet where it was gathered."""
    rng, patch = layers.rng, layers.patch(at, size * 0.62)
    turn = rng.uniform(0, np.pi)
    u = patch.x * np.cos(turn) + patch.y * np.sin(turn)
    length = rng.uniform(14.0, 20.0)
    envelope = smooth(1.25 * (1.0 - _spread(patch.x, patch.y, size, size * 0.55, turn)))
    bent = u + 2.0 * np.sin((patch.x + patch.y) / 17.0)
    waves = np.sin(2 * np.pi * bent / length)
    patch.raise_by((rng.uniform(0.9, 1.3) * envelope * waves).astype(np.float32))
    patch.mark((envelope > 0.25).astype(np.float32))


def dent(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A shallow dimple or ding, seen by how it bends the reflections."""
    rng, patch = layers.rng, layers.patch(at, size * 0.9)
    away = _spread(patch.x, patch.y, size, size * rng.uniform(0.75, 1.0), rng.uniform(0, np.pi))
    sign = -1.0 if rng.random() < 0.75 else 0.8
    patch.raise_by((sign * 0.085 * size * np.exp(-2.2 * np.square(away))).astype(np.float32))
    patch.mark((away < 0.9).astype(np.float32))


def scoring(layers: Layers, at: tuple[float, float], size: float) -> None:
    """Score marks of the die: dark grooves in the drawing direction with bright burrs."""
    groove = _grooves(layers, at, size, width_mm=3.0, depth_mm=1.4)
    groove.patch.paint(0.85 * groove.lines, (0.05, 0.05, 0.05), 0.10)


def scratch(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A scratch through the clear coat: whitish, with a raised burr."""
    groove = _grooves(layers, at, size, width_mm=1.2, depth_mm=0.48)
    b, g, r = np.clip(layers.albedo[groove.patch.window].mean((0, 1)) + 0.3, 0, 1)
    groove.patch.paint(0.75 * groove.lines, (float(b), float(g), float(r)), 0.25)


@dataclass(frozen=True, slots=True)
class _Grooves:
    patch: Patch
    lines: Float


def _grooves(
    layers: Layers, at: tuple[float, float], size: float, *, width_mm: float, depth_mm: float
) -> _Grooves:
    """Cut one or two long grooves side by side and mark them."""
    rng, patch = layers.rng, layers.patch(at, size * 0.6)
    lines = np.zeros_like(patch.x)
    heading = rng.uniform(0, np.pi)
    for index in range(int(rng.integers(1, 3))):
        walk = _wander(rng, size * (1.0 - 0.3 * index), heading, size / 8, 0.05)
        off = index * rng.uniform(0.8, 1.6) * width_mm
        moved = [(px - off * np.sin(heading), py + off * np.cos(heading)) for px, py in walk]
        lines = np.maximum(lines, patch.stroke(moved, width_mm))
    patch.raise_by((-depth_mm * _soft(lines, 0.8)).astype(np.float32))
    patch.mark(_ink(lines))
    return _Grooves(patch, lines)


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
    patch.paint(pits.astype(np.float32), _DARK, 0.05)
    patch.mark(_ink(pits))


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
    patch.raise_by(_soft(relief.astype(np.float32), 0.7))
    patch.paint((0.85 * lies).astype(np.float32), (0.20, 0.20, 0.21), 0.75)
    patch.mark(_ink(lies))


def missing_weld(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A stretch of the joint without bead and heat tint."""
    part = layers.part
    along, off = part.maps["along"], part.maps["off"]
    column, row = round(at[0]), round(at[1])
    ragged = 0.8 * np.sin(off * 1.1) + 0.4 * np.sin(off * 2.7 + 1.0)
    inside = size / 2 - np.abs(along - along[row, column] + ragged)
    gone = smooth(0.5 + inside / 1.6) * (np.abs(off) < 20)
    _blend(layers, gone.astype(np.float32))
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
    away = _spread(patch.x, patch.y, size, size * 0.85, rng.uniform(0, np.pi)) / ragged
    hole = np.clip((1.08 - away) * 5.0, 0, 1).astype(np.float32)
    oxide = 0.75 * np.exp(-np.square(np.maximum(away - 1.0, 0) / 0.7))
    patch.paint(oxide.astype(np.float32), (0.06, 0.075, 0.10), 0.15)
    patch.raise_by((0.9 * np.exp(-np.square((away - 1.25) / 0.25))).astype(np.float32))
    patch.paint(hole, _DARK, 0.0)
    patch.mark((away < 1.4).astype(np.float32))


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
        -(_spread(patch.x, patch.y - size / 2 + width / 2, width, width * 1.1, 0) ** 2)
    )
    relief = (tongue + bulb).astype(np.float32)
    patch.raise_by(relief)
    patch.mark((relief > 0.05).astype(np.float32))


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
    away = _spread(patch.x, patch.y, size, size * rng.uniform(0.7, 1.0), rng.uniform(0, np.pi))
    bump = 0.16 * size * np.exp(-1.1 * np.square(away)) + 0.02 * size * np.exp(-away)
    patch.raise_by(bump.astype(np.float32))
    patch.mark((away < 1.9).astype(np.float32))


def orange_peel(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A coarse texture of the clear coat over an area."""
    rng, patch = layers.rng, layers.patch(at, size * 0.6)
    side = 1 << int(np.ceil(np.log2(max(patch.x.shape))))
    texture = noise_field(side, rng.uniform(1.5, 2.1) / patch.mm_per_px, int(rng.integers(1 << 30)))
    envelope = smooth(1.4 * (1.0 - _spread(patch.x, patch.y, size, size * 0.8, rng.uniform(0, 3))))
    rows, columns = patch.x.shape
    patch.raise_by(
        (rng.uniform(0.035, 0.05) * envelope * texture[:rows, :columns]).astype(np.float32)
    )
    patch.mark((envelope > 0.25).astype(np.float32))


def color_mismatch(layers: Layers, at: tuple[float, float], size: float) -> None:
    """The neighbouring panel is of another batch: ``size`` is ΔE (CIE 1976)."""
    second = layers.part.maps["second"]
    spot = layers.albedo[round(at[1]), round(at[0])]
    ratio = shifted(spot, size, layers.rng) - spot
    layers.albedo += second[:, :, None] * ratio
    np.clip(layers.albedo, 0.002, None, out=layers.albedo)
    layers.mask[:] = np.maximum(layers.mask, second > 0.5)


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


def missing_fastener(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A clip or screw that was never set: its hole shows."""
    patch = layers.patch(at, 14.0)
    gone = smooth((11.0 - np.hypot(patch.x, patch.y)) / 2.0)
    _blend(layers, gone, patch.window)
    patch.mark((np.hypot(patch.x, patch.y) < size / 2 + 1.0).astype(np.float32))


def wrong_variant(layers: Layers, at: tuple[float, float], size: float) -> None:
    """The décor strip of another model: no car of this line has its finish."""
    decor = layers.part.maps["decor"]
    albedo, gloss = assembly.finish_of_another_model(int(layers.rng.integers(6)))
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


def _blend(layers: Layers, where: Float, window: tuple[slice, slice] = _EVERYWHERE) -> None:
    """Show the bare part (without weld or fasteners) in a window, where ``where`` is 1."""
    if layers.bare is None:
        return
    surface, albedo = layers.surface[window], layers.albedo[window]
    surface += where[:, :, None] * (layers.bare[0][window] - surface)
    albedo += where[:, :, None] * (layers.bare[1][window] - albedo)


def _seam_direction(layers: Layers, at: tuple[float, float]) -> tuple[float, float]:
    off = layers.part.maps["off"]
    column, row = round(at[0]), round(at[1])
    gx = float(off[row, column + 1] - off[row, column - 1])
    gy = float(off[row + 1, column] - off[row - 1, column])
    length = max((gx * gx + gy * gy) ** 0.5, 1e-9)
    return -gy / length, gx / length


Drawing = Callable[[Layers, tuple[float, float], float], None]

DRAWINGS: Final[dict[tuple[Shop, str], tuple[Drawing, str]]] = {
    (Shop.STAMPING, "crack"): (crack, "edge"),
    (Shop.STAMPING, "split"): (split, "edge"),
    (Shop.STAMPING, "wrinkle"): (wrinkle, "flange"),
    (Shop.STAMPING, "scratch"): (scoring, "surface"),
    (Shop.STAMPING, "dent"): (dent, "calm"),
    (Shop.WELDING, "porosity"): (porosity, "seam"),
    (Shop.WELDING, "spatter"): (spatter, "beside"),
    (Shop.WELDING, "missing_weld"): (missing_weld, "seam"),
    (Shop.WELDING, "burn_through"): (burn_through, "seam"),
    (Shop.PAINTING, "run"): (run, "surface"),
    (Shop.PAINTING, "crater"): (crater, "surface"),
    (Shop.PAINTING, "dust_nib"): (dust_nib, "surface"),
    (Shop.PAINTING, "orange_peel"): (orange_peel, "surface"),
    (Shop.PAINTING, "scratch"): (scratch, "surface"),
    (Shop.PAINTING, "color_mismatch"): (color_mismatch, "second"),
    (Shop.ASSEMBLY, "missing_clip"): (missing_fastener, "clip"),
    (Shop.ASSEMBLY, "missing_screw"): (missing_fastener, "screw"),
    (Shop.ASSEMBLY, "wrong_variant"): (wrong_variant, "decor"),
    (Shop.ASSEMBLY, "gap"): (gap, "joint"),
}
"""How each kind is drawn, and the site of the part it is drawn at."""
