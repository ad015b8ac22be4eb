"""The steps a pipeline is made of, as functions of one image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.runtime.boxes import Proposals, best_regions, outline_of
from qc_vision.runtime.fitness import FitnessLimits, measure
from qc_vision.runtime.inspection import Fitness, Region
from qc_vision.runtime.locate import cut_out, find_part, pose_of, small_view
from qc_vision.runtime.manifest import Calibration, Manifest
from qc_vision.runtime.pipeline import Node


class Unfit(Exception):
    """The image cannot be judged: ``fitness.reason`` says why."""

    def __init__(self, fitness: Fitness) -> None:
        super().__init__(fitness.reason)
        self.fitness = fitness


@dataclass(frozen=True, slots=True)
class View:
    """What the model sees (uint8 RGB) and where it lies in the image (x, y, w, h pixels)."""

    pixels: NDArray[np.uint8]
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Aligned:
    """An image moved onto the golden one, and the affine from it back to the picture taken."""

    image: NDArray[np.uint8]
    to_picture: NDArray[np.float64]


class Answer(NamedTuple):
    """What the network says of one view: raw score and map; classes, boxes and ``watch`` where it has them."""

    score: float
    grid: NDArray[np.float32]
    classes: NDArray[np.float32] | None = None
    proposals: Proposals | None = None
    watch: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Scores:
    """Raw output of the model: image score, patch map, class logits and boxes (or None), and ``watch``."""

    score: float
    grid: NDArray[np.float32]
    classes: NDArray[np.float32] | None
    box: tuple[int, int, int, int]
    proposals: Proposals | None = None
    watch: tuple[float, ...] = ()

    @classmethod
    def of(cls, answer: Answer, box: tuple[int, int, int, int]) -> Scores:
        """Return the network's answer for a view that lies there in the image."""
        return cls(answer.score, answer.grid, answer.classes, box, answer.proposals, answer.watch)


class Model(Protocol):
    """Runs the network on one view."""

    def __call__(self, pixels: NDArray[np.uint8]) -> Answer: ...


def check_fitness(image: NDArray[np.uint8], node: Node) -> Fitness:
    """Measure the image against the node's limits.

    Raises:
        Unfit: when a limit is broken.
    """
    limits = FitnessLimits(
        min_blur=node.number("min_blur"),
        min_exposure=node.number("min_exposure"),
        max_exposure=node.number("max_exposure"),
        min_contrast=node.number("min_contrast"),
    )
    fitness = measure(image, limits)
    if fitness.reason is not None:
        raise Unfit(fitness)
    return fitness


def align(
    image: NDArray[np.uint8], golden: NDArray[np.uint8], node: Node, fitness: Fitness
) -> Aligned:
    """Rotate and shift the image onto the golden image by enhanced correlation (Evangelidis 2008).

    Raises:
        Unfit: when the correlation after alignment stays below ``min_correlation``.
    """
    height, width = image.shape[:2]
    side = 160
    small = _edges(image, side)
    target = _edges(golden, side)
    start = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-4)
    try:
        correlation, found = cv2.findTransformECC(target, small, start, cv2.MOTION_EUCLIDEAN, stop)
    except cv2.error:
        correlation, found = 0.0, start
    warp = np.asarray(found, np.float32)
    if correlation < node.number("min_correlation"):
        reason = (
            f"cannot be aligned: correlation {correlation:.2f} with the golden image,"
            f" at least {node.number('min_correlation'):.2f} needed"
        )
        raise Unfit(Fitness(fitness.blur, fitness.exposure, reason))
    scale = np.array([[1, 1, width / side], [1, 1, height / side]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    to_picture = np.asarray(warp * scale, np.float64)
    turned = cv2.warpAffine(
        image, to_picture, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return Aligned(np.asarray(turned, np.uint8), to_picture)


def locate(
    image: NDArray[np.uint8], golden: NDArray[np.uint8], node: Node, fitness: Fitness
) -> Aligned:
    """Cut out the loose part and turn it as the golden picture shows it.

    Raises:
        Unfit: when no part is found, or it looks too unlike the golden one.
    """
    reach = node.number("reach") * max(image.shape[:2])
    part = find_part(image)
    if part is None:
        reason = "cannot be located: nothing stands out from the ground"
        raise Unfit(Fitness(fitness.blur, fitness.exposure, reason))
    pose = pose_of(image, part, small_view(golden), reach)
    if pose.correlation < node.number("min_correlation"):
        reason = (
            f"cannot be located: correlation {pose.correlation:.2f} with the golden image,"
            f" at least {node.number('min_correlation'):.2f} needed"
        )
        raise Unfit(Fitness(fitness.blur, fitness.exposure, reason))
    return Aligned(cut_out(image, pose, reach), pose.to_picture)


def _edges(image: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), (0, 0), 2.0)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def crop(image: NDArray[np.uint8], node: Node) -> View:
    """Cut the node's window (fractions of the image) and scale it to the model's size, RGB."""
    height, width = image.shape[:2]
    left, top = round(node.number("x") * width), round(node.number("y") * height)
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    wide = min(max(round(node.number("w") * width), 1), width - left)
    high = min(max(round(node.number("h") * height), 1), height - top)
    window = image[top : top + high, left : left + wide]
    size = (int(node.number("width")), int(node.number("height")))
    if (wide, high) != size:
        shrinks = size[0] < wide or size[1] < high
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        window = np.asarray(cv2.resize(window, size, interpolation=method), np.uint8)
    pixels = cv2.cvtColor(window, cv2.COLOR_BGR2RGB)
    return View(np.asarray(pixels, np.uint8), (left, top, wide, high))


def score_of(raw: NDArray[np.float32] | float, calibration: Calibration) -> NDArray[np.float32]:
    """Return calibrated scores in [0, 1]; the threshold maps to 0.5."""
    slope = (np.asarray(raw, np.float32) - calibration.threshold) / calibration.scale
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(slope, -30.0, 30.0))), np.float32)


