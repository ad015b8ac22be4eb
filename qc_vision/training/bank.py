"""The good-only branch: distance of a patch to a small bank of good patches.

Patches are whitened by principal components; the bank holds the centres of a k-means over a
bounded sample, so memory and time do not grow with the number of images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Bank:
    """Whitening ``projection @ x - offset`` (k×channels, k) and the good rows (m×k)."""

    projection: Float
    offset: Float
    rows: Float

    def distance(self, features: NDArray[np.floating]) -> Float:
        """Return the distance to the nearest row for features N×channels."""
        z = features.astype(np.float32) @ self.projection.T - self.offset
        return np.asarray(np.sqrt(square_distance(z, self.rows).min(axis=1)), np.float32)


def fit_bank(
    features: NDArray[np.float16],
    rng: np.random.Generator,
    *,
    components: int = 48,
    size: int = 384,
    sample: int = 40_000,
    rounds: int = 8,
) -> Bank:
    """Fit whitening and bank on good features, N×channels×rows×columns."""
    count, channels = features.shape[:2]
    patches = features.transpose(0, 2, 3, 1).reshape(-1, channels)
    chosen = rng.choice(len(patches), min(sample, len(patches)), replace=False)
    x = patches[np.sort(chosen)].astype(np.float32)
    mean = x.mean(axis=0)
    covariance = np.cov(x - mean, rowvar=False)
    values, vectors = np.linalg.eigh(covariance)
    best = np.argsort(values)[::-1][: min(components, channels, max(2, count * 4))]
    scale = 1.0 / np.sqrt(values[best] + 0.01 * values[best].max())
    projection = (vectors[:, best] * scale).T.astype(np.float32)
    z = x @ projection.T - projection @ mean
    rows = centres(z, min(size, len(z)), rounds, rng)
    return Bank(projection, (projection @ mean).astype(np.float32), rows)


def centres(z: Float, size: int, rounds: int, rng: np.random.Generator) -> Float:
    """Return k-means centres; a centre that loses all its patches moves to the farthest one."""
    rows = z[rng.choice(len(z), size, replace=False)].copy()
    for _ in range(rounds):
        nearest = np.empty(len(z), np.int64)
        away = np.empty(len(z), np.float32)
        for start in range(0, len(z), 8192):
            distance = square_distance(z[start : start + 8192], rows)
            nearest[start : start + 8192] = distance.argmin(axis=1)
            away[start : start + 8192] = distance.min(axis=1)
        counts = np.bincount(nearest, minlength=size)
        sums = np.zeros_like(rows)
        np.add.at(sums, nearest, z)
        kept = counts > 0
        rows[kept] = sums[kept] / counts[kept, None]
        lost = np.flatnonzero(~kept)
        rows[lost] = z[np.argsort(away)[::-1][: len(lost)]]
    return rows.astype(np.float32)


def square_distance(z: Float, rows: Float) -> Float:
    """Return |z - row|² of every patch (N×k) and row (m×k)."""
    square = np.square(z).sum(axis=1)[:, None] - 2.0 * z @ rows.T + np.square(rows).sum(axis=1)
    return np.asarray(np.maximum(square, 0.0), np.float32)
