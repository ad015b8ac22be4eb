"""Features of many images through the backbone that will ship, int8 or float."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from qc_vision.backbones import FEATURES, GRID_STRIDE

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


def sized(path: Path, height: int, width: int) -> onnx.ModelProto:
    """Return a shipped backbone for one input size.

    Raises:
        ValueError: when a side is no multiple of 16.
    """
    if height % 16 or width % 16 or min(height, width) < 32:
        raise ValueError(
            f"the model's input is {width}×{height}; both must be multiples of 16 and at least 32"
        )
    model = onnx.load(str(path))
    grid = (1, FEATURES, height // GRID_STRIDE, width // GRID_STRIDE)
    _shape(model.graph.input[0], (height, width, 3))
    _shape(model.graph.output[0], grid)
    return model


def any_size(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the backbone with its height and width left open."""
    free = onnx.ModelProto()
    free.CopyFrom(model)
    del free.graph.value_info[:]
    _shape(free.graph.input[0], ("height", "width", 3))
    _shape(free.graph.output[0], (1, FEATURES, "rows", "columns"))
    return free


def _shape(entry: onnx.ValueInfoProto, sides: Sequence[int | str]) -> None:
    for dimension, side in zip(entry.type.tensor_type.shape.dim, sides, strict=True):
        if isinstance(side, int):
            dimension.dim_value = side
        else:
            dimension.dim_param = side
