"""Model packages for tests of the registry and of agents: a shipped one under another name."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from mes.contracts.agent import CameraModel, ModelRole
from qc_vision.packages import shipped
from qc_vision.runtime import Manifest, content_hash, pack
from qc_vision.shops import Shop


def a_package(folder: Path, *, name: str = "retrained", shop: Shop = Shop.WELDING) -> Path:
    """Write a shipped package under another name."""
    target = folder / name
    shutil.copytree(shipped()[shop], target)
    replace(Manifest.read(target), name=name, version="2").write(target)
    return target


def broken(archive: bytes) -> bytes:
    """Return an archive with one bit of its model turned."""
    middle = len(archive) // 2
    return archive[:middle] + bytes([archive[middle] ^ 1]) + archive[middle + 1 :]


def named(package: Path, *, camera: str = "cam", role: ModelRole = ModelRole.ACTIVE) -> CameraModel:
    """Name a package as the MES's configuration does."""
    manifest = json.loads((package / "manifest.json").read_text())
    return CameraModel(
        camera=camera,
        package=manifest["name"],
        version=manifest["version"],
        sha256=manifest["sha256"],
        package_sha256=content_hash(pack(package)),
        role=role,
    )
