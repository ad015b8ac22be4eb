"""What a gauge looks at and what it answers: zone, limits, reading."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qc_vision.runtime.inspection import Verdict

Picture = NDArray[np.uint8]
"""Upright uint8 H×W×3 BGR, as `qc_vision.runtime.decode` gives it."""


class SettingsError(ValueError):
    """Gauges cannot be set up; the message names the gauge and the setting."""


class CannotMeasure(Exception):
    """This picture gives no value; the message says why. The reading is UNFIT."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A box of the upright picture, in pixels."""

    x: int
    y: int
    w: int
    h: int

    def __post_init__(self) -> None:
        whole = all(
            isinstance(side, int) and not isinstance(side, bool)
            for side in (self.x, self.y, self.w, self.h)
        )
        if not whole or self.x < 0 or self.y < 0 or self.w < 4 or self.h < 4:
            raise SettingsError(
                f"a zone is x, y ≥ 0 and w, h ≥ 4 in whole pixels, not {self.x}, {self.y}, {self.w}, {self.h}"
            )

    def of(self, image: Picture) -> Picture:
        """Return the zone's pixels.

        Raises:
            CannotMeasure: the picture is smaller than the zone reaches.
        """
        height, width = image.shape[:2]
        if self.x + self.w > width or self.y + self.h > height:
            raise CannotMeasure(
                f"the zone reaches to {self.x + self.w}, {self.y + self.h};"
                f" the picture has {width}×{height} pixels"
            )
        return image[self.y : self.y + self.h, self.x : self.x + self.w]

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the zone, in pixel coordinates (the centre of the first pixel is 0, 0)."""
        return self.x + (self.w - 1) / 2, self.y + (self.h - 1) / 2


@dataclass(frozen=True, slots=True)
class Measured:
    """What a gauge found: a value in its unit, or a text, and the figures behind it."""

    value: float | None
    text: str | None = None
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """A gauge's answer to one picture.

    Args:
        value: in `unit`; None where there is none (UNFIT, or a code's text).
        low, high: tolerance, limits included; None: open on that side.
        reason: why the verdict is not OK.
        details: figures behind the value, by name.
    """

    gauge: str
    kind: str
    verdict: Verdict
    value: float | None
    unit: str
    low: float | None
    high: float | None
    text: str | None = None
    reason: str | None = None
    details: Mapping[str, float] = field(default_factory=dict)


def check_limits(low: float | None, high: float | None) -> None:
    """Raise SettingsError unless at least one limit is given and they are in order."""
    if low is None and high is None:
        raise SettingsError("a tolerance needs low, high, or both")
    if low is not None and high is not None and low > high:
        raise SettingsError(f"low {low:g} lies above high {high:g}")


def check_positive(**settings: float) -> None:
    """Raise SettingsError for a setting that is not a finite number above 0."""
    for name, value in settings.items():
        if not (math.isfinite(value) and value > 0):
            raise SettingsError(f"{name} must be above 0, not {value}")


def within(value: float, low: float | None, high: float | None, unit: str) -> str | None:
    """Return why a value is out of tolerance; None when it is within, limits included."""
    if low is not None and value < low:
        return f"{value:.3f} {unit} is below {low:g} {unit}"
    if high is not None and value > high:
        return f"{value:.3f} {unit} is above {high:g} {unit}"
    return None
