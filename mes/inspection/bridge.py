"""Where inspection meets `qc_vision`: which shipped package judges which camera."""

from __future__ import annotations

from functools import cache

from mes.contracts.agent import CameraModel
from mes.contracts.plant import Line, PlantModel
from qc_vision.packages import shipped
from qc_vision.runtime.manifest import Manifest


def camera_models(plant: PlantModel, line: Line) -> tuple[CameraModel, ...]:
    """Return the model package of each camera of a line: the one shipped for its scene.

    A camera whose scene has no package is left out; its pictures are UNFIT until there is one.
    """
    manifests = _manifests()
    return tuple(
        CameraModel(
            camera=station.camera.id,
            package=station.camera.scene,
            version=manifests[station.camera.scene].version,
            sha256=manifests[station.camera.scene].sha256,
        )
        for station in line.stations
        if station.camera is not None and station.camera.scene in manifests
    )


@cache
def _manifests() -> dict[str, Manifest]:
    """Read the manifests of the shipped packages, by shop."""
    return {shop.value: Manifest.read(folder) for shop, folder in shipped().items()}
