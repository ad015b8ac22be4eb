"""Regions of reviewed pictures as what a training learns: whether they are enough, COCO, how many are found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mes.inspection import bridge
from mes.inspection.training_model import (
    MIN_OF_A_CODE,
    MIN_TAUGHT,
    Picture,
    RegionsAlone,
    Target,
    Taught,
    TooFewRegions,
    Truth,
    Use,
)
from mes.inspection.training_split import learnable

FOUND: Final = 0.5
"""Overlap (intersection over union) from which a drawn region counts as found."""


def taught_by(codes: Sequence[Sequence[str] | None]) -> Taught:
    """Count pictures by the defect codes of their regions.

    Args:
        codes: for each picture with regions; None where a region has no code.
    """
    named = [one for one in codes if one is not None]
    return Taught(
        pictures=len(named),
        regions=sum(map(len, named)),
        codes=dict(Counter(code for one in named for code in sorted(set(one))).most_common()),
        without_code=len(codes) - len(named),
        learned=learnable(named),
    )


def check_regions(found: Taught, target: Target) -> None:
    """Refuse a training that has too few regions to learn from, or that should prove an escape rate.

    Raises:
        TooFewRegions: with how many there are and are needed.
        RegionsAlone: an escape rate is proved with models of good pictures.
    """
    if target.escape is not None:
        raise RegionsAlone
    if found.pictures < MIN_TAUGHT or not found.learned:
        raise TooFewRegions(
            found=found.pictures,
            needed=MIN_TAUGHT,
            needed_of_a_code=MIN_OF_A_CODE,
            of_a_code=max(found.codes.values(), default=0),
        )


def coco(pictures: Sequence[tuple[str, int, int, Sequence[Mapping[str, Any]]]]) -> dict[str, Any]:
    """Return pictures with their regions as a COCO document; a picture without regions is a good one.

    Args:
        pictures: file name, width and height in pixels, and regions (x, y, w, h, code).
    """
    codes = sorted({region["code"] for *_, regions in pictures for region in regions})
    number = {code: place for place, code in enumerate(codes, 1)}
    marked = [
        {
            "image_id": image,
            "category_id": number[region["code"]],
            "bbox": [region[side] for side in ("x", "y", "w", "h")],
            "area": region["w"] * region["h"],
            "iscrowd": 0,
        }
        for image, (*_, regions) in enumerate(pictures, 1)
        for region in regions
    ]
    return {
        "info": {"description": "Regions that people reviewed, in pixels of each picture"},
        "images": [
            {"id": image, "file_name": name, "width": width, "height": height}
            for image, (name, width, height, _) in enumerate(pictures, 1)
        ],
        "categories": [{"id": number[code], "name": code} for code in codes],
        "annotations": [{"id": place, **one} for place, one in enumerate(marked, 1)],
    }


def found_by(pictures: Sequence[Picture]) -> dict[str, Any] | None:
    """Return how many of the regions that people drew each model finds, None where nothing is drawn.

    A drawn region is found by one that overlaps it by half; each marks one at most. `named`: with its code too;
    `beside_it`: regions that mark nothing drawn, on these pictures of defects.
    """
    drawn = [p for p in pictures if p.truth is Truth.DEFECT and p.drawn and p.new is not None]
    if not drawn:
        return None
    both = all(p.old is not None for p in drawn)
    return {
        "pictures": len(drawn),
        "new": _found([(p.drawn or (), (p.new or {})["regions"]) for p in drawn]),
        "old": _found([(p.drawn or (), (p.old or {})["regions"]) for p in drawn]) if both else None,
    }


Boxes = Sequence[Mapping[str, Any]]


def _found(pictures: Sequence[tuple[Boxes, Boxes]]) -> dict[str, Any]:
    total, hits, named, beside = 0, 0, 0, 0
    codes: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for drawn, marked in pictures:
        left = list(drawn)
        for one in sorted(marked, key=lambda region: -region["score"]):
            shared = [overlap(region, one) for region in left]
            if max(shared, default=0.0) < FOUND:
                beside += 1
                continue
            best = left.pop(shared.index(max(shared)))
            hits += 1
            named += one["label"] == best["code"]
        total += len(drawn)
        codes.update(region["code"] for region in drawn)
        missed.update(region["code"] for region in left)
    low, high = bridge.exact_interval(hits, total)
    return {
        "drawn": total,
        "found": hits,
        "named": named,
        "beside_it": beside,
        "share": {"rate": hits / total, "low": low, "high": high},
        "codes": [
            {"code": code, "drawn": n, "found": n - missed[code]} for code, n in codes.most_common()
        ],
    }


def overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Return the intersection over union of two boxes (x, y, w, h)."""
    wide = min(one["x"] + one["w"], other["x"] + other["w"]) - max(one["x"], other["x"])
    high = min(one["y"] + one["h"], other["y"] + other["h"]) - max(one["y"], other["y"])
    common = max(wide, 0) * max(high, 0)
    return float(common / (one["w"] * one["h"] + other["w"] * other["h"] - common))


def learned_from(pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """Return how many pictures and regions of each code teach."""
    teaching = [p for p in pictures if p.truth is Truth.DEFECT and p.use is Use.LEARN]
    shown = Counter(code for p in teaching for code in set(p.codes))
    regions = Counter(code for p in teaching for code in p.codes)
    return [
        {"code": code, "pictures": n, "regions": regions[code]} for code, n in shown.most_common()
    ]
