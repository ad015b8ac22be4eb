"""From the boxes a supervised model proposes to regions: the best of those that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.runtime.inspection import Region

Float = NDArray[np.float32]

_SAME: Final = 0.45
"""Overlap (intersection over union) above which two boxes of one kind are one region."""
_AGREES: Final = 0.55
"""Overlap from which a box helps to say where the region lies."""
_DRAWN: Final = 96
"""Longer side, in points, of the raster on which an outline is drawn."""
_PROPOSED: Final = 300
"""Boxes of a kind that are compared, the best first."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """Boxes N×4 (x0, y0, x1, y1 as shares of the view) and their raw scores, N×kinds."""

    corners: Float
    raw: Float


def joined(parts: Sequence[tuple[Proposals, tuple[int, int, int, int]]]) -> Proposals:
    """Return the proposals of views as those of the window around all of them.

    Args:
        parts: proposals, and where their view lies (x, y, w, h in any one unit).
    """
    left, top = min(box[0] for _, box in parts), min(box[1] for _, box in parts)
    right = max(box[0] + box[2] for _, box in parts)
    bottom = max(box[1] + box[3] for _, box in parts)
    whole = np.array([right - left, bottom - top] * 2, np.float32)
    moved = [
        (one.corners * np.array([w, h] * 2, np.float32) + np.array([x - left, y - top] * 2)) / whole
        for one, (x, y, w, h) in parts
    ]
    corners = np.asarray(np.concatenate(moved), np.float32)
    return Proposals(corners, np.concatenate([one.raw for one, _ in parts]))


def best_regions(
    proposals: Proposals,
    scores: Float,
    box: tuple[int, int, int, int],
    labels: Sequence[str],
    *,
    threshold: float,
    most: int,
) -> tuple[Region, ...]:
    """Return the regions whose score reaches the threshold, best first, in pixels of the picture.

    A region lies where the boxes that agree with its best one lie on average, each with the weight of its score
    and overlap, below the threshold too (Gidaris 2015).

    Args:
        scores: calibrated scores of the proposals, N×kinds.
        box: where the view lies in the picture (x, y, w, h pixels).
    """
    left, top, wide, high = box
    regions = []
    for kind, label in enumerate(labels):
        if not (scores[:, kind] >= threshold).any():
            continue
        mine = np.argsort(-scores[:, kind], kind="stable")[:_PROPOSED]
        corners, sure = proposals.corners[mine], scores[mine, kind]
        for place in kept(corners[sure >= threshold]):
            x0, y0, x1, y1 = (float(value) for value in _agreed(corners, sure, int(place)))
            x, y = left + round(x0 * wide), top + round(y0 * high)
            w, h = left + round(x1 * wide) - x, top + round(y1 * high) - y
            if w > 0 and h > 0:
                regions.append(Region(x, y, w, h, float(sure[place]), label))
    regions.sort(key=lambda region: -region.score)
    return tuple(regions[:most])


def kept(corners: Float) -> NDArray[np.int64]:
    """Return which boxes, best first, overlap no better one that is kept."""
    left = np.arange(len(corners))
    found = []
    while len(left):
        best, left = left[0], left[1:]
        found.append(int(best))
        left = left[_overlap(corners[best], corners[left]) <= _SAME]
    return np.array(found, np.int64)


def _agreed(corners: Float, scores: Float, best: int) -> Float:
    """Return where the boxes that agree with one of them lie, itself among them."""
    shared = _overlap(corners[best], corners)
    weight = np.where(shared >= _AGREES, shared * scores, 0.0)
    if weight.sum() <= 0.0:  # scores of 0, or a box without an area
        return np.asarray(corners[best], np.float32)
    return np.asarray(weight @ corners / weight.sum(), np.float32)


def _overlap(one: Float, others: Float) -> Float:
    """Return the intersection over union of a box with others."""
    low = np.maximum(one[:2], others[:, :2])
    high = np.minimum(one[2:], others[:, 2:])
    common = np.clip(high - low, 0.0, None).prod(axis=1)
    area = np.clip(others[:, 2:] - others[:, :2], 0.0, None).prod(axis=1)
    own = float(np.clip(one[2:] - one[:2], 0.0, None).prod())
    return np.asarray(common / np.maximum(own + area - common, 1e-9), np.float32)


def outline_of(
    region: Region, inside: Float, box: tuple[int, int, int, int]
) -> tuple[tuple[int, int], ...]:
    """Return the polygon around the largest part of a region that the map calls inside.

    Args:
        inside: map over the view, above 0 where a patch lies inside a defect.
        box: where the view lies in the picture (x, y, w, h pixels).
    """
    left, top, wide, high = box
    rows, columns = inside.shape
    scale = min(1.0, _DRAWN / max(region.w, region.h))
    size = (max(2, round(region.w * scale)), max(2, round(region.h * scale)))
    x, y = (np.arange(n) + 0.5 for n in size)
    at_x = (region.x - left + x * region.w / size[0]) * columns / wide - 0.5
    at_y = (region.y - top + y * region.h / size[1]) * rows / high - 0.5
    grid_x, grid_y = np.meshgrid(at_x.astype(np.float32), at_y.astype(np.float32))
    values = cv2.remap(inside, grid_x, grid_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    contours, _ = cv2.findContours(
        (values > 0).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    if not contours:
        return ()
    around = cv2.approxPolyDP(max(contours, key=cv2.contourArea), 1.0, closed=True)[:, 0]
    step = np.array([region.w / size[0], region.h / size[1]])
    points = np.rint((around + 0.5) * step + (region.x, region.y)).astype(int)
    return tuple((int(px), int(py)) for px, py in points)
