"""How a camera's scores and features have gone lately, as coordinates of a small chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from mes.inspection.drift import RECENT, FeatureDrift, feature_drift_of, log_odds

WIDTH: Final = 600
HEIGHT: Final = 140
_EVERY: Final = 10
"""Pictures between two points of the line of features."""


@dataclass(frozen=True, slots=True)
class ScoreChart:
    """The newest scores as log-odds, oldest at the left; heights are from the top.

    Args:
        points: each picture (x, y).
        begins: where the recent ones begin.
        earlier, recent: heights of the medians of the two.
        threshold: height of what divides OK from NOK, None where it lies above the chart.
    """

    points: list[tuple[float, float]]
    begins: float
    earlier: float
    recent: float
    threshold: float | None


@dataclass(frozen=True, slots=True)
class FeatureChart:
    """How far the typical picture lay from the training, oldest at the left; heights are from the top."""

    points: list[tuple[float, float]]
    limit: float


def score_chart(scores: Sequence[float]) -> ScoreChart | None:
    """Return the chart of scores in [0, 1], oldest first; None while there is nothing to compare."""
    if len(scores) <= RECENT:
        return None
    odds = [log_odds(score) for score in scores]
    ordered = sorted(odds)
    low, high = ordered[len(ordered) // 50], ordered[-1 - len(ordered) // 50]
    room = max(0.1 * (high - low), 0.5)
    low, high = low - room, high + room
    step = WIDTH / (len(odds) - 1)

    def height(value: float) -> float:
        return round(HEIGHT * (1 - (min(max(value, low), high) - low) / (high - low)), 1)

    return ScoreChart(
        [(round(step * n, 1), height(value)) for n, value in enumerate(odds)],
        round(step * (len(odds) - RECENT), 1),
        height(median(odds[:-RECENT])),
        height(median(odds[-RECENT:])),
        height(0.0) if low < 0.0 < high else None,
    )


def feature_chart(watched: Sequence[Sequence[float]], *, limit: float) -> FeatureChart | None:
    """Return the chart of the distance that an alarm is raised by; None while there are too few pictures.

    Args:
        watched: the newest first, as they are asked for.
    """
    found: list[FeatureDrift] = []
    for first in range(0, len(watched) - RECENT + 1, _EVERY):
        drift = feature_drift_of(watched[first : first + RECENT], limit=limit)
        if drift is not None:
            found.append(drift)
    if len(found) < 2:
        return None
    found.reverse()
    high = 1.15 * max(limit, *(drift.distance for drift in found))
    step = WIDTH / (len(found) - 1)

    def height(value: float) -> float:
        return round(HEIGHT * (1 - value / high), 1)

    return FeatureChart(
        [(round(step * n, 1), height(drift.distance)) for n, drift in enumerate(found)],
        height(limit),
    )
