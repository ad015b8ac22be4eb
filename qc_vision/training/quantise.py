"""Quantise the backbone. Apart, since onnxruntime's quantisation tools import torch."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

Image = NDArray[np.uint8]


class _Images(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, images: Sequence[Image]) -> None:
        self._left = iter(images)

    def get_next(self) -> dict[str, Image] | None:
        image = next(self._left, None)
        return None if image is None else {"image": image}


def quantised(model: onnx.ModelProto, images: Sequence[Image]) -> onnx.ModelProto:
    """Return the backbone in int8 (QDQ, static, per channel), calibrated on the images.

    Weights use 7 bits (``reduce_range``), so that CPUs without VNNI do not saturate and every
    CPU gives the same verdicts.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, str(source))
        quantize_static(
            str(source),
            str(target),
            _Images(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Add", "Clip"],
        )
        return onnx.load(str(target))
