"""Made-up anomalies on good images, unlike any named kind: what lets the head find the unknown.

After CutPaste (Li 2021) and DRÆM (Zavrtanik 2021): foreign texture, lines, local warps, things
wiped away, things shifted in brightness; each with its exact mask.
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
    """Return the image with one made-up anomaly and its mask."""
    make = _KINDS[int(rng.integers(len(_KINDS)))]
    for _ in range(4):
        where = _blob(image.shape[0], rng) if make is not _line else _stroke(image.shape[0], rng)
        changed = make(image, where, rng)
        blend = where[:, :, None]
        spoiled = (image * (1 - blend) + changed * blend).clip(0, 255).astype(np.uint8)
        difference = np.abs(spoiled.astype(np.int16) - image).max(axis=2)
        seen = cv2.morphologyEx(
            (difference > 14).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)
        )
        if int(seen.sum()) >= 8:
            return Sample(spoiled, np.asarray(seen * 255, np.uint8))
    return Sample(image, None)


def _blob(side: int, rng: np.random.Generator) -> Float:
    """A soft-edged irregular spot of 2 to 20 % of the side."""
    radius = side * float(np.exp(rng.uniform(np.log(0.012), np.log(0.10))))
    cx, cy = rng.uniform(0.06, 0.94, 2) * side
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
