"""Known defects set where they were never seen, so that the head learns the defect and not its place.

A head that has seen an empty clip hole only where clips belong knows it by its neighbours too, and
passes the same hole where a screw belongs. So small named defects are copied onto good pictures
(after CutPaste, Li 2021, and copy-paste augmentation, Ghiasi 2021): half of them onto something
small that stands out, and from a picture whose surroundings there look alike, so that it is the
defect that is new and not the ground around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.training.pseudo import standing_out
from qc_vision.training.samples import Sample

Image = NDArray[np.uint8]

_LARGEST: Final = 0.16
"""Largest side of a defect that is copied, as a share of the picture's."""

_RIM_PX: Final = 3
_COMPARED: Final = 48
"""Cuttings looked at for one place."""


@dataclass(frozen=True, slots=True)
class Cutting:
    """A small defect with its rim: h×w×3, where it counts (0..1), its mask, its rim's mean colour."""

    image: Image
    where: NDArray[np.float32]
    mask: Image
    rim: NDArray[np.float32]


def cuttings(defects: Sequence[Sample]) -> list[Cutting]:
    """Return the small defects of pictures with masks; large ones have no place to be moved to."""
    found = []
    for sample in defects:
        cutting = None if sample.mask is None else _cut(sample.image, sample.mask)
        if cutting is not None:
            found.append(cutting)
    return found


def transplant(image: Image, known: Sequence[Cutting], rng: np.random.Generator) -> Sample:
    """Return the square image with one known defect set on it, and its mask."""
    picked = rng.choice(len(known), min(_COMPARED, len(known)), replace=False)
    reach = max(max(known[int(i)].mask.shape) for i in picked) / 2
    cx, cy = _place(image, reach, rng)
    cutting = min((known[int(i)] for i in picked), key=lambda one: _unlike(image, one, (cx, cy)))
    window = _window(cutting, (cx, cy))
    target = image[window].astype(np.float32)
    shift = _rim_of(image[window], cutting.where) - cutting.rim
    blend = cutting.where[:, :, None]
    spoiled = image.copy()
    moved = target * (1 - blend) + (cutting.image + shift) * blend
    spoiled[window] = np.clip(moved + 0.5, 0, 255).astype(np.uint8)
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[window] = cutting.mask
    return Sample(spoiled, mask)


def _cut(image: Image, mask: Image) -> Cutting | None:
    side = image.shape[0]
    inside = mask > 60
    if not inside.any():
        return None
    x, y, w, h = cv2.boundingRect(inside.astype(np.uint8))
    if max(w, h) > _LARGEST * side:
        return None
    pad = 2 * _RIM_PX + 1
    if min(x, y) < pad or max(x + w, y + h) > side - pad:
        return None
    window = (slice(y - pad, y + h + pad), slice(x - pad, x + w + pad))
    solid = cv2.dilate(
        inside[window].astype(np.uint8), np.ones((2 * _RIM_PX - 1, 2 * _RIM_PX - 1), np.uint8)
    )
    where = np.asarray(cv2.blur(solid.astype(np.float32), (_RIM_PX, _RIM_PX)), np.float32)
    cut = image[window].copy()
    return Cutting(cut, where, mask[window].copy(), _rim_of(cut, where))


def _rim_of(window: Image, where: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median colour just outside of what is copied."""
    outside = window[where < 0.05]
    return np.asarray(np.median(outside, axis=0), np.float32)


def _place(image: Image, reach: float, rng: np.random.Generator) -> tuple[int, int]:
    """Draw the centre (x, y): on something that stands out, or anywhere."""
    side = image.shape[0]
    low, high = reach + 1, side - reach - 2
    if rng.random() < 0.5:
        things = standing_out(image, side * rng.uniform(0.006, 0.018))
        x, y = things[int(rng.integers(len(things)))]
    else:
        x, y = rng.uniform(low, high, 2)
    return round(float(np.clip(x, low, high))), round(float(np.clip(y, low, high)))


def _window(cutting: Cutting, at: tuple[int, int]) -> tuple[slice, slice]:
    h, w = cutting.mask.shape
    top, left = at[1] - h // 2, at[0] - w // 2
    return slice(top, top + h), slice(left, left + w)


def _unlike(image: Image, cutting: Cutting, at: tuple[int, int]) -> float:
    """Return how far the ground at a place lies from the cutting's own, in grey levels."""
    ground = _rim_of(image[_window(cutting, at)], cutting.where)
    return float(np.abs(ground - cutting.rim).max())
