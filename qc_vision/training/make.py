"""From samples to a verified model package."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from qc_vision.backbones import FLOAT, INT8
from qc_vision.runtime.fitness import FitnessLimits
from qc_vision.runtime.manifest import Manifest
from qc_vision.training.bank import Bank, fit_bank
from qc_vision.training.calibrate import conformal
from qc_vision.training.features import Extractor, sized
from qc_vision.training.graph import Fusion, inspection_model
from qc_vision.training.head import HeadData, PatchHead, plain, train_head
from qc_vision.training.package import Options, Progress, write_package
from qc_vision.training.pseudo import spoil
from qc_vision.training.samples import Sample, targets_of
from qc_vision.training.transplant import Cutting, cuttings, transplant
from qc_vision.training.watch import fit_watch, watched

Image = NDArray[np.uint8]

_HEAD_SHARE: Final = 0.75
"""Share of the overkill budget given to the head; the rest goes to the good-only branch."""

_TRANSPLANTED: Final = 0.4
"""Share of the made-up anomalies that are known defects set where they were never seen."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a model is trained on: good images to fit and to calibrate, defects with masks."""

    good: Sequence[Sample]
    calibration: Sequence[Sample]
    defects: Sequence[Sample]
    sha256: str
    limits: FitnessLimits | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """More pictures than one can learn from, of which a head of a few epochs finds the hardest.

    Args:
        good, defects: looked at one by one, so that they need not be kept.
        keep_good, keep_defects: how many of the hardest are learned from.
    """

    good: Iterable[Sample]
    defects: Iterable[Sample]
    keep_good: int
    keep_defects: int
    epochs: int = 3


def make_package(
    snapshot: Snapshot,
    options: Options,
    package: Path,
    progress: Progress,
    search: Search | None = None,
) -> Manifest:
    """Train, calibrate, write and verify a package; return its manifest (metrics still empty).

    Training that was interrupted goes on from ``package/training.pt`` when started again.
    """
    torch.set_num_threads(1)  # a second thread only spins on a shared machine
    package.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    backbone = sized(INT8 if options.int8 else FLOAT, options.size, options.size)
    extractor = Extractor(backbone)

    data, labels, bank = _learn_from(snapshot, options, extractor, rng, progress)
    if search is not None:
        scout = train_head(data, len(labels), epochs=search.epochs, seed=options.seed)
        data = data.with_(hardest(search, scout, extractor, labels, progress))
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
    fusion, raw, pooled = _calibrate(snapshot.calibration, extractor, head, bank, options)
    calibration = conformal(raw, options.target_overkill)
    progress({"step": "calibrated", "threshold": calibration.threshold, "n": calibration.n})
    weights = plain(head, extractor.grid)
    model = inspection_model(backbone, weights, bank, fusion)
    watch = fit_watch(pooled, rng)
    if watch is not None:
        model = watched(model, ("features",), watch)
    _check_export(model, snapshot.calibration, raw)
    manifest = write_package(
        package,
        model,
        options,
        calibration=calibration,
        data_sha256=snapshot.sha256,
        labels=labels,
        limits=snapshot.limits,
        extra={
            "trained_on": {
                "good": len(snapshot.good),
                "spoiled": options.spoiled * len(snapshot.good),
                "defects": len(snapshot.defects),
                **(
                    {}
                    if search is None
                    else {"hard_good": search.keep_good, "hard_defects": search.keep_defects}
                ),
            },
            **({} if watch is None else {"watch": watch.noted()}),
            **options.extra,
        },
    )
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
    known = cuttings(snapshot.defects)
    spoiled = [
        _made_up(sample.image, known, rng)
        for _ in range(options.spoiled)
        for sample in snapshot.good
    ]
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


def hardest(
    search: Search,
    scout: PatchHead,
    extractor: Extractor,
    labels: tuple[str, ...],
    progress: Progress,
) -> HeadData:
    """Return the good pictures that look worst to a head, and the defects that it hardly sees."""
    rows, columns = extractor.grid
    found = []
    for name, samples, keep, sign in (
        ("good", search.good, search.keep_good, 1.0),
        ("defects", search.defects, search.keep_defects, -1.0),
    ):
        kept: list[tuple[float, int, Sample, NDArray[np.float16]]] = []
        for number, sample in enumerate(samples):
            features = extractor.one(sample.image)
            asked = targets_of(sample, rows, columns) == (sample.mask is not None)
            hardness = sign * _highest(scout, features, asked)
            heapq.heappush(kept, (hardness, number, sample, features.astype(np.float16)))
            if len(kept) > keep:
                heapq.heappop(kept)
            if number % 200 == 199:
                progress({"step": f"hardest {name}", "done": number + 1})
        found += [(sample, features) for _, _, sample, features in kept]
    return HeadData(
        np.stack([features for _, features in found]),
        np.stack([targets_of(sample, rows, columns) for sample, _ in found]),
        np.array([labels.index(s.kind) if s.kind else -1 for s, _ in found], np.int64),
    )


def _highest(head: PatchHead, features: NDArray[np.float32], asked: NDArray[np.bool_]) -> float:
    """Return the highest logit of the patches asked; of all where there is none to ask."""
    with torch.no_grad():
        logits = head(torch.from_numpy(features)[None])[0, 0].numpy()
    return float(logits[asked].max() if asked.any() else logits.max())


def _made_up(image: Image, known: Sequence[Cutting], rng: np.random.Generator) -> Sample:
    """Return the good image with something of no known kind, or with a known defect elsewhere."""
    if known and rng.random() < _TRANSPLANTED:
        return transplant(image, known, rng)
    return spoil(image, rng)


def _calibrate(
    good: Sequence[Sample],
    extractor: Extractor,
    head: PatchHead,
    bank: Bank,
    options: Options,
) -> tuple[Fusion, NDArray[np.float64], NDArray[np.float64]]:
    """Set each branch's limit on good images; return it with their fused raw scores and their features' means."""
    logits, novelties, pooled = [], [], []
    for sample in good:
        features = extractor.one(sample.image)
        with torch.no_grad():
            answer = head(torch.from_numpy(features)[None])
        logits.append(float(answer[0, 0].max()))
        novelties.append(_novelty(bank, features))
        pooled.append(features.mean(axis=(1, 2), dtype=np.float64))
    a, b = np.array(logits), np.array(novelties)
    head_limit = conformal(a, options.target_overkill * _HEAD_SHARE).threshold
    bank_limit = conformal(b, options.target_overkill * (1 - _HEAD_SHARE)).threshold
    fusion = Fusion(
        head_limit,
        max(head_limit - float(np.median(a)), 1e-3),
        bank_limit,
        max(bank_limit - float(np.median(b)), 1e-3),
    )
    raw = np.maximum(
        (a - fusion.head_limit) / fusion.head_spread, (b - fusion.bank_limit) / fusion.bank_spread
    )
    return fusion, raw, np.stack(pooled)


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
