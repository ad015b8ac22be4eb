"""What planning hears from lines and people, and how late deliveries and stops find their way into the plan."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mes.contracts.dispatch import JobKind, JobState
from mes.contracts.events import (
    BodyEnteredLine,
    BodyLeftLine,
    JobStateRecorded,
    LineDown,
    LineUp,
    Payload,
)
from mes.contracts.ids import job_order_id, uuid7
from mes.events import service as events
from mes.events.handlers import HandlerContext
from mes.orders import service as orders
from mes.planning import hearing, history_repository, repairs, repository, tasks
from mes.planning import service as planning
from mes.planning.operations import lot_subject
from tests.support.orders import REAL_NOW
from tests.support.planning import SETTINGS, PlannedPlant, place_orders
from tests.support.waiting import eventually


async def happen(plant: PlannedPlant, payload: Payload) -> None:
    """Let something happen, and planning hear of it."""
    async with plant.database.write() as conn:
        await events.record(conn, payload, now=plant.clock.now(), actor="agent:test")
    await plant.react()


async def finish_of(plant: PlannedPlant, number: str) -> object:
    async with plant.database.read() as conn:
        return (await planning.why(conn, number)).finish_at


async def somebody_waits(plant: PlannedPlant) -> bool:
    """Whether a transaction waits for what another one has locked."""
    async with plant.database.read() as conn:
        cursor = await conn.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return await cursor.fetchone() != (0,)


async def test_a_line_that_stops_moves_the_cars_behind_it_and_a_restart_brings_them_back(
    planned: PlannedPlant,
) -> None:
    before = await finish_of(planned, "C2M-0000060")
    now = planned.clock.now()
    await happen(planned, LineDown(line="assembly", station=None, since=now, reason="conveyor"))
    await planned.repair()
    during = await finish_of(planned, "C2M-0000060")
    assert during > before  # type: ignore[operator]
    await happen(planned, LineUp(line="assembly", down_s=60))
    await planned.repair()
    assert await finish_of(planned, "C2M-0000060") == before


async def test_a_station_of_the_weld_line_can_be_down_alone(planned: PlannedPlant) -> None:
    now = planned.clock.now()
    down = LineDown(line="body-sub", station="underbody-1", since=now, reason="gun")
    await happen(planned, down)
    repaired = await planned.repair()
    assert repaired.violations == []


async def test_a_car_that_is_finished_shows_whether_its_promise_was_kept(
    planned: PlannedPlant,
) -> None:
    body = next(one for one in planned.warm.on_line if one.line == "eol").job.body_id
    assert body is not None
    async with planned.database.read() as conn:
        order = await orders.order_of_body(conn, body)
    assert order is not None
    job = uuid7()
    entered = BodyEnteredLine(
        body_id=body, order_id=order.id, line="eol", station="dyno", job_order_id=job
    )
    await happen(planned, entered)
    planned.clock.forward(seconds=40)
    left = BodyLeftLine(body_id=body, order_id=order.id, line="eol", store="yard", last=True)
    await happen(planned, left)
    async with planned.database.read() as conn:
        record = (await history_repository.plant_shown(conn)).record
        rows = await planning.operations_of_order(conn, order.id)
    assert (record.kept, record.total) == (1, 1)
    assert rows[-1].actual_end_at == planned.clock.now()


async def test_a_die_lot_is_followed_from_its_first_to_its_last_panel(
    planned: PlannedPlant,
) -> None:
    subject = lot_subject("mini", "s2-hood-x-1")
    async with planned.database.write() as conn:
        await conn.execute(
            "INSERT INTO planned_operation (line, subject_id, kind, lot_id, panel, quantity,"
            " sequence, start_at, end_at) VALUES ('press-1', %s, 'die_lot', 's2-hood-x-1',"
            " 's2-hood', 60, 1, %s, %s)",
            [subject, planned.clock.now(), planned.clock.now() + timedelta(minutes=3)],
        )

    def report(state: JobState) -> JobStateRecorded:
        return JobStateRecorded(
            job_order_id=job_order_id(str(subject), "press-1", 1),
            kind=JobKind.DIE_LOT,
            line="press-1",
            body_id=None,
            state=state,
        )

    await happen(planned, report(JobState.RUNNING))
    async with planned.database.read() as conn:
        (lot,) = [one for one in await repository.lots(conn) if one.subject_id == subject]
    assert lot.actual_start_at is not None
    assert (await planned.repair()).violations == []
    await happen(planned, report(JobState.COMPLETED))
    async with planned.database.read() as conn:
        (lot,) = [one for one in await repository.lots(conn) if one.subject_id == subject]
    assert lot.actual_end_at is not None


async def test_a_repair_that_writes_its_rows_waits_for_no_line_that_reports_its_own(
    planned: PlannedPlant,
) -> None:
    """The repair writes one car and then the other, the line reports them the other way round."""
    async with planned.database.read() as conn:
        one, other = await planning.next_on_line(conn, "paint", limit=2)

    context = HandlerContext(planned.clock, SETTINGS, planned.services)

    async def hear() -> None:
        async with planned.database.write() as conn:
            for row in (other, one):
                entered = BodyEnteredLine(
                    body_id=row.body_id or uuid7(),
                    order_id=row.order_id,
                    line="paint",
                    station="pretreatment",
                    job_order_id=uuid7(),
                )
                event = await events.record(
                    conn, entered, now=planned.clock.now(), actor="agent:test"
                )
                await tasks.on_line(conn, event, context)

    async with planned.database.write() as conn:
        await repository.lock_operations(conn)
        await repository.note_start(conn, "paint", one.subject_id, planned.clock.now())
        line = asyncio.create_task(hear())
        await eventually(lambda: somebody_waits(planned))
        await repository.note_start(conn, "paint", other.subject_id, planned.clock.now())
    await line
    async with planned.database.read() as conn:
        begun = await planning.on_line(conn, "paint", [one.subject_id, other.subject_id])
    assert all(row.started for row in begun.values())


async def test_an_order_that_is_cancelled_leaves_the_plan(planned: PlannedPlant) -> None:
    async with planned.database.write() as conn:
        (order,) = await place_orders(conn, 1, start=700)
    await planned.react()
    await planned.repair()
    async with planned.database.write() as conn:
        assert await planning.operations_of_order(conn, order.id)
        await orders.cancel_order(
            conn, order.number, reason="sold", now=planned.clock.now(), actor="user:dee"
        )
    await planned.react()
    await planned.repair()
    async with planned.database.read() as conn:
        assert not await planning.operations_of_order(conn, order.id)


async def test_an_order_that_is_changed_gets_a_promise_for_its_new_car(
    planned: PlannedPlant,
) -> None:
    async with planned.database.write() as conn:
        (order,) = await place_orders(conn, 1, start=700)
    await planned.react()
    async with planned.database.write() as conn:
        found = await orders.order(conn, order.number)
        change = orders.OrderChange(
            model=found.model,
            color="BLK" if found.color != "BLK" else "WHT",
            options=(),
            customer=None,
            language="en",
            requested_at=None,
            priority=5,
        )
        await orders.change_order(
            conn,
            order.number,
            change,
            row_version=found.row_version,
            now=planned.clock.now(),
            actor="user:dee",
        )
    await planned.react()
    await planned.repair()
    async with planned.database.read() as conn:
        again = await orders.order(conn, order.number)
        rows = await planning.operations_of_order(conn, order.id)
    assert again.stage.value in ("confirmed", "locked")
    assert {row.color for row in rows} == {again.color}


async def test_the_worker_repairs_locks_and_solves_by_itself(planned: PlannedPlant) -> None:
    context = planned.job_context
    planned.clock.forward(minutes=21)
    await tasks.repair(context)
    async with planned.database.read() as conn:
        assert (await planning.published(conn)).number == 2
        assert not await repairs.due(conn, now=planned.clock.now())  # type: ignore[arg-type]
    await tasks.lock(context)
    await tasks.plan_the_shift(context)
    planned.clock.forward(hours=9)
    await tasks.plan_the_shift(context)
    async with planned.database.read() as conn:
        solving = [plan for plan in await planning.plans(conn) if plan.state == "solving"]
    assert len(solving) == 1
    await tasks.plan_the_shift(context)
    await tasks.solve(context, str(solving[0].id))
    async with planned.database.read() as conn:
        done = await planning.plan(conn, solving[0].id)
    assert done.state == "published"
    assert done.automatic


async def test_a_rework_that_runs_over_is_expected_to_last_longer(planned: PlannedPlant) -> None:
    async with planned.database.write() as conn:
        assert await hearing.extend_overdue(conn, now=REAL_NOW) == 0
