"""How the distances of a picture's patches become its score and the map that shows where.

Distances are averaged over 3×3 patches. A place where good parts vary much raises no alarm by what is
usual there, so each place is held against good pictures that the head never saw. Patches see 8 pixels
and more; what is finer comes from the picture's own grain: its roughness over 3×3 pixels of half its
size, beside what is usual at the place. A rougher place counts more in the score; the map counts a
smoother one too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.backbones import GRID_STRIDE
from qc_vision.training.graph import HALF, GraphWriter
from qc_vision.training.usual import Usual, away_from_others, fit_usual

Image = NDArray[np.uint8]
Float = NDArray[np.float32]
Half = NDArray[np.float16]

WORST_SHARE: Final = 0.04
"""Share of the patches whose mean, beside the worst patch, makes the score of a picture."""
_GRAIN: Final = 0.5
"""By how much a patch counts more for each spread that its roughness lies off what is usual."""
_PER_PATCH: Final = GRID_STRIDE // HALF
_LEVELS: Final = 128.0
"""Grey levels in the backbone's unit."""
_NOISE: Final = 1.0 / _LEVELS**2
"""Variance that a camera's noise has anyhow: a grey level squared."""
_LEAST_SPREAD: Final = 0.1


def worst_count(rows: int, columns: int) -> int:
    """Return how many patches the mean of the worst is taken over."""
    return max(2, round(WORST_SHARE * rows * columns))


def summary_of(grid: Float) -> tuple[float, float]:
    """Return the worst patch of a map and the mean of the worst."""
    count = worst_count(*grid.shape)
    worst = np.partition(grid.ravel(), -count)[-count:]
    return float(worst.max()), float(worst.mean())


