"""Gage R&R by ANOVA, checked on the worked example of the AIAG manual."""

from __future__ import annotations

import pytest

from mes.inspection.gauge_rr import (
    Reading,
    ReadingsUnreadable,
    StudyNotCrossed,
    f_tail,
    read_csv,
    study_of,
)

AIAG = {
    "A": (
        (0.29, -0.56, 1.34, 0.47, -0.80, 0.02, 0.59, -0.31, 2.26, -1.36),
        (0.41, -0.68, 1.17, 0.50, -0.92, -0.11, 0.75, -0.20, 1.99, -1.25),
        (0.64, -0.58, 1.27, 0.64, -0.84, -0.21, 0.66, -0.17, 2.01, -1.31),
    ),
    "B": (
        (0.08, -0.47, 1.19, 0.01, -0.56, -0.20, 0.47, -0.63, 1.80, -1.68),
        (0.25, -1.22, 0.94, 1.03, -1.20, 0.22, 0.55, 0.08, 2.12, -1.62),
        (0.07, -0.68, 1.34, 0.20, -1.28, 0.06, 0.83, -0.34, 2.19, -1.50),
    ),
    "C": (
        (0.04, -1.38, 0.88, 0.14, -1.46, -0.29, 0.02, -0.46, 1.77, -1.49),
        (-0.11, -1.13, 1.09, 0.20, -1.07, -0.67, 0.01, -0.56, 1.45, -1.77),
        (-0.15, -0.96, 0.67, 0.11, -1.45, -0.49, 0.21, -0.49, 1.87, -2.16),
    ),
}
"""AIAG MSA, 4th edition, the study of chapter III B: 10 parts, 3 appraisers, 3 trials."""
READINGS = [
    Reading(str(part), appraiser, str(trial), value)
    for appraiser, trials in AIAG.items()
    for trial, values in enumerate(trials, 1)
    for part, value in enumerate(values, 1)
]


def test_the_anova_table_is_that_of_the_manual() -> None:
    found = {row.name: row for row in study_of(READINGS).table}
    assert [round(found[n].ss, 4) for n in ("appraiser", "part", "interaction", "equipment")] == [
        3.1673, 88.3619, 0.3590, 2.7589,
    ]  # fmt: skip
    assert [found[n].df for n in ("appraiser", "part", "interaction", "equipment", "total")] == [
        2, 9, 18, 60, 89,
    ]  # fmt: skip
    assert found["total"].ss == pytest.approx(94.6471, abs=1e-4)
    assert found["interaction"].f == pytest.approx(0.434, abs=5e-4)
    assert found["pooled"].ms == pytest.approx(0.03997, abs=1e-5)


def test_the_components_are_those_of_the_manual() -> None:
    study = study_of(READINGS)
    assert study.pooled
    assert study.ev == pytest.approx(0.199933, abs=1e-6)
    assert study.av == pytest.approx(0.226838, abs=1e-6)
    assert study.interaction == 0
    assert study.grr == pytest.approx(0.30237, abs=1e-5)
    assert study.pv == pytest.approx(1.042327, abs=1e-6)
    assert [round(100 * study.share(of), 1) for of in (study.ev, study.av, study.grr, study.pv)] == [
        18.4, 20.9, 27.9, 96.0,
    ]  # fmt: skip
    assert study.ndc == 4
    assert study.verdict == "marginal"


def test_a_tolerance_that_is_too_narrow_for_the_gauge_is_told() -> None:
    study = study_of(READINGS, tolerance=4.0)
    assert study.of_tolerance == pytest.approx(6 * 0.30237 / 4, rel=1e-4)
    assert study.verdict == "bad"


def test_an_interaction_that_is_real_is_not_pooled() -> None:
    skewed = [
        Reading(r.part, r.appraiser, r.trial, r.value + (2 if r.appraiser == "A" and r.part in "13579" else 0))
        for r in READINGS
    ]  # fmt: skip
    study = study_of(skewed)
    assert not study.pooled
    assert study.interaction > 0.3
    assert [row.name for row in study.table][-2:] == ["equipment", "total"]


def test_a_gauge_that_nobody_handles_has_repeatability_alone() -> None:
    study = study_of([r for r in READINGS if r.appraiser == "A"])
    assert [row.name for row in study.table] == ["part", "equipment", "total"]
    within = [[AIAG["A"][t][p] for t in range(3)] for p in range(10)]
    spread = sum(sum((x - sum(of) / 3) ** 2 for x in of) for of in within) / 20
    assert study.ev == pytest.approx(spread**0.5)
    assert (study.av, study.interaction) == (0, 0)
    assert study.grr == study.ev
    assert study.ndc == int(1.41 * study.pv / study.ev)


def test_the_tail_of_f_is_that_of_tables() -> None:
    assert f_tail(3.3158, 2, 30) == pytest.approx(0.05, abs=1e-4)
    assert f_tail(5.3903, 2, 30) == pytest.approx(0.01, abs=1e-4)
    assert f_tail(0.434, 18, 60) == pytest.approx(0.974, abs=2e-3)


def test_a_csv_is_read_whatever_parts_its_columns() -> None:
    plain = "part,appraiser,trial,value\n1,A,1,0.5\n"
    european = "\ufeffValue;Trial;Appraiser;Part\n0,5;1;A;1\n\n"
    assert read_csv(plain) == read_csv(european) == [Reading("1", "A", "1", 0.5)]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 1, "header"),
        ("part,appraiser,value\n", 1, "trial"),
        ("part,appraiser,trial,value\n1,A,1,wide\n", 2, "no number"),
        ("part,appraiser,trial,value\n1,A,1,0.5\n1,A,2,inf\n", 3, "no number"),
        ("part,appraiser,trial,value\n1,,1,0.5\n", 2, "empty"),
    ],
)
def test_a_csv_that_cannot_be_read_names_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(ReadingsUnreadable) as refused:
        read_csv(text)
    assert refused.value.facts["line"] == line
    assert why in str(refused.value.facts["why"])


def test_a_study_that_is_not_crossed_is_refused() -> None:
    with pytest.raises(StudyNotCrossed, match="C measured part 10 2 times"):
        study_of(READINGS[:-1])
    with pytest.raises(StudyNotCrossed, match="twice"):
        study_of([*READINGS, READINGS[0]])
    with pytest.raises(StudyNotCrossed, match="at least two parts"):
        study_of([])
    with pytest.raises(StudyNotCrossed, match="at least two trials"):
        study_of([r for r in READINGS if r.trial == "1"])
