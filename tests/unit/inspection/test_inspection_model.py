"""How urgently a person should look, and what an image must be."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.contracts.quality import Region, Verdict
from mes.inspection.images import MAX_IMAGE_BYTES, checked_media
from mes.inspection.model import (
    CameraFigures,
    ImageDamaged,
    ImageTooLarge,
    NotAnImage,
    defect_kind_of,
    review_priority,
    uncertainty,
)

share = st.floats(0, 1)


@given(share, share)
def test_uncertainty_is_one_at_the_threshold_and_never_leaves_its_range(
    score: float, threshold: float
) -> None:
    assert 0 <= uncertainty(score, threshold) <= 1
    assert uncertainty(threshold, threshold) == 1


@given(share, st.floats(0.1, 60), st.floats(0.1, 60))
def test_more_at_stake_is_looked_at_first(score: float, low: float, high: float) -> None:
    first, second = sorted((low, high))
    assert review_priority(Verdict.NOK, score, 0.5, risk=first) <= review_priority(
        Verdict.NOK, score, 0.5, risk=second
    )


def test_what_could_not_be_judged_is_wholly_uncertain() -> None:
    unfit = review_priority(Verdict.UNFIT, 0, 0.5, risk=5)
    certain = review_priority(Verdict.NOK, 1.0, 0.5, risk=5)
    assert unfit == 5
    assert certain == pytest.approx(0.25)


def test_the_kind_of_a_defect_is_that_of_its_strongest_named_region() -> None:
    def region(score: float, label: str | None) -> Region:
        return Region(x=0, y=0, w=1, h=1, score=score, label=label)

    assert (
        defect_kind_of((region(0.9, None), region(0.4, "run"), region(0.6, "crater"))) == "crater"
    )
    assert defect_kind_of((region(0.9, None),)) is None


def test_an_image_is_what_it_says_it_is() -> None:
    jpeg, text = b"\xff\xd8\xff picture", b"<html>not a camera</html>"
    assert checked_media(hashlib.sha256(jpeg).hexdigest(), jpeg) == "image/jpeg"
    with pytest.raises(ImageDamaged, match="damaged on its way"):
        checked_media("0" * 64, jpeg)
    with pytest.raises(NotAnImage):
        checked_media(hashlib.sha256(text).hexdigest(), text)
    with pytest.raises(ImageTooLarge):
        checked_media("0" * 64, bytes(MAX_IMAGE_BYTES + 1))


def test_ratios_of_a_camera_are_unknown_until_something_was_reviewed() -> None:
    fresh = CameraFigures("c", "l", 100, 3, 0, 0, confirmed=0, false_calls=0, escapes=0)
    assert fresh.false_call_ratio is fresh.escape_ratio is None
    known = CameraFigures("c", "l", 100, 3, 0, 0, confirmed=3, false_calls=1, escapes=1)
    assert (known.false_call_ratio, known.escape_ratio) == (0.25, 0.25)
