"""A large picture in tiles: one model looks at each, and the answers are one."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from qc_vision.runtime.boxes import Proposals, joined
from qc_vision.runtime.pipeline import Node, PipelineError
from qc_vision.runtime.steps import Answer, Model, Scores, View

Box = tuple[int, int, int, int]

MOST: Final = 256
"""Tiles of one picture."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """The views of one picture, row by row, and the picture's own window (x, y, w, h pixels)."""

    views: tuple[View, ...]
    rows: int
    columns: int
    box: Box


def tile(image: NDArray[np.uint8], node: Node) -> Tiles:
    """Cut the image into rows and columns of equal tiles that share ``overlap`` of their side with the next.

    Raises:
        PipelineError: the settings make no tiles.
    """
    height, width = image.shape[:2]
    rows, columns = int(node.number("rows")), int(node.number("columns"))
    overlap = node.number("overlap")
    if rows < 1 or columns < 1 or rows * columns > MOST or not 0.0 <= overlap < 0.9:
        raise PipelineError(
            f"node {node.name!r} asks for {columns}×{rows} tiles with an overlap of {overlap:g}; there are"
            f" 1 to {MOST}, and they overlap by 0 to 0.9"
        )
    size = (int(node.number("width")), int(node.number("height")))
    views = [
        _view(image, (x0, y0, max(1, x1 - x0), max(1, y1 - y0)), size)
        for y0, y1 in _spans(height, rows, overlap)
        for x0, x1 in _spans(width, columns, overlap)
    ]
    return Tiles(tuple(views), rows, columns, (0, 0, width, height))


def _spans(length: int, count: int, overlap: float) -> list[tuple[int, int]]:
    side = length / (count - (count - 1) * overlap)
    starts = [index * side * (1.0 - overlap) for index in range(count)]
    return [(round(start), min(length, round(start + side))) for start in starts]


def _view(image: NDArray[np.uint8], box: Box, size: tuple[int, int]) -> View:
    x, y, w, h = box
    window = image[y : y + h, x : x + w]
    if (w, h) != size:
        shrinks = size[0] < w or size[1] < h
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        window = np.asarray(cv2.resize(window, size, interpolation=method), np.uint8)
    return View(np.asarray(cv2.cvtColor(window, cv2.COLOR_BGR2RGB), np.uint8), box)


def over_tiles(network: Model, tiles: Tiles) -> Scores:
    """Return what the network says of all tiles as one answer: the worst score, one map, all boxes.

    Tiles run on as many threads as this process has cores, each on one of them.
    """
    answers = list(_pool(os.getpid()).map(network, (view.pixels for view in tiles.views)))
    grid, classes = _map(tiles, answers)
    found = [
        (answer.proposals, view.box)
        for answer, view in zip(answers, tiles.views, strict=True)
        if answer.proposals is not None
    ]
    scores = [answer.score for answer in answers]
    # a tile that has no finite score must not hide behind another's: the rule calls that UNFIT
    worst = max(scores) if np.isfinite(scores).all() else float("nan")
    return Scores(worst, grid, classes, tiles.box, _proposals(found))


def _proposals(found: list[tuple[Proposals, Box]]) -> Proposals | None:
    return joined(found) if found else None


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Return the threads of this process; a forked one has none of its parent's."""
    return ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="tile")


def _map(
    tiles: Tiles, answers: list[Answer]
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Lay the tiles' maps beside each other; where tiles overlap, the worse patch counts."""
    high, wide = answers[0].grid.shape
    canvas = np.full((tiles.rows * high, tiles.columns * wide), -np.inf, np.float32)
    first = answers[0].classes
    kinds = None if first is None else np.zeros((len(first), *canvas.shape), np.float32)
    _, _, width, height = tiles.box
    for answer, view in zip(answers, tiles.views, strict=True):
        x, y, w, h = view.box
        x0, x1 = x * canvas.shape[1] // width, -(-(x + w) * canvas.shape[1] // width)
        y0, y1 = y * canvas.shape[0] // height, -(-(y + h) * canvas.shape[0] // height)
        here = (slice(y0, y1), slice(x0, x1))
        patch = _resized(answer.grid, (x1 - x0, y1 - y0))
        worse = patch > canvas[here]
        canvas[here] = np.where(worse, patch, canvas[here])
        if kinds is not None and answer.classes is not None:
            for kind, layer in enumerate(answer.classes):
                target = kinds[kind][here]
                target[worse] = _resized(layer, (x1 - x0, y1 - y0))[worse]
    return canvas, kinds


def _resized(grid: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    if (grid.shape[1], grid.shape[0]) == size:
        return grid
    return np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR), np.float32)
