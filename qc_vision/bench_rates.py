"""Figures that hold a rate against what was asked: images a second, false alarms, what int8 costs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qc_vision.backbones import FLOAT, INT8
from qc_vision.bench_real import Tiles, tile_scores, tiles_of
from qc_vision.figures import Figure, auroc
from qc_vision.runtime import load
from qc_vision.runtime.inspector import Inspector
from qc_vision.training.calibrate import conformal

_SPLITS: Final = 50
_inspector: Inspector | None = None


def throughput(package: Path, picture: Callable[[int], bytes], count: int) -> Iterator[Figure]:
    """Judge pictures in one process a core, as agents do, and count them by the clock on the wall."""
    cores = len(os.sched_getaffinity(0))
    jpegs = [picture(seed) for seed in range(50)]
    asked = [jpegs[number % len(jpegs)] for number in range(count)]
    context = get_context("spawn")
    with ProcessPoolExecutor(cores, context, initializer=_open, initargs=(package,)) as pool:
        list(pool.map(_judge, asked[: 20 * cores], chunksize=10))
        began = time.perf_counter()
        list(pool.map(_judge, asked, chunksize=20))
        spent = time.perf_counter() - began
    yield Figure(
        f"throughput, {cores} cores, JPEG 256 px to verdict, images/s", count / spent, "≥ 250"
    )


def _open(package: Path) -> None:
    global _inspector
    # One a worker process, opened before the first picture.
    _inspector = load(package)


def _judge(data: bytes) -> bool:
    assert _inspector is not None  # noqa: S101 - opened by the initializer
    return _inspector.inspect(data).score > 0


def overkill_and_int8(folder: Path) -> Iterator[Figure]:
    """What the threshold promises on real good tiles, and what int8 costs there."""
    paths = sorted(folder.glob("MT_*/Imgs/*.jpg"))
    good = np.array([path.parts[-3] == "MT_Free" for path in paths])
    lost = []
    for backbone in (FLOAT, INT8):
        scores = _out_of_fold(tiles_of(paths, backbone), good)
        lost.append(auroc(scores[good], scores[~good]))
    yield Figure("magnetic tile, 5 folds: AUROC float", lost[0], "")
    yield Figure(
        "magnetic tile, 5 folds: AUROC lost by int8, points", 100 * (lost[0] - lost[1]), "≤ 0.2"
    )
    for target in (0.01, 0.02, 0.05):
        rates = _overkill(scores[good], target)
        yield Figure(
            f"overkill less its target of {target:.0%}, mean of {_SPLITS} splits, points",
            100 * (float(np.mean(rates)) - target),
            "within ± 0.5",
        )


def _out_of_fold(tiles: Tiles, good: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Score every good tile by a head that did not see it, the others by the mean over the five."""
    free = np.flatnonzero(good)
    fold = np.random.default_rng(0).permutation(len(free)) % 5
    bad = np.flatnonzero(~good)
    scores = np.zeros(len(good))
    for held in range(5):
        asked = np.concatenate([free[fold == held], bad])
        found, _ = tile_scores(tiles, free[fold != held], asked)
        scores[free[fold == held]] = found[: -len(bad)]
        scores[bad] += found[-len(bad) :] / 5
    return scores


def _overkill(good: NDArray[np.float64], target: float) -> Sequence[float]:
    """Calibrate on one half of good scores, count false alarms on the other."""
    rates = []
    for seed in range(_SPLITS):
        order = np.random.default_rng(seed).permutation(good)
        half = len(order) // 2
        threshold = conformal(order[:half], target).threshold
        rates.append(float((order[half:] > threshold).mean()))
    return rates
