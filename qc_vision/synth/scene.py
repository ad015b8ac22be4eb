"""What a camera is asked to see: the part, its defect, and the nuisances of the hall.

Kinds whose size is not a length keep ``severity_mm`` as their measure on the scale that
``SEVERITY_UNIT`` names: a colour mismatch of 6 is a difference of 6 ΔE (CIE 1976).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qc_vision.shops import Shop

DEFECT_KINDS: Final[dict[Shop, tuple[str, ...]]] = {
    Shop.STAMPING: ("crack", "split", "wrinkle", "scratch", "dent", "galling", "burr"),
    Shop.WELDING: (
        "porosity", "spatter", "missing_weld", "burn_through", "short_weld", "undercut", "off_seam",
        "missing_spot", "displaced_spot", "expulsion",
    ),
    Shop.PAINTING: (
        "run", "crater", "dust_nib", "orange_peel", "scratch", "color_mismatch", "sag", "mottling",
    ),
    Shop.ASSEMBLY: (
        "missing_clip", "missing_screw", "wrong_variant", "gap", "missing_plug",
        "screw_not_seated", "flush", "reversed_part",
    ),
}  # fmt: skip

FIELD_MM: Final[dict[Shop, float]] = {
    Shop.STAMPING: 600.0,
    Shop.WELDING: 160.0,
    Shop.PAINTING: 180.0,
    Shop.ASSEMBLY: 320.0,
}
"""Width and height of the square a camera of the shop sees."""

SEVERITY_RANGE: Final[dict[tuple[Shop, str], tuple[float, float]]] = {
    (Shop.STAMPING, "crack"): (20.0, 70.0),
    (Shop.STAMPING, "split"): (20.0, 60.0),
    (Shop.STAMPING, "wrinkle"): (40.0, 110.0),
    (Shop.STAMPING, "scratch"): (35.0, 120.0),
    (Shop.STAMPING, "dent"): (18.0, 50.0),
    (Shop.STAMPING, "galling"): (40.0, 120.0),
    (Shop.STAMPING, "burr"): (30.0, 90.0),
    (Shop.WELDING, "porosity"): (6.0, 18.0),
    (Shop.WELDING, "spatter"): (8.0, 30.0),
    (Shop.WELDING, "missing_weld"): (10.0, 40.0),
    (Shop.WELDING, "burn_through"): (4.0, 11.0),
    (Shop.WELDING, "short_weld"): (18.0, 55.0),
    (Shop.WELDING, "undercut"): (14.0, 45.0),
    (Shop.WELDING, "off_seam"): (3.0, 9.0),
    (Shop.WELDING, "missing_spot"): (11.0, 11.0),
    (Shop.WELDING, "displaced_spot"): (6.0, 16.0),
    (Shop.WELDING, "expulsion"): (9.0, 24.0),
    (Shop.PAINTING, "run"): (14.0, 45.0),
    (Shop.PAINTING, "crater"): (3.0, 8.0),
    (Shop.PAINTING, "dust_nib"): (1.5, 4.0),
    (Shop.PAINTING, "orange_peel"): (35.0, 90.0),
    (Shop.PAINTING, "scratch"): (18.0, 60.0),
    (Shop.PAINTING, "color_mismatch"): (8.0, 25.0),
    (Shop.PAINTING, "sag"): (25.0, 80.0),
    (Shop.PAINTING, "mottling"): (45.0, 110.0),
    (Shop.ASSEMBLY, "missing_clip"): (12.0, 12.0),
    (Shop.ASSEMBLY, "missing_screw"): (9.0, 9.0),
    (Shop.ASSEMBLY, "wrong_variant"): (90.0, 90.0),
    (Shop.ASSEMBLY, "gap"): (2.5, 7.0),
    (Shop.ASSEMBLY, "missing_plug"): (16.0, 16.0),
    (Shop.ASSEMBLY, "screw_not_seated"): (2.5, 6.0),
    (Shop.ASSEMBLY, "flush"): (4.0, 8.0),
    (Shop.ASSEMBLY, "reversed_part"): (34.0, 34.0),
}
"""Smallest and largest severity that the shop's camera is meant to find."""

SEVERITY_UNIT: Final[dict[str, str]] = {"color_mismatch": "ΔE"}
"""Unit of ``severity_mm`` where it is not the defect's extent in millimetres."""


class SceneError(ValueError):
    """A scene cannot be rendered; the message names the field and what would be right."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect: its kind, its size and where it sits (0..1 of the image, None: drawn)."""

    kind: str
    severity_mm: float
    position: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Nuisance:
    """What differs from image to image on good parts and must not raise an alarm.

    Args:
        exposure_ev: exposure error in stops; ±0.3 is ±20 % of light.
        pose_deg: rotation of the part in its fixture, degrees.
        lamp_age: 0 new lamp, 1 due for replacement (dimmer, warmer, less even).
        oil_film: 0 dry, 1 wet with drawing oil or wax.
        noise: standard deviation of the sensor noise in grey levels.
        reflection: 0 none, 1 a bright thing of the hall (a window, a work light) mirrored in the part.
    """

    exposure_ev: float = 0.0
    pose_deg: float = 0.0
    lamp_age: float = 0.0
    oil_film: float = 0.0
    noise: float = 1.5
    reflection: float = 0.0


def typical_nuisance(seed: int) -> Nuisance:
    """Draw what a healthy camera sees over a month: ±3°, ±20 % light, ageing lamp, oil, reflections."""
    rng = np.random.default_rng((seed, 0x5EED))
    return Nuisance(
        exposure_ev=float(rng.uniform(-0.3, 0.3)),
        pose_deg=float(rng.uniform(-3.0, 3.0)),
        lamp_age=float(rng.beta(1.2, 2.0)),
        oil_film=float(max(0.0, rng.uniform(-0.6, 1.0))),
        noise=float(rng.uniform(1.0, 3.0)),
        reflection=float(max(0.0, rng.uniform(-0.6, 1.0))),
    )


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture to take.

    ``variant`` is any code of the plant (model, panel, colour); equal codes give equal parts.
    Words such as door, hood, fender or roof in a stamping variant choose the panel.
    ``color`` is the body colour as ``#rrggbb``; a trim takes the colour that goes with it.
    """

    shop: Shop
    variant: str
    color: str | None = None
    defect: Defect | None = None
    seed: int = 0
    size: int = 384
    nuisance: Nuisance = Nuisance()

    def __post_init__(self) -> None:
        if not 96 <= self.size <= 2048:
            raise SceneError(f"size is {self.size}; it must be 96 to 2048 pixels")
        defect = self.defect
        if defect is None:
            return
        if defect.kind not in DEFECT_KINDS[self.shop]:
            known = ", ".join(DEFECT_KINDS[self.shop])
            raise SceneError(f"{self.shop} has no defect {defect.kind!r}; it has {known}")
        if not 0 < defect.severity_mm < FIELD_MM[self.shop]:
            raise SceneError(
                f"severity_mm of {defect.kind} is {defect.severity_mm}; it must be above 0"
                f" and below the field of {FIELD_MM[self.shop]:.0f} mm"
            )


@dataclass(frozen=True, slots=True)
class Rendered:
    """A picture (uint8 H×W×3, BGR) and the exact mask of its defect (uint8 H×W, 0 or 255)."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
