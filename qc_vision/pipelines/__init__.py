"""Station pipelines: a drawn graph of nodes, checked, run on pictures, packed as one file for the line.

A model package keeps the recipe its model was trained with (`qc_vision.runtime.pipeline`). A station's
pipeline is what a quality engineer draws around it: which pictures are fit, where to look, which packages and
gauges judge, and how their answers join to one verdict. Never torch.
"""

from qc_vision.pipelines.bundle import Folder, bundle, is_bundle, opened, resolved, unpack
from qc_vision.pipelines.check import Remark, checked, remarks
from qc_vision.pipelines.difference import difference
from qc_vision.pipelines.document import Document
from qc_vision.pipelines.drawing import draw, encoded
from qc_vision.pipelines.kinds import KINDS, NodeKind, Port, Setting
from qc_vision.pipelines.runner import Runner
from qc_vision.pipelines.values import Outcome, PipelineInspection, Run

__all__ = [
    "KINDS",
    "Document",
    "Folder",
    "NodeKind",
    "Outcome",
    "PipelineInspection",
    "Port",
    "Remark",
    "Run",
    "Runner",
    "Setting",
    "bundle",
    "checked",
    "difference",
    "draw",
    "encoded",
    "is_bundle",
    "opened",
    "remarks",
    "resolved",
    "unpack",
]
