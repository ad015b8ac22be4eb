"""Figures on the real sets: magnetic tile (good-only) and NEU (six classes).

Read from ``$C2M_SHARED/data/vision`` or ``../shared/data/vision`` beside the repository. The same
heads, scales and int8 backbone as in ``train``; no settings per data set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from qc_vision.backbones import INT8
from qc_vision.figures import Figure, auroc, false_alarms_at, pixel_figures
from qc_vision.runtime.image import decode
from qc_vision.training.features import Extractor, sized
from qc_vision.training.good_only import cross_fitted, scaled
from qc_vision.training.heads import GoodHead, fit_positional, fit_projection
from qc_vision.training.reading import fit_reading, roughness_of
from qc_vision.training.samples import fitted

Image = NDArray[np.uint8]
Half = NDArray[np.float16]

_SIZE: Final = 256
_FOLDS: Final = 3
_TARGET_OVERKILL: Final = 0.02
_MAP_SIDE: Final = 128


def real_sets() -> Path | None:
    """Return the folder of the real sets, None where there is none."""
    shared = os.environ.get("C2M_SHARED")
    folder = (Path(shared) if shared else Path(__file__).parents[2] / "shared") / "data/vision"
    return folder if folder.is_dir() else None


@dataclass(frozen=True, slots=True)
class Tiles:
    """Pictures as heads see them: features (N×channels×rows×columns) and roughness (N×height/2×width/2)."""

    features: Half
    roughness: Half


def tiles_of(paths: Sequence[Path], backbone: Path = INT8) -> Tiles:
    """Return what is seen of pictures at 256 px through a backbone that ships."""
    roughness = [roughness_of(fitted(decode(path.read_bytes()), _SIZE)) for path in paths]
    return Tiles(tile_features(paths, backbone), np.stack(roughness))


def tile_features(paths: Sequence[Path], backbone: Path = INT8) -> Half:
    """Return the features of pictures at 256 px through a backbone that ships."""
    extractor = Extractor(sized(backbone, _SIZE, _SIZE))
    return extractor.many(
        (fitted(decode(path.read_bytes()), _SIZE) for path in paths), len(paths), lambda _: None
    )


def magnetic_tile(folder: Path, seeds: Sequence[int]) -> Iterator[Figure]:
    """Good-only on 80 % of the free tiles, tested on the others and all defective ones."""
    paths = sorted(folder.glob("MT_*/Imgs/*.jpg"))
    kinds = np.array([path.parts[-3].removeprefix("MT_") for path in paths])
    numbers = np.array([int(re.findall(r"num_(\d+)", path.name)[0]) for path in paths])
    tiles = tiles_of(paths)
    free = np.flatnonzero(kinds == "Free")
    runs: list[dict[str, float]] = []
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(free)
        train, held = np.split(order, [int(0.8 * len(order))])
        runs.append(_tile_run(paths, kinds, tiles, train, held))
    goals = {
        "image AUROC": "≥ 0.97", "FPR at 95 % TPR": "≤ 0.12", "FPR at 99 % TPR": "≤ 0.35",
        "FPR at 100 % TPR": "≤ 0.70", "AUROC Crack": "≥ 0.93", "pixel AUROC": "≥ 0.85",
        "PRO at 0.3": "≥ 0.76",
    }  # fmt: skip
    for name in runs[0]:
        value = float(np.mean([run[name] for run in runs]))
        yield Figure(f"magnetic tile, {len(runs)} seeds: {name}", value, goals.get(name, ""))
    train, held = _by_runs(free, numbers)
    grouped = _tile_run(paths, kinds, tiles, train, held)["image AUROC"]
    yield Figure("magnetic tile, split by runs of numbers: image AUROC", grouped, "reported")


def _by_runs(
    free: NDArray[np.int64], numbers: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split so that exposures of one tile, which carry nearby numbers, stay together."""
    ordered = free[np.argsort(numbers[free])]
    run = np.concatenate([[0], np.cumsum(np.diff(numbers[ordered]) > 200)])
    kept = np.random.default_rng(0).permutation(run[-1] + 1)[: int(0.8 * (run[-1] + 1))]
    inside = np.isin(run, kept)
    return ordered[inside], ordered[~inside]