def proposed_regions(
    scores: Scores,
    proposals: Proposals,
    node: Node,
    manifest: Manifest,
) -> tuple[Region, ...]:
    """Return the model's own boxes above the node's threshold, worst first, outlined where it learned masks."""
    regions = best_regions(
        proposals,
        score_of(proposals.raw, manifest.calibration),
        scores.box,
        manifest.labels,
        threshold=node.number("threshold"),
        most=int(node.number("max_regions")),
    )
    if not manifest.extra.get("boxes", {}).get("masks"):
        return regions
    inside = scores.grid - np.float32(manifest.calibration.threshold)
    return tuple(
        replace(region, outline=outline_of(region, inside, scores.box)) for region in regions
    )


def regions_of(
    scores: Scores,
    calibrated: NDArray[np.float32],
    node: Node,
    labels: tuple[str, ...],
    *,
    at_least_one: bool,
) -> tuple[Region, ...]:
    """Return the boxes of connected patches above the node's threshold, worst first.

    With ``at_least_one`` the worst patches are shown where none is above it alone: many patches
    that are each a little odd can make a part NOK.
    """
    threshold = node.number("threshold")
    if at_least_one and float(calibrated.max()) < threshold:
        threshold = float(np.quantile(calibrated, 0.99))
    hot = (calibrated >= threshold).astype(np.uint8)
    if not hot.any():
        return ()
    count, parts, stats, _ = cv2.connectedComponentsWithStats(hot, connectivity=8)
    left, top, wide, high = scores.box
    rows, columns = calibrated.shape
    regions = []
    for part in range(1, count):
        inside = parts == part
        x, y, w, h = (int(value) for value in stats[part, :4])
        x0, y0 = left + x * wide // columns, top + y * high // rows
        x1, y1 = left + (x + w) * wide // columns, top + (y + h) * high // rows
        worst = float(calibrated[inside].max())
        regions.append(
            Region(x0, y0, x1 - x0, y1 - y0, worst, _label(scores.classes, inside, labels))
        )
    regions.sort(key=lambda region: -region.score)
    return tuple(regions[: int(node.number("max_regions"))])


def moved(
    region: Region, to_picture: NDArray[np.float64], picture: tuple[int, int]
) -> Region | None:
    """Return the box around a region of an aligned image in the picture taken, clipped to it."""
    corners = np.array(
        [
            [region.x + dx * region.w, region.y + dy * region.h, 1.0]
            for dx in (0, 1)
            for dy in (0, 1)
        ]
    )
    at = corners @ to_picture.T
    high, wide = picture
    x0, y0 = np.clip(np.floor(at.min(axis=0)), 0, (wide, high)).astype(int)
    x1, y1 = np.clip(np.ceil(at.max(axis=0)), 0, (wide, high)).astype(int)
    if x1 <= x0 or y1 <= y0:
        return None
    box = (int(x0), int(y0), int(x1 - x0), int(y1 - y0))
    around = [to_picture @ (x, y, 1.0) for x, y in region.outline]
    outline = tuple((round(float(x)), round(float(y))) for x, y in around)
    return Region(*box, region.score, region.label, outline)


def _label(
    classes: NDArray[np.float32] | None, inside: NDArray[np.bool_], labels: tuple[str, ...]
) -> str | None:
    """Return the kind most of the region's patches vote for, None without a clear majority."""
    if classes is None or not labels:
        return None
    logits = classes[:, inside]
    odds = np.exp(logits - logits.max(axis=0, keepdims=True))
    share = (odds / odds.sum(axis=0, keepdims=True)).mean(axis=1)
    best = int(share.argmax())
    return labels[best] if share[best] > 0.5 else None
