"""Figures that hold a rate against what was asked: images a second, false alarms, what int8 costs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qc_vision.backbones import FLOAT, INT8
from qc_vision.bench_real import Tiles, tile_scores, tiles_of
from qc_vision.figures import Figure, auroc
from qc_vision.runtime import load
from qc_vision.training.calibrate import conformal

_SPLITS: Final = 50
_PICTURES: Final = 50
"""Different pictures that are judged again and again."""
_READY_S: Final = 120.0
"""Seconds that a process waits for the others to have loaded the package."""


def throughput(package: Path, picture: Callable[[int], bytes], count: int) -> Iterator[Figure]:
    """Judge pictures in one process a core, as agents do, and count them by the clock on the wall.

    Each process judges its own share, from memory, once all of them have loaded and warmed the package.
    """
    cores = len(os.sched_getaffinity(0))
    jpegs = [picture(seed) for seed in range(_PICTURES)]
    context = get_context("spawn")
    ready = context.Barrier(cores)
    said: SimpleQueue[tuple[float, float]] = context.SimpleQueue()
    share = -(-count // cores)
    workers = [
        context.Process(target=_judge, args=(package, jpegs, share, ready, said), daemon=True)
        for _ in range(cores)
    ]
    for worker in workers:
        worker.start()
    left = workers
    while left:
        wait([worker.sentinel for worker in left])
        left = [worker for worker in left if worker.is_alive()]
        if any(worker.exitcode for worker in workers):
            ready.abort()  # the others wait for nobody
    if any(worker.exitcode for worker in workers):
        raise RuntimeError("a process that judges pictures has failed; above it says why")
    times = [said.get() for _ in workers]
    spent = max(end for _, end in times) - min(begin for begin, _ in times)
    yield Figure(
        f"throughput, {cores} cores, JPEG 256 px to verdict, images/s",
        share * cores / spent,
        "≥ 250",
    )


def _judge(
    package: Path,
    jpegs: Sequence[bytes],
    share: int,
    ready: Barrier,
    said: SimpleQueue[tuple[float, float]],
) -> None:
    """Judge a share of pictures when everybody is ready; say when it began and ended."""
    inspector = load(package)
    for data in jpegs:
        inspector.inspect(data)
    ready.wait(_READY_S)
    began = time.monotonic()  # one clock for all processes
    for number in range(share):
        inspector.inspect(jpegs[number % len(jpegs)])
    said.put((began, time.monotonic()))


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
