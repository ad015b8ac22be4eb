"""Job orders: what reports may change, and what a line is told so that it follows the plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.contracts.dispatch import JobKind, JobOrder, JobState
from mes.contracts.ids import job_order_id
from mes.dispatching.model import (
    MAX_REFUSALS,
    STEP,
    Job,
    JobRuns,
    Reach,
    Wanted,
    as_lanes_give,
    as_they_come,
    left_behind,
    may_follow,
    numbered,
    orders_for,
    reconciled,
)

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
SPACE = UUID(int=7)


def subject(n: int) -> UUID:
    """Return the id of the nth body."""
    return uuid5(SPACE, str(n))


def a_job(n: int, state: JobState = JobState.READY, *, sequence: int | None = None) -> Job:
    """Return the job of the nth body on the paint line."""
    body = subject(n)
    number = STEP * (n + 1) if sequence is None else sequence
    order = JobOrder(
        id=job_order_id(str(body), "paint", 1),
        kind=JobKind.BODY,
        line="paint",
        attempt=1,
        sequence=number,
        start_at=NOON,
        body_id=body,
    )
    return Job(
        id=order.id,
        kind=JobKind.BODY,
        line="paint",
        subject_id=body,
        attempt=1,
        state=state,
        state_at=NOON,
        sequence=number,
        order=order,
        body_id=body,
    )


def wanted(*bodies: int, ahead: int = 3) -> Wanted:
    """Return what the plan wants next on the line."""
    return Wanted(tuple(subject(n) for n in bodies), ahead)


reports = st.lists(st.tuples(st.sampled_from(list(JobState)), st.integers(0, 600)), max_size=12)


@given(reports)
def test_a_job_that_has_ended_stays_ended(sequence: list[tuple[JobState, int]]) -> None:
    job, ended = a_job(1, JobState.WAITING), None
    for state, second in sequence:
        job = job.reported(state, NOON + timedelta(seconds=second))
        if ended is not None:
            assert job.state in (ended, JobState.CLOSED)
        if job.state.is_final:
            ended = job.state


@given(reports)
def test_a_job_that_has_begun_is_never_waiting_again(
    sequence: list[tuple[JobState, int]],
) -> None:
    job, begun = a_job(1, JobState.WAITING), False
    for state, second in sequence:
        job = job.reported(state, NOON + timedelta(seconds=second))
        assert not (begun and not job.has_begun)
        begun = begun or job.has_begun


@given(reports)
def test_a_report_that_comes_twice_changes_nothing_the_second_time(
    sequence: list[tuple[JobState, int]],
) -> None:
    job = a_job(1, JobState.WAITING)
    for state, second in sequence:
        job = job.reported(state, NOON + timedelta(seconds=second))
        assert job.reported(state, NOON + timedelta(seconds=second)) == job


STORY = [JobState.DISPATCHED, JobState.READY, JobState.RUNNING, JobState.COMPLETED]


@given(st.permutations(list(enumerate(STORY))))
def test_reports_in_any_order_end_where_the_line_ended(told: list[tuple[int, JobState]]) -> None:
    job = a_job(1, JobState.WAITING)
    for second, state in told:
        at = NOON + timedelta(seconds=second)
        job = job.reported(state, at)
    assert job.state is JobState.COMPLETED


def test_a_completed_job_may_still_be_closed() -> None:
    assert may_follow(JobState.COMPLETED, JobState.CLOSED)
    assert not may_follow(JobState.CANCELLED, JobState.RUNNING)


def test_a_running_job_cannot_be_taken_back() -> None:
    with pytest.raises(JobRuns):
        a_job(1, JobState.RUNNING).taken_back()


def test_counters_of_a_running_lot_grow_and_never_shrink() -> None:
    job = a_job(1, JobState.RUNNING).reported(JobState.RUNNING, NOON, good=40)
    assert job.good == 40
    assert job.reported(JobState.RUNNING, NOON, good=30).good == 40


def test_an_empty_line_gets_the_next_jobs_of_the_plan_and_no_more() -> None:
    told = orders_for([], wanted(1, 2, 3, 4, 5), refused={})
    assert [s for s, _ in told.store] == [subject(1), subject(2), subject(3)]
    assert not told.move
    assert not told.cancel


def test_a_line_that_follows_the_plan_is_told_nothing() -> None:
    jobs = [a_job(n) for n in (1, 2, 3)]
    assert orders_for(jobs, wanted(1, 2, 3, 4), refused={}).is_empty


def test_a_body_that_is_moved_back_a_little_only_changes_its_number() -> None:
    jobs = [a_job(n) for n in (1, 2, 3)]
    told = orders_for(jobs, wanted(2, 3, 1), refused={})
    assert [job for job, _ in told.move] == [jobs[0].id]
    assert told.move[0][1] > jobs[2].sequence
    assert not told.cancel


def test_a_body_that_is_moved_far_back_is_taken_off_the_line() -> None:
    jobs = [a_job(n) for n in (1, 2, 3)]
    told = orders_for(jobs, wanted(2, 3, 4, 5, 6, 7, 1), refused={})
    assert told.cancel == (jobs[0].id,)
    assert [s for s, _ in told.store] == [subject(4)]


def test_a_job_that_runs_is_left_alone_whatever_the_plan_says() -> None:
    running = a_job(1, JobState.RUNNING)
    told = orders_for([running, a_job(2)], wanted(3, 2, ahead=2), refused={})
    assert running.id not in told.cancel
    assert running.id not in [job for job, _ in told.move]


def test_a_body_that_left_the_plan_is_taken_off_the_line() -> None:
    jobs = [a_job(1), a_job(2)]
    gone = replace(wanted(2), gone=frozenset({subject(1)}))
    assert orders_for(jobs, gone, refused={}).cancel == (jobs[0].id,)


def test_a_cancellation_under_way_is_not_sent_again() -> None:
    job = a_job(1).taken_back()
    assert orders_for([job], replace(wanted(), gone=frozenset({subject(1)})), refused={}).is_empty


def test_a_job_that_its_line_keeps_refusing_is_not_pressed_on_it() -> None:
    told = orders_for([], wanted(1, 2), refused={subject(1): MAX_REFUSALS})
    assert [s for s, _ in told.store] == [subject(2)]


@given(
    st.lists(st.integers(0, 40), unique=True, max_size=14),
    st.dictionaries(st.integers(0, 40), st.integers(1, 60), max_size=14),
)
def test_sequence_numbers_rise_along_the_plan_and_are_never_taken(
    order: list[int], stored: dict[int, int]
) -> None:
    unique = {n: number for number, n in {v: k for k, v in stored.items()}.items()}
    plan = [subject(n) for n in order]
    current = {subject(n): number for n, number in unique.items() if n in order}
    others = [number for n, number in unique.items() if n not in order]
    found = numbered(plan, current, others)
    assert list(found) or not plan
    rising = [found[s] for s in plan]
    assert rising == sorted(set(rising))
    changed = {s: n for s, n in found.items() if current.get(s) != n}
    assert not set(changed.values()) & (set(current.values()) | set(others))


def test_a_job_fits_between_two_others_without_moving_them() -> None:
    current = {subject(1): STEP, subject(2): 2 * STEP}
    found = numbered([subject(1), subject(3), subject(2)], current, current.values())
    assert found[subject(1)] == STEP
    assert found[subject(2)] == 2 * STEP
    assert STEP < found[subject(3)] < 2 * STEP


def test_a_job_the_line_lost_before_it_began_is_sent_again() -> None:
    job, again = reconciled(a_job(1), None, NOON)
    assert again
    assert job.state is JobState.READY


def test_a_job_that_is_gone_after_its_cancellation_is_cancelled() -> None:
    job, again = reconciled(a_job(1).taken_back(), None, NOON)
    assert not again
    assert job.state is JobState.CANCELLED


def test_the_line_knows_better_how_far_a_job_is() -> None:
    job, again = reconciled(a_job(1), JobState.RUNNING, NOON + timedelta(seconds=5))
    assert not again
    assert job.state is JobState.RUNNING


@pytest.mark.parametrize(
    ("kind", "ok", "code", "state"),
    [
        ("store_job", True, "ok", JobState.DISPATCHED),
        ("store_job", True, "already_done", JobState.DISPATCHED),
        ("store_job", False, "not_accepted+list_full", JobState.ABORTED),
        ("cancel_job", True, "ok", JobState.CANCELLED),
        ("cancel_job", False, "unknown_job_order", JobState.CANCELLED),
        ("cancel_job", False, "invalid_status", JobState.RUNNING),
        ("cancel_job", False, "not_accepted", JobState.WAITING),
        ("update_job", False, "unknown_job_order", JobState.CANCELLED),
        ("update_job", False, "invalid_status", JobState.RUNNING),
        ("update_job", False, "invalid_request", JobState.WAITING),
    ],
)
def test_the_answer_to_a_command_decides_what_the_job_is(
    kind: str, ok: bool, code: str, state: JobState
) -> None:
    job = a_job(1, JobState.WAITING)
    assert job.answered(kind, ok=ok, code=code, at=NOON).state is state


def test_a_line_that_has_begun_a_job_is_not_asked_for_it_again() -> None:
    job = a_job(1).taken_back().answered("cancel_job", ok=False, code="invalid_status", at=NOON)
    told = orders_for([job], Wanted((), 3, frozenset({subject(1)})), refused={})
    assert told.is_empty
    assert job.reported(JobState.COMPLETED, NOON).state is JobState.COMPLETED


def test_a_job_runs_however_far_behind_the_clock_of_its_line_is() -> None:
    stored = a_job(1, JobState.WAITING).answered(
        "store_job", ok=True, code="ok", at=NOON + timedelta(minutes=2)
    )
    behind = NOON - timedelta(seconds=40)
    assert stored.reported(JobState.RUNNING, behind).state is JobState.RUNNING


def test_what_the_line_is_about_to_begin_is_neither_moved_nor_taken_back() -> None:
    jobs = [a_job(n) for n in range(4)]
    there = frozenset(job.subject_id for job in jobs)
    plan = Wanted(tuple(subject(n) for n in (3, 2, 9, 8, 7, 6, 0)), 3, there=there)
    told = orders_for(jobs, plan, refused={})
    touched = {job for job, _ in told.move} | set(told.cancel)
    assert touched.isdisjoint({jobs[0].id, jobs[1].id})


def test_what_left_the_plan_is_taken_back_even_at_the_head_of_the_line() -> None:
    jobs = [a_job(0)]
    plan = Wanted((), 3, frozenset({subject(0)}), frozenset({subject(0)}))
    assert orders_for(jobs, plan, refused={}).cancel == (jobs[0].id,)


def test_a_job_of_a_body_that_passed_the_line_long_ago_is_left_behind() -> None:
    assert left_behind(a_job(1), NOON + timedelta(hours=1))
    assert not left_behind(a_job(1), NOON + timedelta(minutes=1))
    assert not left_behind(a_job(1, JobState.RUNNING), NOON + timedelta(hours=1))


def test_a_line_takes_what_stands_before_it_in_the_order_of_the_plan() -> None:
    first, second, third, fourth = (subject(n) for n in range(4))
    reach = Reach(here=frozenset({third, fourth}), coming=frozenset({second}))
    planned = [first, second, third, fourth]
    assert as_they_come(planned, reach) == (third, fourth, second, first)


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)))
def test_no_subject_is_lost_or_doubled_when_work_is_taken_as_it_comes(
    order: list[int], here: set[int], coming: set[int]
) -> None:
    subjects = [UUID(int=number) for number in order]
    reach = Reach(
        here=frozenset(UUID(int=n) for n in here),
        coming=frozenset(UUID(int=n) for n in coming - here),
    )
    came = as_they_come(subjects, reach)
    assert sorted(came) == sorted(subjects)
    assert set(came[: len(here)]) == reach.here


def test_a_store_of_lanes_gives_its_heads_in_the_order_of_the_plan() -> None:
    first, second, third, fourth, away = (uuid4() for _ in range(5))
    planned = (first, second, third, fourth, away)
    assert as_lanes_give(planned, []) == planned
    lanes = [[third, first], [second, fourth]]
    assert as_lanes_give(planned, lanes) == (second, third, first, fourth, away)
    assert as_lanes_give((second, first), [[third, first]]) == (second, first)
