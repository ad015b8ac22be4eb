"""A real model package whose model sees brightness: patches over mid-grey are defects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from qc_vision.runtime.manifest import Calibration, Manifest, ModelInput, sha256_of
from qc_vision.runtime.pipeline import standard

SIDE = 64


def build_package(folder: Path) -> Manifest:
    """Write a package into `folder` and return its manifest; 64 × 64 pixels in, 8 × 8 patches out."""
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "channels"], ["grey"], keepdims=0),
        helper.make_node("Unsqueeze", ["grey", "front"], ["nchw"]),
        helper.make_node("AveragePool", ["nchw"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Squeeze", ["pooled", "front"], ["map"]),
        helper.make_node("ReduceMax", ["map"], ["score"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, []),
            helper.make_tensor_value_info("map", TensorProto.FLOAT, [8, 8]),
        ],
        [
            numpy_helper.from_array(np.array([2], np.int64), "channels"),
            numpy_helper.from_array(np.array([0, 1], np.int64), "front"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    (folder / "pipeline.json").write_text(standard(width=SIDE, height=SIDE).text(), "utf-8")
    manifest = Manifest(
        name="brightness",
        version="1",
        shop="welding",
        variants=(),
        input=ModelInput("image", SIDE, SIDE),
        labels=(),
        calibration=Calibration(threshold=128.0, scale=8.0, n=100, target_overkill=0.01),
        metrics={},
        sha256=sha256_of(folder / "model.onnx"),
        opset=18,
        data_sha256="0" * 64,
        created_at="2026-01-01T00:00:00Z",
        licence="Apache-2.0",
        provenance="made by a test",
    )
    manifest.write(folder)
    return manifest
