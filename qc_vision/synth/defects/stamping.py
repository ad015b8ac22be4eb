"""Defects of pressed panels: torn, gathered, pressed in, scored, galled, badly trimmed."""

from __future__ import annotations

import numpy as np

from qc_vision.synth.defects.layers import (
    DARK,
    Layers,
    grooves,
    ink,
    level_line,
    soft,
    spread,
    wander,
)
from qc_vision.synth.part import smooth


def crack(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A branching dark line with a bright lip."""
    rng, patch = layers.rng, layers.patch(at, size * 0.75)
    heading = rng.uniform(0, 2 * np.pi)
    trunk = wander(rng, size, heading, 4.0, 0.28)
    width = rng.uniform(2.2, 3.2)
    line = patch.stroke(trunk, width)
    for _ in range(int(rng.integers(1, 4))):
        start = trunk[int(rng.integers(len(trunk) // 3, len(trunk)))]
        turn = heading + rng.choice((-1, 1)) * rng.uniform(0.5, 1.0)
        branch = wander(rng, size * rng.uniform(0.15, 0.35), turn, 3.0, 0.3)
        shift = start[0] - branch[0][0], start[1] - branch[0][1]
        moved = [(px + shift[0], py + shift[1]) for px, py in branch]
        line = np.maximum(line, patch.stroke(moved, width * 0.7))
    lip = soft(line, 1.3)
    patch.raise_by(1.1 * lip)
    patch.paint(np.clip(line * 1.2, 0, 1), DARK, 0.0)
    patch.mark(ink(line))


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
    patch.raise_by((1.6 * soft(open_, 2.2)).astype(np.float32))
    patch.paint(open_, DARK, 0.0)
    patch.mark(ink(open_))


def wrinkle(layers: Layers, at: tuple[float, float], size: float) -> None:
    """Waves of the sheet where it was gathered."""
    rng, patch = layers.rng, layers.patch(at, size * 0.62)
    turn = rng.uniform(0, np.pi)
    u = patch.x * np.cos(turn) + patch.y * np.sin(turn)
    length = rng.uniform(14.0, 20.0)
    envelope = smooth(1.25 * (1.0 - spread(patch.x, patch.y, size, size * 0.55, turn)))
    bent = u + 2.0 * np.sin((patch.x + patch.y) / 17.0)
    waves = np.sin(2 * np.pi * bent / length)
    patch.raise_by((rng.uniform(0.9, 1.3) * envelope * waves).astype(np.float32))
    patch.mark((envelope > 0.25).astype(np.float32))


def dent(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A shallow dimple or ding, seen by how it bends the reflections."""
    rng, patch = layers.rng, layers.patch(at, size * 0.9)
    away = spread(patch.x, patch.y, size, size * rng.uniform(0.75, 1.0), rng.uniform(0, np.pi))
    sign = -1.0 if rng.random() < 0.75 else 0.8
    patch.raise_by((sign * 0.085 * size * np.exp(-2.2 * np.square(away))).astype(np.float32))
    patch.mark((away < 0.9).astype(np.float32))


def scoring(layers: Layers, at: tuple[float, float], size: float) -> None:
    """Score marks of the die: dark grooves in the drawing direction with bright burrs."""
    groove = grooves(layers, at, size, width_mm=3.0, depth_mm=1.4)
    groove.patch.paint(0.85 * groove.lines, (0.05, 0.05, 0.05), 0.10)


def galling(layers: Layers, at: tuple[float, float], size: float) -> None:
    """Sheet torn by metal that sticks to the die: a dull band of smeared streaks along the draw."""
    rng, patch = layers.rng, layers.patch(at, size * 0.6)
    turn = np.pi / 2 + rng.uniform(-0.15, 0.15)
    cos, sin = np.cos(turn), np.sin(turn)
    width = rng.uniform(16.0, 22.0) + 0.12 * size
    torn, smeared = np.zeros_like(patch.x), np.zeros_like(patch.x)
    for index in range(int(rng.integers(10, 16))):
        off = width * rng.uniform(-0.42, 0.42) if index else 0.0
        length = size * (rng.uniform(0.35, 0.75) if index else 1.0)
        first = rng.uniform(-size / 2, size / 2 - length)
        line = [(u * cos - off * sin, u * sin + off * cos) for u in (first, first + length)]
        streak = patch.stroke(line, rng.uniform(1.2, 3.6))
        if index % 2:
            smeared = np.maximum(smeared, streak)
        else:
            torn = np.maximum(torn, streak)
    band = smooth(1.8 * (1.0 - spread(patch.x, patch.y, size, width * 1.15, turn)))
    with patch.marking():
        patch.paint((0.6 * band).astype(np.float32), (0.22, 0.22, 0.21), 0.15)
        patch.raise_by((0.6 * soft(smeared, 0.7) - 0.8 * soft(torn, 0.7)).astype(np.float32))
        patch.paint(0.7 * torn, (0.07, 0.07, 0.07), 0.05)
        patch.paint(0.75 * smeared, (0.62, 0.62, 0.61), 0.75)


def burr(layers: Layers, at: tuple[float, float], size: float) -> None:
    """A ragged sliver that a worn trim steel left standing along the cut edge."""
    rng, patch = layers.rng, layers.patch(at, size * 0.55 + 20)
    edge = layers.part.maps["edge"]
    tx, ty = level_line(edge, at)
    along = patch.x * np.float32(tx) + patch.y * np.float32(ty)
    outward = patch.x * np.float32(ty) - patch.y * np.float32(tx)
    here = (outward > 0) & (outward < 26)
    ends = smooth((size / 2 - np.abs(along)) / (0.12 * size)) * here
    teeth = sum(
        np.sin(2 * np.pi * along / rng.uniform(4.0, 15.0) + rng.uniform(0, 6)) for _ in range(3)
    )
    reach = ends * (3.4 + 0.9 * teeth)
    beyond = edge[patch.window]
    sliver = patch.cover(beyond - reach) * patch.cover(-beyond - 1.0) * (ends > 0.05)
    ridge = np.exp(-np.square((beyond + 1.5) / 1.8)) * ends
    with patch.marking():
        patch.tilt(sliver)
        patch.raise_by((1.3 * ridge).astype(np.float32))
        patch.paint(sliver.astype(np.float32), (0.60, 0.60, 0.58), 0.35)
