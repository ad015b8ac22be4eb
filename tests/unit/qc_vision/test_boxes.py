"""Boxes are merged, moved and counted as COCO does."""

from __future__ import annotations

import numpy as np
import pytest

from qc_vision.average_precision import Found, average_precision, found_right, overlaps
from qc_vision.evaluate_boxes import at_threshold, best_score
from qc_vision.runtime import Region
from qc_vision.runtime.boxes import Proposals, best_regions, joined, outline_of

A, B = [0.1, 0.1, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]


def boxes(*corners: list[float]) -> np.ndarray:
    return np.array(corners, np.float32).reshape(-1, 4)


def found(corners: np.ndarray, kinds: list[str], scores: list[float]) -> Found:
    return Found(corners, kinds, scores)


def test_of_boxes_that_overlap_the_best_of_each_kind_is_kept() -> None:
    near = [0.1, 0.12, 0.5, 0.52]
    scores = np.array([[0.9, 0.1], [0.8, 0.7], [0.2, 0.6]], np.float32)
    regions = best_regions(
        Proposals(boxes(A, near, B), scores), scores, (100, 0, 200, 100), ("dent", "spot"),
        threshold=0.5, most=8,
    )  # fmt: skip
    assert [(r.label, r.x, r.y, r.w, r.h) for r in regions] == [
        ("dent", 120, 11, 80, 40),  # half way to the other, which agrees
        ("spot", 120, 12, 80, 40),
        ("spot", 220, 60, 60, 30),
    ]


def test_boxes_below_the_threshold_help_to_say_where_a_region_lies_and_those_elsewhere_do_not() -> (
    None
):
    near, elsewhere = [0.1, 0.14, 0.5, 0.54], [0.14, 0.26, 0.5, 0.6]
    scores = np.array([[0.9], [0.4], [0.45]], np.float32)
    (region,) = best_regions(
        Proposals(boxes(A, near, elsewhere), scores), scores, (0, 0, 1000, 1000), ("dent",),
        threshold=0.5, most=8,
    )  # fmt: skip
    shared = 0.36 / 0.44
    weight = 0.4 * shared / (0.9 + 0.4 * shared)
    assert (region.x, region.w, region.h, region.score) == (100, 400, 400, pytest.approx(0.9))
    assert region.y == pytest.approx(100 + 40 * weight, abs=1)


def test_only_the_worst_regions_are_shown() -> None:
    scores = np.array([[0.6], [0.9]], np.float32)
    (region,) = best_regions(
        Proposals(boxes(A, B), scores), scores, (0, 0, 10, 10), ("dent",), threshold=0.5, most=1
    )
    assert (region.x, region.score) == (6, pytest.approx(0.9))


def test_boxes_of_tiles_lie_where_the_tiles_lie_in_the_picture() -> None:
    one = Proposals(boxes([0.0, 0.0, 0.5, 0.5]), np.zeros((1, 1), np.float32))
    whole = joined([(one, (0, 0, 50, 50)), (one, (50, 50, 50, 50))])
    assert whole.corners.tolist() == [[0, 0, 0.25, 0.25], [0.5, 0.5, 0.75, 0.75]]


def test_the_outline_follows_the_map_inside_the_box() -> None:
    y, x = np.mgrid[0:32, 0:32]
    inside = (8.0 - np.hypot(x - 15.5, y - 15.5)).astype(
        np.float32
    )  # a disc of 8 patches, 64 pixels
    region = Region(100 + 50, 50, 160, 160, 0.9, "dent")
    outline = np.array(outline_of(region, inside, (100, 0, 256, 256)))
    away = np.hypot(outline[:, 0] - (100 + 128), outline[:, 1] - 128)
    assert len(outline) >= 8
    assert np.abs(away - 64).max() <= 6
    assert outline_of(region, np.full((32, 32), -1.0, np.float32), (100, 0, 256, 256)) == ()


def test_overlap_is_intersection_over_union() -> None:
    assert overlaps(boxes([0, 0, 2, 2]), boxes([1, 1, 3, 3]))[0, 0] == pytest.approx(1 / 7)


def test_a_perfect_answer_has_average_precision_one() -> None:
    truth = [found(boxes(A, B), ["dent", "spot"], [1, 1]), found(boxes(), [], [])]
    figures = average_precision(truth, truth)
    assert (figures["map50"], figures["map50_95"]) == (1.0, 1.0)
    assert (figures["pictures"], figures["boxes"]) == (2, 2)


def test_average_precision_of_a_small_case_done_by_hand() -> None:
    # three true boxes; found: right 0.9, wrong 0.8, right 0.7: precision 1 to recall 1/3, 2/3 to recall 2/3
    truth = [found(boxes(A, B), ["dent"] * 2, [1] * 2), found(boxes(A), ["dent"], [1])]
    said = [
        found(boxes(A, [0, 0.8, 0.1, 0.9], B), ["dent"] * 3, [0.9, 0.8, 0.7]),
        found(boxes(), [], []),
    ]
    by_hand = (34 * 1.0 + 33 * 2 / 3) / 101  # recalls 0 … 0.33, then 0.34 … 0.66
    assert average_precision(truth, said)["map50"] == pytest.approx(by_hand, abs=1e-4)


def test_a_second_box_on_the_same_defect_is_wrong_and_so_is_another_kind() -> None:
    truth = [found(boxes(A), ["dent"], [1])]
    twice = [found(boxes(A, A), ["dent", "dent"], [0.9, 0.8])]
    scores, right, total = found_right(truth, twice)
    assert (scores.tolist(), right.tolist(), total) == ([0.9, 0.8], [True, False], 1)
    other = [found(boxes(A), ["spot"], [0.9])]
    assert average_precision(truth, other)["map50"] == 0.0
    assert found_right(truth, other)[1].tolist() == [False]


def test_the_best_score_parts_right_boxes_from_wrong_ones() -> None:
    truth = [found(boxes(A, B), ["dent"] * 2, [1] * 2)]
    said = [found(boxes(A, B, [0, 0.8, 0.1, 0.9]), ["dent"] * 3, [0.9, 0.6, 0.3])]
    assert best_score(truth, said) == pytest.approx(0.6)
    assert at_threshold(truth, said, 0.6) == {"precision": 1.0, "recall": 1.0}
    assert best_score(truth, [found(boxes(), [], [])]) == 0.5
