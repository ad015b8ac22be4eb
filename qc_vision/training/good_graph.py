"""The fused graph of a model that has seen good parts only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from qc_vision.backbones import GRID_STRIDE
from qc_vision.training.graph import GraphWriter, appended, in_parts
from qc_vision.training.heads import GoodHead, Projection
from qc_vision.training.watch import Watch, watched

Float = NDArray[np.float32]

WORST_SHARE: Final = 0.04
"""Share of the patches whose mean, beside the worst patch, makes the score of a picture."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Puts a picture's worst patch and the mean of its worst patches on one scale.

    Both are 0 at their limit on good pictures and 1 a spread above it.
    """

    worst_limit: float
    worst_spread: float
    mean_limit: float
    mean_spread: float

    def fused(self, worst: NDArray[np.floating], mean: NDArray[np.floating]) -> Float:
        """Return the raw score, monotone in both."""
        a = (worst - self.worst_limit) / self.worst_spread
        b = (mean - self.mean_limit) / self.mean_spread
        return np.asarray((a + b) / 2.0, np.float32)


def worst_count(rows: int, columns: int) -> int:
    """Return how many patches the mean of the worst is taken over."""
    return max(2, round(WORST_SHARE * rows * columns))


def summary_of(distance: Float) -> tuple[float, float]:
    """Return the worst patch and the mean of the worst, of a map averaged over 3×3 patches."""
    blurred = blurred_map(distance)
    count = worst_count(*distance.shape)
    worst = np.partition(blurred.ravel(), -count)[-count:]
    return float(worst.max()), float(worst.mean())


def blurred_map(distance: Float) -> Float:
    """Return the map averaged over 3×3 patches, fewer at the rim."""
    rows, columns = distance.shape
    padded, ones = np.pad(distance, 1), np.pad(np.ones_like(distance), 1)
    total, count = np.zeros_like(distance), np.zeros_like(distance)
    for dy in range(3):
        for dx in range(3):
            total += padded[dy : dy + rows, dx : dx + columns]
            count += ones[dy : dy + rows, dx : dx + columns]
    return np.asarray(total / count, np.float32)


def good_only_model(
    backbone: onnx.ModelProto,
    projection: Projection,
    head: GoodHead,
    scale: Scale,
    watch: Watch | None = None,
) -> onnx.ModelProto:
    """Return backbone, projection, head and score as one graph: outputs ``score``, ``map``, and ``watch``."""
    source = backbone.graph.input[0].type.tensor_type.shape.dim
    rows, columns = source[0].dim_value // GRID_STRIDE, source[1].dim_value // GRID_STRIDE
    g = GraphWriter()
    backbone, parts = in_parts(backbone)
    distance = head.write(g, projection.write(g, parts, rows, columns), rows, columns)
    x = g.reshaped(distance, "distance_image", 1, 1, rows, columns)
    x = g.node(
        "AveragePool", [x], "distance_mean",
        kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1], count_include_pad=0,
    )  # fmt: skip
    flat = g.reshaped(x, "distance_flat", rows * columns)
    count = g.constant("worst_count", np.array([worst_count(rows, columns)], np.int64))
    g.several("TopK", [flat, count], ["worst_values", "worst_places"], axis=0, sorted=0)
    worst = g.node("ReduceMax", ["worst_values"], "worst", keepdims=0)
    mean = g.node("ReduceMean", ["worst_values"], "mean_of_worst", keepdims=0)
    a = g.scaled(worst, "worst", scale.worst_limit, scale.worst_spread)
    b = g.scaled(mean, "mean", scale.mean_limit, scale.mean_spread)
    both = g.node("Add", [a, b], "both")
    g.node("Mul", [both, g.scalar("half", 0.5)], "score")
    g.reshaped(g.scaled(flat, "map", scale.worst_limit, scale.worst_spread), "map", rows, columns)
    model = appended(backbone, g, {"score": [], "map": [rows, columns]})
    return model if watch is None else watched(model, (*parts.fine, parts.coarse), watch)
