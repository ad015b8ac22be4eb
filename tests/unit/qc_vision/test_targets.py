"""What the supervised head has to answer for each patch."""

from __future__ import annotations

import numpy as np

from qc_vision.training.samples import Sample, targets_of

SIDE = 128


def targets(mask: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> np.ndarray:
    return targets_of(Sample(np.zeros((SIDE, SIDE, 3), np.uint8), mask), 16, 16)


def test_a_good_part_has_no_defect_patch() -> None:
    good = targets_of(Sample(np.zeros((SIDE, SIDE, 3), np.uint8), None), 16, 16)
    assert not good.any()


def test_beside_a_small_defect_every_patch_is_good() -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[40:48, 40:56] = 255
    found = targets(mask)
    assert (found[5, 5:7] == 1).all()
    assert (found == 1).sum() == 2 and (found == 0).sum() == 254


def test_a_panel_of_the_wrong_colour_is_asked_for_at_its_rim_alone() -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, :64] = 255
    found = targets(mask)
    assert (found[:, :6] == -1).all(), "its inside looks like any good part"
    assert (found[:, 6:8] == 1).all()
    assert (found[:, 8:10] == -1).all(), "seen from there the other side is wrong"
    assert (found[:, 10:] == 0).all()


def test_a_defect_smaller_than_a_patch_has_one() -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[20, 20] = 255
    assert (targets(mask) == 1).sum() == 1
