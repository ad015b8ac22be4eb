"""The handlers and the periodic work of the floor, over committed events, as a worker runs them."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from mes.contracts.events import AgentBack, AgentLost, OrderLocked
from mes.contracts.ids import uuid7
from mes.contracts.plant import PlantModel
from mes.contracts.quality import Disposition, Verdict
from mes.equipment import service as equipment
from mes.equipment import tasks as equipment_tasks
from mes.events import service as events
from mes.events.handlers import Handler, HandlerContext, HandlerRunner, Handlers, registry
from mes.execution import service as execution
from mes.execution import tasks as execution_tasks
from mes.execution.model import Body, Condition
from mes.inspection import service as inspection
from mes.inspection import tasks as inspection_tasks
from mes.inspection.images import FolderImageStore
from mes.orders import service as orders
from mes.orders.model import OrderStage
from mes.platform.db import Database
from mes.platform.jobs import JobContext
from mes.platform.settings import Settings
from mes.quality import service as quality
from mes.quality import tasks as quality_tasks
from mes.quality.model import HoldState
from tests.support import floor
from tests.support.floor import FakeLine, StandingClock, a_body, a_result, at
from tests.support.orders import install_demo, locked

OURS = {
    "body-after-lock",
    "order-stage-after-body",
    "hold-after-inspection",
    "hold-after-report",
    "release-after-rework",
    "equipment-silence",
}


def a_worker(database: Database, clock: StandingClock) -> HandlerRunner:
    """A worker that runs the handlers of the floor and no others."""
    handlers = Handlers()
    for handler in registry:
        if handler.name in OURS:
            handlers.add(Handler(handler.name, handler.types, handler.function))
    assert {handler.name for handler in handlers} == OURS
    return HandlerRunner(database, HandlerContext(clock, Settings(), {}), handlers)


async def a_locked_order(database: Database) -> OrderLocked:
    async with database.write() as conn:
        await install_demo(conn)
        await locked(conn)
        return (await floor.newest(conn, "order.locked")).of(OrderLocked)


async def test_an_order_is_followed_and_its_defect_held_by_the_worker_alone(
    database: Database,
) -> None:
    order = await a_locked_order(database)
    worker = a_worker(database, StandingClock(at(6)))
    await worker.run_until_quiet()
    async with database.read() as conn:
        body = await execution.find_body(conn, order.body_id)
    assert isinstance(body, Body)

    line = FakeLine("body-framing")
    result = a_result(body_id=body.id)
    async with database.write() as conn:
        await floor.report(conn, line.entered(body, "framing", 1))
        await inspection.on_result(conn, result, now=at(6))
    await worker.run_until_quiet()
    again = a_worker(database, StandingClock(at(7)))
    await again.run_until_quiet()
    async with database.read() as conn:
        (hold,) = await quality.holds_of_body(conn, body.id)
        assert hold.inspection_id == result.id
        found = await orders.order_by_id(conn, order.order_id)
        assert found is not None and found.stage is OrderStage.IN_PRODUCTION


async def test_two_decisions_at_once_leave_the_body_as_both_say(
    database: Database, mini_plant: PlantModel
) -> None:
    body = a_body()
    async with database.write() as conn:
        await floor.install(conn, mini_plant)
        await floor.register(conn, body)
        for verdict in (Verdict.NOK, Verdict.UNFIT):
            event = await inspection.on_result(conn, a_result(verdict, body_id=body.id), now=at(6))
            assert event is not None
            context = HandlerContext(StandingClock(at(6)), Settings(), {})
            await quality_tasks.hold_after_inspection(conn, event, context)
        holds = await quality.holds_of_body(conn, body.id)

    async def decide(number: int) -> None:
        async with database.write() as conn:
            await quality.decide(
                conn,
                holds[number].id,
                Disposition.FALSE_CALL,
                reviewer=f"r{number}",
                row_version=1,
                now=at(8),
            )

    await asyncio.gather(decide(0), decide(1))
    async with database.read() as conn:
        found = await execution.find_body(conn, body.id)
        assert found is not None and found.condition is Condition.OK


async def test_an_agents_silence_makes_its_line_unknown(
    database: Database, mini_plant: PlantModel
) -> None:
    line = FakeLine("paint")
    worker = a_worker(database, StandingClock(at(5)))
    async with database.write() as conn:
        await floor.install(conn, mini_plant)
        await floor.report(conn, line.says("station_state", 0, station="primer", state="running"))

    async def say(lost: bool, minutes: float) -> str:
        payload = (AgentLost if lost else AgentBack)(agent_id=uuid7(), line="paint")
        async with database.write() as conn:
            await events.record(conn, payload, now=at(minutes), actor="system")
        await worker.run_until_quiet()
        async with database.read() as conn:
            (primer,) = await equipment.stations_now(conn)
            return primer.state

    assert await say(True, 2) == "unknown"
    assert await say(False, 4) == "running"
    async with database.read() as conn:
        seconds = await equipment.seconds_in_states(conn, "paint", from_at=at(0), to_at=at(10))
    assert (seconds["primer"]["running"], seconds["primer"]["unknown"]) == (480, 120)


async def test_periodic_work_watches_confirms_and_forgets(
    database: Database, mini_plant: PlantModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = StandingClock(at(6))
    context = JobContext(database, clock, Settings(data_dir=tmp_path), {})
    monkeypatch.setattr(execution, "KEPT_RECORDS", 0)
    picture = b"\xff\xd8\xff good"
    sha = hashlib.sha256(picture).hexdigest()
    store = FolderImageStore(context.settings.image_dir)
    body, line = a_body(), FakeLine("paint")
    async with database.write() as conn:
        await floor.install(conn, mini_plant)
        await floor.register(conn, body)
        await floor.report(
            conn,
            line.says("station_state", 0, station="primer", state="running"),
            line.says("station_state", 1, station="primer", state="down", reason="pump"),
        )
        event = await inspection.on_result(conn, a_result(body_id=body.id), now=at(6))
        assert event is not None
        handler = HandlerContext(clock, Settings(), {})
        await quality_tasks.hold_after_inspection(conn, event, handler)
        await inspection.on_result(conn, a_result(Verdict.OK, image_sha256=sha), now=at(6))
        long_ago = clock.real_now() - timedelta(days=30)
        await inspection.store_image(conn, store, sha, picture, now=long_ago)

    clock.plant_now = at(60)
    for _ in range(2):
        await equipment_tasks.watch_stops(context)
        await quality_tasks.confirm_unreviewed(context)
        await execution_tasks.forget_old_records(context)
        await inspection_tasks.drop_good_images(context)
    async with database.read() as conn:
        assert list(await equipment.down_lines(conn)) == ["paint"]
        (hold,) = await quality.open_holds(conn)
        assert (hold.state, hold.reviewer) == (HoldState.REWORK, "policy")
    assert await store.get(sha) is None

    clock.plant_now = at(60) + timedelta(days=15)
    await equipment_tasks.forget_intervals(context)
    async with database.read() as conn:
        left = await equipment.stretches(conn, "paint", from_at=at(0), to_at=at(60))
    assert [stretch.state for stretch in left] == ["down"], (
        "what lasts is kept, what is over is not"
    )
