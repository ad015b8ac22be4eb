"""Which files of a folder are pictures, and which are masks of them.

Folders are walked through links. Masks lie beside their picture (``<name>_mask.png``, or a PNG beside a
photo of the same name), or in a ``ground_truth`` folder beside the pictures' own, as MVTec AD
(``ground_truth/<kind>/<name>_mask.png``) and AutoVI (``ground_truth/<kind>/<name>/0000.png``) have them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from qc_vision.runtime.image import IMAGE_SUFFIXES

_GROUND_TRUTH: Final = "ground_truth"
_PHOTOS: Final = (".jpg", ".jpeg", ".bmp")


def files_below(folder: Path) -> list[Path]:
    """Return all files under a folder in order; a folder that links lead to twice is entered once."""
    found, entered = [], set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        found += [Path(here, name) for name in files]
    return sorted(found)


def pictures_below(folder: Path, *, without: Path | None = None) -> list[Path]:
    """Return the pictures under a folder in order, without masks; whether they can be read is not asked.

    Args:
        without: the folder of the other label; where it lies inside, its pictures are not among them.

    Raises:
        ValueError: it is the same folder.
    """
    files = [path for path in files_below(folder) if path.suffix.lower() in IMAGE_SUFFIXES]
    names = {str(path) for path in files}
    pictures = [path for path in files if not _is_mask(path, folder, names)]
    if without is None:
        return pictures
    other, own = without.resolve(), folder.resolve()
    if other == own:
        raise ValueError(f"{folder} is given for good pictures and for bad ones")
    if not other.is_relative_to(own):
        return pictures
    return [path for path in pictures if not path.parent.resolve().is_relative_to(other)]


def _is_mask(path: Path, folder: Path, names: set[str]) -> bool:
    if path.stem.endswith("_mask") or _GROUND_TRUTH in path.relative_to(folder).parts:
        return True
    return path.suffix.lower() == ".png" and any(
        str(path.with_suffix(ending)) in names for ending in _PHOTOS
    )


def masks_of(picture: Path) -> list[Path]:
    """Return the masks of a picture; several, where each of its defects has one; none: there is none."""
    beside = picture.with_name(f"{picture.stem}_mask.png")
    if beside.exists():
        return [beside]
    if picture.suffix.lower() != ".png" and picture.with_suffix(".png").exists():
        return [picture.with_suffix(".png")]
    for above in picture.parents:
        kept = above.parent / _GROUND_TRUTH / picture.parent.relative_to(above)
        for one in (kept / beside.name, kept / f"{picture.stem}.png"):
            if one.exists():
                return [one]
        if several := sorted((kept / picture.stem).glob("*.png")):
            return several
    return []
