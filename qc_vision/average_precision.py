"""Average precision of boxes, as COCO counts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

OVERLAPS: Final = np.arange(0.5, 1.0, 0.05)
_RECALLS: Final = np.linspace(0.0, 1.0, 101)
_MOST: Final = 100
"""Boxes of one picture that count, the best first."""

Boxes = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Found:
    """Boxes of one picture (N×4: x0, y0, x1, y1), their kinds and scores; scores of 1 for the truth."""

    boxes: Boxes
    kinds: Sequence[str]
    scores: Sequence[float]


def overlaps(one: Boxes, other: Boxes) -> NDArray[np.float64]:
    """Return the intersection over union of every box of one set with every box of the other."""
    a, b = np.asarray(one, np.float64)[:, None], np.asarray(other, np.float64)[None]
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    common = np.clip(high - low, 0.0, None).prod(axis=-1)
    area_a, area_b = (
        (a[..., 2:] - a[..., :2]).prod(axis=-1),
        (b[..., 2:] - b[..., :2]).prod(axis=-1),
    )
    return np.asarray(common / np.maximum(area_a + area_b - common, 1e-9), np.float64)


def average_precision(truth: Sequence[Found], found: Sequence[Found]) -> dict[str, Any]:
    """Return mAP50 and AP50-95 in all and by kind (shares in 0..1), with the number of true boxes.

    Interpolated at 101 recalls; a box is right when it overlaps a true one of its kind that no better
    box has taken (Lin 2014). Kinds of which there is no true box do not count in the means.
    """
    kinds = sorted({kind for one in truth for kind in one.kinds})
    by_kind = {kind: _of_kind(kind, truth, found) for kind in kinds}
    means = np.mean(
        [[of["ap50"], of["ap50_95"]] for of in by_kind.values()] or [[0.0, 0.0]], axis=0
    )
    return {
        "map50": round(float(means[0]), 4),
        "map50_95": round(float(means[1]), 4),
        "pictures": len(truth),
        "boxes": sum(of["n"] for of in by_kind.values()),
        "kinds": by_kind,
    }


def found_right(
    truth: Sequence[Found], found: Sequence[Found]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Return the scores of all boxes of all kinds, the best first, whether each is right at an overlap of one
    half, and the number of true boxes.
    """
    scores, right, total = [np.zeros(0)], [np.zeros(0, bool)], 0
    for kind in sorted({kind for one in (*truth, *found) for kind in one.kinds}):
        sure, hits, count = _hits(kind, truth, found)
        scores.append(sure)
        right.append(hits[:, 0])
        total += count
    all_scores = np.concatenate(scores)
    order = np.argsort(-all_scores, kind="stable")
    return all_scores[order], np.concatenate(right)[order], total


def _of_kind(kind: str, truth: Sequence[Found], found: Sequence[Found]) -> dict[str, Any]:
    sure, right, total = _hits(kind, truth, found)
    order = np.argsort(-sure, kind="stable")
    curve = [_area(right[order, column], total) for column in range(len(OVERLAPS))]
    return {
        "n": total,
        "ap50": round(curve[0], 4),
        "ap50_95": round(float(np.mean(curve)), 4),
    }


def _hits(
    kind: str, truth: Sequence[Found], found: Sequence[Found]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Return the scores of a kind's boxes, whether each is right at each overlap, and the number of true ones."""
    scores, hits, total = [], [], 0
    for true, said in zip(truth, found, strict=True):
        real = _only(true, kind)[0]
        boxes, sure = _only(said, kind)
        total += len(real)
        order = np.argsort(-sure, kind="stable")[:_MOST]
        scores.append(sure[order])
        hits.append(_taken(boxes[order], real))
    return np.concatenate(scores), np.concatenate(hits), total


def _only(one: Found, kind: str) -> tuple[Boxes, NDArray[np.float64]]:
    mine = np.array([k == kind for k in one.kinds], bool)
    boxes = np.asarray(one.boxes, np.float64).reshape(-1, 4)
    return boxes[mine], np.asarray(one.scores, np.float64)[mine]


def _taken(boxes: Boxes, real: Boxes) -> NDArray[np.bool_]:
    """Return for each box, best first, and each overlap asked whether it finds a true box still free."""
    right = np.zeros((len(boxes), len(OVERLAPS)), bool)
    if not len(real) or not len(boxes):
        return right
    shared = overlaps(boxes, real)
    for column, least in enumerate(OVERLAPS):
        free = np.ones(len(real), bool)
        for row in range(len(boxes)):
            best = int(np.where(free, shared[row], -1.0).argmax())
            if free[best] and shared[row, best] >= least - 1e-9:
                free[best] = False
                right[row, column] = True
    return right


def _area(right: NDArray[np.bool_], total: int) -> float:
    """Return the mean precision at 101 recalls, each the best at that recall or a higher one."""
    if not total or not len(right):
        return 0.0
    true = np.cumsum(right)
    precision = true / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(true / total, _RECALLS, side="left")
    return float(np.where(at < len(right), envelope[np.minimum(at, len(right) - 1)], 0.0).mean())
