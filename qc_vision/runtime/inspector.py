"""Load a model package and judge images with it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.runtime import steps
from qc_vision.runtime.boxes import Proposals
from qc_vision.runtime.image import NotAnImage, decode
from qc_vision.runtime.inspection import Fitness, Inspection, Region, Verdict
from qc_vision.runtime.manifest import PIPELINE_FILE, Manifest, PackageError, verify_model
from qc_vision.runtime.pipeline import Node, Pipeline, PipelineError
from qc_vision.runtime.tiles import Tiles, over_tiles, tile

if TYPE_CHECKING:
    import onnxruntime

_OUTPUTS: Final = ("score", "map")
_NAMING: Final = ("classes", "boxes", "kinds")
"""Outputs that some graphs have: kinds by patch, or boxes with the raw score of each kind."""
_WATCH: Final = "watch"
"""Output of graphs that say how far a picture looks from the good ones of the training."""


@dataclass(frozen=True, slots=True)
class Network:
    """An onnxruntime session on one thread, without spinning; its output names checked."""

    session: onnxruntime.InferenceSession
    input_name: str
    outputs: tuple[str, ...]

    def __call__(self, pixels: NDArray[np.uint8]) -> steps.Answer:
        """Return raw image score and raw patch map, with classes by patch or boxes where there are any."""
        values = self.session.run(list(self.outputs), {self.input_name: pixels})
        found = {
            name: np.asarray(value, np.float32)
            for name, value in zip(self.outputs, values, strict=True)
        }
        proposals = Proposals(found["boxes"], found["kinds"]) if "boxes" in found else None
        watch = tuple(float(number) for number in found.get(_WATCH, ()))
        return steps.Answer(
            float(found["score"].item()), found["map"], found.get("classes"), proposals, watch
        )


class Inspector:
    """Judges images with one package. Stateless between images; may be shared by threads."""

    def __init__(
        self,
        manifest: Manifest,
        pipeline: Pipeline,
        network: steps.Model,
        pictures: dict[str, NDArray[np.uint8]],
    ) -> None:
        self.manifest = manifest
        self.pipeline = pipeline
        self._network = network
        self._pictures = pictures

    def inspect(self, image: bytes | NDArray[np.generic]) -> Inspection:
        """Judge encoded bytes or a BGR array. Never raises on a bad image: that is UNFIT."""
        run = _Run(self)
        started = time.perf_counter()
        try:
            upright = decode(image)
        except NotAnImage as refusal:
            return run.unfit(Fitness(0.0, 0.0, str(refusal)))
        run.ms["decode"] = (time.perf_counter() - started) * 1e3
        try:
            return run.judge(upright)
        except steps.Unfit as refusal:
            return run.unfit(refusal.fitness)

    def unfit(self, fitness: Fitness) -> Inspection:
        """Return the answer for an image that never came, ``fitness.reason`` saying why."""
        return _Run(self).unfit(fitness)

    def raw(self, pixels: NDArray[np.uint8]) -> float:
        """Return the network's raw score of pixels at the model's size (RGB), past all other nodes."""
        return self._network(pixels)[0]

    def execute(self, node: Node, run: _Run, upright: NDArray[np.uint8]) -> Any:
        """Return the output of one node whose inputs have been computed."""
        inputs = {port: run.values[name] for port, name in node.inputs.items()}
        match node.kind:
            case "source":
                return upright
            case "fitness":
                run.fitness = steps.check_fitness(inputs["image"], node)
                return inputs["image"]
            case "align":
                golden = self._pictures[str(node.setting("golden"))]
                return run.aligned(steps.align(inputs["image"], golden, node, run.fitness))
            case "locate":
                golden = self._pictures[str(node.setting("golden"))]
                return run.aligned(steps.locate(inputs["image"], golden, node, run.fitness))
            case "crop":
                return steps.crop(inputs["image"], node)
            case "tile":
                return tile(inputs["image"], node)
            case "model":
                view: steps.View | Tiles = inputs["view"]
                if isinstance(view, Tiles):
                    return over_tiles(self._network, view)
                return steps.Scores.of(self._network(view.pixels), view.box)
            case "rule":
                return self._decide(inputs["scores"], node, run)
            case _:
                raise PipelineError(f"node {node.name!r} has unknown kind {node.kind!r}")

    def with_rule(self, *, threshold: float, max_regions: int) -> Inspector:
        """Return the same model with another rule: what else it takes for a region below its threshold."""
        changed = {"threshold": threshold, "max_regions": max_regions}
        nodes = tuple(
            replace(node, settings={**node.settings, **changed}) if node.kind == "rule" else node
            for node in self.pipeline.nodes
        )
        return Inspector(self.manifest, Pipeline.of(nodes), self._network, self._pictures)

    def through(self, network: steps.Model) -> Inspector:
        """Return the same pipeline around another network."""
        return Inspector(self.manifest, self.pipeline, network, self._pictures)

    def _regions(
        self, scores: steps.Scores, grid: NDArray[np.float32], node: Node, verdict: Verdict
    ) -> tuple[Region, ...]:
        labels = self.manifest.labels
        if scores.proposals is not None:
            return steps.proposed_regions(scores, scores.proposals, node, self.manifest)
        return steps.regions_of(scores, grid, node, labels, at_least_one=verdict is Verdict.NOK)

    def _decide(self, scores: steps.Scores, node: Node, run: _Run) -> Inspection:
        if not (np.isfinite(scores.score) and np.isfinite(scores.grid).all()):
            reason = "the model gave no finite score"
            raise steps.Unfit(Fitness(run.fitness.blur, run.fitness.exposure, reason))
        threshold = node.number("threshold")
        score = float(steps.score_of(scores.score, self.manifest.calibration))
        grid = steps.score_of(scores.grid, self.manifest.calibration)
        verdict = Verdict.NOK if score >= threshold else Verdict.OK
        return Inspection(
            verdict=verdict,
            score=score,
            regions=run.in_picture(self._regions(scores, grid, node, verdict)),
            fitness=run.fitness,
            heatmap=grid.astype(np.float16),
            model_version=self.manifest.version,
            pipeline_version=self.pipeline.version,
            threshold=threshold,
            ms=run.ms,
            watch=scores.watch if all(map(math.isfinite, scores.watch)) else (),
        )


class _Run:
    """Intermediate values of one image on its way through the pipeline."""

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector
        self.values: dict[str, Any] = {}
        self.ms: dict[str, float] = {}
        self.fitness = Fitness(0.0, 0.0)
        self._picture = (0, 0)
        self._to_picture: NDArray[np.float64] | None = None

    def aligned(self, found: steps.Aligned) -> NDArray[np.uint8]:
        """Go on with an aligned image, and remember the way back."""
        before = self._to_picture
        after = np.vstack([found.to_picture, [0.0, 0.0, 1.0]])
        self._to_picture = found.to_picture if before is None else before @ after
        return found.image

    def in_picture(self, regions: tuple[Region, ...]) -> tuple[Region, ...]:
        """Return regions of the aligned image as regions of the picture taken."""
        if self._to_picture is None:
            return regions
        moved = (steps.moved(region, self._to_picture, self._picture) for region in regions)
        return tuple(region for region in moved if region is not None)

    def judge(self, upright: NDArray[np.uint8]) -> Inspection:
        self._picture = (upright.shape[0], upright.shape[1])
        result: Inspection | None = None
        for node in self._inspector.pipeline.order:
            started = time.perf_counter()
            value = self._inspector.execute(node, self, upright)
            self.values[node.name] = value
            self.ms[node.name] = (time.perf_counter() - started) * 1e3
            if isinstance(value, Inspection):
                result = value
        if result is None:
            raise PipelineError("the pipeline gave no verdict")
        return result

    def unfit(self, fitness: Fitness) -> Inspection:
        manifest = self._inspector.manifest
        return Inspection(
            verdict=Verdict.UNFIT,
            score=0.0,
            regions=(),
            fitness=fitness,
            heatmap=None,
            model_version=manifest.version,
            pipeline_version=self._inspector.pipeline.version,
            ms=self.ms,
        )


def load(package_dir: str | Path, *, providers: Sequence[str] | None = None) -> Inspector:
    """Load a package, verify it, and warm it with one blank image.

    Args:
        package_dir: folder with ``model.onnx``, ``pipeline.json`` and ``manifest.json``.
        providers: onnxruntime execution providers; the CPU by default.

    Raises:
        PackageError: when a file is missing, changed, or unlike the manifest.
        PipelineError: when the pipeline breaks a rule.
    """
    package = Path(package_dir)
    manifest = Manifest.read(package)
    model = verify_model(package, manifest)
    pipeline = Pipeline.read(package / PIPELINE_FILE)
    _check_views(pipeline, manifest, package)
    network = _network(model, manifest, providers or ("CPUExecutionProvider",))
    network(np.zeros((manifest.input.height, manifest.input.width, 3), np.uint8))
    return Inspector(manifest, pipeline, network, _pictures(pipeline, package))


def _check_views(pipeline: Pipeline, manifest: Manifest, package: Path) -> None:
    for node in pipeline.nodes:
        if node.kind not in ("crop", "tile"):
            continue
        size = (node.number("height"), node.number("width"))
        if size != (manifest.input.height, manifest.input.width):
            raise PipelineError(
                f"{package / PIPELINE_FILE}: node {node.name!r} gives {size[1]:.0f}×{size[0]:.0f};"
                f" the model takes {manifest.input.width}×{manifest.input.height}"
            )


def _network(model: Path, manifest: Manifest, providers: Sequence[str]) -> Network:
    import onnxruntime  # starts a thread of its own: not in a process that only looks, or forks

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=list(providers))
    except Exception as cause:  # onnxruntime's exceptions share no public base class
        raise PackageError(f"{model} cannot be loaded: {cause}") from cause
    inputs = session.get_inputs()
    wanted = [manifest.input.height, manifest.input.width, 3]
    if len(inputs) != 1 or inputs[0].type != "tensor(uint8)" or inputs[0].shape != wanted:
        found = [f"{entry.name} {entry.type} {entry.shape}" for entry in inputs]
        raise PackageError(f"{model} takes {found}; the manifest says uint8 {wanted}")
    outputs = [entry.name for entry in session.get_outputs()]
    missing = [name for name in _OUTPUTS if name not in outputs]
    if missing:
        raise PackageError(f"{model} gives {outputs}; {missing} is missing")
    extra = tuple(name for name in _NAMING if name in outputs and manifest.labels)
    watch = (_WATCH,) if _WATCH in outputs else ()
    return Network(session, inputs[0].name, _OUTPUTS + extra + watch)


def _pictures(pipeline: Pipeline, package: Path) -> dict[str, NDArray[np.uint8]]:
    pictures: dict[str, NDArray[np.uint8]] = {}
    for node in pipeline.nodes:
        if node.kind in ("align", "locate"):
            name = str(node.setting("golden"))
            picture = cv2.imread(str(package / name), cv2.IMREAD_COLOR)
            if picture is None:
                raise PackageError(f"{package / name}, golden image of {node.name!r}, is missing")
            pictures[name] = np.asarray(picture, np.uint8)
    return pictures
