"""Two reviewers judge the same pictures: how far they agree by week and by defect code."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mes.contracts.ids import uuid7
from mes.inspection.agreement_stats import Agreement, agreement_of, kappa_of_counts
from mes.inspection.second_look_model import SecondLook, Word
from mes.inspection.second_look_model import agreement_of as reviewers_of

MONDAY = datetime(2026, 11, 16, 8, tzinfo=UTC)


def a_look(first: str | None, second: str | None, *, at: datetime = MONDAY) -> SecondLook:
    """A picture with two words: a defect's code, or None for a false call."""
    return SecondLook(
        uuid7(), Word(first is not None, first, "mei"), Word(second is not None, second, "li"), at
    )


def the_study(both: int, first: int, second: int, neither: int) -> Agreement:
    pairs = [(True, True)] * both + [(True, False)] * first + [(False, True)] * second
    pairs += [(False, False)] * neither
    parts = {str(number): pair for number, pair in enumerate(pairs)}
    return agreement_of(
        {part: one for part, (one, _) in parts.items()},
        {"other": {part: [other] for part, (_, other) in parts.items()}},
    )


@pytest.mark.parametrize("cells", [(20, 5, 10, 15), (3, 1, 0, 2), (40, 0, 0, 60)])
def test_counts_give_the_same_kappa_and_interval_as_a_study_of_single_parts(
    cells: tuple[int, int, int, int],
) -> None:
    (one,) = the_study(*cells).appraisers
    found = kappa_of_counts(*cells)
    assert (found.value, found.low, found.high) == pytest.approx(
        (one.kappa.value, one.kappa.low, one.kappa.high)
    )


def test_the_textbook_example_of_kappa() -> None:
    """20 and 15 of 50 agreed: observed 0.70, by chance 0.50, kappa 0.40."""
    assert kappa_of_counts(20, 5, 10, 15).value == pytest.approx(0.4)


def test_where_both_always_say_the_same_word_kappa_is_not_known() -> None:
    for cells in ((0, 0, 0, 0), (7, 0, 0, 0)):
        assert kappa_of_counts(*cells).value is None


def test_weeks_begin_on_monday_in_the_plants_own_zone() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    sunday_evening = MONDAY - timedelta(hours=14)  # 18:00 UTC: Monday 02:00 at the plant
    found = reviewers_of([a_look("dent", None, at=sunday_evening)], zone=shanghai)
    assert [week.monday for week in found.weeks] == [date(2026, 11, 16)]
    found = reviewers_of([a_look("dent", None, at=sunday_evening)], zone=ZoneInfo("UTC"))
    assert [week.monday for week in found.weeks] == [date(2026, 11, 9)]


def test_the_newest_week_and_the_most_frequent_code_come_first() -> None:
    looks = [a_look("dent", "scratch"), a_look("dent", "dent"), a_look(None, None)]
    looks += [a_look("run", None, at=MONDAY - timedelta(days=7))]
    found = reviewers_of(looks, zone=ZoneInfo("UTC"))
    assert [(week.pictures, week.agreed) for week in found.weeks] == [(3, 3), (1, 0)]
    assert (found.pictures, found.agreed) == (4, 3)
    assert [(c.code, c.first, c.second, c.both) for c in found.codes] == [
        ("dent", 2, 1, 1),
        ("run", 1, 0, 0),
        ("scratch", 0, 1, 0),
    ]


def test_without_a_second_look_there_is_nothing_to_tell() -> None:
    found = reviewers_of([], zone=ZoneInfo("UTC"))
    assert (found.pictures, found.weeks, found.codes, found.kappa.value) == (0, (), (), None)
