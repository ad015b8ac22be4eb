"""Whether a model computes here what it computed where it was made.

Integer kernels differ between processors (without VNNI some saturate), and a runtime of another version may
rewrite a graph differently. A package therefore carries the raw score that its graph gave a fixed pattern
when it was written; whoever loads the package repeats the sum before a part depends on it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from qc_vision.runtime.inspector import Inspector
from qc_vision.runtime.manifest import PackageError

PARITY: Final = "parity"
"""Key of the manifest's `extra`; its value is `{"raw": score}`."""
TOLERANCE_SCALES: Final = 0.5
"""Allowed difference in units of `Calibration.scale`: at the threshold that moves a score by 0.12."""
TOLERANCE_SHARE: Final = 0.05
"""Allowed share of the expected raw score, where that is more: the pattern lies far from any good part."""


def pattern(height: int, width: int) -> NDArray[np.uint8]:
    """Return the fixed picture (height × width × 3): two gratings and a ramp, in whole numbers alone."""
    y, x = np.mgrid[0:height, 0:width]
    waves = ((x * 5 + y * 3) % 64, (x * 2 + 255 - y * 7) % 96, (x + y) * 255 // (height + width))
    return np.stack([np.clip(wave + 64, 0, 255) for wave in waves], axis=-1).astype(np.uint8)


def raw_score(inspector: Inspector) -> float:
    """Return what the graph gives the pattern here."""
    size = inspector.manifest.input
    return inspector.raw(pattern(size.height, size.width))


def check_parity(inspector: Inspector) -> float | None:
    """Return by how much the pattern's raw score differs from the manifest's; None where that has none.

    Raises:
        PackageError: it differs by more than the tolerance, or is no number.
    """
    noted = inspector.manifest.extra.get(PARITY)
    if noted is None:
        return None
    try:
        expected = float(noted["raw"])
    except (TypeError, KeyError, ValueError) as cause:
        raise PackageError(f"the manifest's parity {noted!r} has no raw score") from cause
    found = raw_score(inspector)
    allowed = max(
        TOLERANCE_SCALES * inspector.manifest.calibration.scale, TOLERANCE_SHARE * abs(expected)
    )
    if not abs(found - expected) <= allowed:
        raise PackageError(
            f"the model does not compute here what it computed when it was made: the test pattern has"
            f" raw score {found:.4g}, the manifest says {expected:.4g} ± {allowed:.2g}"
        )
    return found - expected
