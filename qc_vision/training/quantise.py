"""Quantise graphs. Apart, since onnxruntime's quantisation tools import torch.

Weights take all 8 bits, and still no CPU saturates: those without VNNI add the products of two
neighbouring inputs in 16 bits (``vpmaddubsw``), so two neighbouring weights may add up to at most
±128 (255 · 128 < 2¹⁵). Seven bits for all of them, the usual way out, double the error of each layer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

Float = NDArray[np.float32]

PAIR_SUM: Final = 128
"""Two neighbouring weights of a layer that is a matrix product add up to no more."""
_LARGEST: Final = 127
_HALF_RANGE: Final = 64
_SHARES: Final = tuple(0.7 + 0.04 * step for step in range(33))
"""Scales that are tried, as shares of the one at which the largest weight is 127."""


class _Inputs(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, values: Iterable[NDArray[np.generic]]) -> None:
        self._name, self._left = name, iter(values)

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        value = next(self._left, None)
        return None if value is None else {self._name: value}


def quantised(
    model: onnx.ModelProto,
    inputs: Iterable[NDArray[np.generic]],
    *,
    kept_float: Sequence[str] = (),
) -> onnx.ModelProto:
    """Return a graph of one input in int8 (QDQ, static, per channel), calibrated on what is put in.

    Weights are rounded by ``rounded``, so that every CPU gives the same verdicts.

    Args:
        kept_float: names of nodes that stay as they are.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, str(source))
        quantize_static(
            str(source),
            str(target),
            _Inputs(model.graph.input[0].name, inputs),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Add", "Clip"],
            nodes_to_exclude=list(kept_float),
        )
        int8 = onnx.load(str(target))
    _round_again(int8, model)
    return int8


def rounded(weight: Float, at_least: Float | float = 0.0) -> tuple[NDArray[np.int8], Float]:
    """Return a convolution's weights (out×in×h×w) in int8, and their scales by output channel.

    Args:
        at_least: the smallest scale of each channel.

    Of the scales tried, each channel takes that with the least square error. Depthwise kernels widen before
    they multiply and need no care; of larger kernels the order of the products depends on the layout,
    so that each weight keeps to half the range.
    """
    depthwise = weight.shape[1] == 1
    pointwise = weight.shape[2] == weight.shape[3] == 1
    flat = weight.reshape(len(weight), -1)
    limit = _LARGEST if depthwise or pointwise else _HALF_RANGE
    full = np.maximum(np.abs(flat).max(axis=1), 1e-9) / limit
    best, scale = np.zeros(flat.shape, np.int8), np.ones(len(flat), np.float32)
    least = np.full(len(flat), np.inf)
    for share in _SHARES:
        tried = np.maximum(full * share, at_least).astype(np.float32)
        q = np.clip(np.round(flat / tried[:, None]), -limit, limit)
        if pointwise and not depthwise:
            q = _within_pairs(q)
        error = np.square(q * tried[:, None] - flat).sum(axis=1)
        better = error < least
        best[better], scale[better], least[better] = q[better], tried[better], error[better]
    return best.reshape(weight.shape), scale


def _within_pairs(q: Float) -> Float:
    """Take what is too much from both weights of a pair, the larger one first."""
    pairs = np.pad(q, ((0, 0), (0, q.shape[1] % 2))).reshape(len(q), -1, 2)
    over = np.maximum(np.abs(pairs.sum(axis=2)) - PAIR_SUM, 0)
    sizes, signs = np.abs(pairs), np.sign(pairs)
    half = np.floor(over / 2)
    sizes[:, :, 0] -= over - half
    sizes[:, :, 1] -= half
    return np.asarray((sizes * signs).reshape(len(q), -1)[:, : q.shape[1]], np.float32)


def _round_again(int8: onnx.ModelProto, model: onnx.ModelProto) -> None:
    """Put ``rounded`` weights, and biases on their scale, where onnxruntime's tool has put its own."""
    given = {weight.name: weight for weight in model.graph.initializer}
    found = {weight.name: weight for weight in int8.graph.initializer}

    def put(name: str, value: NDArray[np.generic]) -> None:
        found[name].CopyFrom(numpy_helper.from_array(value, name))

    for node in model.graph.node:
        if node.op_type != "Conv" or f"{node.input[1]}_quantized" not in found:
            continue
        weight, bias = node.input[1], node.input[2]
        taken = numpy_helper.to_array(found[f"{weight}_scale"])
        inputs = numpy_helper.to_array(found[f"{bias}_quantized_scale"]) / taken
        shift = numpy_helper.to_array(given[bias])
        # a channel without weights has a bias alone, which must not leave 32 bits
        q, scale = rounded(numpy_helper.to_array(given[weight]), np.abs(shift) / inputs / 2**30)
        put(f"{weight}_quantized", q)
        put(f"{weight}_scale", scale)
        step = np.asarray(inputs * scale, np.float32)
        put(f"{bias}_quantized", np.round(shift / step).astype(np.int32))
        put(f"{bias}_quantized_scale", step)