def _tile_run(
    paths: Sequence[Path],
    kinds: NDArray[np.str_],
    tiles: Tiles,
    train: NDArray[np.int64],
    held: NDArray[np.int64],
) -> dict[str, float]:
    bad = np.flatnonzero(kinds != "Free")
    asked = np.concatenate([held, bad])
    found_scores, heat = tile_scores(tiles, train, asked)
    scores = dict(zip(asked.tolist(), found_scores.tolist(), strict=True))
    maps = dict(zip(asked.tolist(), heat, strict=True))
    good = [scores[i] for i in held]
    found = [scores[i] for i in bad]
    at = false_alarms_at(good, found, (0.95, 0.99, 1.0))
    figures: dict[str, float] = {"image AUROC": auroc(good, found)}
    for name, value in zip((95, 99, 100), at, strict=True):
        figures[f"FPR at {name} % TPR"] = value
    for kind in np.unique(kinds[bad]):
        figures[f"AUROC {kind}"] = auroc(good, [scores[i] for i in bad if kinds[i] == kind])
    pixel, pro = pixel_figures(
        [_enlarged(maps[i]) for i in maps],
        [_mask(paths[i], str(kinds[i])) for i in maps],
    )
    return {**figures, "pixel AUROC": pixel, "PRO at 0.3": pro}


def tile_scores(
    tiles: Tiles, train: NDArray[np.int64], asked: NDArray[np.int64]
) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
    """Fit the positional head on some pictures, as `train` does; return scores and maps of others."""
    with threadpool_limits(limits=1, user_api="blas"):
        rng = np.random.default_rng(1)
        sample = np.sort(rng.choice(train, min(120, len(train)), replace=False))
        projection = fit_projection(tiles.features[sample], rng)
        z = np.stack([projection.apply(tiles.features[i]).astype(np.float16) for i in train])
        fold = rng.permutation(len(train)) % _FOLDS
        distances = cross_fitted(_fit(z[fold != 0], rng), _fit, z, fold, rng)
        reading, statistics, peaks = fit_reading(distances, tiles.roughness[train], fold)
        scale, _ = scaled(statistics, peaks, 1, _TARGET_OVERKILL)
        head = _fit(z, rng)
        scores, maps = [], []
        for index in asked:
            distance = head.distance(projection.apply(tiles.features[index]))
            roughness = tiles.roughness[index]
            scores.append(float(scale.fused(reading.statistics(distance, roughness))))
            maps.append(scale.heat(reading.shown(distance, roughness)))
        return np.array(scores), maps


def _fit(z: Half, _: np.random.Generator) -> GoodHead:
    return fit_positional(z)


def _enlarged(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    side = (_MAP_SIDE, _MAP_SIDE)
    return np.asarray(cv2.resize(heat, side, interpolation=cv2.INTER_LINEAR), np.float32)


def _mask(path: Path, kind: str) -> NDArray[np.bool_]:
    if kind == "Free":
        return np.zeros((_MAP_SIDE, _MAP_SIDE), bool)
    mask = decode(path.with_suffix(".png").read_bytes())[:, :, 0]
    small = cv2.resize(mask, (_MAP_SIDE, _MAP_SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small > 0.5 * small.max(), bool)


def neu_classes(folder: Path) -> Iterator[Figure]:
    """Six classes of hot-rolled strip, 70/30 stratified, regularised LDA on pooled features."""
    paths = sorted((folder / "images").glob("*.jpg"))
    names = [re.sub(r"_\d+$", "", path.stem) for path in paths]
    kinds, labels = np.unique(names, return_inverse=True)
    pooled = _pooled(tile_features(paths))
    right = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        test = np.zeros(len(paths), bool)
        for kind in range(len(kinds)):
            mine = rng.permutation(np.flatnonzero(labels == kind))
            test[mine[: round(0.3 * len(mine))]] = True
        weights, bias = _lda(pooled[~test], labels[~test], len(kinds))
        said = (pooled[test] @ weights + bias).argmax(axis=1)
        right.append(float((said == labels[test]).mean()))
    yield Figure("NEU, 3 splits: 6-class accuracy", float(np.mean(right)), "≥ 0.993")


def _pooled(features: Half) -> NDArray[np.float64]:
    rows = []
    for one in features:
        x = one.reshape(one.shape[0], -1).astype(np.float32)
        rows.append(np.concatenate([x.mean(axis=1), x.std(axis=1), x.max(axis=1)]))
    stacked = np.stack(rows).astype(np.float64)
    return np.asarray((stacked - stacked.mean(axis=0)) / (stacked.std(axis=0) + 1e-6), np.float64)


def _lda(
    x: NDArray[np.float64], labels: NDArray[Any], kinds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights and bias of linear discriminants with a shrunk covariance."""
    means = np.stack([x[labels == kind].mean(axis=0) for kind in range(kinds)])
    inside = x - means[labels]
    covariance = inside.T @ inside / len(x)
    shrunk = 0.7 * covariance + 0.3 * np.trace(covariance) / len(covariance) * np.eye(x.shape[1])
    weights = np.linalg.solve(shrunk, means.T)
    return weights, -0.5 * np.einsum("kc,ck->k", means, weights)
