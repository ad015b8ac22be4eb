"""Pictures with boxes from a folder: Pascal VOC XML, COCO JSON, or masks.

What is wrong with one picture is said in a sentence that names its file; the rest goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.annotation_files import BadAnnotation, Box, Findings, Regions, regions_in
from qc_vision.picture_files import files_below
from qc_vision.runtime.image import IMAGE_SUFFIXES, NotAnImage, decode

Image = NDArray[np.uint8]

_OUTSIDE: Final = 0.1
"""Share of a box's own side by which it may stick out of the picture and is cut there."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """A picture and its regions: boxes N×4 (x0, y0, x1, y1 in pixels of the upright picture), their kinds.

    ``mask`` is the file of exact masks where there is one, white where a defect is.
    """

    path: Path
    width: int
    height: int
    boxes: NDArray[np.float32]
    kinds: tuple[str, ...]
    mask: Path | None = None

    def picture(self) -> Image:
        """Return the upright BGR picture."""
        return decode(self.path.read_bytes())


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder holds: pictures that can be used, and sentences about all others."""

    pictures: tuple[Annotated, ...]
    findings: tuple[str, ...]
    sha256: str

    @property
    def kinds(self) -> tuple[str, ...]:
        """All kinds of regions, sorted."""
        return tuple(sorted({kind for one in self.pictures for kind in one.kinds}))


def read_annotated(folder: Path, *, ignored: Collection[str] = ()) -> Reading:
    """Read all annotated pictures under a folder.

    Three forms are understood, also beside each other: ``<name>.xml`` (Pascal VOC, anywhere under the
    folder), ``*.json`` (COCO), and ``<kind>/<name>_mask.png`` beside ``<name>``. A file drawn on a larger
    or smaller copy of the picture (its ``<size>``) is scaled. Boxes of the ignored kinds are left out.

    Raises:
        ValueError: the folder is missing, or holds no picture that can be used.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    files = files_below(folder)
    pictures = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    masks = _masks_of(pictures)
    pictures = [path for path in pictures if path not in set(masks.values())]
    findings = Findings()
    found: dict[Path, Annotated] = {}
    names = _by_name(pictures)
    for regions in regions_in(files, findings):
        try:
            path = _picture_of(regions, names, folder)
            one = _placed(regions, path, findings, masks.get(path), ignored)
        except (BadAnnotation, NotAnImage, OSError) as cause:
            findings.sentences.append(f"{regions.source}: {cause}")
            continue
        if path in found:
            one = _both(found[path], one)
        found[path] = one
    _read_masks(pictures, masks, found, findings, folder, ignored)
    spoken_of = {path.stem for path in files if path.suffix.lower() == ".xml"}
    spoken_of |= {path.stem for path in masks} | findings.pictures
    findings.bare += [p for p in pictures if p not in found and p.stem not in spoken_of]
    if not found:
        why = "; ".join(findings.all()[:3]) or "no pictures"
        raise ValueError(f"{folder} holds no annotated picture that can be used: {why}")
    kept = tuple(found[path] for path in sorted(found))
    return Reading(kept, findings.all(), _digest(kept))


def without_rare_kinds(reading: Reading, least: int) -> Reading:
    """Leave out the boxes of kinds that fewer pictures show than ``least``, and say where they are."""
    counts = Counter(kind for one in reading.pictures for kind in set(one.kinds))
    rare = {kind for kind, count in counts.items() if count < least}
    if not rare:
        return reading
    sentences = []
    for kind in sorted(rare):
        where = next(one.path for one in reading.pictures if kind in one.kinds)
        sentences.append(
            f"{where}: kind {kind!r} is in {counts[kind]} of {len(reading.pictures)} pictures; at least"
            f" {least} are needed, so it is not learned (a misspelling?)"
        )
    pictures = tuple(one for one in reading.pictures if not rare & set(one.kinds))
    return replace(reading, pictures=pictures, findings=(*reading.findings, *sentences))


def _by_name(pictures: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the pictures of each name, with and without its ending."""
    found: dict[str, list[Path]] = {}
    for path in pictures:
        for name in (path.name, path.stem):
            found.setdefault(name, []).append(path)
    return found


def _picture_of(regions: Regions, pictures: Mapping[str, Sequence[Path]], folder: Path) -> Path:
    """Return the picture an annotation speaks of: the one beside it, or the only one of its name."""
    for text in regions.pictures:
        name = Path(text.replace("\\", "/"))
        same = pictures.get(name.name, ())
        for likely in (regions.source.parent / name, folder / name):
            near = [path for path in same if likely in (path, path.with_suffix(""))]
            if near:
                return near[0]
        if len(same) > 1:
            raise BadAnnotation(f"its picture could be {same[0]} or {same[1]}")
        if same:
            return same[0]
    raise BadAnnotation(f"its picture {regions.pictures[0]!r} is not in {folder}")


