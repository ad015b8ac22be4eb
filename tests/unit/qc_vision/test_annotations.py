"""Annotated pictures are read from the forms that are in use, and what is wrong with one is said."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from qc_vision.annotations import read_annotated, without_rare_kinds
from tests.support.annotated import a_picture, a_voc, write_annotated


def put(folder: Path, name: str, text: str | None, *, size: tuple[int, int] = (96, 96)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / f"{name}.png"), np.full((size[1], size[0], 3), 90, np.uint8))
    if text is not None:
        (folder / f"{name}.xml").write_text(text)


def test_annotations_in_a_folder_of_their_own_belong_to_the_pictures_of_their_name(
    tmp_path: Path,
) -> None:
    put(tmp_path / "images", "a", None)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "a.xml").write_text(a_voc([("dent", 10, 20, 40, 60)]))
    (one,) = read_annotated(tmp_path).pictures
    assert one.boxes.tolist() == [[10, 20, 40, 60]]
    assert one.kinds == ("dent",)


def test_an_annotation_of_another_name_belongs_to_the_picture_it_names(tmp_path: Path) -> None:
    put(tmp_path, "one", None)
    (tmp_path / "exported-7.xml").write_text(a_voc([("dent", 1, 1, 9, 9)], picture="one.png"))
    assert [one.path.name for one in read_annotated(tmp_path).pictures] == ["one.png"]


def test_two_pictures_of_one_name_are_told_apart_by_their_folder_or_not_at_all(
    tmp_path: Path,
) -> None:
    for line in ("left", "right"):
        put(tmp_path / line, "a", None)
    (tmp_path / "right" / "a.xml").write_text(a_voc([("dent", 1, 1, 9, 9)]))
    (one,) = read_annotated(tmp_path).pictures
    assert one.path.parent.name == "right"
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a.xml").write_text(a_voc([("dent", 1, 1, 9, 9)]))
    assert "its picture could be" in read_annotated(tmp_path).findings[0]


def test_boxes_drawn_on_another_copy_of_the_picture_are_scaled_and_backward_ones_turned(
    tmp_path: Path,
) -> None:
    put(tmp_path, "a", a_voc([("dent", 120, 80, 40, 20)], size=(192, 192)))
    reading = read_annotated(tmp_path)
    assert reading.pictures[0].boxes.tolist() == [[20, 10, 60, 40]]
    assert "a.xml: a box is drawn from right to left" in reading.findings[0]


def test_an_annotation_without_regions_says_that_the_picture_is_good(tmp_path: Path) -> None:
    put(tmp_path, "a", a_voc([]))
    put(tmp_path, "bare", None)
    reading = read_annotated(tmp_path)
    assert [one.path.name for one in reading.pictures] == ["a.png"]
    assert reading.pictures[0].boxes.shape == (0, 4)
    assert "bare.png: no annotation; left out" in reading.findings[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (a_voc([("dent", 90, 10, 140, 40)]), "lies outside the picture of 96×96 pixels"),
        (a_voc([("dent", 10, 10, 10, 40)]), "has no area"),
        (a_voc([("dent", 1, 1, 9, 9)], size=(96, 48)), "was drawn on 96×48 pixels"),
        (a_voc([("", 1, 1, 9, 9)]), "object 1 has no <name>"),
        (a_voc([("dent", 1, 1, 9, 9)]).replace("<xmin>1</xmin>", ""), "object 1 (dent) has no box"),
        ("", "the file is empty"),
        ("<annotation>", "is not XML"),
        ("<kitti/>", "is no Pascal VOC annotation"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "no document type"),
    ],
)
def test_a_bad_annotation_is_named_and_the_rest_goes_on(
    tmp_path: Path, text: str, why: str
) -> None:
    put(tmp_path, "good", a_voc([("dent", 10, 10, 40, 40)]))
    put(tmp_path, "wrong", text)
    reading = read_annotated(tmp_path)
    assert [one.path.name for one in reading.pictures] == ["good.png"]
    (finding,) = reading.findings
    assert finding.startswith(str(tmp_path / "wrong.xml"))
    assert why in finding


def test_a_picture_that_is_missing_or_unreadable_is_named(tmp_path: Path) -> None:
    put(tmp_path, "good", a_voc([("dent", 10, 10, 40, 40)]))
    (tmp_path / "gone.xml").write_text(a_voc([("dent", 1, 1, 9, 9)]))
    (tmp_path / "text.xml").write_text(a_voc([("dent", 1, 1, 9, 9)]))
    (tmp_path / "text.jpg").write_text("no picture")
    findings = read_annotated(tmp_path).findings
    assert any("gone.xml: its picture 'gone' is not in" in finding for finding in findings)
    assert any("text.xml: its picture text.jpg" in finding for finding in findings)


def test_nothing_usable_is_an_error_that_says_why(tmp_path: Path) -> None:
    put(tmp_path, "wrong", "<annotation>")
    with pytest.raises(ValueError, match=r"no annotated picture that can be used: .*wrong\.xml"):
        read_annotated(tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        read_annotated(tmp_path / "absent")


def test_coco_is_read_and_an_unknown_category_leaves_its_picture_out(tmp_path: Path) -> None:
    put(tmp_path / "images", "a", None)
    put(tmp_path / "images", "b", None)
    listed = [
        {"id": number, "file_name": f"images/{name}.png", "width": 96, "height": 96}
        for number, name in enumerate("ab")
    ]
    regions = [
        {"id": 1, "image_id": 0, "category_id": 7, "bbox": [10, 20, 30, 40]},
        {"id": 2, "image_id": 1, "category_id": 8, "bbox": [1, 2, 3, 4]},
        {"id": 3, "image_id": 5, "category_id": 7, "bbox": [1, 2, 3, 4]},
    ]
    whole = {"images": listed, "annotations": regions, "categories": [{"id": 7, "name": "dent"}]}
    (tmp_path / "regions.json").write_text(json.dumps(whole))
    (tmp_path / "other.json").write_text("[]")
    reading = read_annotated(tmp_path)
    (one,) = reading.pictures
    assert (one.boxes.tolist(), one.kinds) == ([[10, 20, 40, 60]], ("dent",))
    said = "\n".join(reading.findings)
    assert "images/b.png: kind 8 is not among the categories" in said
    assert "a region belongs to picture 5, which is not listed" in said
    assert "other.json: is no COCO annotation" in said


def test_masks_become_boxes_of_the_kind_their_folder_names(tmp_path: Path) -> None:
    folder = tmp_path / "dent"
    folder.mkdir()
    image, regions, mask = a_picture(3)
    cv2.imwrite(str(folder / "3.png"), image)
    cv2.imwrite(str(folder / "3_mask.png"), mask)
    (one,) = read_annotated(tmp_path).pictures
    assert set(one.kinds) == {"dent"}
    assert sorted(map(tuple, one.boxes.tolist())) == sorted(region[1:] for region in regions)
    assert one.mask == folder / "3_mask.png"


def test_a_kind_seen_once_is_named_as_a_likely_misspelling(tmp_path: Path) -> None:
    write_annotated(tmp_path, range(4))
    put(tmp_path, "odd", a_voc([("spto", 10, 10, 40, 40)]))
    reading = without_rare_kinds(read_annotated(tmp_path), 3)
    assert reading.kinds == ("bar", "spot")
    assert len(reading.pictures) == 4
    assert "odd.png: kind 'spto' is in 1 of 5 pictures" in reading.findings[-1]


def test_ignored_kinds_leave_the_picture_and_its_other_boxes(tmp_path: Path) -> None:
    put(tmp_path, "a", a_voc([("seam", 0, 0, 96, 96), ("dent", 10, 10, 40, 40)]))
    (one,) = read_annotated(tmp_path, ignored=["seam"]).pictures
    assert one.kinds == ("dent",)
