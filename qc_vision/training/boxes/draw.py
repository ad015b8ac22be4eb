"""Training pictures: at the model's size, and changed at random every time they are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from qc_vision.annotations import Annotated
from qc_vision.runtime.image import NotAnImage, decode
from qc_vision.training.boxes.assign import Truth
from qc_vision.training.boxes.network import STRIDES
from qc_vision.training.samples import fitted

Image = NDArray[np.uint8]
Boxes = NDArray[np.float32]

_ZOOM: Final = 0.6
"""Smallest window shown instead of the whole picture, as a share of its side."""
_SEEN: Final = 0.35
"""A region of which less is left in the window is no region there."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture at the model's size (RGB), its boxes in those pixels, their kinds, its mask or None."""

    image: Image
    boxes: Boxes
    kinds: NDArray[np.int64]
    mask: Image | None


def shown(one: Annotated, labels: Sequence[str], size: int) -> Shown:
    """Return an annotated picture at the model's size."""
    scale = np.array([size / one.width, size / one.height] * 2, np.float32)
    mask = None
    if one.mask is not None:
        drawn = decode(one.mask.read_bytes())[:, :, 0]
        mask = np.asarray(cv2.resize(drawn, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    kinds = np.array([labels.index(kind) for kind in one.kinds], np.int64)
    return Shown(fitted(one.picture(), size), one.boxes * scale, kinds, mask)


def all_shown(
    pictures: Sequence[Annotated],
    labels: Sequence[str],
    size: int,
    refused: Callable[[str], None],
) -> list[Shown]:
    """Return the pictures that can still be read; the others are named."""
    found = []
    for one in pictures:
        try:
            found.append(shown(one, labels, size))
        except (NotAnImage, OSError) as cause:
            refused(f"{one.path}: {cause}")
    return found


def changed(picture: Shown, rng: np.random.Generator, side: int | None = None) -> Shown:
    """Return it mirrored, in part, in other light, with noise, as the camera might have seen another part.

    Args:
        side: of what is returned, in pixels; the picture's own without.
    """
    own = picture.image.shape[0]
    side = own if side is None else side
    if rng.random() < 0.5:
        image, boxes, kinds, mask = _window(picture, rng, side)
    elif side != own:
        image, boxes, kinds, mask = _cut(picture, (0, 0, own, own), side)
    else:
        image, boxes, kinds, mask = picture.image, picture.boxes, picture.kinds, picture.mask
    for axis in (0, 1):
        if rng.random() < 0.5:
            image = np.flip(image, axis)
            mask = None if mask is None else np.flip(mask, axis)
            low, high = (1, 3) if axis == 0 else (0, 2)
            boxes = boxes.copy()
            boxes[:, [low, high]] = side - boxes[:, [high, low]]
    return Shown(_relit(image, rng), boxes, kinds, mask)


Part = tuple[Image, Boxes, NDArray[np.int64], Image | None]


def _window(picture: Shown, rng: np.random.Generator, side: int) -> Part:
    own = picture.image.shape[0]
    share = rng.uniform(_ZOOM, 1.0)
    wide, high = (
        int(np.clip(own * share * stretch, 32, own)) for stretch in rng.uniform(0.88, 1.12, 2)
    )
    left, top = int(rng.integers(0, own - wide + 1)), int(rng.integers(0, own - high + 1))
    return _cut(picture, (left, top, wide, high), side)


def _cut(picture: Shown, window: tuple[int, int, int, int], side: int) -> Part:
    """Return what a window (x, y, w, h) shows, at another size, without the regions that are mostly outside."""
    left, top, wide, high = window
    scale = np.array([side / wide, side / high] * 2, np.float32)
    moved = (picture.boxes - np.array([left, top] * 2, np.float32)) * scale
    cut = np.clip(moved, 0.0, side)
    area = (moved[:, 2:] - moved[:, :2]).prod(axis=1)
    left_over = (cut[:, 2:] - cut[:, :2]).clip(0.0).prod(axis=1)
    seen = left_over >= _SEEN * np.maximum(area, 1e-6)
    where = (slice(top, top + high), slice(left, left + wide))
    way = cv2.INTER_LINEAR if wide <= side else cv2.INTER_AREA
    image = cv2.resize(picture.image[where], (side, side), interpolation=way)
    mask = None
    if picture.mask is not None:
        mask = np.asarray(cv2.resize(picture.mask[where], (side, side)), np.uint8)
    return np.asarray(image, np.uint8), np.asarray(cut[seen], np.float32), picture.kinds[seen], mask


def _relit(image: Image, rng: np.random.Generator) -> Image:
    gain, shift = rng.uniform(0.75, 1.3), rng.uniform(-18.0, 18.0)
    curve = 255.0 * (np.arange(256) / 255.0) ** rng.uniform(0.8, 1.25) * gain + shift
    lit = cv2.LUT(np.ascontiguousarray(image), np.clip(curve, 0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        grain = rng.normal(0.0, rng.uniform(1.0, 5.0), (*image.shape[:2], 1))
        lit = np.clip(lit + grain, 0, 255).astype(np.uint8)
    return np.asarray(lit, np.uint8)


def truth_of(pictures: Sequence[Shown]) -> Truth:
    """Return what the model has to answer for a batch."""
    most = max((len(one.boxes) for one in pictures), default=0)
    boxes = np.zeros((len(pictures), most, 4), np.float32)
    kinds = np.zeros((len(pictures), most), np.int64)
    there = np.zeros((len(pictures), most), bool)
    for row, one in enumerate(pictures):
        count = len(one.boxes)
        boxes[row, :count], kinds[row, :count], there[row, :count] = one.boxes, one.kinds, True
    inside = np.stack([_inside(one) for one in pictures])
    return Truth(*(torch.from_numpy(values) for values in (boxes, kinds, there, inside)))


def _inside(one: Shown) -> NDArray[np.float32]:
    """Return the share of each patch that a mask covers; without a mask, a box stands for it."""
    side = one.image.shape[0]
    grid = (side // STRIDES[0], side // STRIDES[0])
    if one.mask is not None:
        drawn = (one.mask > 60).astype(np.float32)
    else:
        drawn = np.zeros((side, side), np.float32)
        for x0, y0, x1, y1 in np.round(one.boxes).astype(int):
            drawn[y0:y1, x0:x1] = 1.0
    return np.asarray(cv2.resize(drawn, grid, interpolation=cv2.INTER_AREA), np.float32)
