"""Whether a part is there: by its likeness to a picture of it, or by how it stands out from its ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2

from qc_vision.gauges.position import check_pattern, correlated
from qc_vision.gauges.reading import (
    CannotMeasure,
    Measured,
    Picture,
    Zone,
    check_limits,
)


@dataclass(frozen=True, slots=True, eq=False)
class PresenceGauge:
    """The likeness of the zone to a picture of the part, wherever in the zone it lies.

    Args:
        pattern: the part at the same scale, not larger than the zone.
        low: least correlation (0..1) for the part to be there.
    """

    kind: ClassVar[str] = "presence"
    unit: ClassVar[str] = "r"
    needs_light: ClassVar[bool] = True

    name: str
    zone: Zone
    pattern: Picture
    low: float = 0.7
    high: float | None = None

    def __post_init__(self) -> None:
        check_limits(self.low, self.high)
        check_pattern(self.pattern, self.zone, self.low)

    def measure(self, image: Picture) -> Measured:
        """Return the best correlation in the zone; an even ground has none, so the part is missing."""
        _, best, _, (x, y) = cv2.minMaxLoc(correlated(self.zone.of(image), self.pattern))
        at = {"x_px": float(self.zone.x + x), "y_px": float(self.zone.y + y)}
        return Measured(float(best), details=at)


@dataclass(frozen=True, slots=True)
class ContrastGauge:
    """By how many grey levels a zone differs from the bare ground: a plug over its hole, a label on its panel.

    Args:
        ground_zone: what it is compared with, under the same light.
    """

    kind: ClassVar[str] = "contrast"
    unit: ClassVar[str] = "levels"
    needs_light: ClassVar[bool] = True

    name: str
    zone: Zone
    ground_zone: Zone
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        check_limits(self.low, self.high)

    def measure(self, image: Picture) -> Measured:
        """Return mean grey of the zone less that of the ground.

        Raises:
            CannotMeasure: both are driven to white.
        """
        part, ground = (
            float(cv2.cvtColor(zone.of(image), cv2.COLOR_BGR2GRAY).mean())
            for zone in (self.zone, self.ground_zone)
        )
        if min(part, ground) > 253:
            raise CannotMeasure("the zone and its ground are driven to white")
        return Measured(part - ground, details={"part": part, "ground": ground})
