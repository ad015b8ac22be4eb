"""Heads that know good patches only: how far a patch lies from what good parts show there.

All heads read the same projected patches (``Projection``), give a rows×columns map, and write
themselves into the graph, so that what was fitted is what runs. In the graph patches are rows of a
matrix, one after the other, as the product with a picture's own weights wants them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.backbones import COARSE
from qc_vision.training.bank import centres, square_distance
from qc_vision.training.graph import FeatureParts, GraphWriter

Float = NDArray[np.float32]
Half = NDArray[np.float16]

COMPONENTS: Final = 136
DIRECTIONS: Final = 16


class GoodHead(Protocol):
    """A fitted head."""

    @property
    def name(self) -> str:
        """What the manifest calls it."""
        ...

    def distance(self, z: Float) -> Float:
        """Return the rows×columns map of projected patches (k×rows×columns)."""
        ...

    def write(self, g: GraphWriter, z: str, rows: int, columns: int) -> str:
        """Add the head to a graph; ``z`` is rows·columns×k. Returns the rows×columns map's name."""
        ...


@dataclass(frozen=True, slots=True)
class Projection:
    """Principal components of standardised features, averaged over 3×3 patches: k×channels, k."""

    matrix: Float
    offset: Float

    def apply(self, features: NDArray[np.floating[Any]]) -> Float:
        """Return k×rows×columns of one picture's features (channels×rows×columns)."""
        channels, rows, columns = features.shape
        flat = features.reshape(channels, -1).astype(np.float32)
        return _blurred((self.matrix @ flat - self.offset[:, None]).reshape(-1, rows, columns))

    def write(self, g: GraphWriter, parts: FeatureParts, rows: int, columns: int) -> str:
        """Add the projection of the features' parts; returns the name of rows·columns×k.

        Mean, enlargement and projection are linear, so each acts where it costs least: the mean before the
        projection, and the coarse half is projected before it is enlarged and averaged by one matrix a side.
        """
        k, places = len(self.offset), rows * columns
        fine, coarse = np.split(self.matrix, [self.matrix.shape[1] - COARSE], axis=1)
        x = g.node("Concat", list(parts.fine), "fine_patches", axis=1)
        rim = g.constant("rim", np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
        x = g.node("Pad", [x, rim], "patch_rim", mode="edge")
        x = g.node("AveragePool", [x], "patch_mean", kernel_shape=[3, 3], strides=[1, 1])
        x = g.reshaped(x, "patches", fine.shape[1], places)
        offset = g.constant("pca_offset", -self.offset)
        near = g.node("Gemm", [x, g.constant("pca_fine", fine.T), offset], "projected", transA=1)

        x = g.reshaped(parts.coarse, "coarse_patches", COARSE, places // 4)
        x = g.node("Gemm", [x, g.constant("pca_coarse", coarse.T)], "coarse_projected", transA=1)
        x = g.reshaped(x, "coarse_rows", rows // 2, columns // 2 * k)
        x = g.node("MatMul", [g.constant("taller", _enlarging(rows)), x], "coarse_tall")
        x = g.reshaped(x, "coarse_columns", rows, columns // 2, k)
        x = g.node("MatMul", [g.constant("wider", _enlarging(columns)), x], "coarse_wide")
        return g.node("Add", [near, g.reshaped(x, "far", places, k)], "z")


def _enlarging(side: int) -> Float:
    """Return the side×side/2 matrix that doubles a grid bilinearly (half-pixel centres) and averages three."""
    at = np.clip((np.arange(side) + 0.5) / 2 - 0.5, 0, side // 2 - 1)
    left = np.minimum(at.astype(int), max(side // 2 - 2, 0))
    twice = np.zeros((side, side // 2), np.float32)
    twice[np.arange(side), left] += 1.0 - (at - left)
    twice[np.arange(side), np.minimum(left + 1, side // 2 - 1)] += at - left
    near = np.clip(np.arange(side)[:, None] + np.array([-1, 0, 1]), 0, side - 1)
    return np.asarray(twice[near].mean(axis=1), np.float32)


def _blurred(layers: Float) -> Float:
    """Return k×rows×columns averaged over 3×3 patches, the rim repeated."""
    means = [cv2.blur(layer, (3, 3), borderType=cv2.BORDER_REPLICATE) for layer in layers]
    return np.stack(means).astype(np.float32)


def fit_projection(
    features: Half, rng: np.random.Generator, components: int = COMPONENTS
) -> Projection:
    """Fit on good features, N×channels×rows×columns."""
    blurred = np.stack([_blurred(one.astype(np.float32)).astype(np.float16) for one in features])
    patches = blurred[:, :, ::2, ::2].transpose(0, 2, 3, 1).reshape(-1, features.shape[1])
    chosen = np.sort(rng.choice(len(patches), min(20_000, len(patches)), replace=False))
    x = patches[chosen].astype(np.float32)
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-3
    values, vectors = np.linalg.eigh(np.cov((x - mean) / scale, rowvar=False))
    best = np.argsort(values)[::-1][:components]
    matrix = (vectors[:, best] / scale[:, None]).T.astype(np.float32)
    return Projection(matrix, (matrix @ mean).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Positional:
    """How far a patch leaves what is constant at its place (after PaDiM, Defard 2021).

    Of each place's Gaussian only the directions count in which good parts vary least (Rippel 2021):
    they carry the defects, and few of them keep the package small. ``mean`` is
    k×rows×columns; ``still`` int8 places×directions×k, whitening once multiplied by ``scale``
    (places×directions×1).
    """

    mean: Float
    still: NDArray[np.int8]
    scale: Float
    name: str = "positional"

    def distance(self, z: Float) -> Float:
        """Return the map of projected patches."""
        k, rows, columns = z.shape
        moved = (z - self.mean).reshape(k, -1).T[:, :, None]
        y = np.matmul(self.still.astype(np.float32), moved) * self.scale
        far = np.sqrt(np.square(y).mean(axis=(1, 2)))
        return np.asarray(far.reshape(rows, columns), np.float32)

    def write(self, g: GraphWriter, z: str, rows: int, columns: int) -> str:
        """Add the head to a graph: each place's row of patches times its own matrix."""
        k, places = len(self.mean), rows * columns
        x = g.reshaped(z, "places", places, 1, k)
        still = g.constant("still", self.still.transpose(0, 2, 1))
        scale = self.scale.transpose(0, 2, 1)
        # of constants alone, so multiplied once, when the graph is loaded
        whiten = g.node("Cast", [still], "still_float", to=1)
        whiten = g.node("Mul", [whiten, g.constant("still_scale", scale)], "whitening")
        y = g.node("MatMul", [x, whiten], "leaving")
        mean = self.mean.reshape(k, -1).T[:, None, :]
        expected = np.matmul(mean, self.still.transpose(0, 2, 1).astype(np.float32)) * scale
        y = g.node("Sub", [y, g.constant("place_mean", expected)], "off_place")
        square = g.node("ReduceSumSquare", [y], "squares", axes=[1, 2], keepdims=0)
        count = g.scalar("directions", float(self.still.shape[1]))
        root = g.node("Sqrt", [g.node("Div", [square, count], "mean_squares")], "place_root")
        return g.reshaped(root, "place_distance", rows, columns)


def fit_positional(z: Half, directions: int = DIRECTIONS, ridge: float = 0.002) -> Positional:
    """Fit on projected patches N×k×rows×columns; few pictures give a larger ridge."""
    count, k, rows, columns = z.shape
    mean = z.mean(axis=0, dtype=np.float32).astype(np.float16).astype(np.float32)
    level = float(np.mean(np.square(z[:: max(1, count // 32)].astype(np.float32) - mean)))
    floor = level * ridge * (1.0 + 2.0 * k / count)
    still = np.empty((rows * columns, directions, k), np.float32)
    for row in range(rows):
        here = z[:, :, row].astype(np.float32) - mean[:, row]
        here = here.transpose(2, 0, 1)
        covariance = np.matmul(here.transpose(0, 2, 1), here) / max(1, count - 1)
        values, vectors = np.linalg.eigh(covariance)
        whiten = vectors[:, :, :directions] / np.sqrt(values[:, None, :directions].clip(0) + floor)
        still[row * columns : (row + 1) * columns] = whiten.transpose(0, 2, 1)
    scale = np.abs(still).max(axis=2, keepdims=True) / 127.0
    return Positional(mean, np.round(still / scale).astype(np.int8), scale.astype(np.float32))


@dataclass(frozen=True, slots=True)
class Nearest:
    """Distance to the nearest row of a bank of good patches, wherever they were seen.

    ``stretch`` (m×k) whitens the projected patches, ``rows`` is the bank.
    """

    stretch: Float
    rows: Float
    name: str

    def distance(self, z: Float) -> Float:
        """Return the map of projected patches."""
        k, rows, columns = z.shape
        y = (self.stretch @ z.reshape(k, -1)).T
        nearest = square_distance(y, self.rows).min(axis=1)
        far = np.sqrt(nearest / len(self.stretch))
        return np.asarray(far.reshape(rows, columns), np.float32)

    def write(self, g: GraphWriter, z: str, rows: int, columns: int) -> str:
        """Add the head to a graph: |y|² - 2 y·c + |c|², the smallest over the bank."""
        y = g.node("MatMul", [z, g.constant("stretch", self.stretch.T)], "stretched")
        cross = g.constant("bank_rows", -2.0 * self.rows.T)
        norms = g.constant("bank_norms", np.square(self.rows).sum(axis=1))
        cross = g.node("Gemm", [y, cross, norms], "cross")
        nearest = g.node("ReduceMin", [cross], "nearest", axes=[1], keepdims=0)
        own = g.node("ReduceSumSquare", [y], "own", axes=[1], keepdims=0)
        square = g.node("Add", [nearest, own], "square")
        square = g.node("Max", [square, g.scalar("zero", 0.0)], "square_positive")
        square = g.node("Div", [square, g.scalar("used", float(len(self.stretch)))], "mean_square")
        root = g.node("Sqrt", [square], "distance")
        return g.reshaped(root, "bank_distance", rows, columns)


def fit_bank_head(z: Half, rng: np.random.Generator, size: int = 512, used: int = 48) -> Nearest:
    """Fit a bank of at most ``size`` rows; time and memory do not grow with the pictures.

    A bounded sample, k-means over it: each row stands for a region of what good parts show.
    """
    x = _sample(z, rng, 24_000)[:, :used]
    spread = x.var(axis=0)
    stretch = np.zeros((x.shape[1], z.shape[1]), np.float32)
    np.fill_diagonal(stretch, 1.0 / np.sqrt(spread + 0.05 * spread.max()))
    y = x * np.diag(stretch)[: x.shape[1]]
    return Nearest(stretch, centres(y, min(size, len(y)), 6, rng), "bank")


def fit_pooled(z: Half, rng: np.random.Generator) -> Nearest:
    """Fit one Gaussian for all patches: the starter where little is known."""
    x = _sample(z, rng, 24_000)
    spread = np.cov(x, rowvar=False)
    k = x.shape[1]
    spread += 0.01 * np.trace(spread) / k * np.eye(k)
    whiten = np.linalg.inv(np.linalg.cholesky(spread)).astype(np.float32)
    return Nearest(whiten, (whiten @ x.mean(axis=0))[None].astype(np.float32), "gaussian")


def _sample(z: Half, rng: np.random.Generator, most: int) -> Float:
    patches = z.transpose(0, 2, 3, 1).reshape(-1, z.shape[1])
    chosen = np.sort(rng.choice(len(patches), min(most, len(patches)), replace=False))
    return patches[chosen].astype(np.float32)
