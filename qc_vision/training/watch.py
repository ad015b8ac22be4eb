"""What good pictures look like to the backbone, so that a camera that begins to see otherwise is noticed.

The features of a picture are averaged over its patches. Good pictures spread along a few directions of that
space, and hardly across them: a new picture is told by where it lies along each (as in Hotelling's T²) and by
how far it lies off all of them (the squared prediction error of Jackson & Mudholkar 1979). Half of the good
pictures give the directions; the other half, which had no part in them, what is usual along and off them. The
graph computes these few numbers itself (output ``watch``), 0 in the middle of good pictures, in their spreads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from qc_vision.training.graph import GraphWriter

LEAST: Final = 20
"""Good pictures below which nothing can be said of how they spread."""
MOST_AXES: Final = 8
_USUAL: Final = 0.95
_TO_SIGMA: Final = 1.4826
_FLOOR: Final = 1e-9

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Watch:
    """What is usual of good pictures.

    Args:
        mean, spread: of each feature (n of them), over the pictures that gave the axes.
        axes: n×k, orthonormal, in features less their mean in their spreads.
        centre, scale: of the k+1 numbers, over the other pictures.
        limit: distance of these numbers from 0 that 95 % of the other pictures keep. The *typical* picture
            of a camera lies near 0, and that of one variant alone not farther out than single pictures of all.
        n: how many other pictures.
    """

    mean: Numbers
    spread: Numbers
    axes: Numbers
    centre: Numbers
    scale: Numbers
    limit: float
    n: int

    def numbers(self, pooled: Numbers) -> Numbers:
        """Return pictures×(k+1): places along the axes, then the distance off them, each in spreads."""
        return (_places(pooled, self.mean, self.spread, self.axes) - self.centre) / self.scale

    def noted(self) -> dict[str, Any]:
        """Return what a manifest says of it (`extra.watch`)."""
        return {"n": self.n, "limit": round(self.limit, 4), "numbers": self.axes.shape[1] + 1}


def fit_watch(pooled: Numbers, rng: np.random.Generator) -> Watch | None:
    """Return what is usual of good pictures (pictures×features, averaged over patches); None for too few."""
    if len(pooled) < LEAST:
        return None
    order = rng.permutation(len(pooled))
    half = len(pooled) // 2
    first, other = pooled[order[:half]], pooled[order[half:]]
    mean, spread = first.mean(axis=0), first.std(axis=0)
    spread = np.maximum(spread, 0.1 * float(np.median(spread)) + _FLOOR)
    _, _, directions = np.linalg.svd((first - mean) / spread, full_matrices=False)
    axes = directions[: min(MOST_AXES, half // 5)].T
    raw = _places(other, mean, spread, axes)
    centre = np.median(raw, axis=0)
    scale = np.maximum(_TO_SIGMA * np.median(np.abs(raw - centre), axis=0), 1e-3)
    distance = np.linalg.norm((raw - centre) / scale, axis=1)
    return Watch(
        mean, spread, axes, centre, scale, float(np.quantile(distance, _USUAL)), len(other)
    )


def _places(pooled: Numbers, mean: Numbers, spread: Numbers, axes: Numbers) -> Numbers:
    x = (pooled - mean) / spread
    along = x @ axes
    off = np.square(x).sum(axis=1) - np.square(along).sum(axis=1)
    return np.column_stack([along, 0.5 * np.log(np.maximum(off, _FLOOR))])


def watched(model: onnx.ModelProto, tensors: Sequence[str], watch: Watch) -> onnx.ModelProto:
    """Return a model that also answers ``watch``.

    Args:
        tensors: 1×channels×rows×columns, of which the features are joined in this order.
    """
    g = GraphWriter()
    pooled = [
        g.node("GlobalAveragePool", [name], f"watch_pooled_{n}") for n, name in enumerate(tensors)
    ]
    joined = g.node("Concat", pooled, "watch_joined", axis=1)
    x = g.reshaped(joined, "watch_features", 1, len(watch.mean))
    x = g.node(
        "Sub", [x, g.constant("watch_mean", watch.mean[None].astype(np.float32))], "watch_less"
    )
    x = g.node(
        "Div", [x, g.constant("watch_spread", watch.spread[None].astype(np.float32))], "watch_x"
    )
    along = g.node(
        "MatMul", [x, g.constant("watch_axes", watch.axes.astype(np.float32))], "watch_along"
    )
    whole = g.node("ReduceSumSquare", [x], "watch_whole", axes=[1], keepdims=1)
    within = g.node("ReduceSumSquare", [along], "watch_within", axes=[1], keepdims=1)
    off = g.node("Sub", [whole, within], "watch_off")
    off = g.node("Max", [off, g.scalar("watch_floor", _FLOOR)], "watch_off_positive")
    off = g.node("Log", [off], "watch_log")
    off = g.node("Mul", [off, g.scalar("watch_half", 0.5)], "watch_root")
    raw = g.node("Concat", [along, off], "watch_raw", axis=1)
    raw = g.node(
        "Sub",
        [raw, g.constant("watch_centre", watch.centre[None].astype(np.float32))],
        "watch_above",
    )
    scaled = g.node(
        "Div",
        [raw, g.constant("watch_scale", watch.scale[None].astype(np.float32))],
        "watch_scaled",
    )
    count = watch.axes.shape[1] + 1
    g.reshaped(scaled, "watch", count)
    model.graph.node.extend(g.nodes)
    model.graph.initializer.extend(g.weights)
    model.graph.output.append(helper.make_tensor_value_info("watch", TensorProto.FLOAT, [count]))
    onnx.checker.check_model(model)
    return model
