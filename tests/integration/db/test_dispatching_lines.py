"""Lines are kept supplied from the plan in force, told what was decided, and reconciled."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from mes.contracts.dispatch import Command, CommandKind, JobKind, JobState, ListedJobState
from mes.contracts.events import CommandDone, JobStateRecorded
from mes.contracts.quality import Disposition
from mes.dispatching import service as dispatching
from mes.dispatching.model import Job, UnknownJobOrder
from mes.execution import service as execution
from mes.planning import service as planning
from tests.integration.db.test_planning_promise import body_on, decide, defect_on
from tests.support.planning import PlannedPlant


async def follow(plant: PlannedPlant, line: str = "paint") -> dispatching.Sent:
    """Compare one line with its plan."""
    async with plant.database.write() as conn:
        return await dispatching.dispatch(
            conn, line, now=plant.clock.now(), real_now=plant.clock.real_now()
        )


async def jobs_of(plant: PlannedPlant, line: str = "paint") -> list[Job]:
    async with plant.database.read() as conn:
        return await dispatching.open_jobs(conn, line)


async def commands(plant: PlannedPlant, line: str) -> list[Command]:
    """Return what was put into the outbox of a line, oldest first."""
    async with plant.database.read() as conn:
        cursor = await conn.execute(
            "SELECT body FROM agent_command WHERE line = %s ORDER BY number", [line]
        )
        return [Command.model_validate(row[0]) for row in await cursor.fetchall()]


async def say(plant: PlannedPlant, job: Job, state: JobState, **facts: Any) -> None:
    """Let a line report a job."""
    async with plant.database.write() as conn:
        await dispatching.job_reported(
            conn,
            JobStateRecorded(
                job_order_id=job.id,
                kind=job.kind,
                line=job.line,
                body_id=job.body_id,
                state=state,
                **facts,
            ),
            at=plant.clock.now(),
            now=plant.clock.now(),
        )


async def test_a_line_stores_jobs_of_what_stands_before_it_and_then_the_next_of_the_plan(
    planned: PlannedPlant,
) -> None:
    sent = await follow(planned)
    jobs = await jobs_of(planned)
    async with planned.database.read() as conn:
        rows = await planning.next_on_line(conn, "paint", limit=100)
        ahead = (await planning.network(conn)).plant.dispatch_ahead
        waiting = {body.id for body in (await execution.buffers(conn))["wbs"]}
    assert sent.stored == ahead == len(jobs)
    planned_order = [row.body_id for row in rows]
    took = [job.body_id for job in jobs]
    assert set(took[: len(waiting)]) == waiting
    assert took[: len(waiting)] == [body for body in planned_order if body in waiting]
    stored = [c.job for c in await commands(planned, "paint") if c.kind is CommandKind.STORE_JOB]
    assert [job.id for job in stored if job] == [job.id for job in jobs]
    assert all(job.vin and job.color_hex and job.model for job in stored if job)


async def test_the_assembly_job_names_the_parts_to_fit(planned: PlannedPlant) -> None:
    await follow(planned, "assembly")
    (first, *_) = await jobs_of(planned, "assembly")
    assert any(part.startswith("seats:") for part in first.order.parts)


async def test_comparing_a_line_again_tells_it_nothing(planned: PlannedPlant) -> None:
    await follow(planned)
    assert await follow(planned) == dispatching.Sent()


async def test_a_job_that_begins_makes_room_for_the_next(planned: PlannedPlant) -> None:
    await follow(planned)
    (first, *_) = await jobs_of(planned)
    await say(planned, first, JobState.RUNNING)
    await say(planned, first, JobState.RUNNING)
    assert (await follow(planned)).stored == 1
    await say(planned, first, JobState.COMPLETED, good=1)
    assert (await follow(planned)).stored == 0
    assert first.id not in [job.id for job in await jobs_of(planned)]


async def test_a_body_that_misses_its_slot_leaves_the_line_or_its_place(
    planned: PlannedPlant,
) -> None:
    await follow(planned, "assembly")
    (first, *_) = await jobs_of(planned, "assembly")
    body = first.body_id
    assert body is not None
    await defect_on(planned, body, "paint", "color_mismatch")
    await planned.react()
    await planned.repair()
    told = await follow(planned, "assembly")
    assert told.cancelled + told.moved >= 1
    after = [job for job in await jobs_of(planned, "assembly") if not job.cancelling]
    assert after[0].body_id != body, "another goes before it"


async def test_a_job_the_line_refuses_is_tried_again_under_a_new_id(planned: PlannedPlant) -> None:
    await follow(planned)
    (first, *_) = await jobs_of(planned)
    command = next(c for c in await commands(planned, "paint") if c.job and c.job.id == first.id)
    async with planned.database.write() as conn:
        done = CommandDone(
            command_id=command.id,
            line="paint",
            kind=CommandKind.STORE_JOB,
            ok=False,
            code="not_accepted+list_full",
        )
        now = planned.clock.now()
        await dispatching.command_done(conn, done, at=now, now=now)
        await dispatching.command_done(conn, done, at=now, now=now)
    await follow(planned)
    again = next(job for job in await jobs_of(planned) if job.body_id == first.body_id)
    assert again.attempt == 2
    assert again.id != first.id


async def test_jobs_the_line_lost_are_sent_again_after_a_reconnect(planned: PlannedPlant) -> None:
    await follow(planned)
    jobs = await jobs_of(planned)
    listed = [ListedJobState(job_order_id=str(jobs[0].id), state=JobState.RUNNING)]
    now = planned.clock.forward(seconds=30)
    async with planned.database.write() as conn:
        again = await dispatching.job_list_reported(
            conn, "paint", listed, at=now, now=now, real_now=planned.clock.real_now()
        )
    assert again == len(jobs) - 1
    async with planned.database.read() as conn:
        assert (await dispatching.job(conn, jobs[0].id)).state is JobState.RUNNING
        assert {d.id for d in await dispatching.differing(conn)} == {job.id for job in jobs[1:]}


async def test_a_confirmed_rework_is_sent_to_the_bay_once(planned: PlannedPlant) -> None:
    body = body_on(planned, "paint")
    hold = await defect_on(planned, body, "paint", "color_mismatch")
    await decide(planned, hold, Disposition.REWORK)
    await planned.react("planning", "dispatching-decisions")
    told = await commands(planned, "paint")
    reworks = [c.job for c in told if c.job and c.job.kind is JobKind.REWORK]
    assert len(reworks) == 1
    assert reworks[0].work_s == 900
    assert reworks[0].body_id == body
    assert [c.held for c in told if c.kind is CommandKind.SET_HOLD] == [True]


async def test_a_false_call_clears_the_hold_and_takes_the_rework_back(
    planned: PlannedPlant,
) -> None:
    body = body_on(planned, "paint")
    hold = await defect_on(planned, body, "paint", "color_mismatch")
    await decide(planned, hold, Disposition.FALSE_CALL)
    await planned.react("planning", "dispatching-decisions")
    told = await commands(planned, "paint")
    assert [c.held for c in told if c.kind is CommandKind.SET_HOLD] == [True, False]


async def test_a_scrapped_body_is_carried_out_of_its_line(planned: PlannedPlant) -> None:
    body = body_on(planned, "assembly")
    hold = await defect_on(planned, body, "assembly", "gap")
    await decide(planned, hold, Disposition.SCRAP)
    await planned.react("planning", "dispatching")
    told = await commands(planned, "assembly")
    assert [c.body_id for c in told if c.kind is CommandKind.SCRAP_BODY] == [body]


async def test_a_published_plan_makes_every_line_follow_it(planned: PlannedPlant) -> None:
    await planned.react("planning", "dispatching-plan")
    lines = []
    async with planned.database.write() as conn:
        while line := await dispatching.dispatch_wished(
            conn, now=planned.clock.now(), real_now=planned.clock.real_now()
        ):
            lines.append(line)
    assert len(lines) == len(set(lines)) == 7
    for line in ("body-sub", "body-framing", "paint", "assembly", "eol"):
        assert await jobs_of(planned, line)


async def test_who_wishes_never_waits_for_who_dispatches(planned: PlannedPlant) -> None:
    now = planned.clock.now()
    async with planned.database.write() as conn:
        while await dispatching.dispatch_wished(conn, now=now, real_now=now):
            pass
        await dispatching.wish(conn, ["paint", "paint"], now=now)
    async with planned.database.write() as dispatcher:
        assert await dispatching.dispatch_wished(dispatcher, now=now, real_now=now) == "paint"
        async with planned.database.write() as other:
            await dispatching.wish(other, ["paint"], now=now)
    async with planned.database.write() as conn:
        assert await dispatching.dispatch_wished(conn, now=now, real_now=now) == "paint"
        assert await dispatching.dispatch_wished(conn, now=now, real_now=now) is None


async def test_nobodys_job_is_not_known(planned: PlannedPlant) -> None:
    async with planned.database.read() as conn:
        with pytest.raises(UnknownJobOrder):
            await dispatching.job(conn, UUID(int=5))


async def test_a_report_of_a_job_that_is_not_ours_changes_nothing(planned: PlannedPlant) -> None:
    await follow(planned)
    (job, *_) = await jobs_of(planned)
    planned.clock.forward(seconds=5)
    async with planned.database.write() as conn:
        stray = JobStateRecorded(
            job_order_id=UUID(int=9),
            kind=JobKind.BODY,
            line="paint",
            body_id=None,
            state=JobState.RUNNING,
        )
        await dispatching.job_reported(conn, stray, at=planned.clock.now(), now=planned.clock.now())
    assert job in await jobs_of(planned)
