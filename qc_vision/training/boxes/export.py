"""One int8 graph from the backbone's shallow half and the trained deep half."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from qc_vision.backbones import GRID_STRIDE, INT8
from qc_vision.training.boxes.network import (
    SHALLOW,
    TRUNK,
    BoxNet,
    Graph,
    mirrored,
    write_boxes,
)
from qc_vision.training.features import sized
from qc_vision.training.graph import OPSET, GraphWriter

Float = NDArray[np.float32]

_PICTURE: Final = "nchw"
_SHALLOW: Final = "shallow"
_SHIFT: Final = "deep_map_shift"


def shallow_half(size: int) -> onnx.ModelProto:
    """Return the int8 backbone that ships up to block 4: image → colour and blocks 2 and 4 at stride 8."""
    model = sized(INT8, size, size)
    whole = next(node for node in model.graph.node if node.output[0] == "features")
    parts = list(whole.input)[:-1]  # all but the deep half
    needed, nodes = set(parts), []
    for node in reversed(model.graph.node):
        if needed & set(node.output):
            nodes.append(node)
            needed |= set(node.input)
    grid = [1, SHALLOW, size // GRID_STRIDE, size // GRID_STRIDE]
    graph = helper.make_graph(
        [*reversed(nodes), helper.make_node("Concat", parts, [_SHALLOW], axis=1)],
        "inspection",
        list(model.graph.input),
        [helper.make_tensor_value_info(_SHALLOW, TensorProto.FLOAT, grid)],
        [weight for weight in model.graph.initializer if weight.name in needed],
    )
    half = helper.make_model(graph, opset_imports=list(model.opset_import))
    half.ir_version = model.ir_version
    onnx.checker.check_model(half)
    return half


def asked_twice(shallow: onnx.ModelProto) -> onnx.ModelProto:
    """Return the shallow half as one that answers for a picture and its mirror image, a batch of two."""
    model = onnx.ModelProto()
    model.CopyFrom(shallow)
    g = GraphWriter()
    both = g.node("Concat", [_PICTURE, mirrored(g, _PICTURE, "mirrored")], "both_ways", axis=0)
    nodes = list(shallow.graph.node)
    begin = 1 + next(i for i, node in enumerate(nodes) if node.output[0] == _PICTURE)
    for node in nodes[begin:]:
        node.input[:] = [both if name == _PICTURE else name for name in node.input]
    del model.graph.node[:]
    model.graph.node.extend([*nodes[:begin], *g.nodes, *nodes[begin:]])
    model.graph.initializer.extend(g.weights)
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 2
    onnx.checker.check_model(model)
    return model


def deep_half(net: BoxNet, size: int) -> onnx.ModelProto:
    """Return what was trained as a float graph: shallow features → score, map, boxes and kinds.

    The features are those of a picture and of its mirror image, the answer their mean: it is worth more
    precision than a larger network of that time.
    """
    net.eval()
    rows = columns = size // GRID_STRIDE
    g = GraphWriter()
    parts = g.constant("deep_parts", np.array([SHALLOW - TRUNK, TRUNK], np.int64))
    _, trunk = g.several("Split", [_SHALLOW, parts], ["deep_side", "deep_trunk"], axis=1)
    engine = Graph(g)
    answers = net.answers(engine, _SHALLOW, net.coarse(engine, trunk))
    levels, inside = net.both_ways(engine, *answers)
    shape = g.constant("deep_map_grid", np.array([rows, columns], np.int64))
    grid = g.node("Reshape", [inside, shape], "deep_inside_grid")
    g.node("Add", [grid, g.scalar(_SHIFT, 0.0)], "map")
    write_boxes(g, levels, net.kinds, (rows, columns))
    g.node("ReduceMax", ["kinds"], "score", keepdims=0)
    cells = sum(rows * columns // 4**scale for scale in range(3))
    outputs = {
        "score": [], "map": [rows, columns], "boxes": [cells, 4], "kinds": [cells, net.kinds],
    }  # fmt: skip
    graph = helper.make_graph(
        g.nodes,
        "boxes",
        [helper.make_tensor_value_info(_SHALLOW, TensorProto.FLOAT, [2, SHALLOW, rows, columns])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        g.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def answers_float(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the nodes that stay float: the last layers and all that follows, whose rounding would move boxes."""
    last = ("deep_kinds_", "deep_sides_", "deep_inside_", "deep_clipped_", "deep_cut", "map")
    after = ("deep_met_", "deep_low", "deep_high")
    return tuple(node.name for node in model.graph.node if node.name.startswith((*last, *after)))


def joined(shallow: onnx.ModelProto, deep: onnx.ModelProto) -> onnx.ModelProto:
    """Return both halves as one graph: uint8 image → score, map, boxes and kinds."""
    model = onnx.ModelProto()
    model.CopyFrom(shallow)
    del model.graph.output[:]
    model.graph.node.extend(deep.graph.node)
    model.graph.initializer.extend(deep.graph.initializer)
    model.graph.output.extend(deep.graph.output)
    onnx.checker.check_model(model)
    return model


def shift_map(model: onnx.ModelProto, by: float) -> None:
    """Put the map's even odds at a raw score, so that it is on the boxes' scale."""
    weight = next(weight for weight in model.graph.initializer if weight.name == _SHIFT)
    weight.CopyFrom(onnx.numpy_helper.from_array(np.array(by, np.float32), _SHIFT))


def check_against_torch(model: onnx.ModelProto, net: BoxNet, features: Sequence[Float]) -> None:
    """Hold the float graph against torch.

    Args:
        features: of pictures with their mirror images, 2×91×rows×columns each.

    Raises:
        ValueError: they differ.
    """
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    size = features[0].shape[-1] * GRID_STRIDE
    for one in features:
        kinds, boxes = session.run(["kinds", "boxes"], {_SHALLOW: one})
        wanted_kinds, wanted_boxes, _ = net.asked_twice(torch.from_numpy(one))
        worst = max(
            float(np.abs(kinds - wanted_kinds[0].numpy()).max()),
            float(np.abs(boxes * size - wanted_boxes[0].numpy().clip(0, size)).max()) / size,
        )
        if not worst < 2e-2:
            raise ValueError(f"the exported model differs from training by {worst:.4f}")
