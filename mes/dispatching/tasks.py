"""What the worker does for dispatching: hear plans, lines and decisions; keep the lines supplied."""

from __future__ import annotations

from datetime import timedelta

from mes.contracts.events import (
    AgentBack,
    BodyEnteredLine,
    BodyLeftLine,
    BodyMismatchAnswered,
    BodyScrapped,
    CommandDone,
    HoldPlaced,
    HoldReleased,
    JobListReported,
    JobStateRecorded,
    OrderLocked,
    PlanPublished,
    ReworkConfirmed,
    ReworkReverted,
    SlotMissed,
    SlotRestored,
)
from mes.contracts.plant import PlantModel
from mes.dispatching import repository, service
from mes.events.handlers import HandlerContext, handles
from mes.events.model import Event
from mes.platform.db import WriteConn
from mes.platform.jobs import JobContext, every
from mes.resources import service as resources

KEEP = timedelta(days=2)
"""How long ended jobs and answered commands are kept, in plant time."""


@handles(
    "dispatching-plan",
    on=(PlanPublished, SlotMissed, SlotRestored, OrderLocked, BodyEnteredLine, BodyLeftLine),
)
async def on_plan(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """The plan changed, or a line has taken work: look what it needs next."""
    plant = await resources.active_plant(conn)
    match event.payload:
        case BodyEnteredLine(line=line):
            lines = [line]
        case BodyLeftLine(line=line, store=store):
            lines = [line, *(one.id for one in plant.lines if one.takes_from == store)]
        case OrderLocked():
            lines = _first_lines(plant)
        case _:
            lines = [one.id for one in plant.lines]
    await service.wish(conn, lines, now=context.clock.now())


def _first_lines(plant: PlantModel) -> list[str]:
    """Return the lines at which locked orders begin."""
    return [line.id for line in plant.body_lines]


@handles("dispatching-lines", on=(JobStateRecorded, CommandDone, JobListReported, AgentBack))
async def on_line(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """A line reports a job, answers a command, or lists what it has."""
    now = context.clock.now()
    match event.payload:
        case JobStateRecorded() as report:
            await service.job_reported(conn, report, at=event.plant_at, now=now)
        case CommandDone() as done:
            await service.command_done(conn, done, at=event.plant_at, now=now)
        case JobListReported(line=line, jobs=jobs):
            await service.job_list_reported(
                conn,
                line,
                jobs,
                at=event.plant_at,
                now=now,
                real_now=context.clock.real_now(),
            )
        case AgentBack(line=line):
            await service.wish(conn, [line], now=now)


@handles(
    "dispatching-decisions",
    on=(
        HoldPlaced,
        HoldReleased,
        ReworkConfirmed,
        ReworkReverted,
        BodyScrapped,
        BodyMismatchAnswered,
    ),
    alone=True,
)
async def on_decision(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """Quality or an operator decided about a body: its line has to know."""
    now, real_now = context.clock.now(), context.clock.real_now()
    match event.payload:
        case HoldPlaced(line=line, body_id=body_id, cause=cause) if body_id is not None:
            await service.set_hold(
                conn, line, body_id, event, held=True, reason=cause, now=now, real_now=real_now
            )
        case HoldReleased(line=line, body_id=body_id, reason=reason) if body_id is not None:
            await service.set_hold(
                conn, line, body_id, event, held=False, reason=reason, now=now, real_now=real_now
            )
        case ReworkConfirmed(rework_id=rework_id):
            await service.send_rework(conn, rework_id, event, now=now, real_now=real_now)
        case ReworkReverted(rework_id=rework_id, body_id=body_id):
            await service.take_rework_back(conn, body_id, rework_id, now=now, real_now=real_now)
        case BodyScrapped(body_id=body_id):
            await service.scrap_body(conn, body_id, event, now=now, real_now=real_now)
        case BodyMismatchAnswered(line=line, station=station, body_id=body_id, answer=answer):
            await service.answer_reading(
                conn, line, station, body_id, answer, event, now=now, real_now=real_now
            )


@every(seconds=0.4, name="dispatching.follow")
async def follow(context: JobContext) -> None:
    """Bring the lines that somebody wished for to their plan, each in a transaction of its own."""
    line: str | None = ""
    while line is not None:
        async with context.database.write() as conn:
            line = await service.dispatch_wished(
                conn, now=context.clock.now(), real_now=context.clock.real_now()
            )


@every(seconds=15, name="dispatching.look_over")
async def look_over(context: JobContext) -> None:
    """Look at every line, whatever was heard; tidy up what is over."""
    now = context.clock.now()
    async with context.database.write() as conn:
        if await resources.has_plant(conn):
            plant = await resources.active_plant(conn)
            await service.wish(conn, [line.id for line in plant.lines], now=now)
        await repository.forget(conn, before=now - KEEP)
