"""Hold a package's regions against annotated pictures: average precision, and what its threshold gives."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qc_vision.annotations import Annotated, Reading
from qc_vision.average_precision import Found, average_precision, found_right
from qc_vision.runtime import Inspection, Inspector, Verdict

_LEAST_SCORE: Final = 0.01
_MOST: Final = 100


def found_in(
    inspector: Inspector, pictures: Iterable[bytes | NDArray[np.generic]]
) -> tuple[list[Found], list[Inspection]]:
    """Return what a package finds in pictures, far below its threshold too, and its answers."""
    asked = inspector.with_rule(threshold=_LEAST_SCORE, max_regions=_MOST)
    results = [asked.inspect(picture) for picture in pictures]
    return [_found(result) for result in results], results


def truth_of(pictures: Sequence[Annotated]) -> list[Found]:
    """Return what was drawn on the pictures."""
    return [Found(one.boxes, one.kinds, [1.0] * len(one.kinds)) for one in pictures]


def evaluate_boxes(inspector: Inspector, reading: Reading) -> dict[str, Any]:
    """Return mAP50 and AP50-95 in all and by kind, precision and recall at the threshold, and CPU ms.

    A picture that is UNFIT has no regions found. Kinds that the model does not know count as missed and are
    named.
    """
    began = time.process_time()
    found, results = found_in(inspector, (one.path.read_bytes() for one in reading.pictures))
    spent = (time.process_time() - began) * 1e3 / len(reading.pictures)
    truth = truth_of(reading.pictures)
    unknown = [
        f"{one.path}: the model does not know kind {kind!r}"
        for one in reading.pictures
        for kind in sorted(set(one.kinds) - set(inspector.manifest.labels))
    ]
    return {
        **average_precision(truth, found),
        "threshold": at_threshold(truth, found, _threshold(inspector)),
        "unfit": sum(result.verdict is Verdict.UNFIT for result in results),
        "cpu_ms": round(spent, 2),
        "findings": [*reading.findings, *unknown],
    }


def at_threshold(
    truth: Sequence[Found], found: Sequence[Found], threshold: float
) -> dict[str, float]:
    """Return precision and recall of the regions that reach a score, at an overlap of one half."""
    scores, right, total = found_right(truth, found)
    shown = scores >= threshold
    hits = float(right[shown].sum())
    return {
        "precision": round(hits / max(1, int(shown.sum())), 4),
        "recall": round(hits / max(1, total), 4),
    }


def best_score(truth: Sequence[Found], found: Sequence[Found]) -> float:
    """Return the score at which precision and recall are best together (the greatest F1); 0.5 without any."""
    scores, right, total = found_right(truth, found)
    if not len(scores) or not right.any():
        return 0.5
    hits = np.cumsum(right)
    f1 = 2.0 * hits / (np.arange(1, len(hits) + 1) + total)
    return float(scores[int(f1.argmax())])


def _threshold(inspector: Inspector) -> float:
    (rule,) = (node for node in inspector.pipeline.nodes if node.kind == "rule")
    return rule.number("threshold")


def _found(result: Inspection) -> Found:
    corners = [(r.x, r.y, r.x + r.w, r.y + r.h) for r in result.regions]
    return Found(
        np.array(corners, np.float32).reshape(-1, 4),
        [region.label or "defect" for region in result.regions],
        [region.score for region in result.regions],
    )
