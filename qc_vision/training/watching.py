"""Let a package that exists watch its features: the same graph with one more output, fitted on good pictures."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from qc_vision.backbones import FLOAT, INT8
from qc_vision.runtime import Manifest, PackageError, load
from qc_vision.runtime.manifest import MODEL_FILE, PIPELINE_FILE, sha256_of
from qc_vision.runtime.steps import Answer
from qc_vision.training.graph import in_parts
from qc_vision.training.package import with_parity
from qc_vision.training.watch import LEAST, fit_watch, watched

_POOLED: Final = "pooled"


class Probe:
    """Runs a package's graph and keeps the mean of its features of the newest picture."""

    def __init__(self, model: onnx.ModelProto, tensors: Sequence[str]) -> None:
        probing = onnx.ModelProto()
        probing.CopyFrom(model)
        names = [f"{_POOLED}_{number}" for number in range(len(tensors))]
        for name, tensor in zip(names, tensors, strict=True):
            probing.graph.node.append(helper.make_node("GlobalAveragePool", [tensor], [name]))
        probing.graph.node.append(helper.make_node("Concat", names, [_POOLED], axis=1))
        probing.graph.output.append(helper.make_tensor_value_info(_POOLED, TensorProto.FLOAT, None))
        self._session = onnxruntime.InferenceSession(
            probing.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        self.seen: NDArray[np.float64] | None = None

    def __call__(self, pixels: NDArray[np.uint8]) -> Answer:
        """Return what the graph says, and keep the features."""
        names = ["score", "map", _POOLED]
        score, grid, pooled = self._session.run(names, {"image": pixels})
        self.seen = np.asarray(pooled, np.float64).ravel()
        return Answer(float(score), np.asarray(grid, np.float32))


def watch_package(
    package: Path, pictures: Iterable[bytes | NDArray[np.uint8]], out: Path, *, seed: int = 1
) -> Manifest:
    """Write a package that judges as another does, and says where a picture lies among good ones.

    Args:
        pictures: good ones as the camera takes them; what cannot be judged is left out.

    Raises:
        PackageError: the package watches already, judges tiles, or has another backbone; too few pictures.
    """
    before = load(package)
    model = onnx.load(str(package / MODEL_FILE))
    if any(node.kind == "tile" for node in before.pipeline.nodes):
        raise PackageError(
            f"{package} judges tiles, of which no one number tells how a picture looks"
        )
    probe = Probe(model, _features_of(model, package))
    judge = before.through(probe)
    pooled: list[NDArray[np.float64]] = []
    for picture in pictures:
        probe.seen = None
        judge.inspect(picture)
        if probe.seen is not None:
            pooled.append(probe.seen)
    watch = fit_watch(np.array(pooled), np.random.default_rng(seed)) if pooled else None
    if watch is None:
        raise PackageError(
            f"{len(pooled)} good pictures can be judged; at least {LEAST} are needed"
        )
    out.mkdir(parents=True, exist_ok=True)
    for file in (PIPELINE_FILE, *(path.name for path in package.glob("*.png"))):
        if out.resolve() != package.resolve():
            shutil.copyfile(package / file, out / file)
    onnx.save(watched(model, _features_of(model, package), watch), str(out / MODEL_FILE))
    return with_parity(_manifest(before.manifest, sha256_of(out / MODEL_FILE), watch.noted()), out)


def _manifest(before: Manifest, sha256: str, noted: dict[str, Any]) -> Manifest:
    return replace(
        before,
        version=sha256[:12],
        sha256=sha256,
        parents=(before.version, *before.parents),
        extra={**before.extra, "watch": noted},
    )


def _features_of(model: onnx.ModelProto, package: Path) -> tuple[str, ...]:
    """Return the tensors of which a graph's features are joined."""
    if any(output.name == "watch" for output in model.graph.output):
        raise PackageError(f"{package} watches its features already")
    known = {name for node in model.graph.node for name in node.output}
    if "features" in known:
        return ("features",)
    for backbone in (INT8, FLOAT):
        _, parts = in_parts(onnx.load(str(backbone)))
        if known.issuperset((*parts.fine, parts.coarse)):
            return (*parts.fine, parts.coarse)
    raise PackageError(f"{package} has another backbone than those that ship")
