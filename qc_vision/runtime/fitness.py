"""Whether an image can be judged at all: exposure, contrast, focus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.runtime.inspection import Fitness

_SIDE = 256  # limits hold at this size, so they are the same for every camera


@dataclass(frozen=True, slots=True)
class FitnessLimits:
    """Limits a station's images must keep to be judged.

    Args:
        min_blur: least variance of the Laplacian, grey levels² at 256 pixels.
        min_exposure: least median grey level.
        max_exposure: greatest median grey level.
        min_contrast: least spread between the 2nd and 98th percentile, grey levels.
    """

    min_blur: float = 4.0
    min_exposure: float = 8.0
    max_exposure: float = 248.0
    min_contrast: float = 12.0

    @classmethod
    def around(cls, good: Sequence[Fitness]) -> FitnessLimits:
        """Return limits that the good pictures keep with room to spare.

        The usual limits hold where the pictures keep them; a station whose good pictures are
        dark, flat or soft by nature gets limits of its own.
        """
        usual = cls()
        return cls(
            min_blur=min(usual.min_blur, 0.25 * min(one.blur for one in good)),
            min_exposure=min(usual.min_exposure, 0.5 * min(one.exposure for one in good)),
            max_exposure=max(usual.max_exposure, (max(one.exposure for one in good) + 255.0) / 2.0),
            min_contrast=min(usual.min_contrast, 0.5 * min(one.contrast for one in good)),
        )

    def settings(self) -> dict[str, float]:
        """Return the limits as settings of a pipeline's fitness step."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def measure(image: NDArray[np.uint8], limits: FitnessLimits) -> Fitness:
    """Measure an uint8 BGR image; ``reason`` is set when it is outside the limits."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    if max(grey.shape) > _SIDE:
        scale = _SIDE / max(grey.shape)
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    levels = cv2.calcHist([grey], [0], None, [256], [0.0, 256.0]).astype(np.int64)
    cumulative = np.cumsum(levels) / grey.size
    low, median, high = (float(np.searchsorted(cumulative, q)) for q in (0.02, 0.5, 0.98))
    blur = float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1][0, 0]) ** 2
    reason = _reason(blur, median, high - low, limits)
    return Fitness(blur=blur, exposure=median, reason=reason, contrast=high - low)


def _reason(blur: float, median: float, contrast: float, limits: FitnessLimits) -> str | None:
    if median < limits.min_exposure and contrast < 4 * limits.min_contrast:
        return f"too dark: median grey {median:.0f}, at least {limits.min_exposure:.0f} needed"
    if median > limits.max_exposure:
        return f"too bright: median grey {median:.0f}, at most {limits.max_exposure:.0f} allowed"
    if contrast < limits.min_contrast:
        return f"no contrast: {contrast:.0f} grey levels, at least {limits.min_contrast:.0f} needed"
    if blur < limits.min_blur:
        return f"out of focus: sharpness {blur:.1f}, at least {limits.min_blur:.1f} needed"
    return None
