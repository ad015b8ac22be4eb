"""Figures of the box model on the real sets: hot-rolled strip (NEU-DET) and weld seams.

Trained as `train --boxes` trains on any folder, no settings per data set; a training that was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qc_vision.annotations import Annotated, Reading, read_annotated
from qc_vision.evaluate_boxes import evaluate_boxes
from qc_vision.figures import Figure
from qc_vision.runtime import load
from qc_vision.training.hygiene import groups_of
from qc_vision.training.samples import fitted

_TESTED: Final = 0.3
_SUBSET_SHOWINGS: Final = 2_500
_WELD_ALIKE: Final = 0.6
"""Correlation above which two weld seams are one: half of them have a twin, cut or relit, under another name."""


def neu_boxes(folder: Path, work: Path, *, subset: bool) -> Iterator[Figure]:
    """Train on 70 % of the strips, near-duplicates together; measure the int8 package on the others."""
    reading = read_annotated(folder)
    figures = _figures(reading, _tested(reading.pictures), work / "neu-det", subset=subset)
    yield Figure("NEU-DET, int8: mAP50", 100 * figures["map50"], "≥ 74")
    yield Figure("NEU-DET, int8: AP50-95", 100 * figures["map50_95"], "≥ 38")
    for kind, of in figures["kinds"].items():
        yield Figure(f"NEU-DET, int8: AP50 {kind}", 100 * of["ap50"], "")
    yield Figure("NEU-DET, JPEG to regions, CPU ms, mean", figures["cpu_ms"], "≤ 30")
    yield Figure("NEU-DET, package, MB", figures["mb"], "≤ 4")


def weld_boxes(folder: Path, work: Path, *, subset: bool) -> Iterator[Figure]:
    """The same on weld seams, whose pictures have twins: split by cluster of near-duplicates."""
    reading = read_annotated(folder)
    tested = _tested(reading.pictures, alike=_WELD_ALIKE)
    figures = _figures(reading, tested, work / "weld", subset=subset)
    yield Figure("weld, split by near-duplicates, int8: mAP50", 100 * figures["map50"], "reported")
    yield Figure("weld, int8: AP50-95", 100 * figures["map50_95"], "reported")
    for kind, of in figures["kinds"].items():
        yield Figure(f"weld, int8: AP50 {kind}", 100 * of["ap50"], "")


def _figures(
    reading: Reading, tested: NDArray[np.bool_], package: Path, *, subset: bool
) -> dict[str, Any]:
    from qc_vision.training.boxes.make import BoxOptions, train_on

    learned, held = (_only(reading, chosen) for chosen in (~tested, tested))
    epochs = max(2, _SUBSET_SHOWINGS // len(learned.pictures)) if subset else None
    train_on(learned, BoxOptions(package.name, epochs=epochs), package, lambda _: None)
    size = sum(path.stat().st_size for path in package.iterdir()) / 1e6
    return {**evaluate_boxes(load(package), held), "mb": size}


def _only(reading: Reading, chosen: NDArray[np.bool_]) -> Reading:
    pictures = tuple(one for one, mine in zip(reading.pictures, chosen, strict=True) if mine)
    sha256 = f"{reading.sha256} {np.packbits(chosen).tobytes().hex()}"
    return replace(reading, pictures=pictures, sha256=sha256)


def _tested(pictures: Sequence[Annotated], *, alike: float = 0.985) -> NDArray[np.bool_]:
    """Choose 30 % of the pictures for the test, by their first kind, near-duplicates together."""
    groups = groups_of([fitted(one.picture(), 96) for one in pictures], alike=alike)
    first = np.array([one.kinds[0] if one.kinds else "" for one in pictures])
    rng = np.random.default_rng(0)
    tested = np.zeros(len(pictures), bool)
    for kind in np.unique(first):
        wanted = round(_TESTED * int((first == kind).sum()))
        for group in rng.permutation(np.unique(groups[first == kind])):
            if int((tested & (first == kind)).sum()) >= wanted:
                break
            tested |= groups == group
    return tested
