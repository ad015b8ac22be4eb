"""Colour difference ΔE00 of a zone against a reference, from sRGB by way of CIELAB.

sRGB: IEC 61966-2-1, white D65; CIELAB: ISO/CIE 11664-4; CIEDE2000: ISO/CIE 11664-6, in the order of
Sharma, Wu, Dalal: "The CIEDE2000 color-difference formula" (2005), whose test data are in the tests. A camera is
no colorimeter: without a calibrated light and a white patch in the picture the value compares and no more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from qc_vision.gauges.reading import (
    CannotMeasure,
    Measured,
    Picture,
    SettingsError,
    Zone,
    check_limits,
)

Lab = tuple[float, float, float]

_TO_XYZ: Final = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
_WHITE: Final = _TO_XYZ.sum(axis=1)
_CLIPPED: Final = 254
MAX_CLIPPED_SHARE: Final = 0.01
DARKEST: Final = 0.002
"""Mean linear level (of 1) below which noise decides the colour."""
_ROUNDING_DEG: Final = 1e-9
"""Opposite hues stay opposite whatever the last bit of their angles is."""


@dataclass(frozen=True, slots=True)
class ColorGauge:
    """The colour of a zone against a reference, ΔE00.

    Args:
        reference: CIELAB (L*, a*, b*; D65), or `#rrggbb` in the settings file.
        white_zone: a patch of known grey in the picture; each channel is scaled so that it has `white`.
        white: linear reflectance of that patch.
    """

    kind: ClassVar[str] = "color"
    unit: ClassVar[str] = "dE00"
    needs_light: ClassVar[bool] = False

    name: str
    zone: Zone
    reference: Lab
    high: float
    low: float | None = None
    white_zone: Zone | None = None
    white: float = 0.9

    def __post_init__(self) -> None:
        check_limits(self.low, self.high)
        if len(self.reference) != 3 or not 0 <= self.reference[0] <= 100:
            raise SettingsError("reference is L* in 0..100, a*, b*")
        if not 0 < self.white <= 1:
            raise SettingsError(f"white lies in 0..1, not {self.white}")

    def measure(self, image: Picture) -> Measured:
        """Return ΔE00 of the zone's mean colour, with its CIELAB values.

        Raises:
            CannotMeasure: pixels are driven to white, or it is too dark to tell.
        """
        light = _mean_light(self.zone.of(image), "the zone")
        if self.white_zone is not None:
            light = light * self.white / _mean_light(self.white_zone.of(image), "the white patch")
        found = _lab(light)
        value = ciede2000(found, self.reference)
        return Measured(value, details=dict(zip(("L", "a", "b"), found, strict=True)))


def linear(srgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return light (0..1) from 8-bit sRGB."""
    return _LINEAR[srgb]


def _decoded() -> NDArray[np.float64]:
    level = np.arange(256) / 255.0
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


_LINEAR: Final = _decoded()


def lab_of(hex_color: str) -> Lab:
    """Return CIELAB of `#rrggbb`; raises SettingsError for anything else."""
    digits = hex_color.removeprefix("#")
    try:
        if len(digits) != 6 or not hex_color.startswith("#"):
            raise ValueError
        rgb = np.frombuffer(bytes.fromhex(digits), np.uint8)
    except ValueError as cause:
        raise SettingsError(f"a colour is #rrggbb, not {hex_color!r}") from cause
    return _lab(linear(rgb))


def _mean_light(pixels: Picture, what: str) -> NDArray[np.float64]:
    """Return mean linear R, G, B; light adds, code values do not."""
    clipped = float((pixels >= _CLIPPED).any(axis=2).mean())
    if clipped > MAX_CLIPPED_SHARE:
        raise CannotMeasure(f"{clipped:.0%} of {what} is driven to white")
    light = linear(pixels).mean(axis=(0, 1))[::-1]
    if float(light.max()) < DARKEST:
        raise CannotMeasure(f"{what} is too dark for a colour")
    return np.asarray(np.maximum(light, 1e-6), np.float64)


def _lab(light: NDArray[np.float64]) -> Lab:
    ratio = _TO_XYZ @ light / _WHITE
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = (float(part) for part in root)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def ciede2000(one: Lab, other: Lab) -> float:
    """Return ΔE00 of two CIELAB colours (kL = kC = kH = 1)."""
    l1, a1, b1 = one
    l2, a2, b2 = other
    mean_c7 = ((math.hypot(a1, b1) + math.hypot(a2, b2)) / 2) ** 7
    g = 0.5 * (1 - math.sqrt(mean_c7 / (mean_c7 + 25.0**7)))
    c1, c2 = math.hypot((1 + g) * a1, b1), math.hypot((1 + g) * a2, b2)
    h1, h2 = _hue((1 + g) * a1, b1), _hue((1 + g) * a2, b2)

    grey = c1 * c2 == 0
    turn = 0.0 if grey else _turn(h1, h2)
    dl, dc = l2 - l1, c2 - c1
    dh = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2))

    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    mean_h = h1 + h2 if grey else _mean_hue(h1, h2)
    t = (
        1
        - 0.17 * _cos(mean_h - 30)
        + 0.24 * _cos(2 * mean_h)
        + 0.32 * _cos(3 * mean_h + 6)
        - 0.20 * _cos(4 * mean_h - 63)
    )
    from_50 = (mean_l - 50) ** 2
    sl = 1 + 0.015 * from_50 / math.sqrt(20 + from_50)
    sc = 1 + 0.045 * mean_c
    sh = 1 + 0.015 * mean_c * t
    rc = 2 * math.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    rt = -rc * math.sin(math.radians(60 * math.exp(-(((mean_h - 275) / 25) ** 2))))
    dl, dc, dh = dl / sl, dc / sc, dh / sh
    return math.sqrt(max(dl * dl + dc * dc + dh * dh + rt * dc * dh, 0.0))


def _hue(a: float, b: float) -> float:
    return math.degrees(math.atan2(b, a)) % 360 if a or b else 0.0


def _turn(h1: float, h2: float) -> float:
    """Return the shorter way between two hues; of opposite ones each way is the other's reverse."""
    turn = h2 - h1
    if abs(turn) <= 180 + _ROUNDING_DEG:
        return turn
    return turn - math.copysign(360, turn)


def _mean_hue(h1: float, h2: float) -> float:
    total = h1 + h2
    if abs(h1 - h2) <= 180 + _ROUNDING_DEG:
        return total / 2
    return (total + 360) / 2 if total < 360 else (total - 360) / 2


def _cos(degrees: float) -> float:
    return math.cos(math.radians(degrees))
