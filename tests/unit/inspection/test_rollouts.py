"""How a model comes to the line and how it is taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mes.inspection.drift import EARLIER, RECENT, drift_of
from mes.inspection.rollout import (
    Camera,
    Comparison,
    NothingOnTrial,
    NothingToRollBack,
    Rollout,
    RolloutState,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def a_rollout(
    number: int, state: RolloutState, *, followed: int | None = None, camera: str = "cam"
) -> Rollout:
    before = NOW - timedelta(hours=1)
    return Rollout(
        UUID(int=number),
        camera,
        f"{number:064x}",
        state,
        before,
        before,
        "user:a",
        None,
        None if followed is None else UUID(int=followed),
    )


def test_a_shadow_becomes_a_canary_and_then_active() -> None:
    at = Camera.of("cam", [a_rollout(2, RolloutState.SHADOW)])
    (canary,) = at.promoted(now=NOW, actor="user:b", every=20)
    assert (canary.state, canary.every) == (RolloutState.CANARY, 20)
    (active,) = Camera.of("cam", [canary]).promoted(now=NOW, actor="user:b")
    assert (active.state, active.changed_by) == (RolloutState.ACTIVE, "user:b")


def test_the_active_model_retires_before_the_next_takes_its_place() -> None:
    rollouts = [a_rollout(1, RolloutState.ACTIVE), a_rollout(2, RolloutState.CANARY)]
    retired, active = Camera.of("cam", rollouts).promoted(now=NOW, actor="user:b")
    assert (retired.id, retired.state) == (UUID(int=1), RolloutState.RETIRED)
    assert (active.id, active.followed) == (UUID(int=2), UUID(int=1))


def test_rolling_back_ends_the_trial_first() -> None:
    rollouts = [a_rollout(1, RolloutState.ACTIVE), a_rollout(2, RolloutState.CANARY)]
    at = Camera.of("cam", rollouts)
    (ended,) = at.rolled_back(None, now=NOW, actor="user:b", reason="too many false calls")
    assert (ended.id, ended.state) == (UUID(int=2), RolloutState.RETIRED)
    assert ended.reason == "too many false calls"


def test_rolling_back_the_active_model_brings_the_former_one_back() -> None:
    at = Camera.of("cam", [a_rollout(2, RolloutState.ACTIVE, followed=1)])
    former = a_rollout(1, RolloutState.RETIRED)
    ended, back = at.rolled_back(former, now=NOW, actor="system", reason="broken")
    assert (ended.state, back.state) == (RolloutState.RETIRED, RolloutState.ACTIVE)
    assert back.id == former.id


def test_nothing_on_trial_cannot_be_promoted_nor_the_shipped_package_rolled_back() -> None:
    at = Camera.of("cam", [a_rollout(1, RolloutState.ACTIVE, camera="other")])
    with pytest.raises(NothingOnTrial):
        at.promoted(now=NOW, actor="user:b")
    with pytest.raises(NothingToRollBack):
        at.rolled_back(None, now=NOW, actor="user:b", reason="why not")


def test_agreement_counts_pictures_with_equal_verdicts() -> None:
    assert Comparison("cam", 10, 1, 2, 1, 5.0).agreement == pytest.approx(0.7)
    assert Comparison("cam", 0, 0, 0, 0, 0.0).agreement is None


def wave(count: int, level: float) -> list[float]:
    return [level + 0.02 * ((n * 7) % 11 - 5) / 5 for n in range(count)]


def test_scores_that_stay_are_no_drift_and_scores_that_rise_are() -> None:
    steady = drift_of(wave(EARLIER + RECENT, 0.1))
    risen = drift_of(wave(EARLIER, 0.1) + wave(RECENT, 0.2))
    assert steady is not None and not steady.alarm
    assert risen is not None and risen.alarm and risen.shift > 0


def test_defects_among_the_recent_pictures_are_no_drift() -> None:
    scores = wave(EARLIER, 0.1) + [
        0.99 if n % 5 == 0 else s for n, s in enumerate(wave(RECENT, 0.1))
    ]
    found = drift_of(scores)
    assert found is not None and not found.alarm


def test_few_pictures_say_nothing() -> None:
    assert drift_of(wave(RECENT + 99, 0.1)) is None
