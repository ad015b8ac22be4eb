"""From a folder of pictures with boxes to a verified model package. Needs torch."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from qc_vision.annotations import Annotated, Reading, read_annotated, without_rare_kinds
from qc_vision.average_precision import Found, average_precision
from qc_vision.evaluate_boxes import at_threshold, best_score, found_in
from qc_vision.runtime import Calibration, Inspector, Manifest, load
from qc_vision.runtime.fitness import FitnessLimits, measure
from qc_vision.training.boxes.draw import Shown, all_shown
from qc_vision.training.boxes.export import (
    answers_float,
    asked_twice,
    check_against_torch,
    deep_half,
    joined,
    shallow_half,
    shift_map,
)
from qc_vision.training.boxes.learn import Learned, learn
from qc_vision.training.calibrate import conformal
from qc_vision.training.features import Extractor
from qc_vision.training.hygiene import groups_of
from qc_vision.training.package import Options, Progress, with_metrics, write_package
from qc_vision.training.quantise import quantised
from qc_vision.training.samples import DataError, Sample, good_from

LEAST: Final = 8
"""Annotated pictures without which nothing is learned."""
MOST: Final = 4_000
"""More pictures than this are not read: all are kept in memory."""

_LEAST_OF_A_KIND: Final = 3
_HELD: Final = 0.15
_GOOD_CALIBRATING: Final = 0.3
_SHOWINGS: Final = 28_000
"""Pictures shown altogether where no number of epochs is asked: about 15 CPU minutes at 256 pixels."""
_LEAST_SIDE: Final = 16.0
"""Pixels that the shorter sides of nine boxes in ten have in the model's input, where that is affordable."""
_SIZES: Final = (256, 512)
_QUANTISED_ON: Final = 64


@dataclass(frozen=True, slots=True)
class BoxOptions:
    """How to train with boxes.

    Args:
        size: side of the model's square input, a multiple of 32; None for one that suits the boxes.
        epochs: None for as many as about 15 CPU minutes allow.
        target_overkill: share of good parts that may be called NOK, where good pictures are given.
        ignored: kinds that are no defects; their boxes are not learned.
        variants: what the model is for; () for all.
    """

    name: str
    shop: str = "any"
    size: int | None = None
    epochs: int | None = None
    target_overkill: float = 0.01
    seed: int = 1
    ignored: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()


def train_boxes(
    folder: Path,
    options: BoxOptions,
    package: Path,
    progress: Progress,
    *,
    good: Path | None = None,
) -> Manifest:
    """Train, calibrate, write and verify a package from annotated pictures (`qc_vision.annotations`).

    A run that was interrupted goes on from its last epoch when started again with the same folder and package.
    Good pictures, where given, are shown as pictures without regions, and 30 % of them calibrate the threshold;
    without them the threshold is where precision and recall on the pictures held back are best together.

    Raises:
        ValueError: when a folder holds too little to train on.
    """
    reading = read_annotated(folder, ignored=options.ignored)
    return train_on(reading, options, package, progress, good=good)


@dataclass(frozen=True, slots=True)
class Material:
    """What a model is trained on, at its input's size.

    Args:
        learned: pictures it is shown, good ones among them.
        held: annotated pictures kept to choose the best epoch and the threshold, and to measure.
        calibrating: good pictures kept for the threshold.
        sha256: of all of them and their annotations.
    """

    learned: list[Shown]
    held: list[Shown]
    calibrating: list[Shown]
    labels: tuple[str, ...]
    size: int
    sha256: str
    findings: tuple[str, ...]


