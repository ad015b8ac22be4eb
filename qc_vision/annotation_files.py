"""What annotation files say of pictures: Pascal VOC XML and COCO JSON, before the pictures are looked at."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

Box = tuple[float, float, float, float]


class BadAnnotation(ValueError):
    """One annotation cannot be used; the message says why, without the file's name."""


@dataclass(frozen=True, slots=True)
class Regions:
    """What an annotation file says of one picture, in the pixels it was drawn on (None: the picture's).

    ``pictures`` are the names the picture may have, the likeliest first.
    """

    source: Path
    pictures: tuple[str, ...]
    size: tuple[int, int] | None
    boxes: list[Box]
    kinds: list[str]


@dataclass(slots=True)
class Findings:
    """Sentences, and what is counted rather than listed."""

    sentences: list[str] = field(default_factory=list)
    swapped: list[Path] = field(default_factory=list)
    bare: list[Path] = field(default_factory=list)
    pictures: set[str] = field(default_factory=set)
    """Names of pictures that a COCO file speaks of and that cannot be used."""

    def all(self) -> tuple[str, ...]:
        """Return every finding as a sentence."""
        counted = []
        if self.swapped:
            counted.append(
                f"{self.swapped[0]}: a box is drawn from right to left or upwards; corners put in"
                f" order there and in {len(self.swapped) - 1} other files"
            )
        if self.bare:
            counted.append(
                f"{self.bare[0]}: no annotation; left out, with {len(self.bare) - 1} other such"
                " pictures (an annotation without regions says that a picture is good)"
            )
        return (*self.sentences, *counted)


def regions_in(files: Sequence[Path], findings: Findings) -> Iterator[Regions]:
    """Read what the annotation files among `files` say; what cannot be read becomes a finding."""
    for path in files:
        try:
            if path.suffix.lower() == ".xml":
                yield _voc(path)
            elif path.suffix.lower() == ".json":
                yield from _coco(path, findings)
        except (BadAnnotation, OSError) as cause:
            findings.sentences.append(f"{path}: {cause}")


def _voc(path: Path) -> Regions:
    data = path.read_bytes()
    if not data.strip():
        raise BadAnnotation(
            "the file is empty; a good picture's has an <annotation> without <object>"
        )
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise BadAnnotation("an annotation has no document type or entities")
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - entities were refused above
    except ElementTree.ParseError as cause:
        raise BadAnnotation(f"is not XML: {cause}") from cause
    if root.tag != "annotation":
        raise BadAnnotation(f"is no Pascal VOC annotation: its root is <{root.tag}>")
    boxes, kinds = [], []
    for number, entry in enumerate(root.findall("object"), 1):
        kind = (entry.findtext("name") or "").strip()
        if not kind:
            raise BadAnnotation(f"object {number} has no <name>")
        corners = [entry.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
        boxes.append(_numbers(corners, f"object {number} ({kind})"))
        kinds.append(kind)
    sides = [root.findtext(f"size/{side}") for side in ("width", "height")]
    size = None
    if all(side is not None and side.strip().isdigit() and int(side) > 0 for side in sides):
        size = (int(sides[0] or 0), int(sides[1] or 0))
    names = (path.stem, (root.findtext("filename") or "").strip())
    return Regions(path, tuple(name for name in names if name), size, boxes, kinds)


def _numbers(corners: Sequence[str | None], what: str) -> Box:
    try:
        x0, y0, x1, y1 = (float(value or "") for value in corners)
    except ValueError as cause:
        raise BadAnnotation(f"{what} has no box: {list(corners)}") from cause
    if not np.isfinite([x0, y0, x1, y1]).all():
        raise BadAnnotation(f"{what} has no box: {list(corners)}")
    return x0, y0, x1, y1


def _coco(path: Path, findings: Findings) -> Iterator[Regions]:
    try:
        raw = json.loads(path.read_text("utf-8"))
        images = {entry["id"]: entry for entry in raw["images"]}
        names = {entry["id"]: str(entry["name"]) for entry in raw["categories"]}
        regions = {
            number: Regions(
                path,
                (str(entry["file_name"]),),
                (int(entry["width"]), int(entry["height"])),
                [],
                [],
            )
            for number, entry in images.items()
        }
        marked = list(raw["annotations"])
    except (ValueError, KeyError, TypeError) as cause:
        raise BadAnnotation(f"is no COCO annotation: {cause!r}") from cause
    spoiled = set()
    for entry in marked:
        try:
            number = entry["image_id"]
            if number not in regions:
                raise BadAnnotation(f"a region belongs to picture {number!r}, which is not listed")
            if entry["category_id"] not in names:
                spoiled.add(number)
                findings.pictures.add(Path(regions[number].pictures[0]).stem)
                raise BadAnnotation(
                    f"{regions[number].pictures[0]}: kind {entry['category_id']!r} is not among the"
                    " categories; the picture is left out"
                )
            x, y, w, h = (float(value) for value in entry["bbox"])
        except BadAnnotation as cause:
            findings.sentences.append(f"{path}: {cause}")
            continue
        except (ValueError, KeyError, TypeError) as cause:
            raise BadAnnotation(f"a region is no COCO annotation: {cause!r}") from cause
        regions[number].boxes.append((x, y, x + w, y + h))
        regions[number].kinds.append(names[entry["category_id"]])
    yield from (one for number, one in regions.items() if number not in spoiled)
