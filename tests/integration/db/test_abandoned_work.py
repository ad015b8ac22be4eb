"""Work that its process left behind is done all the same: jobs, solves, the clock of a killed plant."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import procrastinate
import pytest

from mes.entrypoints.demo.state import UNHEARD_S, settle_clock
from mes.planning import service as planning
from mes.planning import solving
from mes.planning.model import PlanState
from mes.platform import jobs
from mes.platform.clock import ServerClock, read_plant_clock, set_speed, stand_since
from mes.platform.db import Database
from mes.platform.settings import Settings
from tests.support.planning import SETTINGS, PlannedPlant
from tests.support.waiting import eventually

HOUR = timedelta(hours=1)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A registered job that hangs at its first start and ends at its second; what it was given at each."""
    seen: list[str] = []

    async def hang_once(context: jobs.JobContext, rack: str) -> None:
        seen.append(rack)
        if len(seen) == 1:
            await asyncio.Event().wait()

    monkeypatch.setitem(jobs.JOBS, "test.hang_once", hang_once)
    yield seen


async def _app(database: Database) -> procrastinate.App:
    async with database.read() as conn:
        clock = ServerClock(await read_plant_clock(conn))
    return jobs.job_app(database.dsn, jobs.JobContext(database, clock, Settings(), {}))


async def _queue(database: Database) -> int:
    async with database.write() as conn:
        return await jobs.defer(conn, "test.hang_once", {"rack": "R1"}, lock="test")


async def _status(database: Database, number: int) -> str:
    async with database.read() as conn:
        found = await conn.execute(
            "SELECT status::text FROM procrastinate_jobs WHERE id = %s", (number,)
        )
        row = await found.fetchone()
    assert row is not None
    return str(row[0])


async def _leave_behind(database: Database, number: int, *, attempts: int = 0) -> None:
    """Make a job look as after its worker was killed an hour ago."""
    async with database.write() as conn:
        await conn.execute(
            "WITH w AS (INSERT INTO procrastinate_workers (last_heartbeat) "
            "VALUES (now() - interval '1 hour') RETURNING id) "
            "UPDATE procrastinate_jobs SET status = 'doing', attempts = %s, worker_id = w.id "
            "FROM w WHERE procrastinate_jobs.id = %s",
            (attempts, number),
        )


async def test_a_worker_that_stops_puts_its_job_back_into_the_queue(
    database: Database, started: list[str]
) -> None:
    number = await _queue(database)
    app = await _app(database)
    async with app.open_async():
        worker = asyncio.create_task(
            app.run_worker_async(install_signal_handlers=False, shutdown_graceful_timeout=0.05)
        )
        await eventually(lambda: bool(started), what="the job has begun")
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker
    assert await _status(database, number) == "todo"


async def test_the_job_of_a_worker_that_was_killed_is_done_by_another(
    database: Database, started: list[str]
) -> None:
    number = await _queue(database)
    await _leave_behind(database, number)
    started.append("R1")  # the first start, in the worker that is gone
    app = await _app(database)
    async with app.open_async():
        works = [
            asyncio.create_task(jobs.take_up_abandoned(app)),
            asyncio.create_task(
                app.run_worker_async(install_signal_handlers=False, fetch_job_polling_interval=0.1)
            ),
        ]

        async def done() -> bool:
            return await _status(database, number) == "succeeded"

        await eventually(done, what="the job is done")
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
    assert started == ["R1", "R1"]


async def test_a_job_that_takes_every_worker_with_it_is_given_up(
    database: Database, started: list[str]
) -> None:
    number = await _queue(database)
    await _leave_behind(database, number, attempts=jobs.ATTEMPTS)
    app = await _app(database)
    async with app.open_async():
        look = asyncio.create_task(jobs.take_up_abandoned(app))

        async def given_up() -> bool:
            return await _status(database, number) == "failed"

        await eventually(given_up, what="the job is given up")
        look.cancel()
    assert started == []


async def test_a_solve_that_nobody_runs_any_more_fails_and_another_can_be_asked_for(
    planned: PlannedPlant,
) -> None:
    clock = planned.clock

    async def ask() -> planning.Plan:
        async with planned.database.write() as conn:
            return await planning.request_solve(
                conn,
                now=clock.now(),
                factor=clock.factor,
                settings=SETTINGS.plan,
                actor="user:pat",
            )

    async def look() -> None:
        async with planned.database.write() as conn:
            await solving.fail_abandoned(conn, now=clock.now())

    lost = await ask()
    await look()
    async with planned.database.write() as conn:
        assert (await planning.plan(conn, lost.id)).state is PlanState.SOLVING  # its job waits
        await conn.execute("UPDATE procrastinate_jobs SET status = 'failed'")
    await look()
    async with planned.database.read() as conn:
        failed = await planning.plan(conn, lost.id)
    assert failed.state is PlanState.FAILED
    assert failed.failure is not None
    assert "given up" in failed.failure
    assert (await ask()).state is PlanState.SOLVING


async def test_a_plant_that_was_killed_goes_on_from_where_it_was(database: Database) -> None:
    began = datetime(2026, 11, 23, 6, tzinfo=UTC)
    died = datetime.now(UTC) - 20 * HOUR
    async with database.write() as conn:
        await conn.execute(
            "INSERT INTO plant_clock (real_at, plant_at, factor) VALUES (%s, %s, 60)",
            (died - HOUR, began),
        )
        await conn.execute(
            "INSERT INTO agent (id, line, heard_at) VALUES (gen_random_uuid(), 'paint', %s)",
            (died,),
        )
    await asyncio.to_thread(settle_clock, database.dsn)
    async with database.write() as conn:
        clock = await read_plant_clock(conn)
        assert clock.factor == 0
        assert clock.at(datetime.now(UTC)) == began + 60 * (HOUR + timedelta(seconds=UNHEARD_S))
        again = await set_speed(conn, 60)
        assert again.at(again.segments[-1].real_at) == clock.at(datetime.now(UTC))


async def test_a_clock_that_stands_is_left_alone(database: Database) -> None:
    async with database.write() as conn:
        await set_speed(conn, 0)
    await asyncio.to_thread(settle_clock, database.dsn)
    async with database.write() as conn:
        assert len((await read_plant_clock(conn)).segments) == 1
        with pytest.raises(ValueError, match="changed after"):
            await stand_since(conn, datetime.now(UTC) - HOUR)
