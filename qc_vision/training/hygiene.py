"""What is wrong with a folder of pictures before anything is learned from it.

Near-duplicates are grouped, so that a split never has one twin on each side; pictures of another
size, marks painted on pictures and pictures unlike the rest are listed for a person to look at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.runtime.fitness import FitnessLimits
from qc_vision.runtime.inspection import Fitness

Image = NDArray[np.uint8]

_SIDE: Final = 24
_TWINS: Final = 0.985
"""Correlation of two pictures' fine structure above which they show the same part."""
_MARK_SATURATION: Final = 120
_BY_NATURE: Final = 0.25


@dataclass(frozen=True, slots=True)
class Finding:
    """What is odd about one picture, by its place among those examined; about all of them without one."""

    kind: Literal["size", "mark", "outlier"]
    picture: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings on one folder, as sentences that name the file; and the group of each picture."""

    groups: NDArray[np.int64]
    odd: tuple[Finding, ...]

    @property
    def sizes(self) -> tuple[str, ...]:
        """Pictures of another size."""
        return self._of("size")

    @property
    def marks(self) -> tuple[str, ...]:
        """Pictures with a mark painted on them."""
        return self._of("mark")

    @property
    def outliers(self) -> tuple[str, ...]:
        """Pictures unlike the rest."""
        return self._of("outlier")

    def _of(self, kind: str) -> tuple[str, ...]:
        return tuple(one.sentence for one in self.odd if one.kind == kind)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All findings."""
        twins = len(self.groups) - len(np.unique(self.groups))
        several = (
            f"{twins} pictures are near-duplicates of others; they stay together in every split"
        )
        return (*((several,) if twins else ()), *self.sizes, *self.marks, *self.outliers)


def examine(
    names: Sequence[str], images: Sequence[Image], sizes: Sequence[tuple[int, int]]
) -> Findings:
    """Examine pictures of one label.

    Args:
        names: what each picture is called in a finding.
        images: the pictures scaled to one square size, RGB.
        sizes: their (width, height) before.
    """
    return Findings(
        groups=groups_of(images),
        odd=(*_mixed(names, sizes), *marked(names, images), *_unlike(names, images)),
    )


def unfit(fits: Sequence[Fitness]) -> dict[int, str]:
    """Return the good pictures that show no part, by their place, each with the reason.

    A covered lens, a dead or a blurred frame among good pictures would teach a station to pass such frames.
    Where more than a quarter of the pictures are dark, flat or soft, the station is so by nature.

    Args:
        fits: measured with the usual limits.
    """
    blank = {
        index: "the same grey from edge to edge, there is nothing to see"
        for index, one in enumerate(fits)
        if one.contrast == 0.0 and one.blur == 0.0
    }
    usual = FitnessLimits()
    poor = {
        index: one.reason
        for index, one in enumerate(fits)
        if index not in blank
        and one.reason is not None
        and (one.exposure <= usual.max_exposure or one.contrast < usual.min_contrast)
    }
    if len(poor) > _BY_NATURE * len(fits):
        return blank
    return blank | {index: f"{why}, unlike the others" for index, why in poor.items()}


def groups_of(images: Sequence[Image], *, alike: float = _TWINS) -> NDArray[np.int64]:
    """Return a group number for each picture; near-duplicates share one.

    Args:
        alike: correlation of fine structure above which two pictures are near-duplicates.
    """
    views = np.stack([_view(image) for image in images])
    views -= views.mean(axis=0)  # what is common to all parts makes no twins
    views /= np.maximum(np.linalg.norm(views, axis=1, keepdims=True), 0.05)
    group = np.arange(len(views))
    for start in range(0, len(views), 512):
        near = views[start : start + 512] @ views.T > alike
        for row, column in zip(*np.nonzero(near), strict=True):
            a, b = _root(group, start + int(row)), _root(group, int(column))
            group[max(a, b)] = min(a, b)
    return np.array([_root(group, index) for index in range(len(group))], np.int64)


def _root(group: NDArray[np.int64], index: int) -> int:
    while group[index] != index:
        index = int(group[index])
    return index


def _view(image: Image) -> NDArray[np.float32]:
    """Fine structure, 24×24, of mean 0 and length 1."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    fine = small - cv2.GaussianBlur(small, (0, 0), 3.0)
    return np.asarray(fine.ravel() / max(float(np.linalg.norm(fine)), 1e-6), np.float32)


def _mixed(names: Sequence[str], sizes: Sequence[tuple[int, int]]) -> tuple[Finding, ...]:
    """List pictures of an odd size where nearly all have one size, or say that sizes vary."""
    counts = Counter(sizes)
    (common, often), *rest = counts.most_common()
    if not rest:
        return ()
    if often < 0.8 * len(sizes):
        several = f"the pictures have {len(counts)} sizes; all are scaled to the model's"
        return (Finding("size", None, several),)
    return tuple(
        Finding(
            "size",
            index,
            f"{names[index]}: {size[0]}×{size[1]} pixels,"
            f" {often} others have {common[0]}×{common[1]}",
        )
        for index, size in enumerate(sizes)
        if size != common
    )


def marked(
    names: Sequence[str], images: Sequence[Image], usual: Sequence[Image] = ()
) -> tuple[Finding, ...]:
    """List pictures with strongly coloured pixels where the usual ones have none: drawn marks.

    Args:
        usual: what they are compared with; nothing: themselves.
    """
    shares = _colored(images)
    if float(np.quantile(_colored(usual) if usual else shares, 0.8)) > 0.0005:
        return ()
    return tuple(
        Finding(
            "mark",
            index,
            f"{names[index]}: {share:.1%} of it is strongly coloured, unlike the others:"
            " a mark on the picture?",
        )
        for index, share in enumerate(shares)
        if share > 0.003
    )


def _colored(images: Sequence[Image]) -> NDArray[np.float64]:
    return np.array(
        [(np.ptp(image, axis=2) > _MARK_SATURATION).mean() if image.size else 0 for image in images]
    )


def _unlike(names: Sequence[str], images: Sequence[Image]) -> tuple[Finding, ...]:
    """List pictures whose coarse look lies far from all others: perhaps of another label or part."""
    if len(images) < 8:
        return ()
    looks = np.stack(
        [cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA).ravel() for image in images]
    ).astype(np.float32)
    away = np.linalg.norm(looks - np.median(looks, axis=0), axis=1)
    middle = float(np.median(away))
    spread = 1.4826 * float(np.median(np.abs(away - middle))) + 1e-3
    return tuple(
        Finding(
            "outlier",
            index,
            f"{names[index]}: looks unlike the others (distance {far:.0f}, usual {middle:.0f}):"
            " another label?",
        )
        for index, far in enumerate(away)
        if far > middle + 8.0 * spread
    )
