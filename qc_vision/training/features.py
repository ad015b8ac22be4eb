"""Features of many images through the backbone that will ship, int8 or float."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

Image = NDArray[np.uint8]


class Extractor:
    """Runs the backbone on one thread."""

    def __init__(self, model: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.grid: tuple[int, int] = tuple(self._session.get_outputs()[0].shape[2:])

    def one(self, image: Image) -> NDArray[np.float32]:
        """Return channels×rows×columns of one uint8 RGB image."""
        return np.asarray(self._session.run(None, {"image": image})[0][0], np.float32)

    def many(
        self, images: Iterable[Image], count: int, progress: Callable[[int], None]
    ) -> NDArray[np.float16]:
        """Return float16 features, images×channels×rows×columns."""
        found: NDArray[np.float16] | None = None
        for index, image in enumerate(images):
            features = self.one(image)
            if found is None:
                found = np.empty((count, *features.shape), np.float16)
            found[index] = features
            if index % 50 == 49:
                progress(index + 1)
        if found is None:
            raise ValueError("no images")
        return found


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
