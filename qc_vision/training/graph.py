"""Write the inspection network as one ONNX graph: uint8 image in, score and map out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from qc_vision.backbones import FEATURES, GRID_STRIDE
from qc_vision.training.bank import Bank

OPSET: Final = 17
HALF: Final = 2
"""Pixels a side of the picture that are averaged where half its size will do."""
_IR_VERSION: Final = 8

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution with its batch norm folded in; ``pads`` as (top, left, bottom, right), taps ``step`` apart."""

    name: str
    weight: Float
    bias: Float
    stride: int
    groups: int
    pads: tuple[int, int, int, int]
    relu6: bool
    step: int = 1


@dataclass(frozen=True, slots=True)
class Expected:
    """What belongs where, added to the answer of one layer.

    Args:
        to: the layer's name.
        places: 1×channels×rows×columns, what is added to ``whole`` of the mean over all patches.
        told: of the sum of both, after a ReLU.
    """

    to: str
    places: Float
    whole: Convolution
    told: Convolution


@dataclass(frozen=True, slots=True)
class HeadWeights:
    """The trained head as plain convolutions in order, each but the last followed by a ReLU."""

    layers: tuple[Convolution, ...]
    classes: int
    expected: Expected | None = None


@dataclass
class GraphWriter:
    """Collects nodes and weights; each method adds one node and returns its output's name."""

    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Add a weight."""
        self.weights.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def scalar(self, name: str, value: float) -> str:
        """Add a float constant."""
        return self.constant(name, np.array(value, np.float32))

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def several(
        self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any
    ) -> list[str]:
        """Add a node with several outputs."""
        self.nodes.append(
            helper.make_node(kind, inputs, outputs, name="_".join(outputs), **attributes)
        )
        return outputs

    def reshaped(self, x: str, output: str, *sides: int) -> str:
        """Add a view of ``x`` with other sides."""
        shape = self.constant(f"{output}_shape", np.array(sides, np.int64))
        return self.node("Reshape", [x, shape], output)

    def scaled(self, x: str, name: str, limit: float, spread: float) -> str:
        """Add (x - limit) / spread."""
        above = self.node("Sub", [x, self.scalar(f"{name}_limit", limit)], f"{name}_above")
        return self.node("Div", [above, self.scalar(f"{name}_spread", spread)], f"{name}_scaled")

    def convolution(self, x: str, layer: Convolution) -> str:
        """Add a convolution and its ReLU6."""
        name = layer.name
        weight = self.constant(f"{name}_w", layer.weight)
        bias = self.constant(f"{name}_b", layer.bias)
        out = self.node(
            "Conv",
            [x, weight, bias],
            name,
            strides=[layer.stride] * 2,
            pads=list(layer.pads),
            group=layer.groups,
            kernel_shape=list(layer.weight.shape[2:]),
            **({} if layer.step == 1 else {"dilations": [layer.step] * 2}),
        )
        if layer.relu6:
            low, high = self.scalar(f"{name}_0", 0.0), self.scalar(f"{name}_6", 6.0)
            out = self.node("Clip", [out, low, high], f"{name}_relu")
        return out


@dataclass(frozen=True, slots=True)
class Fusion:
    """Puts both branches on one scale: 0 at the branch's own limit, 1 a spread above it."""

    head_limit: float
    head_spread: float
    bank_limit: float
    bank_spread: float


def inspection_model(
    backbone: onnx.ModelProto, head: HeadWeights, bank: Bank, fusion: Fusion
) -> onnx.ModelProto:
    """Return the backbone with both branches: outputs ``score``, ``map`` and ``classes``."""
    source = backbone.graph.input[0].type.tensor_type.shape.dim
    height, width = source[0].dim_value, source[1].dim_value
    rows, columns = height // GRID_STRIDE, width // GRID_STRIDE
    g = GraphWriter()
    logit = _head(g, head, rows, columns)
    novelty = _bank(g, bank, rows, columns)
    a = g.scaled(logit, "head", fusion.head_limit, fusion.head_spread)
    b = g.scaled(novelty, "bank", fusion.bank_limit, fusion.bank_spread)
    g.node("Max", [a, b], "map")
    g.node("ReduceMax", ["map"], "score", keepdims=0)
    outputs: dict[str, list[int]] = {"score": [], "map": [rows, columns]}
    if head.classes:
        outputs["classes"] = [head.classes, rows, columns]
    return appended(backbone, g, outputs)


def _head(g: GraphWriter, head: HeadWeights, rows: int, columns: int) -> str:
    """Add the patch head; returns the name of the rows×columns defect logit."""
    x = "features"
    for layer in head.layers[:-1]:
        answer = g.convolution(x, layer)
        if head.expected is not None and head.expected.to == layer.name:
            answer = g.node("Add", [answer, _expected(g, head.expected, x)], "head_compared")
        x = g.node("Relu", [answer], f"{layer.name}_relu")
    x = g.convolution(x, head.layers[-1])
    if not head.classes:
        shape = g.constant("grid_shape", np.array([rows, columns], np.int64))
        return g.node("Reshape", [x, shape], "head_logit")
    split = g.constant("head_split", np.array([1, head.classes], np.int64))
    g.several("Split", [x, split], ["defect", "kinds"], axis=1)
    shape = g.constant("grid_shape", np.array([rows, columns], np.int64))
    kinds = g.constant("kinds_shape", np.array([head.classes, rows, columns], np.int64))
    g.node("Reshape", ["kinds", kinds], "classes")
    return g.node("Reshape", ["defect", shape], "head_logit")


