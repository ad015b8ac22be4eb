"""Attribute agreement, checked on the worked example of the AIAG manual."""

from __future__ import annotations

import pytest

from mes.inspection.agreement_stats import agreement_of

MIXED = {
    6: ("110", "110", "100", 1),
    7: ("111", "111", "101", 1),
    12: ("000", "000", "010", 0),
    14: ("110", "111", "100", 1),
    21: ("110", "101", "010", 1),
    22: ("001", "010", "110", 0),
    26: ("010", "000", "001", 0),
    30: ("000", "001", "000", 0),
    34: ("001", "001", "011", 0),
    36: ("110", "111", "101", 1),
    43: ("101", "111", "110", 1),
}
"""AIAG MSA, 4th edition, chapter III C: the parts on which somebody differed: A, B, C, reference; 1: good."""
BAD = {3, 4, 5, 9, 25, 37, 39, 42, 45, 48, 50}
"""The parts that all called bad at every trial, as they are; the other 28 were always called good."""
STUDY = {
    str(part): MIXED.get(
        part, ("000", "000", "000", 0) if part in BAD else ("111", "111", "111", 1)
    )
    for part in range(1, 51)
}
TRUTH = {part: row[3] == 0 for part, row in STUDY.items()}
SAID = {
    name: {part: [v == "0" for v in row[column]] for part, row in STUDY.items()}
    for column, name in enumerate("ABC")
}


def test_every_appraiser_has_the_figures_of_the_manual() -> None:
    found = {one.name: one for one in agreement_of(TRUTH, SAID).appraisers}
    assert [found[n].effectiveness.hits for n in "ABC"] == [42, 45, 40]
    assert [found[n].within.hits for n in "ABC"] == [42, 45, 40]
    assert [round(100 * found[n].misses.rate, 1) for n in "ABC"] == [6.2, 6.2, 12.5]
    assert [round(100 * found[n].false_alarms.rate, 1) for n in "ABC"] == [4.9, 2.0, 8.8]
    assert [round(found[n].kappa.value or 0, 2) for n in "ABC"] == [0.88, 0.92, 0.77]
    a = found["A"].effectiveness
    assert (round(a.low, 2), round(a.high, 2)) == (0.71, 0.93)


def test_the_grades_are_those_of_the_manual() -> None:
    study = agreement_of(TRUTH, SAID)
    found = {one.name: one for one in study.appraisers}
    assert [found[n].effectiveness.grade for n in "ABC"] == ["marginal", "good", "marginal"]
    assert [found[n].misses.grade for n in "ABC"] == ["bad", "bad", "bad"]
    assert [found[n].false_alarms.grade for n in "ABC"] == ["good", "good", "marginal"]
    assert {one.kappa.grade for one in study.appraisers} == {"good"}
    assert study.grade == "bad"


def test_appraisers_agree_with_each_other_as_in_the_manual() -> None:
    study = agreement_of(TRUTH, SAID)
    pairs = {(pair.one, pair.other): round(pair.kappa.value or 0, 2) for pair in study.pairs}
    assert pairs == {("A", "B"): 0.86, ("A", "C"): 0.78, ("B", "C"): 0.79}
    assert study.between.hits == study.with_standard.hits == 39
    assert (study.parts, study.defects, study.trials) == (50, 16, 3)
    fleiss = study.fleiss
    assert fleiss.value is not None
    assert fleiss.low is not None
    assert fleiss.high is not None
    assert 0.79 < fleiss.value < 0.81  # between the pairs' and the repeats'
    assert fleiss.low < fleiss.value < fleiss.high


def test_perfect_agreement_is_not_certainty() -> None:
    perfect = agreement_of(
        TRUTH, {name: {p: [bad] * 2 for p, bad in TRUTH.items()} for name in "AB"}
    )
    kappa = perfect.pairs[0].kappa
    assert kappa.value == kappa.high == 1.0
    assert kappa.low is not None
    assert 0.8 < kappa.low < 0.9
    assert perfect.grade == "good"


def test_one_who_calls_everything_bad_is_biased_and_agrees_by_chance_only() -> None:
    strict = {part: [True, True] for part in TRUTH}
    study = agreement_of(TRUTH, {"strict": strict, "right": {p: [b, b] for p, b in TRUTH.items()}})
    one = study.appraisers[0]
    assert one.bias == pytest.approx(34 / 50)
    assert one.bias_p < 1e-9
    assert one.kappa.value == 0.0
    assert one.repeat_kappa.value is None
    assert one.misses.rate == 0.0
    assert one.false_alarms.rate == 1.0
