"""Quantise graphs. Apart, since onnxruntime's quantisation tools import torch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static


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

    Weights use 7 bits (``reduce_range``), so that CPUs without VNNI do not saturate and every
    CPU gives the same verdicts.

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
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Add", "Clip"],
            nodes_to_exclude=list(kept_float),
        )
        return onnx.load(str(target))
