"""From samples to a verified model package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from qc_vision.runtime.manifest import (
    MODEL_FILE,
    PIPELINE_FILE,
    Calibration,
    Manifest,
    ModelInput,
    sha256_of,
)
from qc_vision.runtime.pipeline import standard
from qc_vision.training.backbone import SOURCE, Lite0
from qc_vision.training.bank import Bank, fit_bank
from qc_vision.training.calibrate import conformal
from qc_vision.training.features import Extractor, quantised
from qc_vision.training.graph import OPSET, Fusion, backbone_model, inspection_model
from qc_vision.training.head import HeadData, PatchHead, plain, train_head
from qc_vision.training.pseudo import spoil
from qc_vision.training.samples import Sample, targets_of

Progress = Callable[[dict[str, Any]], None]
Image = NDArray[np.uint8]

LICENCE: Final = "Apache-2.0"
_HEAD_SHARE: Final = 0.75
"""Share of the overkill budget given to the head; the rest goes to the good-only branch."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a model is trained on: good images to fit and to calibrate, defects with masks."""

    good: Sequence[Sample]
    calibration: Sequence[Sample]
    defects: Sequence[Sample]
    sha256: str


@dataclass(frozen=True, slots=True)
class Options:
    """How to train.

    Args:
        size: side of the model's square input; a multiple of 16.
        target_overkill: share of good parts that may be called NOK.
        spoiled: made-up anomalies for each good image.
        int8: quantise the backbone.
    """

    name: str
    shop: str
    size: int = 256
    epochs: int = 12
    target_overkill: float = 0.01
    spoiled: int = 1
    seed: int = 1
    int8: bool = True
    variants: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


def make_package(
    snapshot: Snapshot, options: Options, package: Path, progress: Progress
) -> Manifest:
    """Train, calibrate, write and verify a package; return its manifest (metrics still empty).

    Training that was interrupted goes on from ``package/training.pt`` when started again.
    """
    torch.set_num_threads(1)  # a second thread only spins on a shared machine
    package.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    backbone = backbone_model(options.size, options.size)
    _check_reference(backbone, snapshot.good[0].image)
    if options.int8:
        some = rng.choice(len(snapshot.good), min(48, len(snapshot.good)), replace=False)
        backbone = quantised(backbone, [snapshot.good[int(i)].image for i in some])
    extractor = Extractor(backbone)
    progress({"step": "quantised", "int8": options.int8})

    data, labels, bank = _learn_from(snapshot, options, extractor, rng, progress)
    checkpoint = package / "training.pt"
    head = train_head(
        data,
        len(labels),
        epochs=options.epochs,
        seed=options.seed,
        checkpoint=checkpoint,
        progress=lambda epoch, loss: progress(
            {"step": "head", "epoch": epoch, "of": options.epochs, "loss": round(loss, 5)}
        ),
    )
    fusion, raw = _calibrate(snapshot.calibration, extractor, head, bank, options)
    calibration = conformal(raw, options.target_overkill)
    progress({"step": "calibrated", "threshold": calibration.threshold, "n": calibration.n})
    weights = plain(head)
    model = inspection_model(backbone, weights, bank, fusion)
    _check_export(model, snapshot.calibration, raw)
    manifest = _write(package, model, snapshot, options, labels, calibration)
    checkpoint.unlink(missing_ok=True)
    return manifest


