"""Pictures with dark spots and bright bars, and their Pascal VOC annotations."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

Region = tuple[str, int, int, int, int]


def a_voc(
    regions: list[Region], *, size: tuple[int, int] = (96, 96), picture: str = "one.png"
) -> str:
    """Return the XML of a picture's regions (kind, xmin, ymin, xmax, ymax)."""
    objects = "".join(
        f"<object><name>{kind}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
        f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for kind, x0, y0, x1, y1 in regions
    )
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
    return f"<annotation><filename>{picture}</filename>{sides}{objects}</annotation>"


def a_picture(
    seed: int, *, side: int = 96, good: bool = False
) -> tuple[np.ndarray, list[Region], np.ndarray]:
    """Return a noisy grey picture, its regions, and the mask of what is drawn there."""
    rng = np.random.default_rng(seed)
    image = rng.normal(128, 6, (side, side, 1)).repeat(3, axis=2)
    mask = np.zeros((side, side), np.uint8)
    regions: list[Region] = []
    if not good:
        half = side // 2
        r = int(rng.integers(8, 14))
        x, y = int(rng.integers(r + 2, side - r - 2)), int(rng.integers(half + r + 4, side - r - 1))
        cv2.circle(image, (x, y), r, (40, 40, 40), -1)
        cv2.circle(mask, (x, y), r, 255, -1)
        regions.append(("spot", x - r, y - r, x + r + 1, y + r + 1))
        w, h = int(rng.integers(24, 40)), int(rng.integers(8, 14))
        left, top = int(rng.integers(2, side - w - 2)), int(rng.integers(2, half - h - 4))
        image[top : top + h, left : left + w] = 230
        mask[top : top + h, left : left + w] = 255
        regions.append(("bar", left, top, left + w, top + h))
    return np.clip(image, 0, 255).astype(np.uint8), regions, mask


def write_annotated(folder: Path, seeds: range, *, side: int = 96) -> None:
    """Write pictures with an annotation and a mask beside each."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        image, regions, mask = a_picture(seed, side=side)
        cv2.imwrite(str(folder / f"{seed:03d}.png"), image)
        cv2.imwrite(str(folder / f"{seed:03d}_mask.png"), mask)
        text = a_voc(regions, size=(side, side), picture=f"{seed:03d}.png")
        (folder / f"{seed:03d}.xml").write_text(text)
