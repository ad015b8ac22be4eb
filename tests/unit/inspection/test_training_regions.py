"""Regions that people drew: whether they are enough, which pictures teach, COCO, how many a model finds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import cv2
import numpy as np
import pytest

from mes.inspection.training_model import (
    MIN_OF_A_CODE,
    MIN_TAUGHT,
    Picture,
    RegionsAlone,
    Target,
    TooFewRegions,
    Truth,
    Use,
)
from mes.inspection.training_regions import (
    check_regions,
    coco,
    found_by,
    learned_from,
    overlap,
    taught_by,
)
from mes.inspection.training_split import divided, learnable
from qc_vision.annotations import read_annotated
from tests.unit.inspection.test_training_model import a_picture, said

OVERKILL = Target(0.01, None)


def a_box(code: str = "dent", x: int = 10, y: int = 20, w: int = 8, h: int = 6) -> dict[str, Any]:
    return {"x": x, "y": y, "w": w, "h": h, "code": code}


def a_defect(number: int, *codes: str, **given: Any) -> Picture:
    drawn = [a_box(code, x=4 * place) for place, code in enumerate(codes)] or None
    return a_picture(number, Truth.DEFECT, drawn=drawn, **given)


def test_too_few_regions_are_refused_with_how_many_there_are_and_are_needed() -> None:
    found = taught_by([["dent"]] * 7 + [["scratch"]] * 5 + [None] * 3)
    assert (found.pictures, found.regions, found.without_code) == (12, 12, 3)
    assert found.codes == {"dent": 7, "scratch": 5}
    with pytest.raises(TooFewRegions) as refused:
        check_regions(found, OVERKILL)
    assert refused.value.facts == {
        "found": 12, "of_a_code": 7, "needed": MIN_TAUGHT, "needed_of_a_code": MIN_OF_A_CODE,
    }  # fmt: skip
    check_regions(taught_by([["dent"]] * MIN_TAUGHT), OVERKILL)
    with pytest.raises(TooFewRegions):
        check_regions(taught_by([]), OVERKILL)


def test_many_pictures_of_many_codes_are_refused_where_no_code_has_enough() -> None:
    each = [[f"kind {number % 10}"] for number in range(50)]
    with pytest.raises(TooFewRegions):
        check_regions(taught_by(each), OVERKILL)


def test_an_escape_rate_is_not_proved_where_regions_are_learned() -> None:
    with pytest.raises(RegionsAlone):
        check_regions(taught_by([["dent"]] * 40), Target(0.01, 0.05))


def test_a_rare_code_takes_the_pictures_it_is_on_with_it() -> None:
    together = [["dent", "rust"]] * 3 + [["dent"]] * (MIN_OF_A_CODE - 1) + [["nib"]] * 9
    assert learnable(together) == ("nib",), "without rust's pictures dent is rare, too"
    assert learnable([*together, ["dent"]]) == ("dent", "nib")
    assert learnable([]) == ()


def test_a_quarter_of_what_can_teach_measures_and_near_duplicates_stay_together() -> None:
    pictures = [a_picture(number) for number in range(40)]
    pictures += [a_defect(100 + number, "dent", twins=1_000 + number // 2) for number in range(24)]
    pictures += [a_defect(200 + number) for number in range(5)]  # nobody drew on them
    pictures += [a_defect(300 + number, "rust") for number in range(3)]
    parts = divided(pictures, [UUID(int=100)], seed=5)
    used = {p.inspection_id.int: p.use for p in parts}
    assert used[100] is Use.LEFT_OUT
    dents = Counter(used[100 + number] for number in range(1, 24))
    assert dents == {Use.LEARN: 17, Use.MEASURE: 6} or dents == {Use.LEARN: 18, Use.MEASURE: 5}
    assert {used[number] for number in (*range(200, 205), *range(300, 303))} == {Use.MEASURE}
    sides: dict[int | None, set[Use]] = {}
    for p in parts:
        if p.use is not Use.LEFT_OUT:
            sides.setdefault(p.twins, set()).add(p.use)
    assert all(len(uses) == 1 for twins, uses in sides.items() if twins and twins >= 1_000)
    assert divided(pictures, [UUID(int=100)], seed=5) == parts
    assert learned_from(parts) == [
        {"code": "dent", "pictures": dents[Use.LEARN], "regions": dents[Use.LEARN]}
    ]


def test_a_code_that_has_just_enough_keeps_enough_to_learn_from() -> None:
    pictures = [a_defect(number, "dent") for number in range(30)]
    pictures += [a_defect(100 + number, "nib") for number in range(MIN_OF_A_CODE)]
    for seed in range(20):
        parts = divided(pictures, [], seed=seed)
        learn = Counter(p.codes[0] for p in parts if p.use is Use.LEARN)
        assert learn["nib"] >= 6
        assert sum(learn.values()) >= 0.7 * len(pictures)


def test_a_defect_like_a_good_picture_held_back_is_not_learned() -> None:
    pictures = [a_picture(number, twins=number) for number in range(20)]
    pictures += [a_defect(100 + number, "dent", twins=number) for number in range(20)]
    parts = divided(pictures, [], seed=2)
    measured = {p.twins for p in parts if p.truth is Truth.GOOD and p.use is Use.MEASURE}
    assert measured
    for p in parts:
        if p.twins in measured:
            assert p.use is Use.MEASURE


def test_what_is_written_is_what_the_library_reads(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "good.png"):
        cv2.imwrite(str(tmp_path / name), np.full((50, 80, 3), 128, np.uint8))
    document = coco(
        [
            ("a.png", 80, 50, [a_box("dent"), a_box("划痕", x=30, y=1, w=20, h=40)]),
            ("b.png", 80, 50, [a_box("dent", x=0, y=0, w=80, h=50)]),
            ("good.png", 80, 50, []),
        ]
    )
    (tmp_path / "regions.json").write_text(json.dumps(document))
    reading = read_annotated(tmp_path)
    assert reading.findings == ()
    assert reading.kinds == ("dent", "划痕")
    one, two, good = reading.pictures
    assert one.boxes.tolist() == [[10, 20, 18, 26], [30, 1, 50, 41]]
    assert one.kinds == ("dent", "划痕")
    assert two.boxes.tolist() == [[0, 0, 80, 50]]
    assert len(good.boxes) == 0


def test_a_drawn_region_is_found_once_by_what_overlaps_it_by_half() -> None:
    def marked(x: int, label: str | None, score: float) -> dict[str, Any]:
        return {"x": x, "y": 20, "w": 8, "h": 6, "score": score, "label": label}

    first = a_picture(
        1, Truth.DEFECT, drawn=[a_box("dent"), a_box("nib", x=40)],
        old={**said("NOK", 0.9), "regions": [marked(12, None, 0.9), marked(10, None, 0.8)]},
        new={**said("NOK", 0.9), "regions": [marked(10, "dent", 0.9), marked(41, "dent", 0.8)]},
    )  # fmt: skip
    second = a_defect(2, "dent", old=said("OK", 0.1), new=said("OK", 0.1))
    bare = a_defect(3, old=said("OK", 0.1), new=said("OK", 0.1))
    found = found_by([first, second, bare, a_picture(4, new=said("OK", 0.0))])
    assert found is not None
    assert found["pictures"] == 2
    assert (found["new"]["drawn"], found["new"]["found"], found["new"]["named"]) == (3, 2, 1)
    assert found["new"]["beside_it"] == 0
    assert found["new"]["codes"] == [
        {"code": "dent", "drawn": 2, "found": 1},
        {"code": "nib", "drawn": 1, "found": 1},
    ]
    assert (found["old"]["found"], found["old"]["named"], found["old"]["beside_it"]) == (1, 0, 1)
    assert found["new"]["share"]["low"] < 2 / 3 < found["new"]["share"]["high"]
    assert found_by([bare]) is None
    assert overlap(a_box(), a_box()) == 1.0
    assert overlap(a_box(), a_box(x=18)) == 0.0
