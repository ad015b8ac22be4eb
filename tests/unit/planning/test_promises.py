"""A promise keeps a reserve, says how sure it is, and does not flap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from mes.contracts.plant import PlantModel
from mes.planning.promise import (
    CAP,
    LEAST_RESERVE_S,
    Record,
    blended,
    confidence_of,
    delays,
    make_promise,
    may_return,
    must_move,
    rounded_up,
)
from mes.planning.words import Words, defect

FINISH = datetime(2026, 11, 23, 4, 2, tzinfo=UTC)
NOBODY = Record(0, 0)


def test_a_plant_without_history_says_that_it_assumes() -> None:
    assert blended(0.9, NOBODY).assumed
    assert blended(0.9, Record(25, 29)).assumed
    assert not blended(0.9, Record(25, 30)).assumed


def test_the_prior_weighs_as_much_as_twenty_orders() -> None:
    assert blended(0.5, Record(20, 20)).value == pytest.approx(0.75)


def test_no_promise_is_surer_than_ninety_five_percent() -> None:
    assert blended(1.0, Record(500, 500)).value == CAP


def test_a_promise_keeps_a_reserve_and_is_a_round_time() -> None:
    promise = make_promise(FINISH, np.zeros(100), NOBODY)
    assert promise.at >= FINISH + timedelta(seconds=LEAST_RESERVE_S)
    assert promise.at.minute % 5 == 0
    assert promise.at.second == 0


def test_a_round_time_stays_what_it_is() -> None:
    noon = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    assert rounded_up(noon) == noon
    assert rounded_up(noon + timedelta(seconds=1)) == noon + timedelta(minutes=5)


def test_a_later_date_is_a_surer_date(mini_plant: PlantModel) -> None:
    late = delays(mini_plant.body_lines, ahead_s=7200, seed=1)
    soon = confidence_of(FINISH + timedelta(minutes=1), FINISH, late, NOBODY)
    far = confidence_of(FINISH + timedelta(hours=1), FINISH, late, NOBODY)
    assert soon.value <= far.value


def test_more_lines_and_more_time_make_a_car_less_certain(demo_plant: PlantModel) -> None:
    whole = delays(demo_plant.body_lines, ahead_s=8 * 3600, seed=1)
    end = delays(demo_plant.body_lines[-1:], ahead_s=600, seed=1)
    assert np.quantile(whole, 0.9) > np.quantile(end, 0.9)


def test_the_same_question_is_answered_the_same(demo_plant: PlantModel) -> None:
    once = delays(demo_plant.body_lines, ahead_s=3600, seed=3)
    assert np.array_equal(once, delays(demo_plant.body_lines, ahead_s=3600, seed=3))


def test_a_promise_moves_only_when_it_is_broken() -> None:
    assert not must_move(FINISH, FINISH)
    assert not must_move(FINISH, FINISH - timedelta(hours=2))
    assert must_move(FINISH, FINISH + timedelta(seconds=1))
    assert may_return(FINISH, FINISH)
    assert not may_return(FINISH, FINISH + timedelta(seconds=1))


def test_times_are_told_in_the_zone_of_the_plant() -> None:
    told = Words("Asia/Shanghai").time(FINISH)
    assert told.en == "23 Nov 12:02"
    assert told.zh == "11月23日 12:02"


def test_every_reason_is_told_in_both_languages(mini_plant: PlantModel) -> None:
    words, name = Words("Asia/Shanghai"), mini_plant.lines[0].name
    reasons = [
        words.first_date(FINISH, None),
        words.found("crater", "B1", name, None),
        words.held("B1", name, None),
        words.rework(480, "run", None, assumed=True),
        words.rework(480, None, None, assumed=False),
        words.scrapped("B1", "B2", None),
        words.line_down(name, FINISH, None),
        words.missed(name, FINISH, FINISH, None),
        words.missed(name, None, FINISH, None),
        words.pushed("B1", name, None),
        words.replanned(7, None),
        words.new_date(FINISH, FINISH, None),
        words.reverted("dent", "B1", None),
        words.restored(8, None),
    ]
    assert len({reason.code for reason in reasons}) == 12
    for reason in reasons:
        assert reason.text.en.isascii()
        assert not reason.text.zh.isascii()


def test_an_unknown_kind_of_defect_keeps_its_name() -> None:
    assert defect("loose_thread").en == "loose thread"
    assert defect(None).zh == "缺陷"
