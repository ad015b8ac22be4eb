"""Find a loose part on a plain ground and turn it as the golden picture shows it.

The part is what differs from the colour of the picture's border. Its centre and principal axis
give the pose but for a half turn; correlation with the golden picture decides that, and all of
the angle where the part has no long axis (a nut, a washer).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Float = NDArray[np.float32]

GOLDEN_SIDE: Final = 48
_SEARCH_SIDE: Final = 192
_LONG: Final = 1.25
"""Above this ratio of the part's axes the principal axis is trusted."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part found in a picture.

    Args:
        x: centre, pixels.
        y: centre, pixels.
        axis: direction of its long axis, radians.
        ratio: long axis to short axis.
        radius: farthest point from the centre, pixels.
        area: pixels.
        touches: share of the picture's border that it covers.
    """

    x: float
    y: float
    axis: float
    ratio: float
    radius: float
    area: float
    touches: float


@dataclass(frozen=True, slots=True)
class Pose:
    """How a picture is turned onto the golden one: affine from the cut-out to the picture."""

    to_picture: NDArray[np.float64]
    correlation: float


def find_part(image: Image) -> Part | None:
    """Return the largest thing that differs from the border of a BGR picture, None if nothing does."""
    scale = min(1.0, _SEARCH_SIDE / max(image.shape[:2]))
    size = (max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale)))
    small = cv2.GaussianBlur(cv2.resize(image, size, interpolation=cv2.INTER_AREA), (3, 3), 0)
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB).astype(np.float32)
    rim = np.concatenate([lab[:3].reshape(-1, 3), lab[-3:].reshape(-1, 3),
                          lab[:, :3].reshape(-1, 3), lab[:, -3:].reshape(-1, 3)])  # fmt: skip
    away = np.linalg.norm(lab - np.median(rim, axis=0), axis=2)
    level = np.clip(away, 0, 255).astype(np.uint8)
    _, solid = cv2.threshold(level, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, parts, stats, _ = cv2.connectedComponentsWithStats(np.asarray(solid, np.uint8))
    if count < 2:
        return None
    best = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    mask = (parts == best).astype(np.uint8)
    m = cv2.moments(mask, binaryImage=True)
    x, y = m["m10"] / m["m00"], m["m01"] / m["m00"]
    spread = np.array([[m["mu20"], m["mu11"]], [m["mu11"], m["mu02"]]]) / m["m00"]
    values, vectors = np.linalg.eigh(spread)
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return Part(
        x=(x + 0.5) / scale - 0.5,
        y=(y + 0.5) / scale - 0.5,
        axis=float(np.arctan2(vectors[1, 1], vectors[0, 1])),
        ratio=float(np.sqrt(values[1] / max(values[0], 1e-6))),
        radius=float(np.hypot(np.nonzero(mask)[1] - x, np.nonzero(mask)[0] - y).max()) / scale,
        area=float(m["m00"]) / scale**2,
        touches=float(edge.mean()),
    )


def pose_of(image: Image, part: Part, golden: Float, reach: float) -> Pose:
    """Turn the part as the golden picture shows it.

    Args:
        golden: ``small_view`` of the golden cut-out.
        reach: side of the square cut-out in pixels of the picture.
    """
    quarter = np.pi / 36
    if part.ratio >= _LONG:
        angles = [part.axis + half + fine * quarter for half in (0, np.pi) for fine in (-1, 0, 1)]
    else:
        angles = [step * 2 * quarter for step in range(36)]
    grey = _shrunk(image, reach)
    scored = [(_match(grey, part, angle, reach, golden), angle) for angle in angles]
    best = max(scored)[1]
    for width in (quarter, quarter / 2, quarter / 4):
        scored += [
            (_match(grey, part, angle, reach, golden), angle)
            for angle in (best - width, best + width)
        ]
        best = max(scored)[1]
    correlation, angle = max(scored)
    return Pose(_affine(part, angle, reach, 1.0), correlation)


def cut_out(image: Image, pose: Pose, reach: float) -> Image:
    """Return the square cut-out of a pose, ``reach`` pixels wide."""
    side = max(1, round(reach))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    turned = cv2.warpAffine(
        image, pose.to_picture, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(turned, np.uint8)


def small_view(cut: Image) -> Float:
    """Return a cut-out as 48×48 grey values of mean 0 and length 1."""
    grey = cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (GOLDEN_SIDE, GOLDEN_SIDE), interpolation=cv2.INTER_AREA)
    return unit(np.asarray(small, np.float32))


def unit(values: Float) -> Float:
    """Return values of mean 0 and length 1."""
    centred = values - values.mean()
    return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-6), np.float32)


def _shrunk(image: Image, reach: float) -> tuple[Image, float]:
    """The grey picture at the golden picture's scale, so that one warp is enough."""
    scale = min(1.0, 1.5 * GOLDEN_SIDE / reach)
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _match(
    shrunk: tuple[Image, float], part: Part, angle: float, reach: float, golden: Float
) -> float:
    grey, scale = shrunk
    there = _affine(part, angle, reach, reach / GOLDEN_SIDE)
    there[:, :] *= scale
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view = cv2.warpAffine(
        grey, there, (GOLDEN_SIDE, GOLDEN_SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return float((unit(np.asarray(view, np.float32)) * golden).sum())


def _affine(part: Part, angle: float, reach: float, step: float) -> NDArray[np.float64]:
    """Affine from a cut-out whose pixels are ``step`` picture pixels wide to the picture."""
    cos, sin = np.cos(angle) * step, np.sin(angle) * step
    middle = (reach / step - 1) / 2
    return np.array(
        [
            [cos, -sin, part.x - (cos - sin) * middle],
            [sin, cos, part.y - (sin + cos) * middle],
        ]
    )
