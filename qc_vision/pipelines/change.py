"""Whether something is in a zone that is not on the golden picture of the empty scene.

It tells that the zone looks different, and how much of it: a person, a trolley, a fallen box, a puddle, a strong
shadow are all the same to it. What is as bright as the ground behind it is not seen.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.gauges.reading import CannotMeasure, Picture, Reading
from qc_vision.pipelines.values import Corners
from qc_vision.runtime.inspection import Verdict

_BLUR_PX: Final = 1.5
_EVERY: Final = 4
"""Every so many pixels are enough to tell the lamp."""
_LIT: Final = (0.4, 2.5)
"""Least and greatest ratio of brightness to the golden picture's that is made up for."""


Box: TypeAlias = tuple[int, int, int, int]


class Change:
    """Compares pictures with a golden one of the same camera and size.

    Args:
        high: share of the zone that may look different, in %.
        min_levels: grey levels in any colour from which a pixel looks different, lamp made up for.
        min_area_px: smaller spots are noise.
    """

    def __init__(
        self, golden: Picture, *, high: float, min_levels: float, min_area_px: float
    ) -> None:
        self._empty = cv2.GaussianBlur(golden, (0, 0), _BLUR_PX)
        self.high, self.min_levels, self.min_area_px = high, min_levels, min_area_px

    def read(self, name: str, image: Picture, zone: Corners | None) -> tuple[Reading, Box]:
        """Return the share of the zone (or of the whole picture) that differs, and the box around it."""
        height, width = image.shape[:2]
        box = (0, 0, width, height) if zone is None else zone.box(image)
        try:
            changed, inside = self.differs(image, zone)
        except CannotMeasure as refusal:
            reason = str(refusal)
            unfit = Reading(
                name, "change", Verdict.UNFIT, None, "%", None, self.high, reason=reason
            )
            return unfit, box
        share = 100.0 * cv2.countNonZero(changed) / cv2.countNonZero(inside)
        objection = None
        if share > self.high:
            x, y, w, h = cv2.boundingRect(changed)
            box = (int(x), int(y), int(w), int(h))
            objection = (
                f"{share:.1f} % of the zone differ from the golden picture, {self.high:g} % may"
            )
        verdict = Verdict.OK if objection is None else Verdict.NOK
        reading = Reading(name, "change", verdict, share, "%", None, self.high, reason=objection)
        return reading, box

    def differs(
        self, image: Picture, zone: Corners | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return where the picture differs from the golden one, and the zone itself, as masks.

        Raises:
            CannotMeasure: another size, an empty zone, or light that cannot be made up for.
        """
        if image.shape != self._empty.shape:
            here, there = image.shape, self._empty.shape
            raise CannotMeasure(
                f"the picture has {here[1]}×{here[0]} pixels, its golden one {there[1]}×{there[0]}"
            )
        inside = np.full(image.shape[:2], 255, np.uint8) if zone is None else zone.mask(image)
        if not inside.any():
            raise CannotMeasure("the zone is empty")
        seen = cv2.GaussianBlur(image, (0, 0), _BLUR_PX)
        some = (slice(None, None, _EVERY), slice(None, None, _EVERY))
        gain = float(np.median((seen[some] + 1.0) / (self._empty[some] + 1.0)))
        if not _LIT[0] <= gain <= _LIT[1]:
            raise CannotMeasure(f"the light is {gain:.2f} times that of the golden picture")
        apart = cv2.absdiff(seen, cv2.convertScaleAbs(self._empty, alpha=gain)).max(axis=2)
        changed = np.where((apart >= self.min_levels) & (inside > 0), 255, 0).astype(np.uint8)
        return self._without_specks(changed), inside

    def _without_specks(self, changed: NDArray[np.uint8]) -> NDArray[np.uint8]:
        count, parts, stats, _ = cv2.connectedComponentsWithStats(changed, connectivity=8)
        large = np.zeros(count, np.uint8)
        large[1:] = np.where(stats[1:, cv2.CC_STAT_AREA] >= self.min_area_px, 255, 0)
        return np.asarray(large[parts], np.uint8)
