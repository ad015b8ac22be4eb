"""Made-up anomalies on good images, unlike any named kind: what lets the head find the unknown.

After CutPaste (Li 2021) and DRÆM (Zavrtanik 2021): foreign texture, lines, local warps, things
wiped away, things shifted in brightness; each with its exact mask. Half of them sit on something
small that stands out of its surroundings (a fastener, a hole, a mark): a defect there changes a
thing that belongs, which is far harder to see than a thing that does not.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.training.samples import Sample

Image = NDArray[np.uint8]
Float = NDArray[np.floating[Any]]


def spoil(image: Image, rng: np.random.Generator) -> Sample:
    """Return the square image with one made-up anomaly and its mask."""
    for _ in range(4):
        where, changed = _changed_thing(image, rng) if rng.random() < 0.5 else _change(image, rng)
        blend = where[:, :, None]
        spoiled = (image * (1 - blend) + changed * blend).clip(0, 255).astype(np.uint8)
        difference = np.abs(spoiled.astype(np.int16) - image).max(axis=2)
        seen = cv2.morphologyEx(
            (difference > 14).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)
        )
        if int(seen.sum()) >= 8:
            return Sample(spoiled, np.asarray(seen * 255, np.uint8))
    return Sample(image, None)


def _change(image: Image, rng: np.random.Generator) -> tuple[Float, Float]:
    """Draw an anomaly anywhere: where it lies (0..1), and what is there."""
    side = image.shape[0]
    make = _KINDS[int(rng.integers(len(_KINDS)))]
    if make is _line:
        where = _stroke(side, rng)
    else:
        radius = side * float(np.exp(rng.uniform(np.log(0.012), np.log(0.10))))
        where = _blob(side, tuple(rng.uniform(0.06, 0.94, 2) * side), radius, rng)
    return where, make(image, where, rng)


def _changed_thing(image: Image, rng: np.random.Generator) -> tuple[Float, Float]:
    """Draw an anomaly on something that stands out: another thing, none, or a changed one."""
    side = image.shape[0]
    scale = side * rng.uniform(0.006, 0.018)
    things = standing_out(image, scale)
    at = things[int(rng.integers(len(things)))]
    radius = scale * rng.uniform(1.6, 3.2)
    where = _blob(side, at, radius, rng)
    pick = int(rng.integers(len(_KINDS) + 5))
    if pick == 0:  # another thing of this part
        other = things[int(rng.integers(len(things)))]
        shift = (round(at[1] - other[1]), round(at[0] - other[0]))
        return where, np.roll(image, shift, (0, 1)).astype(np.float32)
    if pick == 1:  # nearer or farther
        zoom = cv2.getRotationMatrix2D(at, rng.uniform(-60, 60), float(rng.choice((0.6, 1.6))))
        return where, np.asarray(
            cv2.warpAffine(image, zoom, (side, side), borderMode=cv2.BORDER_REFLECT), np.float32
        )
    if pick == 2:  # harder or inverted contrast
        mean = cv2.GaussianBlur(image, (0, 0), radius).astype(np.float32)
        return where, np.asarray(mean + rng.choice((-1.0, 1.8, 3.0)) * (image - mean), np.float32)
    if pick in (3, 4):  # a hole or a spot in it
        where = _blob(side, at, radius * rng.uniform(0.3, 0.7), rng)
        level = rng.uniform(0, 35) if rng.random() < 0.6 else rng.uniform(150, 255)
        return where, np.full(image.shape, level, np.float32)
    make = _KINDS[pick - 5]
    return where, make(image, where, rng)


def standing_out(image: Image, scale: float) -> list[tuple[float, float]]:
    """Return the 48 points (x, y) that differ most from their surroundings at a scale in pixels."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    contrast = np.abs(
        cv2.GaussianBlur(grey, (0, 0), scale) - cv2.GaussianBlur(grey, (0, 0), 2 * scale)
    )
    reach = 2 * int(2 * scale) + 1
    contrast[contrast < cv2.dilate(contrast, np.ones((reach, reach), np.uint8))] = 0
    best = np.argsort(contrast, axis=None)[::-1][:48]
    rows, columns = np.unravel_index(best, contrast.shape)
    return [(float(x), float(y)) for y, x in zip(rows, columns, strict=True)]


