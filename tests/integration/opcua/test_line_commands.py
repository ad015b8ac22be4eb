"""The agent's commands on a simulated line: each tried first, then done, then done again without harm."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest

from edge.opcua.line_methods import LineMethods
from edge.opcua.link import open_link
from mes.contracts.dispatch import Command, CommandKind, JobOrder, JobState
from mes.contracts.line_layout import line_interface
from mes.contracts.plant import PlantModel
from plc_sim.core.changes import moment
from tests.support.lines import MONDAY, a_body_job, a_die_lot
from tests.support.sims import Sims


@pytest.fixture(scope="module")
def sims(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sims]:
    sims = Sims(tmp_path_factory.mktemp("floor"))
    sims.set_clock(0)
    sims.start("body-sub", "press-1")
    try:
        yield sims
    finally:
        sims.stop()


def methods_on(link: Any, plant: PlantModel, line: str) -> LineMethods:
    return LineMethods(link, line_interface(plant, plant.line(line)))


@pytest.fixture
async def sub(sims: Sims) -> AsyncIterator[LineMethods]:
    interface = line_interface(sims.plant, sims.plant.line("body-sub"))
    async with open_link(interface.endpoint) as link:
        yield methods_on(link, sims.plant, "body-sub")


def a_command(kind: CommandKind, job: JobOrder, **more: Any) -> Command:
    facts = {"issued_at": moment(MONDAY), "actor": "user:ann", "trace": True}
    sends = kind in (CommandKind.STORE_JOB, CommandKind.STORE_ONLY, CommandKind.UPDATE_JOB)
    facts |= {"job": job} if sends else {"job_order_id": job.id}
    return Command.model_validate({"id": uuid4(), "kind": kind, "line": job.line, **facts, **more})


def tried(command: Command) -> Command:
    return command.model_copy(update={"kind": CommandKind.DRY_RUN, "of": command.kind})


async def done(line: LineMethods, kind: CommandKind, job: JobOrder) -> tuple[Any, Any]:
    """Try a command, do it, do it again; return the states before and after."""
    command = a_command(kind, job)
    rehearsal = await line.execute(tried(command))
    before = await line.jobs()
    answer = await line.execute(command)
    assert (rehearsal.word, answer.word) == ("ok", "ok")
    assert rehearsal.changes == answer.changes
    again = await line.execute(command)
    assert (again.word, again.changes) == ("already_done", ())
    assert (await line.execute(tried(command))).word == "already_done" or kind in (
        CommandKind.CANCEL_JOB,
        CommandKind.CLEAR_JOB,
    )
    (change,) = answer.changes
    assert before != await line.jobs()
    return change.old, change.new


async def test_a_stored_job_waits_for_its_start_and_starts_once(sub: LineMethods) -> None:
    job = a_body_job("body-sub", 1)
    assert await done(sub, CommandKind.STORE_ONLY, job) == (None, "Waiting")
    start = a_command(CommandKind.START_JOB, job)
    (would_be,) = (await sub.execute(tried(start))).changes
    (change,) = (await sub.execute(start)).changes
    assert (would_be.new, change.old) == ("Ready", "Waiting")
    assert change.new == "Running", "it is its turn at once"
    assert (await sub.execute(tried(start))).word == "already_done"
    assert (await sub.execute(start)).word == "already_done"


async def test_what_the_line_would_refuse_is_said_before(sub: LineMethods) -> None:
    job = a_body_job("body-sub", 2)
    assert await done(sub, CommandKind.STORE_ONLY, job)
    for kind in (CommandKind.PAUSE_JOB, CommandKind.RESUME_JOB, CommandKind.CLEAR_JOB):
        command = a_command(kind, job)
        said = await sub.execute(tried(command))
        assert said == await sub.execute(command)
        assert said.word == "invalid_status"
    assert await done(sub, CommandKind.CANCEL_JOB, job) == ("Waiting", None)
    unknown = a_command(CommandKind.START_JOB, a_body_job("body-sub", 3))
    assert (await sub.execute(tried(unknown))).word == "unknown_job_order"
    assert (await sub.execute(unknown)).word == "unknown_job_order"


async def test_a_lot_runs_pauses_goes_on_ends_early_and_is_cleared(sims: Sims) -> None:
    panel = next(p.code for p in sims.plant.panels if "press-1" in p.presses)
    lot = a_die_lot("press-1", panel, 60)
    interface = line_interface(sims.plant, sims.plant.line("press-1"))
    async with open_link(interface.endpoint) as link:
        line = methods_on(link, sims.plant, "press-1")
        stored = await line.execute(a_command(CommandKind.STORE_JOB, lot))
        assert stored.word == "ok"
        assert [job.state for job in await line.jobs()] == [JobState.RUNNING]
        assert await done(line, CommandKind.PAUSE_JOB, lot) == ("Running", "Suspended")
        assert await done(line, CommandKind.RESUME_JOB, lot) == ("Suspended", "Running")
        assert await done(line, CommandKind.STOP_JOB, lot) == ("Running", "Completed")
        assert await done(line, CommandKind.CLEAR_JOB, lot) == ("Completed", None)
        assert await line.jobs() == []
