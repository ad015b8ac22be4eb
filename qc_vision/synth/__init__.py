"""Rendered parts of the four shops, with exact masks: numpy and OpenCV only."""

from qc_vision.shops import Shop
from qc_vision.synth.render import render
from qc_vision.synth.scene import (
    DEFECT_KINDS,
    FIELD_MM,
    SEVERITY_RANGE,
    SEVERITY_UNIT,
    Defect,
    Nuisance,
    Rendered,
    Scene,
    SceneError,
    typical_nuisance,
)

__all__ = [
    "DEFECT_KINDS",
    "FIELD_MM",
    "SEVERITY_RANGE",
    "SEVERITY_UNIT",
    "Defect",
    "Nuisance",
    "Rendered",
    "Scene",
    "SceneError",
    "Shop",
    "render",
    "typical_nuisance",
]
