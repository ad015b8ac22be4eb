"""Which files of a folder are pictures, which are masks, and which label they have."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from qc_vision.annotations import read_annotated
from qc_vision.evaluate import image_paths
from qc_vision.picture_files import files_below, masks_of, pictures_below
from qc_vision.training.samples import DataError, defects_from, good_from


def a_picture(path: Path, *, side: int = 32, dot: tuple[int, int] | None = None) -> Path:
    """Write a grey picture, or a black mask with a white dot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(side)
    image = rng.integers(90, 150, (side, side)).astype(np.uint8) * np.uint8(dot is None)
    if dot:
        cv2.circle(image, dot, 3, 255, -1)
    cv2.imwrite(str(path), image)
    return path


def names(paths: list[Path], folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in paths]


def test_masks_beside_pictures_are_no_pictures(tmp_path: Path) -> None:
    for name in ("a.png", "a_mask.png", "b.jpg", "b.png", "ground_truth/c/000_mask.png"):
        a_picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("of the reviewer")
    (tmp_path / "folder.jpg").mkdir()
    assert names(pictures_below(tmp_path), tmp_path) == ["a.png", "b.jpg"]


def test_pictures_of_a_folder_called_ground_truth_itself_are_pictures(tmp_path: Path) -> None:
    place = tmp_path / "ground_truth" / "photos"
    a_picture(place / "a.png")
    assert names(image_paths(place), place) == ["a.png"]


def test_linked_folders_are_entered_and_a_loop_of_links_ends(tmp_path: Path) -> None:
    a_picture(tmp_path / "store" / "焊缝 1.png")
    kinds = tmp_path / "bad"
    kinds.mkdir()
    (kinds / "porosity").symlink_to(tmp_path / "store")
    (kinds / "again").symlink_to(kinds)
    (kinds / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert names(pictures_below(kinds), kinds) == ["gone.png", "porosity/焊缝 1.png"]
    assert len(files_below(kinds)) == 2


def test_the_folder_of_the_other_label_is_left_out_where_it_lies_inside(tmp_path: Path) -> None:
    a_picture(tmp_path / "test" / "good" / "1.png")
    a_picture(tmp_path / "test" / "crack" / "2.png")
    good, test = tmp_path / "test" / "good", tmp_path / "test"
    assert names(image_paths(test, without=good), test) == ["crack/2.png"]
    assert names(image_paths(good, without=test), test) == ["good/1.png"]
    with pytest.raises(ValueError, match="given for good pictures and for bad ones"):
        image_paths(test, without=tmp_path / "test" / "good" / "..")


@pytest.mark.parametrize(
    "masks",
    [
        {"test/crack/000_mask.png": (5, 5)},
        {"ground_truth/crack/000_mask.png": (5, 5)},
        {"ground_truth/crack/000.png": (5, 5)},
        {"ground_truth/crack/000/0000.png": (5, 5), "ground_truth/crack/000/0001.png": (20, 20)},
    ],
    ids=["beside", "MVTec AD", "same name", "AutoVI"],
)
def test_masks_are_found_where_known_sets_have_them(
    tmp_path: Path, masks: dict[str, tuple[int, int]]
) -> None:
    picture = a_picture(tmp_path / "test" / "crack" / "000.png")
    a_picture(tmp_path / "test" / "good" / "000.png")
    for name, dot in masks.items():
        a_picture(tmp_path / name, dot=dot)
    assert names(masks_of(picture), tmp_path) == list(masks)
    (sample,), refused = defects_from(tmp_path / "test", 32, good=tmp_path / "test" / "good")
    assert (sample.kind, refused) == ("crack", [])
    assert sample.mask is not None
    for x, y in masks.values():
        assert sample.mask[y, x] == 255


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    for number in range(4):
        a_picture(good / f"{number}.png")
        a_picture(bad / f"{number}.png")
        a_picture(bad / f"{number}_mask.png", dot=(5, 5))
    (good / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (bad / "gone.png").symlink_to(tmp_path / "nowhere.png")
    a_picture(bad / "large.png", side=64)
    a_picture(bad / "large_mask.png", dot=(5, 5))
    a_picture(bad / "bare.png")
    samples, _, refused = good_from(good, 32)
    assert (len(samples), refused) == (4, [f"{good}/gone.png: No such file or directory"])
    found, reasons = defects_from(bad, 32, good=good)
    assert len(found) == 4
    assert reasons == [
        f"{bad}/bare.png: no mask bare_mask.png beside it",
        f"{bad}/gone.png: No such file or directory",
        f"{bad}/large.png: its mask large_mask.png has 32×32 pixels, it 64×64",
    ]


def test_a_frame_that_shows_no_part_teaches_no_station_to_pass_such_frames(tmp_path: Path) -> None:
    """A covered lens and a blurred frame among good pictures; a station that is dark by nature."""
    for number in range(9):
        a_picture(tmp_path / f"{number}.png")
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((32, 32), np.uint8))
    cv2.imwrite(
        str(tmp_path / "soft.png"), np.tile(np.linspace(90, 110, 64), (64, 1)).astype(np.uint8)
    )
    samples, _, refused = good_from(tmp_path, 32)
    assert len(samples) == 9
    assert refused == [
        f"{tmp_path}/black.png: the same grey from edge to edge, there is nothing to see",
        f"{tmp_path}/soft.png: out of focus: sharpness 0.7, at least 4.0 needed, unlike the others",
    ]
    night = tmp_path / "night"
    rng = np.random.default_rng(1)
    for number in range(8):
        night.mkdir(exist_ok=True)
        dark = rng.integers(0, 9, (32, 32)).astype(np.uint8)
        cv2.imwrite(str(night / f"{number}.png"), dark)
    assert len(good_from(night, 32)[0]) == 8
    for number in range(8):
        cv2.imwrite(str(night / f"{number}.png"), np.zeros((32, 32), np.uint8))
    with pytest.raises(DataError, match=r"holds 0 usable images.*the same grey"):
        good_from(night, 32)


def test_a_folder_without_pictures_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images"):
        good_from(tmp_path, 32)
    with pytest.raises(ValueError, match="holds no images"):
        image_paths(tmp_path)
    with pytest.raises(ValueError, match="holds no annotated picture"):
        read_annotated(tmp_path)
