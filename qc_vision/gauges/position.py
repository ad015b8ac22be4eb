"""Where a feature lies, against where it should: a hole or dot by its centroid, a pattern by correlation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.gauges.reading import (
    CannotMeasure,
    Measured,
    Picture,
    SettingsError,
    Zone,
    check_limits,
    check_positive,
)

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class HoleGauge:
    """The distance of a hole's (or dot's) centroid from its nominal place.

    Grey levels weigh the centroid, so that the rim's pixels count by how much of them belongs to the hole.

    Args:
        nominal_px: where its middle should lie in the upright picture (the first pixel's centre is 0, 0).
        high: greatest distance, mm.
        dark: it is darker than its ground.
        min_contrast: grey levels between hole and ground.
        min_area_px, max_area_px: what is taken for the hole.
    """

    kind: ClassVar[str] = "hole"
    unit: ClassVar[str] = "mm"
    needs_light: ClassVar[bool] = True

    name: str
    zone: Zone
    nominal_px: Point
    mm_per_px: float
    high: float
    low: float | None = None
    dark: bool = True
    min_contrast: float = 20.0
    min_area_px: float = 12.0
    max_area_px: float = math.inf

    def __post_init__(self) -> None:
        check_limits(self.low, self.high)
        check_positive(mm_per_px=self.mm_per_px, min_contrast=self.min_contrast)
        if not 0 < self.min_area_px <= self.max_area_px:
            raise SettingsError("min_area_px must be above 0 and not above max_area_px")

    def measure(self, image: Picture) -> Measured:
        """Return the distance in mm, with its components.

        Raises:
            CannotMeasure: nothing of this size stands out, or the zone cuts it.
        """
        grey = cv2.cvtColor(self.zone.of(image), cv2.COLOR_BGR2GRAY)
        _, above = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        mask = np.asarray(above == 0 if self.dark else above != 0)
        if mask.all() or not mask.any():
            raise CannotMeasure("nothing stands out in the zone")
        contrast = abs(float(grey[mask].mean()) - float(grey[~mask].mean()))
        if contrast < self.min_contrast:
            raise CannotMeasure(
                f"nothing stands out: {contrast:.0f} grey levels, {self.min_contrast:g} needed"
            )
        hole = self._hole(mask)
        x, y = _centroid(grey.astype(np.float64), hole)
        return _offset((self.zone.x + x, self.zone.y + y), self.nominal_px, self.mm_per_px)

    def _hole(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the largest patch of a permitted size; raises CannotMeasure for none, or one that is cut."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        areas = stats[1:count, cv2.CC_STAT_AREA].astype(float)
        fits = (areas >= self.min_area_px) & (areas <= self.max_area_px)
        if not fits.any():
            largest = f"; the largest has {areas.max():.0f} px" if areas.size else ""
            raise CannotMeasure(f"no patch has a permitted area{largest}")
        label = 1 + int(np.argmax(np.where(fits, areas, -1.0)))
        left, top, wide, tall = (int(side) for side in stats[label, :4])
        height, width = mask.shape
        if left == 0 or top == 0 or left + wide == width or top + tall == height:
            raise CannotMeasure("the zone cuts it")
        return np.asarray(labels == label)


def _centroid(grey: NDArray[np.float64], hole: NDArray[np.bool_]) -> Point:
    """Return the middle of a patch, its blurred rim included, weighed by the difference to the ground."""
    around = cv2.dilate(hole.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    ground = float(np.median(grey[~around])) if (~around).any() else float(grey[~hole].mean())
    core = float(np.median(grey[hole]))
    weight = np.where(around, np.clip((grey - ground) / (core - ground), 0.0, None), 0.0)
    weight[weight < 0.05] = 0.0
    ys, xs = np.mgrid[0 : grey.shape[0], 0 : grey.shape[1]]
    total = float(weight.sum())
    return float((weight * xs).sum() / total), float((weight * ys).sum() / total)


@dataclass(frozen=True, slots=True, eq=False)
class PatternGauge:
    """The distance of a pattern (a fiducial, a logo, a clip) from its nominal place.

    Args:
        pattern: its picture at the same scale; normalised correlation finds it, between pixels by a parabola.
        nominal_px: where the middle of the pattern should lie.
        min_correlation: below this nothing was found (UNFIT).
    """

    kind: ClassVar[str] = "pattern"
    unit: ClassVar[str] = "mm"
    needs_light: ClassVar[bool] = True

    name: str
    zone: Zone
    pattern: Picture
    nominal_px: Point
    mm_per_px: float
    high: float
    low: float | None = None
    min_correlation: float = 0.7

    def __post_init__(self) -> None:
        check_limits(self.low, self.high)
        check_positive(mm_per_px=self.mm_per_px)
        check_pattern(self.pattern, self.zone, self.min_correlation)

    def measure(self, image: Picture) -> Measured:
        """Return the distance in mm, with its components and the correlation.

        Raises:
            CannotMeasure: it is not there, or only cut by the zone.
        """
        found = correlated(self.zone.of(image), self.pattern)
        _, best, _, (x, y) = cv2.minMaxLoc(found)
        if best < self.min_correlation:
            raise CannotMeasure(
                f"the pattern is not found: correlation {best:.2f}, {self.min_correlation:g} needed"
            )
        height, width = found.shape
        if not (0 < x < width - 1 and 0 < y < height - 1):
            raise CannotMeasure("the pattern touches the border of the zone")
        around = found[y - 1 : y + 2, x - 1 : x + 2].astype(np.float64)
        tall, wide = self.pattern.shape[:2]
        at = (
            self.zone.x + x + _peak(around[1]) + (wide - 1) / 2,
            self.zone.y + y + _peak(around[:, 1]) + (tall - 1) / 2,
        )
        offset = _offset(at, self.nominal_px, self.mm_per_px)
        return Measured(offset.value, details={**offset.details, "correlation": float(best)})


def check_pattern(pattern: Picture, zone: Zone, min_correlation: float) -> None:
    """Raise SettingsError for a pattern that fits no zone or shows nothing."""
    tall, wide = pattern.shape[:2]
    if tall > zone.h or wide > zone.w:
        raise SettingsError(f"the pattern ({wide}×{tall}) is larger than the zone")
    if float(pattern.std()) < 1.0:
        raise SettingsError("the pattern shows nothing: its pixels are all alike")
    if not 0 < min_correlation <= 1:
        raise SettingsError(f"min_correlation lies in 0..1, not {min_correlation}")


def correlated(pixels: Picture, pattern: Picture) -> NDArray[np.float32]:
    """Return the normalised correlation (-1..1) at every place; where nothing varies it is 0."""
    grey, wanted = (cv2.cvtColor(part, cv2.COLOR_BGR2GRAY) for part in (pixels, pattern))
    found = cv2.matchTemplate(grey, wanted, cv2.TM_CCOEFF_NORMED)
    sizes = wanted.shape[1], wanted.shape[0]
    values = grey.astype(np.float32)
    mean = cv2.boxFilter(values, cv2.CV_32F, sizes, anchor=(0, 0))
    square = cv2.boxFilter(values * values, cv2.CV_32F, sizes, anchor=(0, 0))
    spread = (square - mean * mean)[: found.shape[0], : found.shape[1]]
    usable = np.isfinite(found) & (spread > 0.5)
    return np.asarray(np.where(usable, np.clip(found, -1, 1), 0.0), np.float32)


def _peak(three: NDArray[np.float64]) -> float:
    """Return where the parabola through three values has its top, from the middle one."""
    bend = three[0] - 2 * three[1] + three[2]
    return float(np.clip(0.5 * (three[0] - three[2]) / bend, -1, 1)) if bend < 0 else 0.0


def _offset(found: Point, nominal: Point, mm_per_px: float) -> Measured:
    dx, dy = ((a - b) * mm_per_px for a, b in zip(found, nominal, strict=True))
    details = {"dx_mm": dx, "dy_mm": dy, "x_px": found[0], "y_px": found[1]}
    return Measured(math.hypot(dx, dy), details=details)
