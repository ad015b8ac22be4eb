"""Train from good pictures alone, in seconds and without torch.

The head is chosen by the data: each is fitted without a part of the good pictures, and has to
tell those from the same pictures with made-up anomalies. Good scores for the threshold come from
cross-fitting: every picture is scored by a head that was fitted without it and its twins.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from qc_vision.backbones import FLOAT, INT8
from qc_vision.figures import auroc, auroc_error
from qc_vision.runtime.fitness import FitnessLimits, measure
from qc_vision.runtime.image import NotAnImage, decode
from qc_vision.runtime.inspection import Fitness
from qc_vision.runtime.manifest import Manifest
from qc_vision.runtime.pipeline import standard
from qc_vision.runtime.tiles import tile
from qc_vision.training.calibrate import conformal, tail_threshold
from qc_vision.training.features import Extractor, sized
from qc_vision.training.good_graph import Scale, good_only_model
from qc_vision.training.heads import (
    GoodHead,
    Projection,
    fit_bank_head,
    fit_pooled,
    fit_positional,
    fit_projection,
)
from qc_vision.training.hygiene import Findings, examine, unfit
from qc_vision.training.package import Options, Progress, write_package
from qc_vision.training.pose import Locating, fit_pose
from qc_vision.training.pseudo import spoil
from qc_vision.training.reading import (
    Reading,
    fit_reading,
    neighbours_mean,
    roughness_of,
    summary_of,
)
from qc_vision.training.samples import DataError, fitted, image_files, reason_of
from qc_vision.training.watch import fit_watch

Image = NDArray[np.uint8]
Half = NDArray[np.float16]

LEAST: Final = 4
MOST: Final = 2_500
"""More pictures than this are not read: the heads no longer gain, memory would."""
_POSE_SAMPLE: Final = 40
_SPOILED: Final = 80
_FOLDS: Final = 3
# the usual head first
_FITS: Final[dict[str, Callable[[Half, np.random.Generator], GoodHead]]] = {
    "positional": lambda z, _: fit_positional(z),
    "bank": fit_bank_head,
    "gaussian": fit_pooled,
}


@dataclass(frozen=True, slots=True)
class GoodPictures:
    """Good pictures at the model's size (RGB), as the runtime will cut and scale them: one image a view."""

    images: list[Image]
    findings: Findings
    refused: list[str]
    locating: Locating | None
    limits: FitnessLimits
    sha256: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """One picture that could be read: as the model gets it, whole and in tiles."""

    name: str
    whole: Image
    views: list[Image]
    size: tuple[int, int]
    fitness: Fitness
    sha256: bytes