def _learn_from(
    snapshot: Snapshot,
    options: Options,
    extractor: Extractor,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[HeadData, tuple[str, ...], Bank]:
    """Return the head's data, its labels, and the bank of good patches."""
    spoiled = [spoil(sample.image, rng) for _ in range(options.spoiled) for sample in snapshot.good]
    samples = [*snapshot.good, *spoiled, *snapshot.defects]
    labels = tuple(sorted({s.kind for s in snapshot.defects if s.kind is not None}))
    features = extractor.many(
        (sample.image for sample in samples),
        len(samples),
        lambda done: progress({"step": "features", "done": done, "of": len(samples)}),
    )
    bank = fit_bank(features[: len(snapshot.good)], rng)
    progress({"step": "bank", "rows": len(bank.rows)})
    rows, columns = extractor.grid
    targets = np.stack([targets_of(sample, rows, columns) for sample in samples])
    kinds = np.array([labels.index(s.kind) if s.kind else -1 for s in samples], np.int64)
    return HeadData(features, targets, kinds), labels, bank


def _calibrate(
    good: Sequence[Sample],
    extractor: Extractor,
    head: PatchHead,
    bank: Bank,
    options: Options,
) -> tuple[Fusion, NDArray[np.float64]]:
    """Set each branch's limit on good images and return the fused raw scores of those images."""
    logits, novelties = [], []
    for sample in good:
        features = extractor.one(sample.image)
        with torch.no_grad():
            answer = head(torch.from_numpy(features)[None])
        logits.append(float(answer[0, 0].max()))
        novelties.append(_novelty(bank, features))
    a, b = np.array(logits), np.array(novelties)
    head_limit = conformal(a, options.target_overkill * _HEAD_SHARE).threshold
    bank_limit = conformal(b, options.target_overkill * (1 - _HEAD_SHARE)).threshold
    fusion = Fusion(
        head_limit,
        max(head_limit - float(np.median(a)), 1e-3),
        bank_limit,
        max(bank_limit - float(np.median(b)), 1e-3),
    )
    return fusion, np.maximum(
        (a - fusion.head_limit) / fusion.head_spread, (b - fusion.bank_limit) / fusion.bank_spread
    )


def _novelty(bank: Bank, features: NDArray[np.float32]) -> float:
    channels, rows, columns = features.shape
    flat = bank.distance(features.reshape(channels, -1).T).reshape(rows, columns)
    padded, ones = np.pad(flat, 1), np.pad(np.ones_like(flat), 1)
    total, count = np.zeros_like(flat), np.zeros_like(flat)
    for dy in range(3):
        for dx in range(3):
            total += padded[dy : dy + rows, dx : dx + columns]
            count += ones[dy : dy + rows, dx : dx + columns]
    return float((total / count).max())


def _check_reference(backbone: onnx.ModelProto, image: Image) -> None:
    """The ONNX backbone must say what the torch reference says."""
    found = Extractor(backbone).one(image)
    with torch.no_grad():
        wanted = Lite0()(torch.from_numpy(image)[None])[0].numpy()
    worst = float(np.abs(found - wanted).max())
    if worst > 2e-2:
        raise ValueError(f"the exported backbone differs from torch by {worst:.4f}")


def _check_export(
    model: onnx.ModelProto, samples: Sequence[Sample], raw: NDArray[np.float64]
) -> None:
    """The fused graph must give the scores that the threshold was calibrated on."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for sample, wanted in list(zip(samples, raw, strict=True))[:20]:
        found = float(session.run(["score"], {"image": sample.image})[0])
        if abs(found - wanted) > 2e-2:
            raise ValueError(f"the exported model scores {found:.4f}, training scored {wanted:.4f}")


def _write(
    package: Path,
    model: onnx.ModelProto,
    snapshot: Snapshot,
    options: Options,
    labels: tuple[str, ...],
    calibration: Calibration,
) -> Manifest:
    onnx.save(model, str(package / MODEL_FILE))
    (package / PIPELINE_FILE).write_text(
        standard(width=options.size, height=options.size).text(), "utf-8"
    )
    digest = sha256_of(package / MODEL_FILE)
    manifest = Manifest(
        name=options.name,
        version=digest[:12],
        shop=options.shop,
        variants=options.variants,
        input=ModelInput("image", options.size, options.size),
        labels=labels,
        calibration=calibration,
        metrics={},
        sha256=digest,
        opset=OPSET,
        data_sha256=snapshot.sha256,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        licence=LICENCE,
        provenance=f"qc_vision training; backbone: {SOURCE}, blocks 0-10, Apache-2.0",
        extra={
            "trained_on": {
                "good": len(snapshot.good),
                "spoiled": options.spoiled * len(snapshot.good),
                "defects": len(snapshot.defects),
            },
            "int8": options.int8,
            **options.extra,
        },
    )
    manifest.write(package)
    return manifest


def with_metrics(manifest: Manifest, metrics: dict[str, Any], package: Path) -> Manifest:
    """Write the measured figures into the package's manifest."""
    measured = replace(manifest, metrics=metrics)
    measured.write(package)
    return measured
