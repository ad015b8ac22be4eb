"""Escape, overkill and their intervals, from verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from qc_vision.runtime.inspection import Inspection, Verdict


def escape_and_overkill(
    good: Sequence[Inspection], bad: Mapping[str, Sequence[Inspection]]
) -> dict[str, Any]:
    """Return the rates (shares in 0..1) with their 95 % Wilson intervals, in all and by kind.

    A part is stopped by NOK and by UNFIT alike; still an UNFIT bad image counts as an escape
    here, since the model did not find the defect, and an UNFIT good one as overkill.
    """
    good_scores = [result.score for result in good]
    alarms = sum(result.verdict is not Verdict.OK for result in good)
    kinds: dict[str, Any] = {}
    missed, scores = 0, []
    for kind, results in bad.items():
        escapes = sum(result.verdict is not Verdict.NOK for result in results)
        found = [result.score for result in results]
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
    return {
        "summary": {
            "auroc": round(auroc(good_scores, scores), 4),
            "escape": round(missed / len(scores), 4),
            "escape_interval": _interval(missed, len(scores)),
            "escape_n": len(scores),
            "overkill": round(alarms / len(good), 4),
            "overkill_interval": _interval(alarms, len(good)),
            "overkill_n": len(good),
        },
        "kinds": kinds,
    }


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


def auroc(good: Sequence[float], bad: Sequence[float]) -> float:
    """Return the probability that a bad image scores above a good one (ties count half)."""
    ordered = np.sort(np.asarray(good, np.float64))
    below = np.searchsorted(ordered, bad, side="left")
    not_above = np.searchsorted(ordered, bad, side="right")
    return float((below + not_above).mean() / (2 * len(ordered)))