def train_on(
    reading: Reading,
    options: BoxOptions,
    package: Path,
    progress: Progress,
    *,
    good: Path | None = None,
) -> Manifest:
    """Train on pictures that have been read, as `train_boxes` does."""
    began = time.perf_counter()
    torch.set_num_threads(1)  # a second thread only spins on a shared machine
    material = _material(reading, options, good, progress)
    package.mkdir(parents=True, exist_ok=True)
    checkpoint = package / "training.pt"
    shallow = shallow_half(material.size)
    extractor = Extractor(shallow)
    epochs = options.epochs or int(np.clip(round(_SHOWINGS / len(material.learned)), 10, 80))
    found = learn(
        material.learned,
        material.held,
        material.labels,
        lambda side: Extractor(shallow_half(side)),
        epochs=epochs,
        seed=options.seed,
        recipe=f"{material.sha256} {material.size} {options.seed} {' '.join(material.labels)}",
        checkpoint=checkpoint,
        progress=progress,
    )
    deep = deep_half(found.net, material.size)
    check_against_torch(deep, found.net, [_both_ways(extractor, one) for one in material.held[:3]])
    sample = material.learned[:: max(1, len(material.learned) // _QUANTISED_ON)]
    inputs = (_both_ways(extractor, one) for one in sample)
    int8 = quantised(deep, inputs, kept_float=answers_float(deep))
    model = joined(asked_twice(shallow), int8)
    manifest = _calibrated(package, model, material, options, found)
    metrics = _measured(load(package), material, found)
    metrics["summary"]["training_s"] = round(time.perf_counter() - began, 1)
    progress({"step": "measured", **metrics["summary"]})
    checkpoint.unlink(missing_ok=True)
    return with_metrics(manifest, metrics, package)


def _material(
    reading: Reading, options: BoxOptions, good: Path | None, progress: Progress
) -> Material:
    reading = without_rare_kinds(reading, _LEAST_OF_A_KIND)
    for sentence in reading.findings:
        progress({"step": "look at", "finding": sentence})
    labels, pictures = _learnable(reading, options.seed)
    size = options.size or suitable_size(pictures)
    if size % 32 or size < 64:
        raise ValueError(
            f"the model's input is {size} pixels; it must be a multiple of 32 and ≥ 64"
        )
    refused: list[str] = []
    learned, held = _split(
        all_shown(pictures, labels, size, refused.append), np.random.default_rng(options.seed)
    )
    fine, calibrating, digest = _good(good, size, options, refused)
    for reason in refused:
        progress({"step": "left out", "file": reason})
    progress(
        {
            "step": "read",
            "pictures": len(learned),
            "held_back": len(held),
            "good": len(fine) + len(calibrating),
            "kinds": list(labels),
            "size": size,
        }
    )
    sha256 = hashlib.sha256(f"{reading.sha256} {digest}".encode()).hexdigest()
    findings = (*reading.findings, *refused)
    return Material([*learned, *fine], held, calibrating, labels, size, sha256, findings)


def _learnable(reading: Reading, seed: int) -> tuple[tuple[str, ...], list[Annotated]]:
    labels, pictures = reading.kinds, list(reading.pictures)
    if not labels or len(pictures) < LEAST:
        raise DataError(
            f"{len(pictures)} annotated pictures with {len(labels)} kinds of regions can be used; at least"
            f" {LEAST} and one kind in {_LEAST_OF_A_KIND} of them are needed"
        )
    if len(pictures) > MOST:
        picked = np.random.default_rng(seed).choice(len(pictures), MOST, replace=False)
        pictures = [pictures[index] for index in np.sort(picked)]
    return labels, pictures


def suitable_size(pictures: Sequence[Annotated]) -> int:
    """Return the side of the input at which nine boxes in ten have sides of 16 pixels, from 256 to 512."""
    shares = [
        float(min((box[2] - box[0]) / one.width, (box[3] - box[1]) / one.height))
        for one in pictures
        for box in one.boxes
    ]
    wanted = _LEAST_SIDE / max(float(np.quantile(shares, 0.1)), 1e-3)
    return int(np.clip(math.ceil(wanted / 32) * 32, *_SIZES))


def _split(seen: Sequence[Shown], rng: np.random.Generator) -> tuple[list[Shown], list[Shown]]:
    """Hold 15 % back, near-duplicates together."""
    groups = groups_of([one.image for one in seen])
    if np.bincount(groups).max() > 0.5 * len(seen):  # all alike: twins mean nothing here
        groups = np.arange(len(seen))
    count = max(2, round(_HELD * len(seen)))
    aside = np.zeros(len(seen), bool)
    for name in rng.permutation(np.unique(groups)):
        if aside.sum() >= count:
            break
        aside |= groups == name
    return (
        [one for one, out in zip(seen, aside, strict=True) if not out],
        [one for one, out in zip(seen, aside, strict=True) if out],
    )


def _good(
    folder: Path | None, size: int, options: BoxOptions, refused: list[str]
) -> tuple[list[Shown], list[Shown], str]:
    """Return good pictures to learn from and to calibrate on, and their hash."""
    if folder is None:
        return [], [], ""
    samples, digest, unreadable = good_from(folder, size)
    refused += unreadable
    order = np.random.default_rng(options.seed).permutation(len(samples))
    count = max(2, round(_GOOD_CALIBRATING * len(samples)))
    found = [_without_regions(samples[index]) for index in order]
    return found[count:], found[:count], digest


def _without_regions(sample: Sample) -> Shown:
    return Shown(sample.image, np.zeros((0, 4), np.float32), np.zeros(0, np.int64), None)


def _both_ways(extractor: Extractor, one: Shown) -> NDArray[np.float32]:
    """Return the shallow features of a picture and of its mirror image."""
    turned = np.ascontiguousarray(one.image[:, ::-1])
    return np.stack([extractor.one(one.image), extractor.one(turned)])


def _bgr(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image[:, :, ::-1])


def _calibrated(
    package: Path, model: onnx.ModelProto, material: Material, options: BoxOptions, found: Learned
) -> Manifest:
    """Write the package with a threshold from what the int8 graph itself gives pictures held back."""
    pictures = [*material.learned, *material.held, *material.calibrating]
    as_written = Options(
        name=options.name,
        shop=options.shop,
        size=material.size,
        seed=options.seed,
        variants=options.variants,
    )
    limits = FitnessLimits.around([measure(_bgr(one.image), FitnessLimits()) for one in pictures])
    write = partial(
        write_package,
        package,
        model,
        as_written,
        data_sha256=material.sha256,
        labels=material.labels,
        limits=limits,
        extra={
            "boxes": {
                "epoch": found.epoch,
                "ignored": list(options.ignored),
                "masks": any(one.mask is not None for one in material.learned),
            },
            "trained_on": {
                "good": sum(not len(one.boxes) for one in material.learned),
                "spoiled": 0,
                "defects": sum(bool(len(one.boxes)) for one in material.learned),
            },
            "findings": list(material.findings)[:50],
        },
    )
    write(calibration=Calibration(0.0, 1.0, 0, 1.0, "none yet"))
    inspector = load(package)
    if material.calibrating:
        said = [inspector.raw(one.image) for one in material.calibrating]
        calibration = replace(conformal(said, options.target_overkill), scale=1.0)
    else:
        answers, _ = found_in(inspector, [_bgr(one.image) for one in material.held])
        score = float(np.clip(best_score(_truth(material), answers), 1e-4, 1 - 1e-4))
        calibration = Calibration(
            float(np.log(score / (1.0 - score))),
            1.0,
            len(material.held),
            1.0,  # nothing is promised of good parts that were never shown
            "greatest F1 of regions on annotated pictures held back",
        )
    shift_map(model, calibration.threshold)
    return write(calibration=calibration)


def _truth(material: Material) -> list[Found]:
    names = material.labels
    return [
        Found(one.boxes, [names[kind] for kind in one.kinds], [1.0] * len(one.kinds))
        for one in material.held
    ]


def _measured(inspector: Inspector, material: Material, found: Learned) -> dict[str, Any]:
    """Measure the int8 package on the annotated pictures held back."""
    answers, _ = found_in(inspector, [_bgr(one.image) for one in material.held])
    figures = average_precision(_truth(material), answers)
    return {
        "measured_on": "annotated pictures held back, which also chose the best epoch and the threshold, so it is"
        " optimistic",
        "summary": {
            "map50": figures["map50"],
            "map50_95": figures["map50_95"],
            "map50_float": found.figures["map50"],
            "map50_95_float": found.figures["map50_95"],
            "pictures": figures["pictures"],
            **at_threshold(_truth(material), answers, 0.5),
        },
        "kinds": figures["kinds"],
    }
