"""The fused graph of a model that has seen good parts only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from qc_vision.backbones import GRID_STRIDE
from qc_vision.training.graph import GraphWriter, appended, in_parts
from qc_vision.training.heads import GoodHead, Projection
from qc_vision.training.reading import Reading
from qc_vision.training.watch import Watch, watched

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scale:
    """Puts the statistics of a picture on one scale, 0 at their limit on good pictures and 1 a spread above it.

    The map has a limit of its own, of the worst place of good pictures.
    """

    limits: Sequence[float]
    spreads: Sequence[float]
    map_limit: float
    map_spread: float

    def fused(self, statistics: NDArray[np.floating]) -> Float:
        """Return the raw score, monotone in each (the last axis)."""
        above = (statistics - np.array(self.limits)) / np.array(self.spreads)
        return np.asarray(above.mean(axis=-1), np.float32)

    def heat(self, shown: Float) -> Float:
        """Return the map as the package gives it."""
        return np.asarray((shown - self.map_limit) / self.map_spread, np.float32)


def good_only_model(
    backbone: onnx.ModelProto,
    projection: Projection,
    head: GoodHead,
    reading: Reading,
    scale: Scale,
    watch: Watch | None = None,
) -> onnx.ModelProto:
    """Return backbone, projection, head and score as one graph: outputs ``score``, ``map``, and ``watch``."""
    source = backbone.graph.input[0].type.tensor_type.shape.dim
    rows, columns = source[0].dim_value // GRID_STRIDE, source[1].dim_value // GRID_STRIDE
    g = GraphWriter()
    backbone, parts = in_parts(backbone)
    distance = head.write(g, projection.write(g, parts, rows, columns), rows, columns)
    distance = g.reshaped(distance, "distance_image", 1, 1, rows, columns)
    statistics, shown = reading.write(g, distance, parts.half)
    joined = [g.reshaped(one, f"{one}_joined", 1) for one in statistics]
    x = g.node("Concat", joined, "statistics", axis=0)
    limits, spreads = (np.array(of, np.float32) for of in (scale.limits, scale.spreads))
    x = g.node("Sub", [x, g.constant("limits", limits)], "above_limits")
    x = g.node("Div", [x, g.constant("spreads", spreads)], "in_spreads")
    g.node("ReduceMean", [x], "score", keepdims=0)
    g.reshaped(g.scaled(shown, "map", scale.map_limit, scale.map_spread), "map", rows, columns)
    model = appended(backbone, g, {"score": [], "map": [rows, columns]})
    return model if watch is None else watched(model, (*parts.fine, parts.coarse), watch)
