"""Rates, intervals and thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qc_vision.figures import auroc, auroc_error, escape_and_overkill, wilson
from qc_vision.runtime import Fitness, Inspection, Verdict
from qc_vision.training.calibrate import conformal


def a_result(score: float, verdict: Verdict | None = None) -> Inspection:
    said = verdict or (Verdict.NOK if score >= 0.5 else Verdict.OK)
    return Inspection(said, score, (), Fitness(1.0, 1.0), None, "m", "p")


def test_escape_counts_bad_parts_not_called_nok_and_overkill_good_parts_not_called_ok() -> None:
    good = [a_result(0.1), a_result(0.2), a_result(0.7), a_result(0.0, Verdict.UNFIT)]
    bad = {"crack": [a_result(0.9), a_result(0.4)], "dent": [a_result(0.0, Verdict.UNFIT)]}
    figures = escape_and_overkill(good, bad)
    assert figures["summary"]["overkill"] == 0.5
    assert figures["summary"]["escape"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["kinds"]["crack"]["escape"] == 0.5
    assert figures["kinds"]["dent"]["escape"] == 1.0


def test_wilson_gives_the_published_interval() -> None:
    low, high = wilson(15, 50)  # Newcombe 1998, table I, method 3 on 15/50: .1910 to .4375
    assert low == pytest.approx(0.1910, abs=5e-4)
    assert high == pytest.approx(0.4375, abs=5e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_auroc_counts_pairs_and_halves_ties() -> None:
    assert auroc([0.0, 1.0], [2.0, 3.0]) == 1.0
    assert auroc([2.0, 3.0], [0.0, 1.0]) == 0.0
    assert auroc([1.0, 1.0], [1.0, 1.0]) == 0.5
    assert auroc([0.0, 1.0], [1.0, 2.0]) == pytest.approx(3.5 / 4)


@given(st.lists(st.integers(0, 5), min_size=1), st.lists(st.integers(0, 5), min_size=1))
def test_auroc_is_the_share_of_pairs_in_order(good: list[int], bad: list[int]) -> None:
    pairs = [(g < b) + 0.5 * (g == b) for g in good for b in bad]
    assert auroc(good, bad) == pytest.approx(sum(pairs) / len(pairs))


def test_the_conformal_threshold_keeps_its_promise_on_new_good_parts() -> None:
    rng = np.random.default_rng(1)
    rates = []
    for _ in range(300):
        calibration = conformal(rng.standard_normal(200), 0.02)
        rates.append((rng.standard_normal(500) > calibration.threshold).mean())
    assert 0.01 < np.mean(rates) <= 0.021


def test_with_few_good_parts_the_promise_is_what_can_be_kept() -> None:
    calibration = conformal([1.0, 2.0, 3.0], 0.01)
    assert calibration.threshold > 3.0
    assert calibration.target_overkill == 0.25


def test_few_pictures_leave_a_rate_uncertain() -> None:
    assert auroc_error(0.825, 10, 24) == pytest.approx(0.08, abs=0.02)
    assert auroc_error(0.825, 200, 400) < 0.02
    assert auroc_error(1.0, 10, 24) == 0.0
