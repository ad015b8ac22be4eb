"""What good pictures show at each place, and how far another picture lies from it there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qc_vision.training.graph import GraphWriter

Float = NDArray[np.float32]

_ALIKE: Final = 8
"""A place's spread is taken as if so many more pictures had varied there as much as anywhere."""
_LEAST_SPREAD: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Usual:
    """Mean and spread of good pictures at each place (rows×columns)."""

    mean: Float
    spread: Float

    def away(self, seen: NDArray[np.floating]) -> Float:
        """Return how many spreads above the mean each place lies (rows×columns, or several of them)."""
        return np.asarray((seen - self.mean) / self.spread, np.float32)

    def write(self, g: GraphWriter, x: str, name: str) -> str:
        """Add ``away`` to a graph; ``x`` is 1×1×rows×columns."""
        off = g.node("Sub", [x, g.constant(f"{name}_usual", self.mean)], f"{name}_off")
        return g.node("Div", [off, g.constant(f"{name}_varies", self.spread)], f"{name}_away")


def fit_usual(seen: NDArray[np.floating], least_spread: float = _LEAST_SPREAD) -> Usual:
    """Fit on good pictures, N×rows×columns.

    Args:
        least_spread: what a place varies at least, in the unit of ``seen``.
    """
    count = len(seen)
    mean = seen.mean(axis=0, dtype=np.float32)
    variance = seen.var(axis=0, dtype=np.float32)
    shared = (count * variance + _ALIKE * float(variance.mean())) / (count + _ALIKE)
    return Usual(mean, np.asarray(np.maximum(np.sqrt(shared), least_spread), np.float32))


def away_from_others(
    seen: NDArray[np.floating], fold: NDArray[np.int64], least_spread: float = _LEAST_SPREAD
) -> Float:
    """Return how far each good picture lies from what those of the other folds show (N×rows×columns)."""
    away = np.empty(seen.shape, np.float32)
    for number in np.unique(fold):
        away[fold == number] = fit_usual(seen[fold != number], least_spread).away(
            seen[fold == number]
        )
    return away
