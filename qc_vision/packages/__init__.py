"""The model packages that ship with the project, one a shop."""

from __future__ import annotations

from pathlib import Path

from qc_vision.runtime.manifest import MANIFEST_FILE
from qc_vision.shops import Shop


def shipped() -> dict[Shop, Path]:
    """Return the folder of each shop's shipped package."""
    here = Path(__file__).parent
    return {shop: here / shop for shop in Shop if (here / shop / MANIFEST_FILE).is_file()}
