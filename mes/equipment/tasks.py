"""Silence of an agent makes its line unknown; long stops are announced."""

from __future__ import annotations

from mes.contracts.events import AgentBack, AgentLost
from mes.equipment import service
from mes.equipment.alarms import service as alarms
from mes.events.handlers import HandlerContext, handles
from mes.events.model import Event
from mes.platform.db import WriteConn
from mes.platform.jobs import JobContext, every


@handles("equipment-silence", on=(AgentLost, AgentBack))
async def follow_silence(conn: WriteConn, event: Event, context: HandlerContext) -> None:
    """A line whose agent is silent is unknown until it is heard again."""
    if isinstance(event.payload, AgentLost):
        await service.line_fell_silent(conn, event.payload.line, at=event.plant_at)
    else:
        back = event.of(AgentBack)
        await service.line_speaks_again(conn, back.line, at=event.plant_at)


@every(seconds=1, name="equipment-watch-stops")
async def watch_stops(context: JobContext) -> None:
    """Announce lines that are down longer than a short stop, and those that run again."""
    async with context.database.write() as conn:
        await service.watch_stops(conn, now=context.clock.now())


@every(seconds=300, name="equipment-forget-intervals")
async def forget_intervals(context: JobContext) -> None:
    """Drop stretches of station states and alarms that nobody looks back to."""
    async with context.database.write() as conn:
        await service.forget_intervals(conn, now=context.clock.now())
        await alarms.forget(conn, now=context.clock.now())
