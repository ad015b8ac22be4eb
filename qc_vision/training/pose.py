"""Whether good pictures show a loose part, and what turns them all the same way.

A part is located only where that makes the good pictures more alike: fixtured parts and pictures
without a plain ground stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.runtime.locate import (
    GOLDEN_SIDE,
    Part,
    cut_out,
    find_part,
    pose_of,
    small_view,
    unit,
)

Image = NDArray[np.uint8]

_SIDE: Final = 2 * GOLDEN_SIDE
_GAIN: Final = 0.08


@dataclass(frozen=True, slots=True)
class Locating:
    """How a loose part is cut out: a golden picture (BGR), the cut-out's side, the least likeness."""

    golden: Image
    reach: float
    """As a share of the picture's longer side."""
    min_correlation: float

    def apply(self, image: Image) -> Image | None:
        """Return the turned cut-out as the runtime makes it, None where no part is found."""
        part = find_part(image)
        if part is None:
            return None
        reach = self.reach * max(image.shape[:2])
        return cut_out(image, pose_of(image, part, small_view(self.golden), reach), reach)


def fit_pose(images: Sequence[Image]) -> Locating | None:
    """Return how to locate the part in good BGR pictures, None where that does not help."""
    found = [(image, part) for image in images if (part := find_part(image)) is not None]
    if len(found) < 0.9 * len(images) or not _one_part(found):
        return None
    reach = 2.1 * float(np.quantile([p.radius / max(i.shape[:2]) for i, p in found], 0.98))
    golden = _first(found, reach)
    for _ in range(2):
        cuts = [_turned(image, part, golden, reach) for image, part in found]
        golden = np.mean([_small(cut) for cut, _ in cuts], axis=0).astype(np.uint8)
    likeness = [float((small_view(cut) * small_view(golden)).sum()) for cut, _ in cuts]
    before = [small_view(image) for image in images]
    mean = unit(np.mean(before, axis=0).astype(np.float32))
    unturned = float(np.median([(view * mean).sum() for view in before]))
    if float(np.median(likeness)) < unturned + _GAIN:
        return None
    return Locating(golden, reach, max(0.05, 0.4 * float(np.quantile(likeness, 0.02))))


def _one_part(found: Sequence[tuple[Image, Part]]) -> bool:
    """Whether the pictures show one part of the same size, clear of the border."""
    shares = np.array([part.area / (image.shape[0] * image.shape[1]) for image, part in found])
    touching = float(np.median([part.touches for _, part in found]))
    middle = float(np.median(shares))
    return touching < 0.05 and 0.005 < middle < 0.7 and float(np.std(shares)) < 0.4 * middle


def _first(found: Sequence[tuple[Image, Part]], reach: float) -> Image:
    """The part of median area, along its own axis."""
    order = sorted(found, key=lambda one: one[1].area)
    image, part = order[len(order) // 2]
    anything = np.zeros((GOLDEN_SIDE, GOLDEN_SIDE), np.float32)
    side = reach * max(image.shape[:2])
    return _small(cut_out(image, pose_of(image, part, anything, side), side))


def _turned(image: Image, part: Part, golden: Image, reach: float) -> tuple[Image, float]:
    side = reach * max(image.shape[:2])
    pose = pose_of(image, part, small_view(golden), side)
    return cut_out(image, pose, side), pose.correlation


def _small(cut: Image) -> Image:
    return np.asarray(cv2.resize(cut, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
