"""A dry run says of a command what the line would say, and asks the line for nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from edge.opcua.line_methods import LineMethods
from edge.opcua.rehearsal import rehearse_job
from mes.contracts.agent import CommandPage, Heartbeat
from mes.contracts.dispatch import FIRST_KINDS, Command, CommandKind, JobKind, JobOrder, JobState
from mes.contracts.job_parameters import JOB_CONTROL_STATE_OF
from mes.contracts.line_layout import line_interface
from plc_sim.core.jobs import JobBook
from tests.support.lines import a_body_job, plant_of

STATES = sorted(JOB_CONTROL_STATE_OF.keys() - {JobState.PENDING, JobState.DISPATCHED})
"""The states in which our own lines list a job."""


def a_book(job: JobOrder, state: JobState | None) -> JobBook:
    book = JobBook("paint", frozenset({JobKind.BODY}))
    if state is not None:
        book.store(job, start=False)
        book.entries[str(job.id)].state = state
    return book


def told(book: JobBook, kind: CommandKind, job: JobOrder) -> str:
    key = str(job.id)
    match kind:
        case CommandKind.STORE_JOB:
            return book.store(job, start=True).word
        case CommandKind.STORE_ONLY:
            return book.store(job, start=False).word
        case CommandKind.UPDATE_JOB:
            return book.update(job.model_copy(update={"sequence": 99})).word
        case CommandKind.START_JOB:
            return book.start(key).word
        case CommandKind.PAUSE_JOB:
            return book.pause(key).word
        case CommandKind.RESUME_JOB:
            return book.resume(key).word
        case CommandKind.CANCEL_JOB:
            return book.cancel(key).word
        case _:
            return book.clear(key).word


@pytest.mark.parametrize("state", [None, *STATES])
@pytest.mark.parametrize(
    "kind",
    [
        CommandKind.STORE_JOB,
        CommandKind.STORE_ONLY,
        CommandKind.UPDATE_JOB,
        CommandKind.START_JOB,
        CommandKind.PAUSE_JOB,
        CommandKind.RESUME_JOB,
        CommandKind.CANCEL_JOB,
        CommandKind.CLEAR_JOB,
    ],
)
def test_a_dry_run_says_what_the_line_then_says(kind: CommandKind, state: JobState | None) -> None:
    job = a_body_job("paint", 1)
    book, key = a_book(job, state), str(job.id)
    word, after = rehearse_job(kind, key, {} if state is None else {key: state})
    assert told(book, kind, job) == word
    left = book.entries.get(key)
    there = None if left is None or left.state is JobState.CANCELLED else left.state
    assert there is after


def test_a_kind_of_a_newer_mes_is_read_as_unknown_beside_those_that_are_known() -> None:
    commands = [
        {**_a_command(CommandKind.CANCEL_JOB).model_dump(mode="json"), "kind": kind}
        for kind in ("paint_it_black", "cancel_job")
    ]
    page = CommandPage.model_validate({"commands": commands, "cursor": 2, "config_version": 1})
    assert [c.kind for c in page.commands] == [CommandKind.UNKNOWN, CommandKind.CANCEL_JOB]


def test_an_agent_that_does_not_say_what_it_knows_is_taken_for_one_of_the_first_version() -> None:
    assert Heartbeat.model_fields["commands"].default == ()
    assert CommandKind.DRY_RUN not in FIRST_KINDS
    assert CommandKind.START_JOB not in FIRST_KINDS


class DeadLink:
    """A session on which nothing may happen."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked of the line")


def _a_command(kind: CommandKind, **more: Any) -> Command:
    facts = {"issued_at": "2026-03-02T06:00:00Z", "actor": "user:ann", "job_order_id": UUID(int=1)}
    return Command.model_validate({"id": uuid4(), "kind": kind, "line": "paint", **facts, **more})


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (_a_command(CommandKind.UNKNOWN), "not_offered"),
        (_a_command(CommandKind.DRY_RUN), "not_offered"),
        (_a_command(CommandKind.DRY_RUN, of=CommandKind.SCRAP_BODY), "not_offered"),
        (
            _a_command(CommandKind.DRY_RUN, of=CommandKind.START_JOB, job_order_id=None),
            "missing_job_order_id",
        ),
    ],
)
async def test_what_cannot_be_rehearsed_is_answered_without_the_line(
    command: Command, word: str
) -> None:
    plant = plant_of("mini")
    methods = LineMethods(DeadLink(), line_interface(plant, plant.line("paint")))  # type: ignore[arg-type]
    assert (await methods.execute(command)).word == word
