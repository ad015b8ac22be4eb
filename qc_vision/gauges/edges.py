"""Edges below the pixel: slopes along scan lines, and straight lines through them.

A scan line is one row of a zone (or one column, turned). The slope is taken with the derivative of a Gaussian,
its extremum found between pixels by a parabola through three values; lines are fitted to the points of all
scan lines, outliers left out, so that one scratch or reflection moves nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.gauges.reading import CannotMeasure, Picture

Floats = NDArray[np.float64]

SIGMA_PX: Final = 1.2
"""Of the Gaussian that slopes are taken with."""
MIN_LINES: Final = 4
_OUTLIER_PX: Final = 0.5
"""A point this near to the line is never an outlier."""


@dataclass(frozen=True, slots=True)
class EdgeLine:
    """A straight edge: position along the scan line = `at` + `slope` × (scan line − `middle`).

    Args:
        rms: of the points about the line, pixels.
        share: of the scan lines that gave a point on the line.
        points: how many those are.
    """

    at: float
    slope: float
    middle: float
    rms: float
    share: float
    points: int

    @property
    def degrees(self) -> float:
        """Angle to the normal of the scan lines."""
        return math.degrees(math.atan(self.slope))

    @property
    def uncertainty(self) -> float:
        """Standard error of `at`, pixels."""
        return self.rms / math.sqrt(self.points)

    def position(self, scan_line: float) -> float:
        """Return where the edge crosses a scan line."""
        return self.at + self.slope * (scan_line - self.middle)


def scan_lines(pixels: Picture, *, across: str) -> Floats:
    """Return grey levels, one scan line a row; `across` `y` turns the zone."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.float64)
    return grey if across == "x" else np.ascontiguousarray(grey.T)


def slopes(lines: Floats, sigma: float = SIGMA_PX) -> Floats:
    """Return grey levels a pixel along each scan line."""
    reach = math.ceil(4 * sigma)
    at = np.arange(-reach, reach + 1, dtype=np.float64)
    bell = np.exp(-0.5 * np.square(at / sigma))
    kernel = at * bell
    kernel /= np.sum(at * kernel)
    return np.asarray(
        cv2.sepFilter2D(lines, cv2.CV_64F, kernel, np.ones(1), borderType=cv2.BORDER_REPLICATE)
    )


def between_pixels(values: Floats, at: NDArray[np.intp]) -> Floats:
    """Return, for the extremum at pixel `at` of each row, its place between pixels."""
    rows = np.arange(len(values))
    inner = np.clip(at, 1, values.shape[1] - 2)
    before, here, after = (values[rows, inner + step] for step in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.divide(0.5 * (before - after), bend, out=np.zeros_like(bend), where=bend != 0)
    return np.asarray(inner + np.clip(shift, -1.0, 1.0))


def edge_pairs(lines: Floats, *, dark: bool, min_slope: float) -> tuple[Floats, Floats]:
    """Return both flanks of the strongest slit of each scan line, nan where there is none.

    Args:
        dark: the slit is darker than what lies on both sides.
        min_slope: of either flank, grey levels a pixel.
    """
    slope = slopes(lines) * (1.0 if dark else -1.0)
    falling = np.maximum.accumulate(-slope, axis=1)
    both = slope[:, 1:] + falling[:, :-1]
    second = np.argmax(both, axis=1) + 1
    rows = np.arange(len(lines))
    masked = np.where(np.arange(lines.shape[1])[None, :] < second[:, None], -slope, -np.inf)
    first = np.argmax(masked, axis=1)
    edge = lines.shape[1] - 1
    found = (
        (slope[rows, second] >= min_slope)
        & (-slope[rows, first] >= min_slope)
        & (first > 0)
        & (second < edge)
    )
    near, far = between_pixels(-slope, first), between_pixels(slope, second)
    return np.where(found, near, np.nan), np.where(found, far, np.nan)


def fitted(points: Floats, *, what: str, min_share: float, max_rms: float) -> EdgeLine:
    """Return the straight line through the points of the scan lines (nan: none), outliers left out.

    The start is the median slope between points half the zone apart, which half of the points being wrong
    does not move; then least squares on what lies near, three times.

    Raises:
        CannotMeasure: too few scan lines show it, or it is not straight.
    """
    index = np.arange(len(points), dtype=np.float64)
    middle = (len(points) - 1) / 2
    there = np.isfinite(points)
    if there.sum() < max(MIN_LINES, min_share * len(points)):
        raise CannotMeasure(
            f"{what} is seen on {there.sum()} of {len(points)} scan lines;"
            f" {max(MIN_LINES, math.ceil(min_share * len(points)))} are needed"
        )
    lag = len(points) // 2
    steps = (points[lag:] - points[:-lag]) / lag
    slope = float(np.median(steps[np.isfinite(steps)])) if np.isfinite(steps).any() else 0.0
    at = float(np.median((points - slope * (index - middle))[there]))
    kept = there
    rms = 0.0
    for _ in range(3):
        residual = points - (at + slope * (index - middle))
        spread = 1.4826 * float(np.median(np.abs(residual[there])))
        kept = there & (np.abs(residual) <= max(3 * spread, _OUTLIER_PX))
        if kept.sum() < MIN_LINES:
            break
        slope, at = (float(part) for part in np.polyfit(index[kept] - middle, points[kept], 1))
        rms = float(np.sqrt(np.mean(np.square((points - at - slope * (index - middle))[kept]))))
    share = float(kept.sum()) / len(points)
    if share < min_share or kept.sum() < MIN_LINES:
        raise CannotMeasure(
            f"{what} is no line: {share:.0%} of the scan lines agree, {min_share:.0%} must"
        )
    if rms > max_rms:
        raise CannotMeasure(f"{what} is ragged: {rms:.2f} px about its line, {max_rms:g} allowed")
    return EdgeLine(at, slope, middle, rms, share, int(kept.sum()))