def _placed(
    regions: Regions,
    path: Path,
    findings: Findings,
    mask: Path | None,
    ignored: Collection[str],
) -> Annotated:
    """Scale the boxes to the picture and hold them against it."""
    try:
        height, width = decode(path.read_bytes()).shape[:2]
    except NotAnImage as cause:
        raise BadAnnotation(f"its picture {path.name}: {cause}") from cause
    drawn = regions.size or (width, height)
    if abs(drawn[0] * height / (drawn[1] * width) - 1.0) > 0.02:
        raise BadAnnotation(
            f"was drawn on {drawn[0]}×{drawn[1]} pixels; {path.name} has {width}×{height}"
        )
    scale = width / drawn[0]
    boxes, kinds, swapped = [], [], False
    for number, (box, kind) in enumerate(zip(regions.boxes, regions.kinds, strict=True), 1):
        if kind in ignored:
            continue
        ordered = (
            min(box[0], box[2]),
            min(box[1], box[3]),
            max(box[0], box[2]),
            max(box[1], box[3]),
        )
        swapped = swapped or ordered != box
        what = f"box {number} ({kind})"
        boxes.append(_inside([side * scale for side in ordered], (width, height), what))
        kinds.append(kind)
    if swapped:
        findings.swapped.append(regions.source)
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    return Annotated(path, width, height, corners, tuple(kinds), mask)


def _inside(box: Sequence[float], size: tuple[int, int], what: str) -> Box:
    """Return the box cut to the picture.

    Raises:
        BadAnnotation: it has no area, or sticks out by more than a rounding.
    """
    x0, y0, x1, y1 = box
    cut = (max(x0, 0.0), max(y0, 0.0), min(x1, float(size[0])), min(y1, float(size[1])))
    where = f"{what}, {x0:g},{y0:g} to {x1:g},{y1:g},"
    if x1 - x0 < 1.0 or y1 - y0 < 1.0:
        raise BadAnnotation(f"{where} has no area")
    lost_x, lost_y = (x1 - x0) - (cut[2] - cut[0]), (y1 - y0) - (cut[3] - cut[1])
    if lost_x > max(2.0, _OUTSIDE * (x1 - x0)) or lost_y > max(2.0, _OUTSIDE * (y1 - y0)):
        raise BadAnnotation(f"{where} lies outside the picture of {size[0]}×{size[1]} pixels")
    return cut


def _both(one: Annotated, other: Annotated) -> Annotated:
    """Join what two files say of one picture."""
    boxes = np.concatenate([one.boxes, other.boxes])
    return replace(one, boxes=boxes, kinds=one.kinds + other.kinds)


def _masks_of(pictures: Sequence[Path]) -> Mapping[Path, Path]:
    """Return the mask file ``<name>_mask.png`` of each picture that has one beside it."""
    there = set(pictures)
    masks = {}
    for path in pictures:
        mask = path.with_name(f"{path.stem}_mask.png")
        if mask in there:
            masks[path] = mask
    return masks


def _read_masks(
    pictures: Sequence[Path],
    masks: Mapping[Path, Path],
    found: dict[Path, Annotated],
    findings: Findings,
    folder: Path,
    ignored: Collection[str],
) -> None:
    """Add pictures that have a mask and no other annotation; the kind is the name of their folder."""
    for path in pictures:
        mask = masks.get(path)
        if mask is None or path in found:
            continue
        kind = path.parent.name if path.parent != folder else "defect"
        try:
            picture, drawn = decode(path.read_bytes()), decode(mask.read_bytes())
            if picture.shape != drawn.shape:
                raise BadAnnotation(
                    f"is {drawn.shape[1]}×{drawn.shape[0]} pixels; {path.name} has"
                    f" {picture.shape[1]}×{picture.shape[0]}"
                )
        except (BadAnnotation, NotAnImage, OSError) as cause:
            findings.sentences.append(f"{mask}: {cause}")
            continue
        boxes = [] if kind in ignored else _boxes_of(np.asarray(drawn[:, :, 0], np.uint8))
        height, width = picture.shape[:2]
        corners = np.array(boxes, np.float32).reshape(-1, 4)
        found[path] = Annotated(path, width, height, corners, (kind,) * len(boxes), mask)


def _boxes_of(mask: Image) -> list[Box]:
    """Return the boxes around connected parts of a mask; parts of a few pixels' distance are one."""
    reach = max(3, round(0.02 * max(mask.shape))) | 1
    white = (mask > 60).astype(np.uint8)
    joined = cv2.dilate(white, np.ones((reach, reach), np.uint8))
    count, parts = cv2.connectedComponents(joined, connectivity=8)
    boxes = []
    for part in range(1, count):
        x, y, w, h = cv2.boundingRect(white * (parts == part).astype(np.uint8))
        if min(w, h) >= 1:
            boxes.append((float(x), float(y), float(x + w), float(y + h)))
    return boxes


def _digest(pictures: Sequence[Annotated]) -> str:
    digest = hashlib.sha256()
    for one in pictures:
        digest.update(hashlib.sha256(one.path.read_bytes()).digest())
        digest.update(one.boxes.tobytes())
        digest.update(json.dumps(one.kinds).encode())
    return digest.hexdigest()
