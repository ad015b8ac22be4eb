"""Look labelled pictures over before a training: twins, label leaks, marks, odd sizes, outliers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qc_vision.evaluate import image_paths
from qc_vision.runtime.image import NotAnImage, decode
from qc_vision.training.hygiene import examine, groups_of, marked
from qc_vision.training.samples import fitted

Image = NDArray[np.uint8]

_SIDE: Final = 128
_IN_WORDS: Final = {
    "leak": "its near-duplicate has the other label",
    "mark": "strongly coloured, unlike the others: a mark on the picture?",
    "size": "of another size than the others",
    "outlier": "looks unlike the others: another label?",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture and what is odd about it.

    Args:
        group: near-duplicates of either label share it; -1 where the file is no image.
        findings: `unreadable`, `leak` (its twin has the other label), `mark`, `size`, `outlier`.
    """

    path: str
    defect: bool
    group: int
    findings: tuple[str, ...]


def examine_folders(good: Path, defects: Path | None) -> list[Seen]:
    """Examine a folder of good pictures, and one of defects beside it.

    A mark on a defect is looked for against the good pictures: where every defect was marked by a
    reviewer's pen, a model learns the pen.

    Raises:
        ValueError: a folder holds no image.
    """
    paths = [(path, False) for path in image_paths(good, without=defects)]
    if defects is not None:
        paths += [(path, True) for path in image_paths(defects, without=good)]
    images: list[Image] = []
    sizes: list[tuple[int, int]] = []
    read: list[tuple[Path, bool]] = []
    unreadable: list[Seen] = []
    for path, defect in paths:
        try:
            picture = decode(path.read_bytes())
        except (NotAnImage, OSError):
            unreadable.append(Seen(str(path), defect, -1, ("unreadable",)))
            continue
        images.append(fitted(picture, _SIDE))
        sizes.append((picture.shape[1], picture.shape[0]))
        read.append((path, defect))
    if not images:
        return unreadable
    groups = groups_of(images)
    if np.bincount(groups).max() > 0.6 * len(groups):  # all alike: twins mean nothing here
        groups = np.arange(len(groups))
    found = _oddities([defect for _, defect in read], images, sizes)
    labels: dict[int, set[bool]] = {}
    for group, (_, defect) in zip(groups, read, strict=True):
        labels.setdefault(int(group), set()).add(defect)
    for index, group in enumerate(groups):
        if len(labels[int(group)]) == 2:
            found[index].append("leak")
    return unreadable + [
        Seen(str(path), defect, int(groups[index]), tuple(found[index]))
        for index, (path, defect) in enumerate(read)
    ]


def look_at(good: Path, defects: Path) -> list[str]:
    """Return a sentence for everything odd about two folders; what cannot be read is left to the training."""
    return [
        f"{one.path}: {_IN_WORDS[finding]}"
        for one in examine_folders(good, defects)
        for finding in one.findings
        if finding in _IN_WORDS
    ]


def _oddities(
    defect: list[bool], images: list[Image], sizes: list[tuple[int, int]]
) -> list[list[str]]:
    """Return the kinds of findings of each picture; good ones are compared with each other."""
    found: list[list[str]] = [[] for _ in images]
    sound = [index for index, bad in enumerate(defect) if not bad]
    rest = [index for index, bad in enumerate(defect) if bad]
    names = [str(index) for index in range(len(images))]
    usual = [images[i] for i in sound]
    if sound:
        odd = examine([names[i] for i in sound], usual, [sizes[i] for i in sound]).odd
        for one in odd:
            if one.picture is not None:
                found[sound[one.picture]].append(one.kind)
    if rest:
        for one in marked([names[i] for i in rest], [images[i] for i in rest], usual):
            if one.picture is not None:
                found[rest[one.picture]].append(one.kind)
    return found