def _expected(g: GraphWriter, expected: Expected, patches: str) -> str:
    """Add what belongs where; returns the name of 1×channels×rows×columns."""
    whole = g.convolution(g.node("GlobalAveragePool", [patches], "head_mean"), expected.whole)
    places = g.constant("head_places", expected.places)
    both = g.node("Relu", [g.node("Add", [places, whole], "head_here")], "head_here_relu")
    return g.convolution(both, expected.told)


def _bank(g: GraphWriter, bank: Bank, rows: int, columns: int) -> str:
    """Add the distance to the nearest good patch: |z|² - 2 z·c + |c|² over the bank, smallest."""
    flat = g.constant("flat_shape", np.array([FEATURES, rows * columns], np.int64))
    x = g.node("Reshape", ["features", flat], "patches")
    z = g.node("MatMul", [g.constant("bank_pca", bank.projection), x], "projected")
    z = g.node("Sub", [z, g.constant("bank_mean", bank.offset[:, None])], "whitened")
    cross = g.node("MatMul", [g.constant("bank_rows", -2.0 * bank.rows), z], "cross")
    norms = np.square(bank.rows).sum(axis=1, keepdims=True)
    cross = g.node("Add", [cross, g.constant("bank_norms", norms)], "shifted")
    nearest = g.node("ReduceMin", [cross], "nearest", axes=[0], keepdims=0)
    own = g.node("ReduceSumSquare", [z], "own", axes=[0], keepdims=0)
    square = g.node("Add", [nearest, own], "square")
    square = g.node("Max", [square, g.scalar("zero", 0.0)], "square_positive")
    root = g.node("Sqrt", [square], "distance")
    shape = g.constant("map_shape", np.array([1, 1, rows, columns], np.int64))
    image = g.node("Reshape", [root, shape], "distance_grid")
    blurred = g.node(
        "AveragePool", [image], "distance_mean",
        kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1], count_include_pad=0,
    )  # fmt: skip
    return g.node("Reshape", [blurred, "grid_shape"], "novelty")


@dataclass(frozen=True, slots=True)
class FeatureParts:
    """Tensors of which the backbone joins its features: at GRID_STRIDE, and block 10 at twice the stride.

    ``half`` is the picture at half its size: 1×3×height/2×width/2, (level - 127) / 128.
    """

    fine: tuple[str, ...]
    coarse: str
    half: str


def in_parts(backbone: onnx.ModelProto) -> tuple[onnx.ModelProto, FeatureParts]:
    """Return the backbone before it enlarges block 10 and joins it to the rest, and the names of the parts.

    The mean colours are taken of the picture at half its size, which costs less and others need too.
    """
    made_by = {node.output[0]: node for node in backbone.graph.node}
    whole = made_by["features"]
    enlarged = made_by[whole.input[-1]]
    cut = onnx.ModelProto()
    cut.CopyFrom(backbone)
    cut.graph.node.remove(whole)
    cut.graph.node.remove(enlarged)
    doubling = next(w for w in cut.graph.initializer if w.name == enlarged.input[2])
    cut.graph.initializer.remove(doubling)
    fine, half = tuple(whole.input[:-1]), "half_size"
    at = next(n for n, node in enumerate(cut.graph.node) if node.output[0] == fine[0])
    colour = cut.graph.node[at]
    cut.graph.node.insert(at, _averaged(colour.input[0], half, HALF))
    cut.graph.node[at + 1].CopyFrom(_averaged(half, fine[0], GRID_STRIDE // HALF))
    return cut, FeatureParts(fine, enlarged.input[0], half)


def _averaged(x: str, output: str, side: int) -> onnx.NodeProto:
    return helper.make_node(
        "AveragePool", [x], [output], name=output, kernel_shape=[side] * 2, strides=[side] * 2
    )


def appended(
    backbone: onnx.ModelProto, g: GraphWriter, outputs: dict[str, list[int]]
) -> onnx.ModelProto:
    """Return the backbone followed by the nodes of ``g``, with the named outputs."""
    model = onnx.ModelProto()
    model.CopyFrom(backbone)
    del model.graph.output[:]
    model.graph.node.extend(g.nodes)
    model.graph.initializer.extend(g.weights)
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in outputs.items()
    )
    onnx.checker.check_model(model)
    return model


def model_of(
    g: GraphWriter, height: int, width: int, outputs: dict[str, list[int]]
) -> onnx.ModelProto:
    graph = helper.make_graph(
        g.nodes,
        "inspection",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [height, width, 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ],
        g.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model)
    return model
