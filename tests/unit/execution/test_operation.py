"""What may happen to an operation and to a line's job, and what the way of a body means."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.contracts.dispatch import JobKind, JobState
from mes.contracts.plant import PlantModel
from mes.execution.model import (
    LineJob,
    Operation,
    OperationEndsBeforeStart,
    OperationOutOfOrder,
    OperationState,
    Place,
    PlaceKind,
    UnknownPlace,
    line_of,
    stage_at,
    stages_on_entering,
    stages_on_leaving,
    station_of,
)
from mes.platform.errors import Problem
from tests.support.floor import at


def an_operation() -> Operation:
    return Operation(uuid4(), uuid4(), "paint", "primer")


def a_line_job(**given: object) -> LineJob:
    fields: dict[str, object] = {
        "id": uuid4(),
        "kind": JobKind.BODY,
        "line": "paint",
        "body_id": uuid4(),
        "panel": None,
        "quantity": 1,
        "state": JobState.WAITING,
        "state_at": at(0),
    }
    return LineJob(**(fields | given))  # type: ignore[arg-type]  # builder


@given(
    st.lists(
        st.tuples(st.sampled_from(["start", "complete", "fail"]), st.floats(0, 100)), max_size=8
    )
)
def test_an_operation_never_ends_before_it_started(story: list[tuple[str, float]]) -> None:
    operation = an_operation()
    for move, when in story:
        try:
            match move:
                case "start":
                    operation = operation.start("primer", at(when))
                case "complete":
                    operation = operation.complete(at(when))
                case _:
                    operation = operation.fail(at(when))
        except Problem:
            continue
        if operation.ended_at is not None:
            assert operation.started_at is not None
            assert operation.started_at <= operation.ended_at
        assert (operation.started_at is None) == (operation.state is OperationState.PLANNED)


def test_an_operation_starts_once_and_ends_once() -> None:
    done = an_operation().start("primer", at(1)).complete(at(2))
    with pytest.raises(OperationOutOfOrder, match="completed"):
        done.start("primer", at(3))
    with pytest.raises(OperationOutOfOrder):
        done.fail(at(3))
    with pytest.raises(OperationEndsBeforeStart):
        an_operation().start("primer", at(2)).complete(at(1))


@given(st.lists(st.tuples(st.sampled_from(list(JobState)), st.floats(0, 100)), max_size=12))
def test_a_job_that_ended_stays_ended_and_its_times_are_in_order(
    story: list[tuple[JobState, float]],
) -> None:
    job = a_line_job()
    for state, when in story:
        after = job.reported(state, at(when), good=0, scrap=0, reason="")
        if job.state.is_final:
            assert after.state is job.state
        if after.started_at and after.ended_at:
            assert after.started_at <= after.ended_at
        job = after


def test_a_report_that_is_older_than_what_is_known_is_no_news() -> None:
    running = a_line_job().reported(JobState.RUNNING, at(5), good=0, scrap=0, reason="")
    assert running.reported(JobState.READY, at(4), good=0, scrap=0, reason="") == running


def test_the_first_line_begins_production_and_the_last_ships(mini_plant: PlantModel) -> None:
    assert stages_on_entering(mini_plant, "body-sub") == ("in_production",)
    assert stages_on_entering(mini_plant, "press-1") == ()
    assert stages_on_leaving(mini_plant, "paint") == ()
    assert stages_on_leaving(mini_plant, "assembly") == ("line_off",)
    assert stages_on_leaving(mini_plant, "eol") == ("line_off", "quality_released", "shipped")


def test_a_place_that_the_plant_does_not_have_is_named(mini_plant: PlantModel) -> None:
    with pytest.raises(UnknownPlace, match="'roof'"):
        station_of(mini_plant, "paint", "roof")
    with pytest.raises(UnknownPlace, match="'moon'"):
        line_of(mini_plant, "moon")


@pytest.mark.parametrize(
    ("place", "stage"),
    [
        (Place(PlaceKind.LINE, line="body-sub", station="s"), "in_production"),
        (Place(PlaceKind.STORE, store="pbs"), "in_production"),
        (Place(PlaceKind.LINE, line="assembly", station="s"), "in_production"),
        (Place(PlaceKind.STORE, store="line-off"), "line_off"),
        (Place(PlaceKind.LINE, line="eol", station="s"), "line_off"),
        (Place(PlaceKind.FINISHED, store="yard"), "shipped"),
    ],
)
def test_a_place_on_the_way_stands_for_a_milestone(
    mini_plant: PlantModel, place: Place, stage: str
) -> None:
    assert stage_at(mini_plant, place) == stage
