"""Judge labelled folders with a package: figures, and a page with the worst mistakes."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from qc_vision.figures import escape_and_overkill
from qc_vision.picture_files import pictures_below
from qc_vision.runtime import Fitness, Inspection, Inspector, NotAnImage, Verdict, decode

_SHOWN: Final = 12
_THUMBNAIL: Final = 224


@dataclass(frozen=True, slots=True)
class Judged:
    """One picture of a folder and what was said of it."""

    path: Path
    kind: str | None
    result: Inspection


def image_paths(place: Path, *, without: Path | None = None) -> list[Path]:
    """Return the images of a folder in order, without masks, or the one file.

    Args:
        without: the folder of the other label, where it lies inside (``test/good`` in ``test``).

    Raises:
        ValueError: when there is nothing to judge.
    """
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise ValueError(f"{place} is neither an image nor a folder")
    found = pictures_below(place, without=without)
    if not found:
        raise ValueError(f"{place} holds no images")
    return found


def judge(inspector: Inspector, path: Path) -> Inspection:
    """Judge one file; a file that cannot be read is UNFIT with the reason, never OK."""
    try:
        data = path.read_bytes()
    except OSError as cause:
        return inspector.unfit(Fitness(0.0, 0.0, f"{path} cannot be read: {cause.strerror}"))
    return inspector.inspect(data)


def evaluate(inspector: Inspector, good: Path, bad: Path) -> tuple[dict[str, Any], list[Judged]]:
    """Return escape, overkill, AUROC and false alarms of two labelled folders, and all verdicts."""
    judged = [Judged(path, None, judge(inspector, path)) for path in image_paths(good, without=bad)]
    for path in image_paths(bad, without=good):
        kind = path.parent.name if path.parent != bad else "defect"
        judged.append(Judged(path, kind, judge(inspector, path)))
    kinds: dict[str, list[Inspection]] = {}
    for one in judged:
        if one.kind is not None:
            kinds.setdefault(one.kind, []).append(one.result)
    passed = [one.result for one in judged if one.kind is None]
    return escape_and_overkill(passed, kinds), judged


def report(figures: Mapping[str, Any], judged: Sequence[Judged], title: str) -> str:
    """Return one HTML page, nothing linked: the figures, the worst escapes and false alarms."""
    escapes = [one for one in judged if one.kind and one.result.verdict is not Verdict.NOK]
    alarms = [one for one in judged if not one.kind and one.result.verdict is not Verdict.OK]
    escapes.sort(key=lambda one: one.result.score)
    alarms.sort(key=lambda one: -one.result.score)
    summary = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in figures["summary"].items()
    )
    kinds = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{of['n']}</td><td>{of['escape']:.1%}</td>"
        f"<td>{of['auroc']:.4f}</td></tr>"
        for name, of in figures["kinds"].items()
    )
    return (
        f"<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title><style>"
        "body{font:15px system-ui;margin:2rem;max-width:72rem}th{text-align:left;"
        "font-weight:500;padding-right:2rem}figure{display:inline-block;width:230px;margin:6px;"
        "vertical-align:top}figcaption{font-size:12px;overflow-wrap:anywhere}</style>"
        f"<h1>{html.escape(title)}</h1><table>{summary}</table>"
        f"<h2>By kind</h2><table><tr><th>kind<th>n<th>escape<th>AUROC</tr>{kinds}</table>"
        f"<h2>Escapes ({len(escapes)})</h2>{_pictures(escapes)}"
        f"<h2>False alarms ({len(alarms)})</h2>{_pictures(alarms)}"
    )


def _pictures(judged: Sequence[Judged]) -> str:
    return "".join(_picture(one) for one in judged[:_SHOWN]) or "<p>none</p>"


def _picture(one: Judged) -> str:
    caption = f"{one.result.verdict} {one.result.score:.3f} {one.path}"
    if one.result.fitness.reason:
        caption += f": {one.result.fitness.reason}"
    return f"<figure>{_thumbnail(one)}<figcaption>{html.escape(caption)}</figcaption></figure>"


def _thumbnail(one: Judged) -> str:
    try:
        image = decode(one.path.read_bytes())
    except (NotAnImage, OSError):
        return ""
    for region in one.result.regions:
        corner = (region.x + region.w, region.y + region.h)
        cv2.rectangle(
            image, (region.x, region.y), corner, (0, 0, 255), max(1, image.shape[1] // 200)
        )
    scale = _THUMBNAIL / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", np.asarray(small, np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return f"<img src='data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}' alt=''>"
