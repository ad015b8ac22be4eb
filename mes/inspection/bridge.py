"""Where inspection meets `qc_vision`: shipped packages, registered ones, heat maps."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mes.contracts.agent import CameraModel
from mes.contracts.plant import Line
from mes.inspection.model import HeatmapUnavailable
from mes.inspection.rollout import PackageRefused
from qc_vision import figures
from qc_vision.packages import shipped
from qc_vision.runtime import (
    Inspector,
    PackageError,
    PipelineError,
    check_parity,
    content_hash,
    decode,
    load,
    pack,
    unpack,
)
from qc_vision.runtime.manifest import Manifest


def shipped_models(line: Line) -> tuple[CameraModel, ...]:
    """Return the package that ships for the scene of each camera of a line, where there is one."""
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


def shipped_folder(scene: str) -> Path | None:
    """Return where the package that ships for a scene lies; None where none does."""
    return next((folder for shop, folder in shipped().items() if shop.value == scene), None)


def unpacked(archive: bytes, folder: Path) -> Path:
    """Write a registered package's files into a folder; raises PackageRefused."""
    try:
        unpack(archive, content_hash(archive), folder)
    except (PackageError, OSError) as error:
        raise PackageRefused(why=str(error)) from error
    return folder


def with_measured(package: Path, metrics: dict[str, Any]) -> None:
    """Write what was measured into the manifest of a package folder."""
    replace(Manifest.read(package), metrics=metrics).write(package)


def calibration_of(package: Path) -> dict[str, Any]:
    """Return how the threshold of a package folder was set."""
    return asdict(Manifest.read(package).calibration)


def title_of(package: Path) -> str:
    """Return name and version of a package folder."""
    manifest = Manifest.read(package)
    return f"{manifest.name} {manifest.version}"


def auroc(good: Sequence[float], bad: Sequence[float]) -> float:
    """Return the probability that a defect scores above a good part."""
    return figures.auroc(good, bad)


def exact_interval(hits: int, n: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a rate (Clopper & Pearson 1934)."""
    return figures.clopper_pearson(hits, n)


def allowed_escapes(defects: int, escape: float, confidence: float) -> int:
    """Return how many of so many defects may pass so that the escape rate is still proved; -1: not even none."""
    passing = -1
    while passing + 1 < defects and figures.rate_bound(passing + 1, defects, confidence) <= escape:
        passing += 1
    return passing


def packed(package: Path) -> bytes:
    """Return a package folder as one archive; raises PackageRefused."""
    try:
        return pack(package)
    except PackageError as error:
        raise PackageRefused(why=str(error)) from error


def name_of(archive: bytes) -> str:
    """Return the hash that names an archive."""
    return content_hash(archive)


def shipped_archives() -> list[bytes]:
    """Return the packages that ship, as archives."""
    return [pack(folder) for folder in shipped().values()]


def examined(archive: bytes) -> dict[str, Any]:
    """Return what a package says about itself once it has been loaded and has judged a picture.

    Raises:
        PackageRefused: it is damaged, incomplete, or does not run here.
    """
    sha256 = content_hash(archive)
    inspector = _unpacked(archive, sha256)
    manifest = inspector.manifest
    facts = asdict(manifest)
    grey = np.full((manifest.input.height, manifest.input.width, 3), 128, np.uint8)
    try:
        inspector.inspect(grey)
        check_parity(inspector)
    except PackageError as error:
        raise PackageRefused(why=str(error)) from error
    except Exception as error:  # whatever the runtime raises, it cannot be used
        raise PackageRefused(why=f"{type(error).__name__}: {error}") from error
    return {
        "package_sha256": sha256,
        "name": manifest.name,
        "version": manifest.version,
        "shop": manifest.shop,
        "model_sha256": manifest.sha256,
        "data_sha256": manifest.data_sha256,
        "pipeline_version": inspector.pipeline.version,
        "licence": manifest.licence,
        "parents": list(manifest.parents),
        "manifest": facts,
    }


def _unpacked(archive: bytes, sha256: str) -> Inspector:
    with tempfile.TemporaryDirectory() as folder:
        try:
            unpack(archive, sha256, Path(folder) / sha256)
            return load(Path(folder) / sha256)
        except (PackageError, PipelineError, OSError) as error:
            raise PackageRefused(why=str(error).replace(f"{folder}/{sha256}/", "")) from error


def heatmap(image: bytes, *, model_sha256: str, archive: bytes | None = None) -> bytes:
    """Judge a stored picture again with the model that judged it, and return it under its heat map (PNG).

    Args:
        archive: the registered package of that model; None for one that ships.

    Raises:
        HeatmapUnavailable: that model is not here, or the picture cannot be judged.
    """
    package = _packages().get(model_sha256)
    if package is not None:
        seen = _inspector(package).inspect(image)
    elif archive is not None:
        seen = _unpacked(archive, content_hash(archive)).inspect(image)
    else:
        raise HeatmapUnavailable(why="the model that judged it is not installed here")
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
