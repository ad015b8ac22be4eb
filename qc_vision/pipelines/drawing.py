"""The picture that shows what a node did: what it saw, where it looked, what it found."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from qc_vision.gauges.reading import Picture
from qc_vision.pipelines.document import Document
from qc_vision.pipelines.values import Corners, Decision, Frame, Measurement, Run, Score
from qc_vision.runtime.inspection import Verdict

_COLORS: Final = {
    Verdict.OK: (90, 190, 60),
    Verdict.NOK: (60, 60, 230),
    Verdict.UNFIT: (0, 170, 240),
}
"""BGR."""
_ZONE: Final = (230, 160, 40)
JPEG_QUALITY: Final = 85


def draw(run: Run, node: str, document: Document, *, side: int | None = None) -> Picture | None:
    """Return the picture of a node; None where there is none (it failed before it had one).

    Args:
        side: greatest side in pixels; the picture's own by default.
    """
    outcome = run.by_node.get(node)
    if outcome is None or run.taken is None:
        return None
    match outcome.value:
        case Frame() as frame:
            picture = frame.image.copy()
        case Corners() as corners:
            picture = _outlined(run.taken, corners)
        case Score() as score:
            picture = _heat(score)
        case Measurement() as measured:
            picture = _measured(measured, _region_of(run, node, document))
        case Decision() as decision:
            picture = _decided(run.taken, decision)
        case _:
            return None
    return picture if side is None else _fitted(picture, side)


def encoded(picture: Picture) -> bytes:
    """Return a picture as JPEG."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError("the picture cannot be encoded")
    return bytes(data)


def _region_of(run: Run, node: str, document: Document) -> Corners | None:
    names = document.by_name[node].inputs.get("region", ())
    found = run.by_node[names[0]].value if names and names[0] in run.by_node else None
    return found if isinstance(found, Corners) else None


def _outlined(image: Picture, corners: Corners) -> Picture:
    shaded = image.copy()
    cv2.fillPoly(shaded, [corners.points(image)], _ZONE)
    picture = cv2.addWeighted(shaded, 0.25, image, 0.75, 0)
    cv2.polylines(picture, [corners.points(image)], True, _ZONE, 2, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)


def _heat(score: Score) -> Picture:
    picture, seen = score.frame.image, score.inspection
    height, width = picture.shape[:2]
    if seen.heatmap is not None:
        grid = np.clip(seen.heatmap.astype(np.float32), 0.0, 1.0)
        heat = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
        colors = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
        picture = np.asarray(cv2.addWeighted(picture, 0.55, colors, 0.45, 0), np.uint8)
    else:
        picture = picture.copy()
    for region in seen.regions:
        _box(picture, (region.x, region.y, region.w, region.h), _COLORS[seen.verdict])
    return picture


def _measured(measured: Measurement, region: Corners | None) -> Picture:
    image = measured.frame.image
    picture = image.copy() if region is None else _outlined(image, region)
    reading = measured.reading
    x, y, w, h = measured.box
    if region is None and (w, h) != (image.shape[1], image.shape[0]) and w > 1:
        _box(picture, (x, y, w, h), _COLORS[reading.verdict])
    said = reading.text if reading.value is None else f"{reading.value:.2f} {reading.unit}"
    _words(picture, said or reading.verdict.value, (x, y), _COLORS[reading.verdict])
    return picture


def _decided(taken: Picture, decision: Decision) -> Picture:
    picture = taken.copy()
    for region in decision.regions:
        _box(picture, (region.x, region.y, region.w, region.h), _COLORS[decision.verdict])
    height, width = picture.shape[:2]
    cv2.rectangle(picture, (0, 0), (width - 1, height - 1), _COLORS[decision.verdict], 4)
    return picture


def _box(picture: Picture, box: tuple[int, int, int, int], color: tuple[int, int, int]) -> None:
    x, y, w, h = box
    cv2.rectangle(picture, (x, y), (x + w, y + h), (0, 0, 0), 3)
    cv2.rectangle(picture, (x, y), (x + w, y + h), color, 1)


def _words(picture: Picture, words: str, at: tuple[int, int], color: tuple[int, int, int]) -> None:
    scale = max(picture.shape[1] / 700, 0.4)
    plain = words.encode("ascii", "replace").decode()[:40]
    (wide, high), below = cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x = min(max(at[0], 2), max(picture.shape[1] - wide - 4, 2))
    y = max(at[1] - 4, high + 3)
    cv2.rectangle(picture, (x - 2, y - high - 3), (x + wide + 2, y + below), (0, 0, 0), -1)
    cv2.putText(picture, plain, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, color, 1, cv2.LINE_AA)


def _fitted(picture: Picture, side: int) -> Picture:
    scale = side / max(picture.shape[:2])
    if scale >= 1:
        return picture
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
