"""Train from folders of good images and of defects with their masks. Needs torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qc_vision.figures import escape_and_overkill
from qc_vision.runtime import Inspection, Inspector, load
from qc_vision.runtime.fitness import FitnessLimits, measure
from qc_vision.runtime.manifest import Manifest
from qc_vision.training.hygiene import groups_of
from qc_vision.training.make import Snapshot, make_package
from qc_vision.training.package import Options, Progress, with_metrics
from qc_vision.training.pseudo import spoil
from qc_vision.training.samples import Sample, defects_from, good_from

_CALIBRATION_SHARE = 0.3
_DEFECT_TEST_SHARE = 0.25


def train_folders(
    good_folder: Path,
    defects_folder: Path,
    options: Options,
    package: Path,
    progress: Progress,
) -> Manifest:
    """Train a package; 30 % of the good images calibrate it, a quarter of the defects measure it.

    Files that are no image are reported in the progress and left out.

    Raises:
        DataError: when a folder holds too little to train on.
    """
    good, digest, refused = good_from(good_folder, options.size, without=defects_folder)
    defects, without = defects_from(defects_folder, options.size, good=good_folder)
    refused += without
    for reason in refused:
        progress({"step": "left out", "file": reason})
    rng = np.random.default_rng(options.seed)
    order = rng.permutation(len(good))
    count = max(2, round(_CALIBRATION_SHARE * len(good)))
    held, learned = _apart(defects, round(_DEFECT_TEST_SHARE * len(defects)), rng)
    snapshot = Snapshot(
        good=[good[i] for i in order[count:]],
        calibration=[good[i] for i in order[:count]],
        defects=learned,
        sha256=_snapshot_hash(digest, defects),
        limits=FitnessLimits.around([measure(_picture(s), FitnessLimits()) for s in good]),
    )
    spoils = max(1, min(8, 400 // max(1, len(snapshot.good))))
    manifest = make_package(snapshot, replace(options, spoiled=spoils), package, progress)
    metrics = _measure(load(package), snapshot.calibration, held, rng)
    progress({"step": "measured", **metrics["summary"]})
    return with_metrics(manifest, metrics, package)


def _apart(
    samples: Sequence[Sample], count: int, rng: np.random.Generator
) -> tuple[list[Sample], list[Sample]]:
    """Put ``count`` samples aside, with their near-duplicates; return those and the rest."""
    if not samples:
        return [], []
    groups = groups_of([sample.image for sample in samples])
    if np.bincount(groups).max() > 0.6 * len(samples):  # all alike: twins mean nothing here
        groups = np.arange(len(samples))
    aside = np.zeros(len(samples), bool)
    for name in rng.permutation(np.unique(groups)):
        if aside.sum() >= count:
            break
        aside |= groups == name
    return (
        [sample for sample, out in zip(samples, aside, strict=True) if out],
        [sample for sample, out in zip(samples, aside, strict=True) if not out],
    )


def _snapshot_hash(good: str, defects: list[Sample]) -> str:
    digest = hashlib.sha256(good.encode())
    for sample in defects:
        digest.update(sample.image.tobytes())
    return digest.hexdigest()


def _measure(
    inspector: Inspector,
    good: Sequence[Sample],
    held: list[Sample],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Measure on the defects held back; without any, on made-up anomalies, and say so."""
    made_up = not held
    if made_up:
        held = [spoil(sample.image, rng) for sample in good]
    bad: dict[str, list[Inspection]] = {}
    for sample in held:
        if sample.mask is not None:
            bad.setdefault(sample.kind or "made-up", []).append(_judge(inspector, sample))
    metrics = escape_and_overkill([_judge(inspector, sample) for sample in good], bad)
    source = "made-up anomalies: no real defects were given" if made_up else "defects held back"
    return {
        "measured_on": f"{source}; overkill on the calibration images, so it is optimistic",
        **metrics,
    }


def _judge(inspector: Inspector, sample: Sample) -> Inspection:
    return inspector.inspect(_picture(sample))


def _picture(sample: Sample) -> NDArray[np.uint8]:
    """Return the sample as a camera's BGR picture."""
    return np.ascontiguousarray(sample.image[:, :, ::-1])
