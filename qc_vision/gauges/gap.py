"""Gap from two edges in a zone; flush from a laser line that crosses two panels. Both in mm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Final

import cv2
import numpy as np

from qc_vision.gauges.edges import (
    SIGMA_PX,
    EdgeLine,
    Floats,
    between_pixels,
    edge_pairs,
    fitted,
    scan_lines,
)
from qc_vision.gauges.reading import (
    CannotMeasure,
    Measured,
    Picture,
    SettingsError,
    Zone,
    check_limits,
    check_positive,
)

NARROWEST_PX: Final = 4 * SIGMA_PX
"""Below this the flanks of a slit push each other apart; the value would be too large."""
_SATURATED: Final = 254


@dataclass(frozen=True, slots=True)
class GapGauge:
    """The width of a slit between two parts, square to its edges.

    Args:
        mm_per_px: of the camera at the part's surface, from a scale or a calibration plate.
        across: `x`: the gap runs up and down and is measured from left to right; `y`: the other way.
        dark: the gap is darker than both parts; False: brighter.
        min_slope: least grey levels a pixel at either edge.
        min_share: of the scan lines that must show both edges, and agree on them.
        max_taper_deg: greatest angle between the edges.
    """

    kind: ClassVar[str] = "gap"
    unit: ClassVar[str] = "mm"
    needs_light: ClassVar[bool] = True

    name: str
    zone: Zone
    mm_per_px: float
    low: float | None = None
    high: float | None = None
    across: str = "x"
    dark: bool = True
    min_slope: float = 4.0
    min_share: float = 0.6
    max_rms_px: float = 1.0
    max_taper_deg: float = 3.0

    def __post_init__(self) -> None:
        check_limits(self.low, self.high)
        check_positive(
            mm_per_px=self.mm_per_px,
            min_slope=self.min_slope,
            min_share=self.min_share,
            max_rms_px=self.max_rms_px,
            max_taper_deg=self.max_taper_deg,
        )
        if self.across not in ("x", "y"):
            raise SettingsError(f"across is x or y, not {self.across!r}")

    def measure(self, image: Picture) -> Measured:
        """Return the gap in mm at the middle of the zone.

        Raises:
            CannotMeasure: no two parallel edges stand out.
        """
        lines = scan_lines(self.zone.of(image), across=self.across)
        near, far = edge_pairs(lines, dark=self.dark, min_slope=self.min_slope)
        first, second = (
            fitted(points, what=what, min_share=self.min_share, max_rms=self.max_rms_px)
            for points, what in ((near, "the first edge"), (far, "the second edge"))
        )
        taper = abs(first.degrees - second.degrees)
        if taper > self.max_taper_deg:
            raise CannotMeasure(
                f"the edges are not parallel: {taper:.1f}° apart, {self.max_taper_deg:g}° allowed"
            )
        tilt = math.cos(math.atan((first.slope + second.slope) / 2))
        wide_px = (second.at - first.at) * tilt
        if wide_px < NARROWEST_PX:
            raise CannotMeasure(
                f"the gap is {wide_px:.1f} px wide; below {NARROWEST_PX:.1f} px it cannot be measured"
            )
        error = math.hypot(first.uncertainty, second.uncertainty) * tilt
        return Measured(
            wide_px * self.mm_per_px,
            details={
                "standard_error_mm": error * self.mm_per_px,
                "taper_deg": taper,
                "scan_lines": float(min(first.points, second.points)),
            },
        )


@dataclass(frozen=True, slots=True)
class FlushGauge:
    """How far one panel stands out from its neighbour, from a laser line laid across both.

    Seen at an angle, a step in height moves the line sideways (light sectioning). The line is followed in
    one zone on each panel; both are carried on to the middle between the zones and compared there.

    Args:
        zone: on the panel that is the reference; the line crosses it.
        other_zone: on the neighbour.
        mm_per_px: height for a pixel of sideways shift, from a step of known height.
        along: `x`: the line runs from left to right; `y`: from top to bottom.
        min_contrast: grey levels of the line over its ground.
        max_tilt_deg: greatest angle between both pieces of the line.
    """

    kind: ClassVar[str] = "flush"
    unit: ClassVar[str] = "mm"
    needs_light: ClassVar[bool] = False

    name: str
    zone: Zone
    other_zone: Zone
    mm_per_px: float
    low: float | None = None
    high: float | None = None
    along: str = "x"
    min_contrast: float = 30.0
    min_share: float = 0.6
    max_rms_px: float = 1.0
    max_tilt_deg: float = 3.0

    def __post_init__(self) -> None:
        check_limits(self.low, self.high)
        check_positive(
            mm_per_px=self.mm_per_px,
            min_contrast=self.min_contrast,
            min_share=self.min_share,
            max_rms_px=self.max_rms_px,
            max_tilt_deg=self.max_tilt_deg,
        )
        if self.along not in ("x", "y"):
            raise SettingsError(f"along is x or y, not {self.along!r}")

    def measure(self, image: Picture) -> Measured:
        """Return by how many mm the neighbour's line lies above (left of) the reference's.

        Raises:
            CannotMeasure: the line is not seen on both panels.
        """
        one, other = self._line(image, self.zone), self._line(image, self.other_zone)
        tilt = abs(one.degrees - other.degrees)
        if tilt > self.max_tilt_deg:
            raise CannotMeasure(
                f"both pieces of the line are {tilt:.1f}° apart, {self.max_tilt_deg:g}° allowed"
            )
        axis = 0 if self.along == "x" else 1
        centres = self.zone.centre[axis], self.other_zone.centre[axis]
        halfway = (centres[1] - centres[0]) / 2
        start = self._start(self.zone), self._start(self.other_zone)
        here = start[0] + one.position(one.middle + halfway)
        there = start[1] + other.position(other.middle - halfway)
        square = math.cos(math.atan((one.slope + other.slope) / 2))
        error = math.hypot(one.uncertainty, other.uncertainty)
        return Measured(
            (here - there) * square * self.mm_per_px,
            details={"standard_error_mm": error * self.mm_per_px, "tilt_deg": tilt},
        )

    def _start(self, zone: Zone) -> int:
        return zone.y if self.along == "x" else zone.x

    def _line(self, image: Picture, zone: Zone) -> EdgeLine:
        lines = scan_lines(zone.of(image), across="y" if self.along == "x" else "x")
        return fitted(
            _ridge(lines, self.min_contrast),
            what="the laser line",
            min_share=self.min_share,
            max_rms=self.max_rms_px,
        )


def _ridge(lines: Floats, min_contrast: float) -> Floats:
    """Return the middle of the brightest stripe of each scan line, nan where none stands out.

    A stripe that is driven to white has a flat top; its middle is that of its flanks at half height.
    """
    reach = math.ceil(4 * SIGMA_PX)
    at = np.arange(-reach, reach + 1, dtype=np.float64)
    bell = np.exp(-0.5 * np.square(at / SIGMA_PX))
    kernel = bell / bell.sum()
    smooth: Floats = np.asarray(
        cv2.sepFilter2D(lines, cv2.CV_64F, kernel, np.ones(1), borderType=cv2.BORDER_REPLICATE),
        np.float64,
    )
    top = np.argmax(smooth, axis=1)
    rows = np.arange(len(lines))
    ground = np.median(lines, axis=1)
    height = smooth[rows, top] - ground
    inside = (top > 1) & (top < lines.shape[1] - 2)
    found = between_pixels(smooth, top)
    flat = lines[rows, top] >= _SATURATED
    if flat.any():
        found[flat] = _half_height(smooth[flat], top[flat], ground[flat])
    return np.where(inside & (height >= min_contrast), found, np.nan)


def _half_height(
    lines: Floats, top: np.ndarray[tuple[int, ...], np.dtype[np.intp]], ground: Floats
) -> Floats:
    """Return the middle between both flanks at half height; nan where a flank leaves the zone."""
    found = np.full(len(lines), np.nan)
    for row, (line, peak, floor) in enumerate(zip(lines, top, ground, strict=True)):
        half = (line[peak] + floor) / 2
        below = line < half
        left, right = np.flatnonzero(below[:peak]), np.flatnonzero(below[peak:])
        if left.size and right.size:
            a, b = int(left[-1]), int(peak + right[0])
            start = a + (half - line[a]) / (line[a + 1] - line[a])
            end = b - (half - line[b]) / (line[b - 1] - line[b])
            found[row] = (start + end) / 2
    return found