def train_good_only(folder: Path, options: Options, package: Path, progress: Progress) -> Manifest:
    """Train, calibrate, write and verify a package from a folder of good pictures.

    On one thread: it is thousands of small matrices, over which several threads wait for each other
    (62 CPU seconds instead of 12 for 200 pictures on two cores).

    Raises:
        DataError: when the folder holds too few pictures.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        return _train(folder, options, package, progress)


def _train(folder: Path, options: Options, package: Path, progress: Progress) -> Manifest:
    began = time.perf_counter()
    good = read_good(folder, options.size, progress, tiles=options.tiles)
    rng = np.random.default_rng(options.seed)
    backbone = sized(INT8 if options.int8 else FLOAT, options.size, options.size)
    projection, z, pooled = _projected(good.images, Extractor(backbone), rng, progress)
    extractor = Extractor(backbone)

    views = options.tiles**2  # of a picture, whose worst view is its score
    fold = np.repeat(_folds(good.findings.groups, rng), views)
    first, compared = _choose(good.images, z, fold, projection, extractor, rng)
    chosen = first.name
    progress({"step": "head", "chosen": chosen, "compared": compared})
    distances = cross_fitted(first, _FITS[chosen], z, fold, rng)
    roughness = np.stack([roughness_of(image) for image in good.images])
    reading, statistics, peaks = fit_reading(distances, roughness, fold)
    head = _FITS[chosen](z, rng)
    scale, raw = scaled(statistics, peaks, views, options.target_overkill)
    calibration = conformal(raw, options.target_overkill)
    suggested = tail_threshold(raw, options.target_overkill)
    progress({"step": "calibrated", "threshold": calibration.threshold, "n": calibration.n})

    # of tiles no one number can be given for the picture
    watch = fit_watch(pooled, rng) if views == 1 else None
    model = good_only_model(backbone, projection, head, reading, scale, watch)
    _check_export(
        model.SerializeToString(), good.images[:8], extractor, projection, head, reading, scale
    )
    manifest = write_package(
        package,
        model,
        options,
        calibration=calibration,
        data_sha256=good.sha256,
        labels=(),
        locating=good.locating,
        limits=good.limits,
        extra={
            "trained_on": {"good": len(raw), "spoiled": 0, "defects": 0},
            "head": chosen,
            "heads_compared": compared,
            "suggested_threshold": suggested,
            "findings": list(good.findings.sentences)[:50],
            **({} if watch is None else {"watch": watch.noted()}),
        },
        metrics={
            "measured_on": "made-up anomalies on good pictures: no real defects were given;"
            " overkill by cross-fitting",
            "summary": {
                "auroc": compared[chosen]["auroc"],
                "overkill": round(float((raw > calibration.threshold).mean()), 4),
                "overkill_n": len(raw),
                "training_s": round(time.perf_counter() - began, 1),
            },
            "kinds": {},
        },
    )
    progress({"step": "trained", "seconds": round(time.perf_counter() - began, 1)})
    return manifest


def read_good(folder: Path, size: int, progress: Progress, *, tiles: int = 1) -> GoodPictures:
    """Read a folder of good pictures; what cannot be read is said and left out."""
    files = image_files(folder)
    most = max(LEAST, MOST // tiles**2)
    if len(files) > most:
        progress({"step": "sampled", "files": len(files), "used": most})
        files = [files[i] for i in np.linspace(0, len(files) - 1, most).astype(int)]
    (cutter,) = (
        node
        for node in standard(width=size, height=size, tiles=tiles).nodes
        if node.kind in ("crop", "tile")
    )
    locating = _pose_of(files) if tiles == 1 else None
    if locating is not None:
        progress({"step": "located", "reach": round(locating.reach, 3)})
    seen: list[_Seen] = []
    refused: list[str] = []
    for path in files:
        try:
            data = path.read_bytes()
            picture = decode(data)
        except (NotAnImage, OSError) as cause:
            refused.append(f"{path}: {reason_of(cause)}")
            continue
        cut = picture if locating is None else locating.apply(picture)
        if cut is None:
            refused.append(f"{path}: nothing stands out from the ground, the part is not found")
            continue
        seen.append(
            _Seen(
                name=str(path),
                whole=fitted(cut, size),
                views=[view.pixels for view in tile(cut, cutter).views] if tiles > 1 else [],
                size=(picture.shape[1], picture.shape[0]),
                fitness=measure(picture, FitnessLimits()),
                sha256=hashlib.sha256(data).digest(),
            )
        )
    poor = unfit([one.fitness for one in seen])
    refused += [f"{seen[index].name}: {why}" for index, why in poor.items()]
    seen = [one for index, one in enumerate(seen) if index not in poor]
    for reason in refused:
        progress({"step": "left out", "file": reason})
    if len(seen) < LEAST:
        raise DataError(
            f"{folder} holds {len(seen)} usable images; at least {LEAST} are needed"
            + (f" (the first left out: {refused[0]})" if refused else "")
        )
    wholes = [one.whole for one in seen]
    findings = examine([one.name for one in seen], wholes, [one.size for one in seen])
    for sentence in findings.sentences:
        progress({"step": "look at", "finding": sentence})
    digest = hashlib.sha256(b"".join(one.sha256 for one in seen)).hexdigest()
    limits = FitnessLimits.around([one.fitness for one in seen])
    images = [view for one in seen for view in one.views] or wholes
    return GoodPictures(images, findings, refused, locating, limits, digest)


def _pose_of(files: Sequence[Path]) -> Locating | None:
    """Look for a loose part in a sample of the files."""
    sample = []
    for index in np.unique(np.linspace(0, len(files) - 1, _POSE_SAMPLE).astype(int)):
        try:
            picture = decode(files[index].read_bytes())
        except (NotAnImage, OSError):
            continue
        scale = min(1.0, 512 / max(picture.shape[:2]))
        sample.append(
            np.asarray(
                cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA),
                np.uint8,
            )
        )
    return fit_pose(sample) if len(sample) >= LEAST else None


def _projected(
    images: Sequence[Image], extractor: Extractor, rng: np.random.Generator, progress: Progress
) -> tuple[Projection, Half, NDArray[np.float64]]:
    """Return the projection, fitted on a sample, all pictures through it, and their features' means."""
    sample = np.sort(rng.choice(len(images), min(120, len(images)), replace=False))
    features = extractor.many((images[i] for i in sample), len(sample), lambda _: None)
    projection = fit_projection(features, rng)
    kept = dict(zip(sample.tolist(), features, strict=True))
    found, pooled = [], []
    for index, image in enumerate(images):
        raw = kept.pop(index) if index in kept else extractor.one(image)
        found.append(projection.apply(raw).astype(np.float16))
        pooled.append(raw.mean(axis=(1, 2), dtype=np.float64))
        if index % 100 == 99:
            progress({"step": "features", "done": index + 1, "of": len(images)})
    return projection, np.stack(found), np.stack(pooled)


