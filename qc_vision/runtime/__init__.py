"""Judge images with a model package: numpy, onnxruntime and OpenCV only, never torch."""

from qc_vision.runtime.archive import content_hash, pack, unpack
from qc_vision.runtime.image import NotAnImage, decode
from qc_vision.runtime.inspection import Fitness, Inspection, Region, Verdict
from qc_vision.runtime.inspector import Inspector, load
from qc_vision.runtime.manifest import Calibration, Manifest, ModelInput, PackageError
from qc_vision.runtime.parity import check_parity
from qc_vision.runtime.pipeline import STEP_KINDS, Node, Pipeline, PipelineError, Port

__all__ = [
    "STEP_KINDS",
    "Calibration",
    "Fitness",
    "Inspection",
    "Inspector",
    "Manifest",
    "ModelInput",
    "Node",
    "NotAnImage",
    "PackageError",
    "Pipeline",
    "PipelineError",
    "Port",
    "Region",
    "Verdict",
    "check_parity",
    "content_hash",
    "decode",
    "load",
    "pack",
    "unpack",
]
