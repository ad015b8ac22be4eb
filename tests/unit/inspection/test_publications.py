"""How a pipeline comes to a camera beside what judges there, and how it is taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from mes.inspection.pipelines.publication import (
    AlreadyPublished,
    NoPipelineOnTrial,
    NothingPublished,
    Place,
    Publication,
    PublicationState,
)
from mes.inspection.rollout import PipelineTrialRuns

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
BY = {"now": NOW, "actor": "user:b"}


def a_publication(
    number: int,
    state: PublicationState = PublicationState.PUBLISHED,
    *,
    followed: int | None = None,
    camera: str = "cam",
) -> Publication:
    before = NOW - timedelta(hours=1)
    return Publication(
        UUID(int=number),
        camera,
        UUID(int=99),
        number,
        f"{number:064x}",
        f"{number:064x}",
        state,
        before,
        before,
        "user:a",
        None,
        None if followed is None else UUID(int=followed),
        "Gap",
    )


def at(*publications: Publication) -> Place:
    return Place.of("cam", publications)


def test_a_version_looks_on_judges_a_share_and_then_every_part() -> None:
    judges = a_publication(1)
    (shadow,) = at(judges).tried(a_publication(2))
    assert shadow.state is PublicationState.SHADOW
    (canary,) = at(judges, shadow).promoted(every=10, **BY)
    assert (canary.state, canary.every) == (PublicationState.CANARY, 10)
    retired, published = at(judges, canary).promoted(every=2, **BY)
    assert (retired.id, retired.state) == (judges.id, PublicationState.RETIRED)
    assert (published.state, published.followed) == (PublicationState.PUBLISHED, judges.id)
    assert published.changed_by == "user:b"


def test_where_no_pipeline_judges_the_trial_stands_beside_the_model() -> None:
    (shadow,) = at().tried(a_publication(2))
    (canary,) = at(shadow).promoted(every=5, **BY)
    (published,) = at(canary).promoted(every=5, **BY)
    assert (published.state, published.followed) == (PublicationState.PUBLISHED, None)


def test_rolling_back_ends_the_trial_and_leaves_what_judges() -> None:
    place = at(a_publication(1), a_publication(2, PublicationState.CANARY))
    former = a_publication(7, PublicationState.RETIRED)
    (ended,) = place.rolled_back(former, reason="too many false calls", **BY)
    assert (ended.number, ended.state) == (2, PublicationState.RETIRED)
    assert ended.reason == "too many false calls"


def test_rolling_back_what_judges_brings_the_former_one_back_or_the_model_alone() -> None:
    place = at(a_publication(2, followed=1))
    former = a_publication(1, PublicationState.RETIRED)
    ended, back = place.rolled_back(former, reason="broken", **BY)
    assert (ended.number, back.number) == (2, 1)
    assert back.state is PublicationState.PUBLISHED
    assert len(place.rolled_back(None, reason="broken", **BY)) == 1


def test_a_camera_has_one_trial_and_tries_nothing_that_judges_already() -> None:
    trial = a_publication(2, PublicationState.SHADOW)
    with pytest.raises(PipelineTrialRuns):
        at(trial).tried(a_publication(3))
    with pytest.raises(PipelineTrialRuns):
        at(trial).published(a_publication(2))
    with pytest.raises(AlreadyPublished):
        at(a_publication(1)).tried(a_publication(1))
    with pytest.raises(AlreadyPublished):
        at(a_publication(1)).published(a_publication(1))


def test_what_is_published_at_once_leaves_the_trial_of_another_version_alone() -> None:
    trial = a_publication(2, PublicationState.SHADOW)
    retired, new = at(a_publication(1), trial).published(a_publication(3))
    assert (retired.number, new.number, new.followed) == (1, 3, UUID(int=1))


def test_without_a_trial_nothing_is_promoted_and_without_a_pipeline_nothing_taken_back() -> None:
    elsewhere = a_publication(1, camera="other")
    with pytest.raises(NoPipelineOnTrial):
        at(elsewhere, a_publication(2, PublicationState.RETIRED)).promoted(every=5, **BY)
    with pytest.raises(NothingPublished):
        at(elsewhere).rolled_back(None, reason="why not", **BY)
