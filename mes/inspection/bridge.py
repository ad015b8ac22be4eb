"""Where inspection meets `qc_vision`: which shipped package judges which camera."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from mes.contracts.agent import CameraModel
from mes.contracts.plant import Line, PlantModel
from mes.inspection.model import HeatmapUnavailable
from qc_vision.packages import shipped
from qc_vision.runtime import Inspector, decode, load
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


def heatmap(image: bytes, *, model_sha256: str) -> bytes:
    """Judge a stored picture again with the model that judged it, and return it under its heat map (PNG).

    Raises:
        HeatmapUnavailable: that model is not here, or the picture cannot be judged.
    """
    package = _packages().get(model_sha256)
    if package is None:
        raise HeatmapUnavailable(why="the model that judged it is not installed here")
    seen = _inspector(package).inspect(image)
    if seen.heatmap is None:
        raise HeatmapUnavailable(why=seen.fitness.reason or "the picture cannot be judged")
    picture = decode(image)
    height, width = picture.shape[:2]
    heat = cv2.resize(
        np.clip(seen.heatmap.astype(np.float32), 0, 1),
        (width, height),
        interpolation=cv2.INTER_CUBIC,
    )
    colors = cv2.applyColorMap((np.clip(heat, 0, 1) * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    done, png = cv2.imencode(".png", cv2.addWeighted(picture, 0.55, colors, 0.45, 0))
    if not done:
        raise HeatmapUnavailable(why="the picture cannot be written")
    return bytes(png)


@cache
def _packages() -> dict[str, Path]:
    """Return the folders of the shipped packages by the hash of their model."""
    return {Manifest.read(folder).sha256: folder for folder in shipped().values()}


@cache
def _inspector(package: Path) -> Inspector:
    return load(package)