def neighbours_mean(grid: Float) -> Float:
    """Return the map averaged over 3×3, fewer at the rim."""
    total, count = (
        cv2.boxFilter(one, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
        for one in (grid, np.ones_like(grid))
    )
    return np.asarray(total / count, np.float32)


def roughness_of(image: Image) -> Half:
    """Return the logarithm of the grey variance over 3×3, at half the size of an RGB picture.

    Levels are in the backbone's unit, (level - 127) / 128.
    """
    levels = cv2.transform(image.astype(np.float32), np.full((1, 3), 1 / 3, np.float32))
    side = (image.shape[1] // HALF, image.shape[0] // HALF)
    grey = (cv2.resize(levels, side, interpolation=cv2.INTER_AREA) - 127.0) / _LEVELS
    variance = neighbours_mean(np.square(grey)) - np.square(neighbours_mean(grey))
    return np.asarray(np.log(variance + _NOISE), np.float16)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is usual of good pictures: of their roughness, of their distances, and of these sharpened by it."""

    roughness: Usual
    plain: Usual
    sharpened: Usual

    def statistics(self, distance: Float, roughness: Half) -> Float:
        """Return what the score is made of: worst and mean of the worst, of both kinds of distances."""
        mean = neighbours_mean(distance)
        rougher, _ = _grain(self.roughness.away(roughness))
        sharpened = mean * (1.0 + _GRAIN * rougher)
        return np.array(
            [*summary_of(self.plain.away(mean)), *summary_of(self.sharpened.away(sharpened))],
            np.float32,
        )

    def shown(self, distance: Float, roughness: Half) -> Float:
        """Return the map that shows where, before its limit (rows×columns)."""
        _, odd = _grain(self.roughness.away(roughness))
        return neighbours_mean(distance) * (1.0 + _GRAIN * odd)

    def write(self, g: GraphWriter, distance: str, half: str) -> tuple[list[str], str]:
        """Add it to a graph; return the names of the four statistics and of the map.

        Args:
            distance: 1×1×rows×columns.
            half: the picture at half its size, 1×3×height/2×width/2.
        """
        mean = _neighbours_mean(g, distance, "distance_mean")
        away = self._write_roughness(g, half)
        rougher = _amount(g, g.node("Relu", [away], "rougher"), "rougher")
        odd = _amount(g, g.node("Abs", [away], "odd"), "odd")
        sharpened = g.node("Mul", [mean, rougher], "sharpened")
        places = self.plain.mean.size
        count = worst_count(*self.plain.mean.shape)
        statistics = [
            *_worst(g, self.plain.write(g, mean, "plain"), "plain", places, count),
            *_worst(g, self.sharpened.write(g, sharpened, "sharp"), "sharp", places, count),
        ]
        return statistics, g.node("Mul", [mean, odd], "shown")

    def _write_roughness(self, g: GraphWriter, half: str) -> str:
        """Add the roughness, in spreads above what is usual at its place, less the picture's mean."""
        rows, columns = self.roughness.mean.shape
        third = g.constant("grey_share", np.full((1, 3), 1 / 3, np.float32))
        grey = g.node("MatMul", [third, g.reshaped(half, "colours", 3, rows * columns)], "greys")
        grey = g.reshaped(grey, "grey", 1, 1, rows, columns)
        mean = _neighbours_mean(g, grey, "grey_mean")
        square = g.node("Mul", [grey, grey], "grey_square")
        square = _neighbours_mean(g, square, "grey_square_mean")
        variance = g.node("Sub", [square, g.node("Mul", [mean, mean], "grey_mean_square")], "grain")
        variance = g.node("Add", [variance, g.scalar("noise", _NOISE)], "grain_and_noise")
        away = self.roughness.write(g, g.node("Log", [variance], "roughness"), "roughness")
        whole = g.node("ReduceMean", [away], "roughness_whole", keepdims=1)
        return g.node("Sub", [away, whole], "roughness_here")


def fit_reading(
    distances: Float, roughness: Half, fold: NDArray[np.int64]
) -> tuple[Reading, Float, Float]:
    """Fit on good pictures; return also their own statistics (N×4) and the peaks of their maps (N).

    What each is held against comes from pictures of the other folds.

    Args:
        distances: N×rows×columns, of heads that did not see the picture.
        roughness: N×height/2×width/2.
        fold: of each picture.
    """
    mean = np.stack([neighbours_mean(one) for one in distances])
    rougher, odd = np.empty_like(mean), np.empty_like(mean)
    for number in np.unique(fold):
        usual = fit_usual(roughness[fold != number], _LEAST_SPREAD)
        for index in np.flatnonzero(fold == number):
            rougher[index], odd[index] = _grain(usual.away(roughness[index]))
    sharpened = mean * (1.0 + _GRAIN * rougher)
    statistics = [
        [*summary_of(plain), *summary_of(sharp)]
        for plain, sharp in zip(
            away_from_others(mean, fold), away_from_others(sharpened, fold), strict=True
        )
    ]
    peaks = (mean * (1.0 + _GRAIN * odd)).max(axis=(1, 2))
    reading = Reading(fit_usual(roughness, _LEAST_SPREAD), fit_usual(mean), fit_usual(sharpened))
    return reading, np.array(statistics, np.float32), np.asarray(peaks, np.float32)


def _grain(away: Float) -> tuple[Float, Float]:
    """Return by how much each patch is rougher than usual, and by how much rougher or smoother (rows×columns)."""
    here = away - away.mean()
    return _by_patch(np.maximum(here, 0.0)), _by_patch(np.abs(here))


def _by_patch(grid: Float) -> Float:
    rows, columns = (side // _PER_PATCH for side in grid.shape)
    return np.asarray(grid.reshape(rows, _PER_PATCH, columns, _PER_PATCH).mean(axis=(1, 3)))


def _amount(g: GraphWriter, x: str, name: str) -> str:
    """Add what each patch counts: 1 and a share of the mean of ``x`` over it."""
    sides = {"kernel_shape": [_PER_PATCH] * 2, "strides": [_PER_PATCH] * 2}
    mean = g.node("AveragePool", [x], f"{name}_patches", **sides)
    times = g.node("Mul", [mean, g.scalar(f"{name}_weight", _GRAIN)], f"{name}_weighted")
    return g.node("Add", [times, g.scalar(f"{name}_plain", 1.0)], f"{name}_amount")


def _worst(g: GraphWriter, x: str, name: str, places: int, count: int) -> list[str]:
    flat = g.reshaped(x, f"{name}_flat", places)
    most = g.constant(f"{name}_count", np.array([count], np.int64))
    values, at = f"{name}_worst_values", f"{name}_worst_places"
    g.several("TopK", [flat, most], [values, at], axis=0, sorted=0)
    return [
        g.node("ReduceMax", [values], f"{name}_worst", keepdims=0),
        g.node("ReduceMean", [values], f"{name}_mean_of_worst", keepdims=0),
    ]


def _neighbours_mean(g: GraphWriter, x: str, name: str) -> str:
    return g.node(
        "AveragePool", [x], name,
        kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1], count_include_pad=0,
    )  # fmt: skip
