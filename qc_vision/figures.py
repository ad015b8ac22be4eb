"""Escape, overkill and their intervals, from verdicts; a figure as the benches print it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.runtime.inspection import Inspection, Verdict


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure and its goal, as printed."""

    name: str
    value: float
    goal: str


def escape_and_overkill(
    good: Sequence[Inspection], bad: Mapping[str, Sequence[Inspection]]
) -> dict[str, Any]:
    """Return the rates (shares in 0..1) with their 95 % Wilson intervals, in all and by kind.

    A part is stopped by NOK and by UNFIT alike; still an UNFIT bad image counts as an escape
    here, since the model did not find the defect, and an UNFIT good one as overkill. AUROC and
    the false alarms at 95, 99 and 100 % of defects found are those of the images judged.
    """
    good_scores = _judged(good)
    alarms = sum(result.verdict is not Verdict.OK for result in good)
    kinds: dict[str, Any] = {}
    missed, scores = 0, []
    for kind, results in bad.items():
        escapes = sum(result.verdict is not Verdict.NOK for result in results)
        found = _judged(results)
        named = sum(bool(r.regions) and r.regions[0].label == kind for r in results)
        kinds[kind] = {
            "n": len(results),
            "escape": round(escapes / len(results), 4),
            "interval": _interval(escapes, len(results)),
            "auroc": round(auroc(good_scores, found), 4),
            "named_right": round(named / len(results), 4),
        }
        missed += escapes
        scores += found
    total = sum(len(results) for results in bad.values())
    return {
        "summary": {
            "auroc": round(auroc(good_scores, scores), 4),
            "escape": round(missed / total, 4),
            "escape_interval": _interval(missed, total),
            "escape_n": total,
            "overkill": round(alarms / len(good), 4),
            "overkill_interval": _interval(alarms, len(good)),
            "overkill_n": len(good),
            "unfit_good": sum(result.verdict is Verdict.UNFIT for result in good),
            "unfit_bad": sum(r.verdict is Verdict.UNFIT for some in bad.values() for r in some),
            "fpr_at_tpr_95_99_100": [
                round(rate, 4) for rate in false_alarms_at(good_scores, scores, (0.95, 0.99, 1.0))
            ],
        },
        "kinds": kinds,
    }


def _judged(results: Sequence[Inspection]) -> list[float]:
    return [result.score for result in results if result.verdict is not Verdict.UNFIT]


def _interval(hits: int, n: int) -> list[float]:
    return [round(bound, 4) for bound in wilson(hits, n)]


def wilson(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval of a rate (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate = hits / n
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def clopper_pearson(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact two-sided interval of a rate (Clopper & Pearson 1934)."""
    each = (1 + confidence) / 2
    return 1 - rate_bound(n - hits, n, each), rate_bound(hits, n, each)


def rate_bound(hits: int, n: int, confidence: float = 0.95) -> float:
    """Return the exact one-sided upper bound of a rate: where as few hits have probability 1 - confidence.

    Raises:
        ValueError: hits outside 0..n, or confidence outside 0..1.
    """
    if not 0 <= hits <= n or not 0 < confidence < 1:
        raise ValueError(f"no bound for {hits} of {n} at confidence {confidence:g}")
    if hits == n:
        return 1.0
    low, high = 0.0, 1.0
    while (middle := (low + high) / 2) not in (low, high):
        if _at_most(hits, n, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(hits: int, n: int, rate: float) -> float:
    """Return the binomial probability of at most so many hits; the rate lies inside 0..1."""
    log_hit, log_miss = math.log(rate), math.log1p(-rate)
    return math.fsum(
        math.exp(
            math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
            + i * log_hit + (n - i) * log_miss
        )
        for i in range(hits + 1)
    )  # fmt: skip


def auroc(good: Sequence[float], bad: Sequence[float]) -> float:
    """Return the probability that a bad image scores above a good one (ties count half);
    0.5 where there are none to compare.
    """
    if not len(good) or not len(bad):
        return 0.5
    ordered = np.sort(np.asarray(good, np.float64))
    below = np.searchsorted(ordered, bad, side="left")
    not_above = np.searchsorted(ordered, bad, side="right")
    return float((below + not_above).mean() / (2 * len(ordered)))


def auroc_error(value: float, good: int, bad: int) -> float:
    """Return the standard error of an AUROC found on so many pictures (Hanley & McNeil 1982)."""
    one, two = value / (2.0 - value), 2.0 * value**2 / (1.0 + value)
    square = value * (1.0 - value) + (bad - 1) * (one - value**2) + (good - 1) * (two - value**2)
    return float(np.sqrt(max(square, 0.0) / (good * bad)))


def false_alarms_at(
    good: Sequence[float], bad: Sequence[float], shares: Sequence[float]
) -> list[float]:
    """Return the share of good images called NOK where each share of the bad ones is found."""
    if not len(good) or not len(bad):
        return [1.0 for _ in shares]
    found = np.sort(np.asarray(bad, np.float64))[::-1]
    thresholds = [found[math.ceil(share * len(found)) - 1] for share in shares]
    return [float((np.asarray(good) >= threshold).mean()) for threshold in thresholds]


def pixel_figures(
    maps: Sequence[NDArray[np.float32]],
    masks: Sequence[NDArray[np.bool_]],
    most_false: float = 0.3,
) -> tuple[float, float]:
    """Return pixel AUROC and PRO, the mean overlap of regions up to a false positive rate of 0.3.

    PRO after Bergmann 2021: the area under overlap against false positives, over that rate.
    """
    scores, truth = np.stack(maps), np.stack(masks)
    edges = np.quantile(scores[::7], np.linspace(0, 1, 400))
    above_good = _share_above(scores[~truth], edges)
    above_bad = _share_above(scores[truth], edges)
    overlaps = []
    for score, mask in zip(scores, truth, strict=True):
        count, parts = cv2.connectedComponents(mask.astype(np.uint8))
        overlaps += [_share_above(score[parts == part], edges) for part in range(1, count)]
    pixel = float(np.trapezoid(above_bad[::-1], above_good[::-1]))
    overlap = np.mean(overlaps, axis=0)[::-1]
    rates = above_good[::-1]
    grid = np.linspace(0.0, most_false, 301)
    return pixel, float(np.trapezoid(np.interp(grid, rates, overlap), grid) / most_false)


def _share_above(values: NDArray[np.float32], edges: NDArray[np.floating]) -> NDArray[np.float64]:
    ordered = np.sort(values)
    above = 1.0 - np.searchsorted(ordered, edges, side="left") / len(ordered)
    return np.concatenate([[1.0], above, [0.0]])
