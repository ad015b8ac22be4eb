"""Whether a camera can see a rendered defect at all: how far it stands out of the sensor's noise.

The measure compares the scene with the same scene without its defect, pixel for pixel, and knows no
model. What stays below the limit is no defect of this camera, whatever the kind and the shop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qc_vision.synth.render import render
from qc_vision.synth.scene import Rendered, Scene

DETECTABLE: Final = 5.0
"""Signal-to-noise ratio that is needed to tell a detail from noise with certainty (Rose 1948; 1973, k = 5)."""

_ROUNDING: Final = 1.0
"""Grey levels: a sensor without noise still rounds, and JPEG adds its own."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """How a defect stands out.

    Args:
        contrast: root mean square of what it changes inside its mask, grey levels.
        contrast_to_noise: the same over the standard deviation of the sensor's noise, for one pixel.
        signal_to_noise: over all pixels of the mask together (Rose: contrast · √area / noise).
    """

    contrast: float
    contrast_to_noise: float
    signal_to_noise: float

    @property
    def detectable(self) -> bool:
        """Whether the camera can be asked to find it."""
        return self.signal_to_noise >= DETECTABLE


def visibility(scene: Scene, picture: Rendered) -> Visibility:
    """Return how the defect of a scene stands out of its picture; a part without one has none."""
    without = render(replace(scene, defect=None)).image
    return measured(picture.image, without, picture.mask, scene.nuisance.noise)


def measured(
    picture: NDArray[np.uint8], without: NDArray[np.uint8], mask: NDArray[np.uint8], noise: float
) -> Visibility:
    """Compare two pictures (H×W×3) of equal noise inside a mask (H×W, not 0); an empty one shows nothing."""
    inside = mask > 0
    if not inside.any():
        return Visibility(0.0, 0.0, 0.0)
    change = picture[inside].astype(np.float32) - without[inside]
    contrast = float(np.sqrt(np.square(change).mean()))
    ratio = contrast / max(noise, _ROUNDING)
    return Visibility(contrast, ratio, ratio * float(inside.sum()) ** 0.5)
