"""Which pictures train and which measure, whether they are enough, and who was right where."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from mes.inspection.training_figures import (
    auroc_interval,
    differing,
    figures_of,
    mcnemar,
    mistakes,
)
from mes.inspection.training_model import (
    NotExamined,
    NothingToStop,
    Picture,
    Regions,
    Target,
    TooFewDefects,
    TooFewGood,
    Training,
    TrainingState,
    Truth,
    Use,
    best_overkill,
    check_enough,
    defects_needed,
)
from mes.inspection.training_split import divided

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
OVERKILL = Target(0.01, None)


def a_picture(number: int, truth: Truth = Truth.GOOD, **given: Any) -> Picture:
    facts: dict[str, Any] = {
        "inspection_id": UUID(int=number),
        "image_sha256": f"{number:064d}",
        "image_is_here": True,
        "image_w": 64,
        "image_h": 64,
        "triggered_at": NOW,
        "truth": truth,
        "reviewed": True,
        "kind": "spatter" if truth is Truth.DEFECT else None,
        "use": Use.MEASURE,
        "twins": number,
        "findings": (),
        "drawn": None,
        "old": None,
        "new": None,
    }
    return Picture(**(facts | given))


def said(verdict: str, score: float) -> dict[str, Any]:
    return {"verdict": verdict, "score": score, "regions": [], "reason": None, "ms": 8.0}


def a_training(state: TrainingState) -> Training:
    return Training(
        UUID(int=1), "weld-camera", "welding", None, NOW, NOW, True, 0.01, None,
        Regions.NONE, None, state, {}, False, None, None, None, "user:q", NOW, None,
    )  # fmt: skip


def test_too_few_good_pictures_are_refused_with_how_many_are_needed() -> None:
    with pytest.raises(TooFewGood) as refused:
        check_enough(13, 0, OVERKILL)
    assert refused.value.facts == {"found": 13, "needed": 20, "missing": 7}
    check_enough(20, 0, OVERKILL)


@pytest.mark.parametrize(("escape", "needed"), [(0.05, 59), (0.01, 299)])
def test_an_escape_rate_is_proved_by_so_many_found_defects(escape: float, needed: int) -> None:
    assert defects_needed(escape) == needed
    check_enough(20, needed, Target(0.01, escape))
    with pytest.raises(TooFewDefects) as refused:
        check_enough(20, needed - 1, Target(0.01, escape))
    assert refused.value.facts["needed"] == needed


def test_no_overkill_below_one_in_n_plus_one_can_be_promised() -> None:
    assert best_overkill(99) == pytest.approx(0.01)


def test_near_duplicates_never_straddle_the_split_and_defects_never_teach() -> None:
    pictures = [a_picture(n, twins=n // 3) for n in range(60)]
    pictures += [a_picture(100 + n, Truth.DEFECT) for n in range(5)]
    parts = divided(pictures, [UUID(int=7)], seed=3)
    sides: dict[int | None, set[Use]] = {}
    for p in parts:
        if p.use is not Use.LEFT_OUT:
            sides.setdefault(p.twins, set()).add(p.use)
    assert all(len(uses) == 1 for uses in sides.values())
    uses = Counter((p.truth, p.use) for p in parts)
    assert uses[Truth.GOOD, Use.LEFT_OUT] == 1
    assert uses[Truth.GOOD, Use.MEASURE] in (14, 15)
    assert uses[Truth.DEFECT, Use.MEASURE] == 5
    assert divided(pictures, [UUID(int=7)], seed=3) == parts


def test_a_picture_that_cannot_be_read_is_left_out_by_itself() -> None:
    pictures = [a_picture(n) for n in range(20)]
    pictures.append(a_picture(50, findings=("unreadable",), twins=None))
    assert divided(pictures, [], seed=1)[-1].use is Use.LEFT_OUT


def test_one_large_group_of_twins_still_leaves_something_to_measure_on() -> None:
    parts = divided([a_picture(n, twins=n // 10) for n in range(20)], [], seed=1)
    assert Counter(p.use for p in parts) == {Use.LEARN: 10, Use.MEASURE: 10}


def test_a_training_goes_from_looking_over_to_training_and_can_be_stopped() -> None:
    with pytest.raises(NotExamined):
        a_training(TrainingState.EXAMINING).started()
    examined = a_training(TrainingState.EXAMINED)
    assert examined.started().state is TrainingState.TRAINING
    assert examined.asked_to_stop(now=NOW).state is TrainingState.STOPPED
    running = examined.started().asked_to_stop(now=NOW)
    assert (running.state, running.stop_asked) == (TrainingState.TRAINING, True)
    with pytest.raises(NothingToStop):
        a_training(TrainingState.TRAINED).asked_to_stop(now=NOW)


def test_old_and_new_are_counted_on_the_same_pictures() -> None:
    pictures = [
        a_picture(1, old=said("OK", 0.1), new=said("OK", 0.2)),
        a_picture(2, old=said("NOK", 0.7), new=said("OK", 0.3)),
        a_picture(3, old=said("UNFIT", 0.0), new=said("NOK", 0.8)),
        a_picture(4, Truth.DEFECT, old=said("OK", 0.4), new=said("NOK", 0.9)),
        a_picture(5, Truth.DEFECT, old=said("NOK", 0.9), new=said("UNFIT", 0.0)),
    ]
    found = figures_of(pictures)
    assert (found["new"]["alarms"], found["new"]["good"]) == (1, 3)
    assert (found["new"]["escapes"], found["new"]["unfit"]) == (1, 1)
    assert found["new"]["auroc"] == 1.0
    assert found["old"]["overkill"]["rate"] == pytest.approx(2 / 3)
    assert found["old"]["escape"]["low"] == pytest.approx(0.0126, abs=1e-4)  # 1 of 2, exact
    assert found["beside"]["good"] == {"both": 1, "new_alone": 1, "old_alone": 0, "neither": 1}
    assert found["beside"]["defect"] == {"both": 0, "new_alone": 1, "old_alone": 1, "neither": 0}
    escapes, alarms = mistakes(pictures)
    assert [p.inspection_id.int for p in escapes] == [5]
    assert [p.inspection_id.int for p in alarms] == [3]
    assert [p.inspection_id.int for p in differing(pictures)] == [5, 2, 4]


def test_without_an_old_model_and_without_defects_nothing_is_made_up() -> None:
    found = figures_of([a_picture(n, new=said("OK", 0.1)) for n in range(5)])
    assert found["old"] is None
    assert found["beside"] is None
    assert found["new"]["escape"] is None
    assert found["new"]["auroc"] is None


def test_an_uneven_difference_is_told_from_chance() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(10, 1) == pytest.approx(2 * 12 / 2048)


def test_the_interval_of_a_perfect_area_is_not_a_point() -> None:
    low, high = auroc_interval(1.0, 20, 10)
    assert high == 1.0
    assert 0.7 < low < 0.95
    low, high = auroc_interval(0.9, 100, 100)
    assert low < 0.9 < high
    assert 0.08 < high - low < 0.1
    wide = auroc_interval(0.9, 10, 10)
    assert wide[0] < low
