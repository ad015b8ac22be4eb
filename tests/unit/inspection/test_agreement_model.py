"""A golden set, an order that nobody can guess, and who has judged everything."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from mes.inspection.agreement_model import (
    Candidate,
    Given,
    Part,
    Study,
    StudyClosed,
    TooFewGolden,
    finished,
    golden_set,
    next_for,
    order_of,
    standard_of,
)

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
STUDY = Study(UUID(int=9), "Welds", "weld-camera", 2, "user:q", NOW, None, None, None)
PARTS = [Part(n, UUID(int=n), f"{n:064d}", True, n % 2 == 0, None) for n in range(1, 11)]
NUMBERS = [part.number for part in PARTS]


def candidates(good: int, defects: int) -> list[Candidate]:
    return [
        Candidate(UUID(int=n), f"{n:064d}", n >= good, None, distance=abs(n % 10 - 5) / 10)
        for n in range(good + defects)
    ]


def test_a_golden_set_is_even_and_a_third_of_it_is_borderline() -> None:
    chosen = golden_set(candidates(60, 60), 30)
    assert sum(one.defect for one in chosen) == 15
    assert len({one.inspection_id for one in chosen}) == 30
    assert sum(one.distance <= 0.1 for one in chosen) >= 10


def test_where_defects_are_rare_good_parts_fill_the_set() -> None:
    chosen = golden_set(candidates(60, 4), 30)
    assert sum(one.defect for one in chosen) == 4
    assert len(chosen) == 30
    assert sum(one.defect for one in golden_set(candidates(4, 60), 30)) == 26


@pytest.mark.parametrize(("good", "defects"), [(60, 2), (2, 60), (10, 10)])
def test_too_small_a_golden_set_is_refused(good: int, defects: int) -> None:
    with pytest.raises(TooFewGolden):
        golden_set(candidates(good, defects), 30)


def test_each_appraiser_sees_another_order_at_each_trial() -> None:
    orders = [
        order_of(STUDY.id, who, trial, NUMBERS) for who in ("user:a", "user:b") for trial in (1, 2)
    ]
    assert all(sorted(order) == NUMBERS for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert order_of(STUDY.id, "user:a", 1, NUMBERS) == orders[0]


def test_every_part_comes_once_a_trial_and_then_nothing() -> None:
    turns = [next_for(STUDY, "user:a", done, NUMBERS) for done in range(21)]
    assert turns[-1] is None
    seen = [(turn.trial, turn.part) for turn in turns if turn is not None]
    assert sorted(seen) == [(trial, part) for trial in (1, 2) for part in NUMBERS]


def test_only_who_judged_everything_counts() -> None:
    whole = [Given("user:a", n, trial, n % 2 == 0) for n in NUMBERS for trial in (1, 2)]
    part = [Given("user:b", n, 1, True) for n in NUMBERS]
    said = finished(STUDY, PARTS, [*whole, *part])
    assert list(said) == ["user:a"]
    assert {p: values[0] for p, values in said["user:a"].items()} == standard_of(PARTS)


def test_a_closed_study_takes_no_verdict() -> None:
    closed = STUDY.closed(now=NOW)
    with pytest.raises(StudyClosed):
        closed.check_open()
    with pytest.raises(StudyClosed):
        closed.closed(now=NOW)
