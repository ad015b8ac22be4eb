"""Thresholds from good scores."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qc_vision.runtime.manifest import Calibration


def conformal(good: Sequence[float] | NDArray[np.floating], target_overkill: float) -> Calibration:
    """Return the split-conformal threshold of raw scores of good images unseen in training.

    The k-th smallest of n scores with k = ⌈(n + 1)(1 - α)⌉ (Vovk 2005): a new good image exceeds
    it with probability of at most α. With n < 1/α - 1 the largest score is used, and the rate
    that can be promised is 1 / (n + 1).
    """
    scores = np.sort(np.asarray(good, np.float64))
    n = len(scores)
    rank = min(math.ceil((n + 1) * (1.0 - target_overkill)), n)
    threshold = float(scores[rank - 1])
    threshold += max(1e-4, 1e-6 * abs(threshold))  # the score itself is still good
    scale = max(float(scores[rank - 1] - np.median(scores)) / 4.0, 1e-3)
    return Calibration(threshold, scale, n, max(target_overkill, 1.0 / (n + 1)))


def tail_threshold(
    good: Sequence[float] | NDArray[np.floating], target_overkill: float
) -> float | None:
    """Return the threshold that an extreme-value tail suggests, None with fewer than 30 scores.

    A generalised Pareto distribution is fitted to the excesses above the 80th percentile by
    probability-weighted moments (Hosking & Wallis 1987). A suggestion to look at beside the
    conformal threshold, which is the guarantee.
    """
    scores = np.sort(np.asarray(good, np.float64))
    if len(scores) < 30 or target_overkill >= 0.2:
        return None
    base = float(np.quantile(scores, 0.8))
    excess = scores[scores > base] - base
    if len(excess) < 5:
        return None
    rank = (np.arange(len(excess)) + 0.65) / len(excess)
    first, second = float(excess.mean()), float((excess * (1.0 - rank)).mean())
    if first <= 2.0 * second:
        return None
    shape = float(np.clip(first / (first - 2.0 * second) - 2.0, -0.4, 0.4))
    scale = first * (1.0 + shape)
    beyond = target_overkill / 0.2
    if abs(shape) < 1e-6:
        return base - scale * math.log(beyond)
    return float(base + scale / shape * (1.0 - beyond**shape))
