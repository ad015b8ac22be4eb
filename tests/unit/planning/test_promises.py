"""A promise keeps a reserve, says how sure it is, and does not flap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from mes.contracts.plant import PlantModel
from mes.planning.promise import (
    CAP,
    LEAST_RESERVE_S,
    NO_PATIENCE,
    PATIENCE,
    LineHistory,
    Record,
    Verdict,
    blended,
    confidence_of,
    delays,
    make_promise,
    may_return,
    rounded_up,
    verdict,
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


def stands(
    finish_after: timedelta, *, late_for: timedelta | None = None, **facts: timedelta
) -> Verdict:
    """Return the verdict on a promise five hours ahead."""
    now = FINISH - timedelta(hours=5)
    return verdict(
        FINISH,
        FINISH + finish_after,
        now=now,
        late_since=None if late_for is None else now - late_for,
        patience=facts.get("patience", PATIENCE),
    )


def test_a_promise_with_a_cause_of_its_own_moves_when_it_is_broken_and_not_before() -> None:
    assert stands(-timedelta(hours=2), patience=NO_PATIENCE) is Verdict.KEPT
    assert stands(timedelta(0), patience=NO_PATIENCE) is Verdict.KEPT
    assert stands(timedelta(seconds=1), patience=NO_PATIENCE) is Verdict.BROKEN


def test_a_projection_that_may_recover_only_puts_a_promise_in_doubt() -> None:
    assert stands(timedelta(minutes=20)) is Verdict.WATCHED
    assert stands(timedelta(minutes=20), late_for=timedelta(minutes=59)) is Verdict.WATCHED
    assert stands(timedelta(minutes=20), late_for=timedelta(minutes=60)) is Verdict.BROKEN
    assert stands(-timedelta(minutes=1), late_for=timedelta(hours=2)) is Verdict.KEPT


def test_a_customer_is_told_in_time_however_patient_the_plant_is() -> None:
    def told(now: datetime, since: datetime | None) -> Verdict:
        finish = FINISH + timedelta(minutes=9)
        return verdict(FINISH, finish, now=now, late_since=since, patience=PATIENCE)

    soon = FINISH - timedelta(minutes=20)
    assert told(soon, soon - timedelta(minutes=5)) is Verdict.BROKEN
    assert told(FINISH, None) is Verdict.BROKEN


def test_a_former_date_is_given_back_only_when_it_is_in_reach() -> None:
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


def test_a_line_that_stands_more_than_its_file_says_makes_cars_later(
    demo_plant: PlantModel,
) -> None:
    line = demo_plant.body_lines[-2]
    bad = LineHistory(observed_s=36_000, stops=60, stopped_s=18_000)
    assumed = delays([line], ahead_s=7200, seed=1)
    shown = delays([line], ahead_s=7200, seed=1, history={line.id: bad})
    assert np.quantile(shown, 0.9) > np.quantile(assumed, 0.9) + 600


def test_runs_of_a_line_replace_what_its_file_assumes_bit_by_bit(demo_plant: PlantModel) -> None:
    line = demo_plant.body_lines[-1]
    few = delays([line], ahead_s=0, seed=1, history={line.id: LineHistory(runs=(900.0,) * 5)})
    many = delays([line], ahead_s=0, seed=1, history={line.id: LineHistory(runs=(900.0,) * 200)})
    assert 0.1 < np.mean(few == 900.0) < 0.3
    assert np.mean(many == 900.0) > 0.85


def test_fewer_reworks_than_assumed_make_cars_surer(demo_plant: PlantModel) -> None:
    line = next(x for x in demo_plant.body_lines if any(s.defects for s in x.stations))
    good = LineHistory(bodies=2000, reworked=0)
    assumed = delays([line], ahead_s=0, seed=1, samples=20_000)
    shown = delays([line], ahead_s=0, seed=1, samples=20_000, history={line.id: good})
    assert np.mean(shown > 300) < np.mean(assumed > 300)


def test_a_promise_made_during_a_stop_allows_for_a_longer_one(demo_plant: PlantModel) -> None:
    quiet = delays(demo_plant.body_lines, ahead_s=600, seed=1)
    down = delays(demo_plant.body_lines, ahead_s=600, seed=1, down_s=[1800.0])
    assert np.quantile(down, 0.9) > np.quantile(quiet, 0.9) + 1200