def _folds(groups: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Deal the groups out to folds, twins together, the largest group first."""
    names, sizes = np.unique(groups, return_counts=True)
    count = min(_FOLDS, len(names))
    if count < 2 or sizes.max() > 0.6 * len(groups):  # all alike: twins mean nothing here
        return rng.permutation(len(groups)) % min(_FOLDS, len(groups))
    load, fold = np.zeros(count), {}
    order = rng.permutation(len(names))
    for index in order[np.argsort(-sizes[order], kind="stable")]:
        least = int(load.argmin())
        fold[int(names[index])] = least
        load[least] += sizes[index]
    return np.array([fold[int(name)] for name in groups], np.int64)


def _choose(
    images: Sequence[Image],
    z: Half,
    fold: NDArray[np.int64],
    projection: Projection,
    extractor: Extractor,
    rng: np.random.Generator,
) -> tuple[GoodHead, dict[str, dict[str, float]]]:
    """Return the head that tells held-out good pictures from spoiled ones best, and all figures.

    It was fitted without the pictures of fold 0. Where each place has its own statistics a small defect shows
    best, so another head is taken only where it is better by more than the chance of so few pictures.
    """
    held = np.flatnonzero(fold == 0)
    fitted_on = z[fold != 0]
    picked = rng.choice(held, min(_SPOILED, len(held)), replace=False)
    spoiled = [
        projection.apply(extractor.one(spoil(images[int(i)], rng).image).astype(np.float16))
        for i in np.resize(picked, max(24, len(picked)))
    ]
    compared: dict[str, dict[str, float]] = {}
    heads: dict[str, GoodHead] = {}
    for name, fit in _FITS.items():
        head = heads[name] = fit(fitted_on, rng)
        good = [_worst_of(head.distance(z[i].astype(np.float32))) for i in held]
        bad = [_worst_of(head.distance(one)) for one in spoiled]
        spread = (np.quantile(good, 0.95) - np.median(good)) / max(float(np.median(good)), 1e-6)
        compared[name] = {
            "auroc": round(auroc(good, bad), 4),
            "spread": round(float(spread), 4),
        }
    worth = {name: one["auroc"] - 0.05 * one["spread"] for name, one in compared.items()}
    best, usual = max(worth, key=lambda name: worth[name]), next(iter(_FITS))
    chance = auroc_error(compared[usual]["auroc"], len(held), len(spoiled))
    if worth[best] - worth[usual] <= chance:
        best = usual
    return heads[best], compared


def _worst_of(distance: NDArray[np.float32]) -> float:
    return sum(summary_of(neighbours_mean(distance)))


def cross_fitted(
    first: GoodHead,
    fit: Callable[[Half, np.random.Generator], GoodHead],
    z: Half,
    fold: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the distances of every picture (N×rows×columns), by heads that never saw it.

    ``first`` is the head that was fitted without fold 0.
    """
    distances = np.empty((len(z), *z.shape[2:]), np.float32)
    for number in np.unique(fold):
        head = first if number == 0 else fit(z[fold != number], rng)
        for index in np.flatnonzero(fold == number):
            distances[index] = head.distance(z[index].astype(np.float32))
    return distances


def scaled(
    statistics: NDArray[np.float32], peaks: NDArray[np.float32], views: int, target_overkill: float
) -> tuple[Scale, NDArray[np.float32]]:
    """Return the scale and the raw scores of good pictures, each the worst of its views.

    The map is 0 at its own limit, moved so that the limit meets the threshold of the score: of good
    pictures no more than ``target_overkill`` show a place above it.
    """
    by_picture = statistics.reshape(-1, views, statistics.shape[1]).max(axis=1)
    limits = [conformal(one, target_overkill).threshold for one in by_picture.T]
    spreads = [
        max(limit - float(np.median(one)), 1e-3)
        for limit, one in zip(limits, by_picture.T, strict=True)
    ]
    unmapped = Scale(limits, spreads, 0.0, 1.0)
    raw = unmapped.fused(statistics).reshape(-1, views).max(axis=1)
    score = conformal(raw, target_overkill)
    peak = conformal(peaks.reshape(-1, views).max(axis=1), target_overkill)
    spread = peak.scale / score.scale
    return Scale(limits, spreads, peak.threshold - score.threshold * spread, spread), raw


def _check_export(
    model: bytes,
    images: Sequence[Image],
    extractor: Extractor,
    projection: Projection,
    head: GoodHead,
    reading: Reading,
    scale: Scale,
) -> None:
    """The fused graph must score as the parts did that the threshold was calibrated on."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    for image in images:
        found = float(session.run(["score"], {"image": image})[0])
        distance = head.distance(projection.apply(extractor.one(image)))
        wanted = float(scale.fused(reading.statistics(distance, roughness_of(image))))
        if abs(found - wanted) > 2e-2 * max(1.0, abs(wanted)):
            raise ValueError(f"the exported model scores {found:.4f}, training scored {wanted:.4f}")
