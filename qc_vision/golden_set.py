"""A folder of rendered parts: good ones, and the kinds of defects of a shop in turn with how they show.

What no camera could see is left out by its measured visibility, never by what a model says of it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import cv2

from qc_vision.synth import (
    DEFECT_KINDS,
    SEVERITY_RANGE,
    SEVERITY_UNIT,
    Defect,
    Scene,
    Shop,
    render,
    typical_nuisance,
)
from qc_vision.synth.visibility import DETECTABLE, visibility

LIST: Final = "defects.csv"
_COLUMNS: Final = (
    "picture", "kind", "severity", "unit", "contrast", "contrast_to_noise", "signal_to_noise",
)  # fmt: skip


def scenes(
    shop: Shop, count: int, *, seed: int, size: int, variant: str, color: str | None
) -> Iterator[Scene]:
    """Half of the scenes are good, the rest has the shop's kinds in turn, of all severities."""
    kinds = DEFECT_KINDS[shop]
    for index in range(count):
        defect = None
        if index % 2:
            kind = kinds[index // 2 % len(kinds)]
            low, high = SEVERITY_RANGE[shop, kind]
            defect = Defect(kind, low + (high - low) * (index * 0.618 % 1.0))
        number = seed + index
        yield Scene(shop, variant, color, defect, number, size, typical_nuisance(number))


def draw(drawn: Iterable[Scene], out: Path) -> list[str]:
    """Write ``good/`` and ``bad/<kind>/`` with masks and the list of defects; return what was left out and why."""
    rows, left_out = [], []
    for scene in drawn:
        picture = render(scene)
        name = Path("good") if scene.defect is None else Path("bad", scene.defect.kind)
        path = out / name / f"{scene.seed:06d}.png"
        if scene.defect is not None:
            seen = visibility(scene, picture)
            if not seen.detectable:
                left_out.append(
                    f"{path}: left out, its camera cannot see it: signal to noise is"
                    f" {seen.signal_to_noise:.1f}, {DETECTABLE:g} is needed"
                )
                continue
            rows.append(
                (
                    path.relative_to(out),
                    scene.defect.kind,
                    f"{scene.defect.severity_mm:.2f}",
                    SEVERITY_UNIT.get(scene.defect.kind, "mm"),
                    f"{seen.contrast:.1f}",
                    f"{seen.contrast_to_noise:.1f}",
                    f"{seen.signal_to_noise:.1f}",
                )
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(str(path), picture.image):
            raise OSError(f"{path} cannot be written")
        if scene.defect is not None:
            cv2.imwrite(str(path.with_name(f"{path.stem}_mask.png")), picture.mask)
    if rows:
        with (out / LIST).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([_COLUMNS, *rows])
    return left_out