def _blob(side: int, at: tuple[float, ...], radius: float, rng: np.random.Generator) -> Float:
    """A soft-edged irregular spot."""
    cx, cy = at
    x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    turn, ratio = rng.uniform(0, np.pi), rng.uniform(0.35, 1.0)
    u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
    v = ((y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)) / ratio
    angle = np.arctan2(v, u)
    ragged = 1 + 0.25 * np.sin(3 * angle + rng.uniform(0, 6)) * rng.random()
    away = np.hypot(u, v) / (radius * ragged)
    hardness = rng.uniform(1.5, 8.0)
    return np.asarray(np.clip((1.1 - away) * hardness, 0, 1), np.float32)


def _stroke(side: int, rng: np.random.Generator) -> Float:
    """A wandering line."""
    board = np.zeros((side * 2, side * 2), np.uint8)
    count = int(rng.integers(4, 12))
    turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, rng.uniform(0.03, 0.4), count))
    step = side * 2 * rng.uniform(0.05, 0.30) / count
    walk = np.cumsum(np.stack([np.cos(turns), np.sin(turns)], 1) * step, axis=0)
    walk += rng.uniform(0.1, 0.9, 2) * side * 2
    width = int(rng.integers(1, 6))
    cv2.polylines(board, [np.round(walk).astype(np.int32)], False, 255, width, cv2.LINE_AA)
    small = cv2.resize(board, (side, side), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255.0)


def _foreign(image: Image, where: Float, rng: np.random.Generator) -> Float:
    """Texture from elsewhere in the picture, turned."""
    shift = rng.integers(image.shape[0] // 6, image.shape[0] * 5 // 6, 2)
    turned = np.rot90(image, int(rng.integers(4)))
    return np.roll(turned, tuple(int(s) for s in shift), (0, 1)).astype(np.float32)


def _tinted(image: Image, where: Float, rng: np.random.Generator) -> Float:
    """Another brightness or colour."""
    gain = np.exp(rng.choice((-1, 1)) * rng.uniform(0.15, 0.9)) * rng.uniform(0.85, 1.15, 3)
    return np.asarray(image * gain + rng.uniform(-25, 25), np.float32)


def _wiped(image: Image, where: Float, rng: np.random.Generator) -> Float:
    """Detail wiped away, as if a thing were missing."""
    sigma = image.shape[0] * rng.uniform(0.015, 0.05)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def _warped(image: Image, where: Float, rng: np.random.Generator) -> Float:
    """The picture bent as by a dent or a bump."""
    side = image.shape[0]
    soft = cv2.GaussianBlur(where, (0, 0), side * 0.012)
    down, across = np.gradient(soft)
    norm = float(max(np.abs(across).max(), np.abs(down).max(), 1e-6))
    push = rng.choice((-1, 1)) * side * rng.uniform(0.012, 0.05) / norm
    x, y = np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32))
    return np.asarray(
        cv2.remap(
            image,
            (x + push * across).astype(np.float32),
            (y + push * down).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        ),
        np.float32,
    )


def _rough(image: Image, where: Float, rng: np.random.Generator) -> Float:
    """Texture where there was none."""
    side = image.shape[0]
    coarse = max(4, int(side * rng.uniform(0.12, 0.5)))
    noise = cv2.resize(rng.standard_normal((coarse, coarse)).astype(np.float32), (side, side))
    return np.asarray(image + rng.uniform(20, 70) * noise[:, :, None], np.float32)


def _line(image: Image, where: Float, rng: np.random.Generator) -> Float:
    """A line brighter or darker than what it crosses."""
    level = rng.uniform(0, 60) if rng.random() < 0.5 else rng.uniform(170, 255)
    weight = rng.uniform(0.35, 1.0)
    return np.asarray(image * (1 - weight) + level * weight, np.float32)


_KINDS: Final = (_foreign, _tinted, _wiped, _warped, _rough, _line)
