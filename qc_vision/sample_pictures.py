"""The pictures of the sample pipelines, drawn: a yard with a forbidden zone, and the clip of a door trim."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.pipelines.samples import SAMPLES
from qc_vision.shops import Shop
from qc_vision.synth.render import render
from qc_vision.synth.scene import Nuisance, Scene

Picture = NDArray[np.uint8]

YARD_SIZE: Final = (480, 360)
"""Width, height."""
FORBIDDEN: Final = ((0.45, 0.42), (0.95, 0.42), (0.98, 0.95), (0.38, 0.95))
"""Corners of the zone beside the robot, in shares of the picture."""
_CLIP: Final = (38, 48)
_CLIP_PX: Final = 11


def yard(*, seed: int = 1, light: float = 1.0) -> Picture:
    """Draw a concrete floor with a marked zone, as a camera under the roof sees it."""
    rng = np.random.default_rng(seed)
    wide, high = YARD_SIZE
    slabs = cv2.resize(
        np.random.default_rng(5).normal(0, 1, (high // 12, wide // 12)).astype(np.float32),
        YARD_SIZE,
        interpolation=cv2.INTER_CUBIC,
    )
    floor = 128 + 7 * slabs
    image = np.repeat(floor[:, :, None], 3, axis=2) * (0.97, 1.0, 1.01)
    picture = np.clip(image, 0, 255).astype(np.uint8)
    corners = np.round(np.array(FORBIDDEN) * (wide - 1, high - 1)).astype(np.int32)
    cv2.polylines(picture, [corners], True, (40, 190, 225), 5, cv2.LINE_AA)
    cv2.rectangle(picture, (12, 20), (120, 150), (95, 105, 70), -1)
    cv2.rectangle(picture, (22, 30), (110, 140), (120, 132, 88), -1)
    seen = picture.astype(np.float64) * light + rng.normal(0, 2.0, picture.shape)
    return np.asarray(np.clip(np.round(seen), 0, 255), np.uint8)


def with_person(picture: Picture, feet: tuple[int, int], *, tall_px: int = 90) -> Picture:
    """Draw a person in work clothes who stands at `feet`."""
    seen = picture.copy()
    x, y = feet
    unit = tall_px / 8
    for side in (-1, 1):
        foot = (round(x + side * unit * 0.6), y)
        cv2.line(seen, (x, round(y - 4 * unit)), foot, (60, 45, 40), round(unit * 0.9))
    chest = (round(x), round(y - 5.2 * unit))
    cv2.ellipse(seen, chest, (round(unit), round(1.8 * unit)), 0, 0, 360, (30, 110, 235), -1)
    cv2.circle(seen, (x, round(y - 7.4 * unit)), round(unit * 0.7), (150, 175, 215), -1)
    return np.asarray(cv2.GaussianBlur(seen, (0, 0), 0.7), np.uint8)


def trim(*, seed: int = 0) -> Picture:
    """Render the door trim of the assembly sample, a good one."""
    scene = Scene(Shop.ASSEMBLY, "M1", color="#b3161d", seed=seed, size=384, nuisance=Nuisance())
    return render(scene).image


def draw_all() -> None:
    """Draw the pictures of the samples anew."""
    x, y = _CLIP
    around = slice(y - _CLIP_PX, y + _CLIP_PX + 1), slice(x - _CLIP_PX, x + _CLIP_PX + 1)
    _write(SAMPLES / "assembly" / "clip.jpg", trim()[around])
    _write(SAMPLES / "park-safety" / "empty-yard.jpg", yard())


def _write(path: Path, picture: Picture) -> None:
    if not cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 95]):
        raise OSError(f"{path} cannot be written")
