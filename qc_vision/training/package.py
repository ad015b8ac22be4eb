"""Write a model package: graph, pipeline, manifest, and the golden picture where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import cv2
import onnx

from qc_vision.backbones import SOURCE
from qc_vision.runtime.fitness import FitnessLimits
from qc_vision.runtime.inspector import load
from qc_vision.runtime.manifest import (
    MODEL_FILE,
    PIPELINE_FILE,
    Calibration,
    Manifest,
    ModelInput,
    sha256_of,
)
from qc_vision.runtime.parity import PARITY, raw_score
from qc_vision.runtime.pipeline import Setting, standard
from qc_vision.training.graph import OPSET
from qc_vision.training.pose import Locating

Progress = Callable[[dict[str, Any]], None]

LICENCE: Final = "Apache-2.0"
GOLDEN_FILE: Final = "golden.png"


@dataclass(frozen=True, slots=True)
class Options:
    """How to train.

    Args:
        size: side of the model's square input; a multiple of 16.
        target_overkill: share of good parts that may be called NOK.
        spoiled: made-up anomalies for each good image.
        int8: use the int8 backbone.
        tiles: tiles along each side of a picture that the model looks at one by one; 1 for the whole picture.
    """

    name: str
    shop: str
    size: int = 256
    epochs: int = 12
    target_overkill: float = 0.01
    spoiled: int = 1
    seed: int = 1
    int8: bool = True
    tiles: int = 1
    variants: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


def write_package(
    package: Path,
    model: onnx.ModelProto,
    options: Options,
    *,
    calibration: Calibration,
    data_sha256: str,
    labels: tuple[str, ...],
    extra: Mapping[str, Any],
    metrics: Mapping[str, Any] | None = None,
    locating: Locating | None = None,
    limits: FitnessLimits | None = None,
) -> Manifest:
    """Write all files of a package and return its manifest."""
    package.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(package / MODEL_FILE))
    found: dict[str, Setting] | None = None
    if locating is not None:
        found = {
            "golden": GOLDEN_FILE,
            "reach": round(locating.reach, 5),
            "min_correlation": round(locating.min_correlation, 4),
        }
        if not cv2.imwrite(str(package / GOLDEN_FILE), locating.golden):
            raise OSError(f"{package / GOLDEN_FILE} cannot be written")
    pipeline = standard(
        width=options.size,
        height=options.size,
        locate=found,
        tiles=options.tiles,
        **({} if limits is None else limits.settings()),
    )
    (package / PIPELINE_FILE).write_text(pipeline.text(), "utf-8")
    digest = sha256_of(package / MODEL_FILE)
    manifest = Manifest(
        name=options.name,
        version=digest[:12],
        shop=options.shop,
        variants=options.variants,
        input=ModelInput("image", options.size, options.size),
        labels=labels,
        calibration=calibration,
        metrics=metrics or {},
        sha256=digest,
        opset=OPSET,
        data_sha256=data_sha256,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        licence=LICENCE,
        provenance=f"qc_vision training; backbone: {SOURCE}, blocks 0-10, Apache-2.0",
        extra={"int8": options.int8, **extra},
    )
    return with_parity(manifest, package)


def with_parity(manifest: Manifest, package: Path) -> Manifest:
    """Write the manifest with what the graph gives the test pattern here (`qc_vision.runtime.parity`)."""
    extra = {name: value for name, value in manifest.extra.items() if name != PARITY}
    replace(manifest, extra=extra).write(package)
    noted = replace(manifest, extra={**extra, PARITY: {"raw": raw_score(load(package))}})
    noted.write(package)
    return noted


def with_metrics(manifest: Manifest, metrics: dict[str, Any], package: Path) -> Manifest:
    """Write the measured figures into the package's manifest."""
    measured = replace(manifest, metrics=metrics)
    measured.write(package)
    return measured
