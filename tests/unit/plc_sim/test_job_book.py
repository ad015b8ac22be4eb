"""What the methods of Job Control do to a line's list."""

from __future__ import annotations

import pytest

from mes.contracts.dispatch import JobKind, JobState
from mes.contracts.job_parameters import (
    MAX_STORED_JOBS,
    JobParametersError,
    ReturnStatus,
    from_parameters,
    to_parameters,
)
from plc_sim.core.jobs import DONE, JobBook
from tests.support.lines import a_body_job, a_die_lot


def a_book() -> JobBook:
    return JobBook("paint", frozenset({JobKind.BODY, JobKind.REWORK}))


def test_a_job_order_is_stored_once() -> None:
    book, job = a_book(), a_body_job("paint", 1)
    assert book.store(job, start=True) is ReturnStatus.NO_ERROR
    assert book.store(job, start=True) == DONE
    assert len(book.entries) == 1


def test_a_job_order_that_ended_is_not_begun_again() -> None:
    book, job = a_book(), a_body_job("paint", 1)
    book.store(job, start=True)
    book.end(str(job.id), JobState.COMPLETED)
    assert book.clear(str(job.id)) is ReturnStatus.NO_ERROR
    assert book.store(job, start=True) == DONE
    assert not book.entries
    assert book.cancel(str(job.id)) is ReturnStatus.INVALID_STATUS


def test_a_cancelled_job_order_can_be_given_again() -> None:
    book, job = a_book(), a_body_job("paint", 1)
    book.store(job, start=True)
    assert book.cancel(str(job.id)) is ReturnStatus.NO_ERROR
    assert book.forget_old() == [str(job.id)]
    assert book.cancel(str(job.id)) == DONE
    assert book.store(job, start=True) is ReturnStatus.NO_ERROR


def test_a_running_job_order_is_neither_cancelled_nor_replaced() -> None:
    book, job = a_book(), a_body_job("paint", 1)
    book.store(job, start=True)
    book.entries[str(job.id)].state = JobState.RUNNING
    changed = job.model_copy(update={"sequence": 7})
    assert book.cancel(str(job.id)) is ReturnStatus.INVALID_STATUS
    assert book.update(changed) is ReturnStatus.INVALID_STATUS


def test_an_update_keeps_the_permission_to_start() -> None:
    book, job = a_book(), a_body_job("paint", 1)
    book.store(job, start=False)
    changed = job.model_copy(update={"sequence": 7})
    assert book.update(changed) is ReturnStatus.NO_ERROR
    assert book.update(changed) == DONE
    assert book.entries[str(job.id)].state is JobState.WAITING
    assert book.start(str(job.id)) is ReturnStatus.NO_ERROR
    assert book.revoke_start(str(job.id)) is ReturnStatus.NO_ERROR
    assert not book.ready(JobKind.BODY)


def test_what_is_not_for_this_line_is_refused() -> None:
    book = a_book()
    assert book.store(a_body_job("eol", 1), start=True) is ReturnStatus.INVALID_REQUEST
    lot = a_die_lot("paint", "c1-hood", 10)
    assert book.store(lot, start=True) is ReturnStatus.INVALID_REQUEST
    assert book.cancel("no such id") is ReturnStatus.UNKNOWN_JOB_ORDER
    assert book.clear("no such id") is ReturnStatus.UNKNOWN_JOB_ORDER


def test_a_full_list_refuses_one_more() -> None:
    book = a_book()
    for number in range(MAX_STORED_JOBS):
        book.store(a_body_job("paint", number), start=False)
    status = book.store(a_body_job("paint", 999), start=False)
    assert status.word == "not_accepted+list_full"
    assert not status.is_good


def test_a_job_order_travels_as_parameters_and_comes_back_equal() -> None:
    job = a_body_job("paint", 4, options=("SUN", "AWD"), parts=("seats:S-1",), color_hex="#aa0011")
    assert from_parameters(str(job.id), to_parameters(job)) == job


def test_parameters_may_be_typed() -> None:
    job = a_body_job("paint", 4)
    typed: list[tuple[str, object]] = [
        (name, int(text) if name in {"sequence", "attempt", "quantity"} else text)
        for name, text in to_parameters(job)
    ]
    assert from_parameters(str(job.id), typed) == job


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ([("kind", "body")], "line"),
        ([("kind", "body"), ("kind", "body")], "twice"),
        ([("options", "SUN,AWD")], "options"),
    ],
)
def test_parameters_that_are_no_job_order_are_told_by_name(
    parameters: list[tuple[str, object]], said: str
) -> None:
    with pytest.raises(JobParametersError, match=said):
        from_parameters("0192f7a0-0000-7000-8000-00000000c2a1", parameters)
